"""The same numbers from a real Dask scheduler with two workers on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_models

from pyengine.errors import InputError, MissingExtraError, WorkerError
from pyengine.measure import executors
from pyengine.measure.compare import Means, compare_with
from pyengine.measure.contexts import Chunk, after
from pyengine.measure.engine import Executor, Failure, LocalExecutor, Processes, Task
from pyengine.measure.executors import dask_executor
from pyengine.measure.observers import pair_columns
from pyengine.measure.options import CompareOptions
from pyengine.measure.subjects import identify
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.run import Run, to_json
from pyengine.text.documents import Corpus, Document
from pyengine.text.windows import WindowOptions

pytest.importorskip("distributed", reason="the dask extra is not installed")

CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, processes=True,
                      dashboard_address=None, host="127.0.0.1") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
# A model's process that finds a file "order" kills the cluster's worker that started it, once.
HOOK = """
import os, pathlib, signal, sys
if "pyengine.models.child" in sys.orig_argv:
    order = pathlib.Path(__file__).with_name("order")
    if order.exists():
        order.rename(order.with_name("obeyed"))
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(1)
"""
OPTIONS = CompareOptions(
    windows=WindowOptions(n_ctx=32, max_tokens=None),
    threads=1,
    cap_bytes=120_000,
    continuations=1,
    starts=False,
)


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hook")
    (folder / "sitecustomize.py").write_text(HOOK)
    return folder


def start_cluster(folder: Path, hook: Path, *, workers: int) -> "subprocess.Popen[str]":
    script = folder / "cluster.py"
    script.write_text(CLUSTER)
    return subprocess.Popen(
        [sys.executable, str(script), str(workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(hook)},
    )


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory, hook: Path) -> Iterator[str]:
    with start_cluster(tmp_path_factory.mktemp("cluster"), hook, workers=2) as cluster:
        assert cluster.stdout is not None
        assert cluster.stdin is not None
        yield cluster.stdout.readline().strip()
        cluster.stdin.close()
        cluster.wait(60)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    names = ("first", "second")
    return [
        tiny_models.write_plain(folder / f"{name}.gguf", n_embd=64, scale=0.5 + number / 50)
        for number, name in enumerate(names)
    ]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    texts = [b"def f%d(a):\n    return a + %d\n" % (i, i) for i in range(6)]
    found = [Document(f"{i}.py", "python", text) for i, text in enumerate(texts)]
    return Corpus(tuple(found), "test")


def compared(files: list[Path], corpus: Corpus, executor: Executor | None) -> Run:
    with Processes() as processes:
        means = Means(processes, executor or LocalExecutor(processes))
        return compare_with(files, corpus, OPTIONS, means)


@pytest.fixture(scope="module")
def here(files: list[Path], corpus: Corpus) -> Run:
    return compared(files, corpus, None)


@pytest.mark.slow
def test_a_cluster_gives_the_bytes_of_this_machine(
    files: list[Path], corpus: Corpus, here: Run, scheduler: str
) -> None:
    with dask_executor(scheduler) as executor:
        assert to_json(compared(files, corpus, executor)) == to_json(here)


@pytest.mark.slow
def test_a_worker_that_dies_costs_nothing(
    files: list[Path], corpus: Corpus, here: Run, scheduler: str, hook: Path
) -> None:
    (hook / "order").touch()
    # Another number of threads is another measurement: no worker has its processes open yet.
    with dask_executor(scheduler) as executor, Processes() as processes:
        means = Means(processes, executor)
        options = replace(OPTIONS, n_gpu_layers=-1)
        again = compare_with(files, corpus, options, means)
    assert (hook / "obeyed").exists()
    assert [row.value for row in again.select("kl")] == [row.value for row in here.select("kl")]


def task_of(files: list[Path], n_tokens: int = 3) -> Task:
    variants = [identify(path.stem, path, ModelOptions()) for path in files]
    chunk = Chunk("one", (after(range(3, 3 + n_tokens)),), SessionOptions(n_ctx=16, threads=1))
    return Task(variants[0], tuple(variants[1:]), chunk, (pair_columns,), {}, chunk.targets[:0])


@pytest.mark.slow
def test_a_file_that_changed_is_not_measured(
    files: list[Path], tmp_path: Path, scheduler: str
) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(files[1].read_bytes())
    task = task_of([files[0], other])
    tiny_models.write_plain(other, n_embd=64, n_vocab=290)
    with dask_executor(scheduler) as executor:
        ((_, outcomes),) = executor.run([task])
    outcome = outcomes["other"]
    assert isinstance(outcome, Failure)
    assert issubclass(outcome.kind, InputError)
    assert "not the file that the sweep was started with" in outcome.reason


def test_a_cluster_without_workers_is_not_waited_for(
    files: list[Path], tmp_path: Path, hook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(executors, "PATIENCE_SECONDS", 1.0)
    with start_cluster(tmp_path, hook, workers=0) as cluster:
        assert cluster.stdout is not None
        assert cluster.stdin is not None
        address = cluster.stdout.readline().strip()
        with (
            dask_executor(address) as executor,
            pytest.raises(WorkerError, match="no worker for 1 s"),
        ):
            list(executor.run([task_of(files)]))
        cluster.stdin.close()
        cluster.wait(60)


def test_an_address_without_a_scheduler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(InputError, match="no Dask scheduler answers"),
        dask_executor("tcp://127.0.0.1:9"),
    ):
        pass


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingExtraError, match=r"pyengine-gguf\[dask\]"),
        dask_executor("tcp://127.0.0.1:9"),
    ):
        pass
