"""The one engine: n + 1 passes, chunks that change no number, and what a failure costs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from full_disk import largest_file

from pyengine.errors import InputError, ModelFileError, WorkerError
from pyengine.measure.compare import Means, compare_with
from pyengine.measure.decode import Observation
from pyengine.measure.engine import LocalExecutor, Processes
from pyengine.measure.options import CompareOptions
from pyengine.measure.store import Folder, from_bytes, open_cache, open_folder, to_bytes
from pyengine.measure.subjects import padding_ids
from pyengine.measure.variants import Variant
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.session import Session
from pyengine.run import Run, to_json
from pyengine.run.measurement import to_columns
from pyengine.statistics.rows import pair_statistics
from pyengine.text.documents import Corpus, Document
from pyengine.text.tokens import tokenize
from pyengine.text.windows import WindowOptions, cut_windows

WINDOWS = WindowOptions(n_ctx=32, stride=16, max_tokens=None)
SMALL_CHUNKS = 120_000  # bytes: a few windows of the tiny vocabulary
OPTIONS = CompareOptions(
    windows=WINDOWS, threads=1, starts=False, continuations=2, positions=3, cap_bytes=SMALL_CHUNKS
)
# Few chunks: where one model at a time is open, each chunk starts every model again.
WITH_STARTS = replace(OPTIONS, starts=True, continuations=0, cap_bytes=3 * SMALL_CHUNKS)


@pytest.fixture(scope="module")
def documents() -> Corpus:
    sources = {
        "python": b"def area(r):\n    # of a circle\n    return 3.14 * r ** 2\n\nprint(area(2))\n",
        "c": b"int main(void) {\n    int x = 1;\n    return x + 2;\n}\n",
        "go": b"package main\n\nfunc f(a int) int {\n\treturn a * 2\n}\n",
    }
    found = [
        Document(f"{language}{i}", language, source + str(i).encode())
        for i in range(4)
        for language, source in sources.items()
    ]
    return Corpus(tuple(found), "test")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A reference and two variants of it."""
    folder = tmp_path_factory.mktemp("models")
    source = tiny_models.write_spread(folder / "tiny.gguf", n_extra=8, spread=2.0)
    made = [source]
    for name in ("Q8_0", "Q4_0"):
        made.append(folder / f"tiny-{name}.gguf")
        (plan,) = plan_quantization(source, [name])
        quantize_file(source, made[-1], plan, source_sha256=file_sha256(source))
    return made


