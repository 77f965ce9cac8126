"""A sweep on a real Dask scheduler with two workers on this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import damage
import pytest

pytest.importorskip("distributed", reason="the dask extra is not installed")

CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
                      host="127.0.0.1") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cluster")
    script = folder / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    ) as cluster:
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
    damage.write_small_gguf(path, n_embd=64, scale=0.5)
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
    damage.write_small_gguf(source, n_embd=64, n_vocab=290)
    with open_workplace(workers=1, dask=scheduler) as workplace:
        outcome = workplace.executor.submit(workplace.run, task).result()
    assert "not the file that the sweep was started with" in outcome.failure
