"""Two models that decode at once give the bits that they give one after the other."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_model import write_tiny_model

from pyengine.comparison import CompareOptions, WindowOptions, compare
from pyengine.comparison.side_by_side import decode_all, share_threads
from pyengine.comparison.windows import Window
from pyengine.corpus import Corpus, Document
from pyengine.engine.model import Model, open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.errors import Interrupted

IDS = np.arange(40, 70, dtype=np.int32)
WINDOW = Window(0, IDS, np.arange(5, 30), IDS[5:] + 1, np.arange(5, 30))


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [write_tiny_model(folder / f"{seed}.gguf", seed=seed, spread=2.0) for seed in range(3)]


@pytest.fixture
def models(paths: list[Path]) -> Iterator[list[Model]]:
    models = [open_model(path) for path in paths]
    yield models
    for model in models:
        model.close()


def sessions_with(models: list[Model], threads: list[int]) -> list[Session]:
    return [
        Session(model, options=SessionOptions(threads=share, max_rows=8))
        for model, share in zip(models, threads, strict=True)
    ]


@pytest.mark.parametrize(
    ("threads", "n_models", "shares"),
    [
        (1, 2, [1, 1]),
        (2, 2, [1, 1]),
        (2, 3, [1, 1, 2]),
        (3, 2, [3, 3]),
        (4, 5, [2, 2, 2, 2, 4]),
        (2, 1, [2]),
    ],
)
def test_pairs_share_the_threads(threads: int, n_models: int, shares: list[int]) -> None:
    assert share_threads(threads, n_models) == shares


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_rows_equal_those_of_each_model_alone(models: list[Model], threads: int) -> None:
    sessions = sessions_with(models, share_threads(threads, len(models)))
    blocks = [
        [rows.copy() for rows in together] for together in decode_all(sessions, WINDOW, threads)
    ]
    assert [len(block[0]) for block in blocks] == [8, 8, 8, 1]
    alone = sessions_with(models, [1, 1, 1])
    for i, session in enumerate(alone):
        rows = np.concatenate([block[i] for block in blocks])
        assert np.array_equal(rows, session.logits_at(WINDOW.ids, WINDOW.rows))


def test_a_reader_may_leave_early_and_begin_again(models: list[Model]) -> None:
    sessions = sessions_with(models[:2], [1, 1])
    first = [rows.copy() for rows in next(decode_all(sessions, WINDOW, 2))]
    again = next(decode_all(sessions, WINDOW, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("raised", [KeyboardInterrupt, RuntimeError])
def test_what_stops_one_model_stops_its_neighbour(
    models: list[Model], monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]
) -> None:
    sessions = sessions_with(models[:2], [1, 1])

    def stop(*_: object) -> object:
        raise raised

    monkeypatch.setattr(sessions[1], "iterate_rows", lambda *_: map(stop, [None]))
    with pytest.raises(raised):
        list(decode_all(sessions, WINDOW, 2))
    with pytest.raises(Interrupted):
        sessions[0].logits([1])


def test_an_error_in_the_helping_thread_is_raised(
    models: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = sessions_with(models[:2], [1, 1])

    def fail(*_: object) -> object:
        raise MemoryError

    monkeypatch.setattr(sessions[0], "iterate_rows", lambda *_: map(fail, [None]))
    with pytest.raises(MemoryError):
        list(decode_all(sessions, WINDOW, 2))


def test_a_comparison_gives_the_same_numbers(paths: list[Path]) -> None:
    documents = [Document(str(i), "python", b"def f(x):\n    return x\n" * i) for i in range(1, 5)]
    corpus = Corpus(tuple(documents), "test")

    def compared(threads: int) -> list[str]:
        windows = WindowOptions(n_ctx=32)
        options = CompareOptions(windows=windows, threads=threads, starts=False, greedy=0)
        result = compare(paths[0], paths[1:], corpus=corpus, options=options)
        return [variant.model_dump_json() for variant in result.variants]

    assert compared(1) == compared(2) == compared(3)
