"""A sweep on a real Dask scheduler with two workers on this machine."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_models

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


# A measuring process on a Q4_0 that finds a file "order" notes that it was there and obeys:
# "kill" the cluster's worker that started it, "kill once", or "wait" as long as that worker lives.
HOOK = """
import os, pathlib, signal, sys, time
if "pyengine.sweep.worker" in sys.orig_argv and "Q4_0.gguf" in sys.orig_argv[-1]:
    order, worker = pathlib.Path(__file__).with_name("order"), os.getppid()
    if order.exists():
        words = order.read_text()
        if words == "kill once":
            order.unlink()
        with order.with_name("obeyed").open("a") as obeyed:
            print(worker, file=obeyed)
        if words != "wait":
            os.kill(worker, signal.SIGKILL)
        while os.getppid() == worker:
            time.sleep(0.1)
        os._exit(1)
"""


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hook")
    (folder / "sitecustomize.py").write_text(HOOK)
    return folder


def start_cluster(folder: Path, hook: Path, *, workers: int = 2) -> "subprocess.Popen[str]":
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
    with start_cluster(tmp_path_factory.mktemp("cluster"), hook) as cluster:
        assert cluster.stdout is not None
        assert cluster.stdin is not None
        yield cluster.stdout.readline().strip()
        cluster.stdin.close()
        cluster.wait(30)


def sweep(source: Path, folder: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    options = ["--tokens", "150", "--context", "64", "--repeats", "1", "--to", "Q8_0,Q4_0"]
    options += ["--output-dir", str(folder), "--corpus", str(source.parent / "corpus")]
    return subprocess.run(
        [sys.executable, "-m", "pyengine", "sweep", str(source), *options, *extra],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    tiny_models.write_plain(path, n_embd=64, scale=0.5)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for i in range(3):
        (corpus / f"{i}.py").write_text(f"def f{i}(a):\n    return a + {i}\n")
    return path


@pytest.mark.slow
def test_a_cluster_gives_the_bytes_of_this_machine(
    source: Path, tmp_path: Path, scheduler: str
) -> None:
    here = sweep(source, tmp_path / "here", "--json")
    there = sweep(source, tmp_path / "there", "--json", "--dask", scheduler)
    assert here.returncode == 0, here.stderr
    assert there.returncode == 0, there.stderr
    assert there.stdout == here.stdout
    timings = json.loads((tmp_path / "there" / "timings.json").read_text())
    assert len(timings["models"]) == 3


@pytest.mark.slow
def test_a_file_that_changed_is_not_measured(source: Path, scheduler: str) -> None:
    from pyengine.sweep.executors import open_workplace
    from pyengine.sweep.options import SpeedOptions, SweepOptions
    from pyengine.sweep.run import speed_task
    from pyengine.sweep.variants import describe_variant

    options = SweepOptions(check_files=True)
    task = speed_task(describe_variant(source), SpeedOptions(repeats=1), options)
    tiny_models.write_plain(source, n_embd=64, n_vocab=290)
    with open_workplace(workers=1, dask=scheduler) as workplace:
        outcome = workplace.executor.submit(workplace.run, task).result()
    assert "not the file that the sweep was started with" in outcome.failure


@pytest.fixture
def order(hook: Path) -> Iterator[Path]:
    """A file whose words measuring processes obey."""
    yield hook / "order"
    for name in ("order", "obeyed"):
        (hook / name).unlink(missing_ok=True)


def times_obeyed(order: Path) -> int:
    path = order.with_name("obeyed")
    return len(path.read_text().split()) if path.exists() else 0


@pytest.mark.slow
def test_a_worker_that_dies_costs_nothing(
    source: Path, tmp_path: Path, scheduler: str, order: Path
) -> None:
    here = sweep(source, tmp_path / "here", "--json", "--no-speed")
    order.write_text("kill once")
    there = sweep(source, tmp_path / "there", "--json", "--no-speed", "--dask", scheduler)
    assert there.returncode == 0, there.stderr
    assert times_obeyed(order) == 1
    assert there.stdout == here.stdout


@pytest.mark.slow
def test_a_measurement_that_kills_every_worker_costs_its_row(
    source: Path, tmp_path: Path, scheduler: str, order: Path
) -> None:
    folder = tmp_path / "there"
    order.write_text("kill")
    first = sweep(source, folder, "--json", "--no-speed", "--dask", scheduler)
    order.unlink()
    assert first.returncode == 0, first.stderr
    assert times_obeyed(order) > 1  # it was tried again elsewhere
    rows = {row["name"]: row for row in json.loads(first.stdout)["rows"]}
    assert "KilledWorker" in rows["tiny-Q4_0"]["failure"]
    assert rows["tiny-Q8_0"]["failure"] is None
    assert rows["tiny"]["failure"] is None
    again = sweep(source, folder, "--json", "--no-speed", "--resume", "--dask", scheduler)
    assert again.returncode == 0, again.stderr
    assert again.stdout == sweep(source, tmp_path / "here", "--json", "--no-speed").stdout


@pytest.mark.slow
def test_a_cluster_that_is_gone_ends_the_sweep_with_a_sentence(
    source: Path, tmp_path: Path, hook: Path, order: Path
) -> None:
    def kill_when_obeyed() -> None:
        while times_obeyed(order) == 0:
            time.sleep(0.1)
        cluster.kill()

    order.write_text("wait")
    with start_cluster(tmp_path, hook) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        threading.Thread(target=kill_when_obeyed, daemon=True).start()
        ended = sweep(source, tmp_path / "there", "--no-speed", "--dask", address)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "--resume goes on" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_cluster_without_workers_is_not_waited_for(
    source: Path, tmp_path: Path, hook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyengine.errors import WorkerError
    from pyengine.sweep import executors
    from pyengine.sweep.options import SpeedOptions, SweepOptions
    from pyengine.sweep.run import speed_task
    from pyengine.sweep.variants import describe_variant

    monkeypatch.setattr(executors, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(executors, "PATIENCE_SECONDS", 1.0)
    task = speed_task(describe_variant(source), SpeedOptions(repeats=1), SweepOptions())
    with start_cluster(tmp_path, hook, workers=0) as cluster:
        assert cluster.stdout is not None
        assert cluster.stdin is not None
        address = cluster.stdout.readline().strip()
        with executors.open_workplace(workers=1, dask=address) as workplace:
            future = workplace.executor.submit(workplace.run, task)
            with pytest.raises(WorkerError, match="no worker for 1 s"):
                list(workplace.finished([future]))
        cluster.stdin.close()
        cluster.wait(30)