class Watched(Processes):
    """Notes every call, and lets a test kill a process before one."""

    def __init__(self, before: Callable[[Variant, str, str], bool] | None = None) -> None:
        super().__init__()
        self.calls: list[tuple[str, str, str]] = []
        self._before = before

    def call(self, variant: Variant, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
        chunk = next((a.name for a in arguments if type(a).__name__ == "Chunk"), "")
        self.calls.append((variant.id, function.__name__, chunk))
        if self._before is not None and self._before(variant, function.__name__, chunk):
            child = self.child(variant)
            os.kill(child.pid, signal.SIGKILL)
        return super().call(variant, function, *arguments)


@contextmanager
def watched(before: Callable[[Variant, str, str], bool] | None = None) -> Iterator[Watched]:
    with Watched(before) as processes:
        yield processes


def run_with(
    processes: Processes,
    paths: Sequence[Path],
    corpus: Corpus,
    options: CompareOptions = OPTIONS,
    store: Folder | None = None,
) -> Run:
    means = Means(processes, LocalExecutor(processes), store=store)
    return compare_with(paths, corpus, options, means)


@pytest.fixture(scope="module")
def whole(files: list[Path], documents: Corpus) -> Run:
    with Processes() as processes:
        return run_with(processes, files, documents)


def test_progress_is_told_after_each_model(files: list[Path], documents: Corpus) -> None:
    told: list[float] = []

    def progress(what: str, part: float) -> None:
        if what == "Measuring":
            told.append(part)

    with watched() as processes:
        means = Means(processes, LocalExecutor(processes), progress=progress)
        compare_with(files, documents, OPTIONS, means)
    n_chunks = len([call for call in processes.calls if call[1] == "write_rows"])
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert len(set(told)) > 2 * n_chunks
    assert min(part for part in told if part > 0) < 0.5 / n_chunks


def test_every_model_decodes_every_chunk_once(files: list[Path], documents: Corpus) -> None:
    with watched() as processes:
        run_with(processes, files, documents)
    calls = [call for call in processes.calls if call[2].startswith("text")]
    chunks = {chunk for _, _, chunk in calls}
    assert len(chunks) > 3
    written = [chunk for _, function, chunk in calls if function == "write_rows"]
    assert sorted(written) == sorted(chunks)
    for variant in ("tiny-Q8_0", "tiny-Q4_0"):
        seen = [chunk for name, _, chunk in calls if name == variant]
        assert sorted(seen) == sorted(chunks)


def test_chunks_change_no_number(files: list[Path], documents: Corpus, whole: Run) -> None:
    one_chunk = replace(OPTIONS, cap_bytes=CompareOptions().cap_bytes)
    with Processes() as processes:
        assert to_json(run_with(processes, files, documents, one_chunk)) == to_json(whole)


def test_numbers_are_those_of_an_obvious_computation(
    files: list[Path], documents: Corpus, whole: Run
) -> None:
    with open_model(files[0]) as reference, open_model(files[2]) as variant:
        texts = tokenize(documents.documents, reference.vocabulary)
        bos = reference.vocabulary.bos
        prefix = [bos] if reference.vocabulary.add_bos and bos is not None else []
        windows = cut_windows(texts, prefix, WINDOWS, seed=OPTIONS.seed)
        padding = padding_ids(reference.vocabulary, reference.n_vocab)
        how = SessionOptions(n_ctx=32, n_batch=32, n_ubatch=32, threads=1)
        sessions = [Session(model, options=how) for model in (reference, variant)]
        kl, same, bits = [], [], 0.0
        n_bytes = 0
        for window in windows:
            p, q = (s.logits_at(window.ids, window.rows) for s in sessions)
            pairs = pair_statistics(p, q, window.targets, padding=padding)
            kl += pairs["kl"].tolist()
            same += (pairs["argmax_p"] == pairs["argmax_q"]).tolist()
            bits -= float(pairs["log_q_target"].sum()) / np.log(2)
            pieces = [reference.vocabulary.piece(int(t)) for t in window.targets]
            n_bytes += sum(len(piece) for piece in pieces)
    row = whole.find("kl", "tiny-Q4_0")
    assert row is not None
    assert row.n == len(kl)
    assert row.value == pytest.approx(np.mean(kl), rel=1e-6)
    agreed = whole.find("same_first_choice", "tiny-Q4_0")
    assert agreed is not None
    assert agreed.value == pytest.approx(np.mean(same), abs=0.01)
    per_byte = whole.find("bits_per_byte", "tiny-Q4_0")
    assert per_byte is not None
    assert per_byte.value == pytest.approx(bits / n_bytes, rel=1e-5)


def test_the_reference_beside_itself_is_far_nearer_than_a_variant(whole: Run) -> None:
    (itself,) = whole.select("kl", model="tiny", reference="tiny", group="")
    variant = whole.find("kl", "tiny-Q8_0")
    assert variant is not None
    assert 0 <= itself.value < variant.value / 10
    assert 0 < itself.n < variant.n
    assert itself.interval == "iid"


def test_equal_runs_give_equal_bytes(files: list[Path], documents: Corpus, whole: Run) -> None:
    with Processes() as processes:
        assert to_json(run_with(processes, files, documents)) == to_json(whole)


def test_a_variant_that_dies_keeps_what_it_has(
    files: list[Path], documents: Corpus, whole: Run
) -> None:
    def third(variant: Variant, _: str, chunk: str) -> bool:
        return variant.id == "tiny-Q4_0" and chunk == "text 2"

    with watched(third) as processes:
        run = run_with(processes, files, documents)
    (note,) = [note for note in run.notes if note.code == "variant-failed"]
    assert note.model == "tiny-Q4_0"
    assert note.values["chunk"] == "text 2"
    assert "SIGKILL" in note.values["message"]
    kept, full = run.find("kl", "tiny-Q4_0"), whole.find("kl", "tiny-Q4_0")
    assert kept is not None
    assert full is not None
    assert 0 < kept.n < full.n
    same = [to_columns(r.select("kl", model="tiny-Q8_0")) for r in (run, whole)]
    assert same[0] == same[1]
    later = [c for n, _, c in processes.calls if n == "tiny-Q4_0" and c.startswith("text")]
    assert later[-1] == "text 2"


def test_a_reference_that_dies_ends_the_run(files: list[Path], documents: Corpus) -> None:
    def first(variant: Variant, function: str, _: str) -> bool:
        return variant.id == "tiny" and function == "write_rows"

    with watched(first) as processes, pytest.raises(WorkerError, match="SIGKILL"):
        run_with(processes, files, documents)


class Pressed(Processes):
    """Ctrl-C is pressed as soon as a variant decodes, which would then take ten minutes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def call(self, variant: Variant, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
        if function.__name__ != "observe":
            return super().call(variant, function, *arguments)
        self.seen.append(variant.id)
        os.kill(os.getpid(), signal.SIGINT)
        return super().call(variant, time.sleep, 600)


def test_ctrl_c_ends_what_is_decoded_and_begins_nothing_more(
    files: list[Path], documents: Corpus
) -> None:
    # Whoever starts the tests in the background may have told them to ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Pressed() as processes, pytest.raises(KeyboardInterrupt):
            run_with(processes, files, documents)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(processes.seen) == 1


class Interrupted(Folder):
    """A folder whose owner is interrupted after some chunks."""

    def __init__(self, folder: Path, after: int) -> None:
        super().__init__(folder)
        self.left = after

    def save(self, key: str, observation: Observation) -> None:
        super().save(key, observation)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_run_goes_on_where_it_was(
    files: list[Path], documents: Corpus, whole: Run, tmp_path: Path, after: int
) -> None:
    with (
        open_folder(tmp_path / "sweep", resume=False) as folder,
        Processes() as processes,
        pytest.raises(KeyboardInterrupt),
    ):
        run_with(processes, files, documents, store=Interrupted(folder.folder, after))
    kept = {path: path.read_bytes() for path in (tmp_path / "sweep" / "chunks").iterdir()}
    assert len(kept) == after
    with open_folder(tmp_path / "sweep", resume=True) as folder, watched() as processes:
        assert to_json(run_with(processes, files, documents, store=folder)) == to_json(whole)
    assert all(path.read_bytes() == data for path, data in kept.items())


def test_damaged_chunks_are_measured_again(
    files: list[Path], documents: Corpus, whole: Run, tmp_path: Path
) -> None:
    with open_folder(tmp_path / "sweep", resume=False) as folder, Processes() as processes:
        run_with(processes, files, documents, store=folder)
    chunks = sorted((tmp_path / "sweep" / "chunks").iterdir())
    before = [path.read_bytes() for path in chunks]
    for number, path in enumerate(chunks):
        data = path.read_bytes()
        middle = len(data) // 2
        cut = [data[:-9], data[:10], b"", data[:middle] + b"\0" * 8 + data[middle + 8 :]]
        path.write_bytes(cut[number % 4])
    with open_folder(tmp_path / "sweep", resume=True) as folder, Processes() as processes:
        assert to_json(run_with(processes, files, documents, store=folder)) == to_json(whole)
    # Damage to what nobody reads, such as a name that stands twice in an archive, may stay.
    after = [path.read_bytes() for path in chunks]
    assert [to_bytes(from_bytes(data)) for data in after] == before
    assert sum(map(bytes.__eq__, after, before)) >= 0.9 * len(chunks)


def test_the_oldest_leave_the_cache_though_another_search_removes_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("pyengine.measure.store.MOST_CACHED", 250)
    with open_cache() as kept:
        for number in range(4):
            path = kept.chunks / f"{number}.npz"
            path.write_bytes(bytes(100))
            os.utime(path, (number, number))
    unlink = Path.unlink

    def twice(path: Path) -> None:
        unlink(path)
        unlink(path)  # as where another was quicker

    (kept.chunks / "gone.npz").symlink_to("nowhere")  # listed, and not there when looked at
    monkeypatch.setattr(Path, "unlink", twice)
    with open_cache() as again:
        assert again.chunks == kept.chunks
    assert {path.name for path in kept.chunks.glob("?.npz")} == {"3.npz", "2.npz"}


def test_a_full_disk_ends_no_search_and_ends_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    observation = Observation({"kl": np.zeros(3)}, {}, ())
    with open_cache() as kept, open_folder(tmp_path / "sweep", resume=False) as asked:
        with largest_file(10):
            kept.save("one", observation)
            with pytest.raises(InputError, match="cannot be written"):
                asked.save("one", observation)
        assert kept.load("one") is None
        assert list(kept.chunks.iterdir()) == []
        kept.save("one", observation)
        assert kept.load("one") is not None


def test_a_script_without_a_main_guard_may_compare(files: list[Path], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pyengine.measure.compare import compare\n"
        "from pyengine.measure.options import CompareOptions\n"
        "from pyengine.text.windows import WindowOptions\n"
        "how = CompareOptions(windows=WindowOptions(n_ctx=32, max_tokens=40), starts=False)\n"
        "print(compare(sys.argv[1], sys.argv[2:], options=how).find('kl', 'tiny-Q8_0').n)\n"
    )
    command = [sys.executable, str(script), str(files[0]), str(files[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 40


def test_weights_that_are_no_numbers_cost_their_variant_alone(
    files: list[Path], documents: Corpus, whole: Run, tmp_path: Path
) -> None:
    import damage

    broken = tmp_path / "broken.gguf"
    broken.write_bytes(files[1].read_bytes())
    damage.fill_tensor(broken, "output_norm.weight", float("nan"))
    with Processes() as processes:
        run = run_with(processes, [files[0], files[1], broken], documents)
        (note,) = [note for note in run.notes if note.code == "variant-failed"]
        assert (note.model, "NaN or infinite" in note.values["message"]) == ("broken", True)
        assert run.find("kl", "tiny-Q8_0") == whole.find("kl", "tiny-Q8_0")
        with pytest.raises(
            ModelFileError, match=r"broken\.gguf: computes logits that are NaN or infinite"
        ):
            run_with(processes, [files[0], broken], documents)


def test_one_model_at_a_time_gives_the_same_bytes(files: list[Path], documents: Corpus) -> None:
    with Processes() as processes:
        whole = run_with(processes, files, documents, WITH_STARTS)
    most = 0

    def count(variant: Variant, _: str, __: str) -> bool:
        nonlocal most
        most = max(most, len({variant.id, *(v.id for v in processes.open)}))
        return False

    with watched(count) as processes:
        options = replace(WITH_STARTS, keep_open=False)
        run = run_with(processes, files, documents, options)
    assert most == 1
    assert len({chunk for _, _, chunk in processes.calls if chunk.startswith("text")}) > 1
    assert to_columns(run.measurements) == to_columns(whole.measurements)
