"""Hashes of files are computed once, and again when a file changes."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyengine.models import gguf, remembered
from pyengine.models.gguf import known_sha256


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Path]]:
    """The files that were read, with a memory of their own."""
    found: list[Path] = []
    original = gguf.parts_sha256

    def noted(parts: list[Path], *, progress: Callable[[float], object] | None = None) -> str:
        found.extend(parts)
        return original(parts, progress=progress)

    monkeypatch.setattr(gguf, "parts_sha256", noted)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    remembered._in_this_process().clear()
    yield found
    remembered._in_this_process().clear()


def _as_in_another_process() -> None:
    remembered._in_this_process().clear()


def test_a_file_is_hashed_once(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "SETTLED_SECONDS", 0.0)
    file = tmp_path / "a"
    file.write_bytes(b"model")
    for _ in range(2):
        assert known_sha256([file]) == hashlib.sha256(b"model").hexdigest()
        _as_in_another_process()
    assert hashed == [file]


def test_a_changed_file_is_hashed_again(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "SETTLED_SECONDS", 0.0)
    file = tmp_path / "a"
    file.write_bytes(b"model")
    known_sha256([file])
    times = file.stat()
    time.sleep(0.02)  # the clock of file systems ticks in milliseconds
    file.write_bytes(b"modeL")  # of the same length, and made to look as old
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert known_sha256([file]) == hashlib.sha256(b"modeL").hexdigest()
    assert len(hashed) == 2


def test_a_file_that_has_just_changed_is_remembered_by_this_process_only(
    tmp_path: Path, hashed: list[Path]
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"model")
    known_sha256([file])
    known_sha256([file])
    assert len(hashed) == 1
    _as_in_another_process()
    known_sha256([file])
    assert len(hashed) == 2


@pytest.mark.parametrize("damage", [b"", b"not a hash\n", b"\xff\xfe"])
def test_a_damaged_memory_counts_as_none(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setattr(remembered, "SETTLED_SECONDS", 0.0)
    file = tmp_path / "a"
    file.write_bytes(b"model")
    known_sha256([file])
    (kept,) = (tmp_path / "cache" / "pyengine" / "sha256").iterdir()
    kept.write_bytes(damage)
    _as_in_another_process()
    assert known_sha256([file]) == hashlib.sha256(b"model").hexdigest()
    assert len(hashed) == 2


def test_without_a_cache_files_are_hashed_all_the_same(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "SETTLED_SECONDS", 0.0)
    (tmp_path / "cache").write_text("a file where the folder would be")
    file = tmp_path / "a"
    file.write_bytes(b"model")
    assert known_sha256([file]) == hashlib.sha256(b"model").hexdigest()
    assert hashed == [file]
