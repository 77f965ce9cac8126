"""Files are written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from pyengine.errors import InputError
from pyengine.files import replacing, write_atomic


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    write_atomic(target, "é")
    assert target.read_bytes() == "é".encode()
    write_atomic(target, b"\x00\xff")
    assert target.read_bytes() == b"\x00\xff"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_earlier_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out.txt"
    write_atomic(target, "before")
    with pytest.raises(error), replacing(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise error
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    write_atomic(target, "before")
    with pytest.raises(InputError, match=r"out\.txt: cannot be written: No space"):  # noqa: SIM117
        with replacing(target):
            raise OSError(28, "No space left on device")
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_and_a_folder_as_target_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_atomic(tmp_path / "missing" / "out.txt", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_atomic(tmp_path / "folder", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "out.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.txt").stat().st_mode) == 0o640


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    (folder / "real").write_text("before")
    link.symlink_to(folder / "real")
    write_atomic(link, "after")
    assert link.is_symlink()
    assert (folder / "real").read_text() == "after"
    assert [path.name for path in folder.iterdir()] == ["real"]


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    from threading import Thread

    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_atomic(pipe, b"content")
    reader.join()
    assert read == [b"content"]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_device_stays_one(tmp_path: Path) -> None:
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with pytest.raises(InputError, match="full: cannot be written: No space"):
        write_atomic(link, b"x" * 100)
    assert Path("/dev/full").is_char_device()
    assert link.is_symlink()
