"""Eight threads at once in the core: kernels, one tokenizer, sessions of one model.

`make sanitize-threads` runs this with ThreadSanitizer, which sees what chance does not.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tiny_models

from pyengine import _core
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session

N_THREADS = 8
N_VOCAB = 288
RNG = np.random.default_rng(1)
ROWS = RNG.normal(size=(40, N_VOCAB)).astype(np.float32)
OTHER = RNG.normal(size=(40, N_VOCAB)).astype(np.float32)
TARGETS = RNG.integers(0, N_VOCAB, 40).astype(np.int32)


def together(work: Callable[[], list[bytes]]) -> list[list[bytes]]:
    """Run the work in eight threads that begin at once; return what each gave."""
    results: list[list[bytes]] = []
    barrier = threading.Barrier(N_THREADS)

    def run() -> None:
        barrier.wait()
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == N_THREADS
    return results


def assert_all_equal(results: list[list[bytes]]) -> None:
    assert all(result == results[0] for result in results)


def test_kernels() -> None:
    sets = _core.TokenSets(N_VOCAB, [[1, 2, 3], [3, 7], []], padding=[9])

    def work() -> list[bytes]:
        found: list[npt.NDArray[Any]] = [
            _core.row_statistics(ROWS, padding=[3], threads=N_THREADS),
            _core.pair_statistics(ROWS, OTHER, TARGETS, threads=N_THREADS),
            _core.top_k(ROWS, 5, threads=N_THREADS),
            _core.ranks(ROWS, [4, 9], threads=N_THREADS),
        ]
        coded, nll = _core.encode_kld_rows(ROWS, TARGETS, threads=N_THREADS)
        found += [coded, nll]
        found.append(_core.compare_kld_rows(OTHER, TARGETS, coded, threads=N_THREADS))
        found += sets.summarize(ROWS, top=3, threads=N_THREADS).values()
        return [array.tobytes() for array in found]

    assert_all_equal(together(work))


def test_one_tokenizer_that_is_loaded_when_first_asked_for(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "m.gguf")
    with open_model(path) as model:
        vocabulary = model.vocabulary

        def work() -> list[bytes]:
            long = b"retu" * 5000  # on a stack of its own
            ids = vocabulary.tokenize(b"if return " + long)
            bos = str(vocabulary.bos).encode()
            pieces, _ = vocabulary.piece_arrays()
            return [ids.tobytes(), bos, vocabulary.kinds.tobytes(), pieces.tobytes()]

        assert_all_equal(together(work))


def test_sessions_of_one_model(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "m.gguf")
    options = SessionOptions(n_ctx=64, n_ubatch=8, n_batch=32, max_rows=2, threads=2)
    with open_model(path, options=ModelOptions(use_mmap=True)) as model:

        def work() -> list[bytes]:
            session = Session(model, options=options)
            return [session.logits([i, 2, 3, 4]).tobytes() for i in range(10)]

        assert_all_equal(together(work))
