"""The compiled core survives wrong arguments, files that change, and a system without threads."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import entry_points
import pytest
import tiny_models

from pyengine.errors import ModelFileError
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session

# Without a right to start threads: what shares out rows does all of them itself.
WITHOUT_THREADS = """
import json, os, resource, sys
import numpy as np
from pyengine import _core
from pyengine.models.model import open_model
from pyengine.errors import EngineError

rows = np.linspace(-4, 4, 64 * 288, dtype=np.float32).reshape(64, 288)
targets = np.zeros(64, dtype=np.int32)
sets = _core.TokenSets(288, [[1, 2], [5]])
shape = dict(n_ctx=32, n_batch=32, n_ubatch=32, n_seq_max=1, n_outputs_max=1)
model = _core.Model(sys.argv[1])

def numbers(threads):
    found = sets.summarize(rows, top=3, threads=threads)
    found["rows"] = _core.row_statistics(rows, threads=threads)
    found["pairs"] = _core.pair_statistics(rows, rows[::-1], targets, threads=threads)
    found["coded"], found["nll"] = _core.encode_kld_rows(rows, targets, threads=threads)
    return found

before = numbers(8)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
if os.getuid() == 0:
    os.setresuid(61234, 61234, 61234)  # the limit does not count for root
after = numbers(8)
same = all(before[name].tobytes() == after[name].tobytes() for name in before)
try:
    _core.Context(model, **shape, threads=8)
    refused = ""
except EngineError as error:
    refused = str(error)
alone = _core.Context(model, **shape, threads=1)
alone.decode([1, 2], [0, 1], [[0], [0]], [False, True])
print(json.dumps({"same": same, "refused": refused, "rows": len(alone.logits)}))
"""

# Cuts a mapped file and reads behind its new end.
CUT_WHILE_MAPPED = """
import ctypes, mmap, os, sys
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions

path, victim = sys.argv[1:]
model = open_model(path, options=ModelOptions(use_mmap=True))
if victim == "ours":
    wanted, file = path, path
else:
    wanted = file = sys.argv[1] + ".other"
    open(file, "wb").write(bytes(100_000))
    other = open(file, "rb")
    view = mmap.mmap(other.fileno(), 0, prot=mmap.PROT_READ)
places = [line.split()[0].split("-") for line in open("/proc/self/maps") if wanted in line]
begin, end = (int(place, 16) for place in places[-1])
os.truncate(file, 0)
ctypes.string_at(begin, end - begin)
print("alive")
"""


def run_child(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a program in a process that may die."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_entry_point_refuses_wrong_arguments(tmp_path: Path) -> None:
    path = tiny_models.write_plain(tmp_path / "model.gguf")
    done = subprocess.run(
        [sys.executable, entry_points.__file__, str(path), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tmp_path,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, (lines[-20:], done.stderr[-2000:])
    found = re.search(r"^(\d+) entry points, (\d+) calls", done.stdout, re.MULTILINE)
    assert found is not None
    assert int(found[1]) > 100
    assert int(found[2]) > 3000


def test_rows_are_computed_where_no_thread_can_start() -> None:
    # An ordinary user may not look into pytest's folders.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        check_without_threads(tiny_models.write_plain(Path(folder) / "model.gguf"))


def check_without_threads(path: Path) -> None:
    done = run_child(WITHOUT_THREADS, str(path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["same"]
    assert "no more than 1 of 8 threads" in told["refused"]
    assert told["rows"] == 1


@pytest.fixture
def two_models(tmp_path: Path) -> tuple[Path, Path]:
    """Return two models of one shape and of different weights."""
    one = tiny_models.write_plain(tmp_path / "one.gguf")
    return one, tiny_models.write_plain(tmp_path / "other.gguf", scale=0.2)


def change(path: Path, other: Path, how: str) -> None:
    """Do to an open file what its owner may do."""
    if how == "replaced":
        other.replace(path)
    elif how == "written to":
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        with path.open("r+b") as file:
            file.write(data)
        os.utime(path, ns=(1, 1))
    elif how == "cut":
        os.truncate(path, 2000)
    else:
        path.unlink()


REASONS = {
    "replaced": "replaced or written to",
    "written to": "replaced or written to",
    "cut": "was cut from",
    "removed": "cannot be read any more",
}


@pytest.mark.parametrize("how", REASONS)
@pytest.mark.parametrize("use_mmap", [True, False])
def test_a_file_that_changes_while_it_is_open_is_named(
    two_models: tuple[Path, Path], how: str, use_mmap: bool
) -> None:
    path, other = two_models
    limits = SessionOptions(n_ctx=32, threads=1)
    with open_model(path, options=ModelOptions(use_mmap=use_mmap)) as model:
        session = Session(model, options=limits)
        session.logits([1])
        change(path, other, how)
        for use in (
            lambda: session.logits([1]),
            lambda: model.sha256,
            lambda: model.vocabulary.tokenize(b"if"),
        ):
            with pytest.raises(ModelFileError, match=REASONS[how]) as caught:
                use()
            assert str(path) in str(caught.value)


def test_a_changed_part_of_a_split_model_is_named(tmp_path: Path) -> None:
    first = tiny_models.write_plain(tmp_path / "m-00001-of-00002.gguf", parts=2)
    first = tmp_path / "m-00001-of-00002.gguf"
    second = tmp_path / "m-00002-of-00002.gguf"
    with open_model(first) as model:
        os.utime(second, ns=(1, 1))
        with pytest.raises(ModelFileError, match=r"00002-of-00002.gguf: was replaced"):
            model.hash_bytes()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_a_file_cut_while_it_is_read_ends_the_process_with_its_name(tmp_path: Path) -> None:
    path = tiny_models.write_plain(tmp_path / "model.gguf")
    done = run_child(CUT_WHILE_MAPPED, str(path), "ours")
    assert done.returncode == 2
    assert done.stderr == (
        f"{path}: was cut, or its disk went away, while it was in use; restore it and start again\n"
    )


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer handles SIGBUS itself"
)
def test_a_bus_error_of_another_file_is_left_to_others(tmp_path: Path) -> None:
    path = tiny_models.write_plain(tmp_path / "model.gguf")
    done = run_child(CUT_WHILE_MAPPED, str(path), "another")
    assert done.returncode == -7
    assert done.stderr == ""
