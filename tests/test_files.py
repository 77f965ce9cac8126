"""Files are written whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_files import LINK, plant

from pyengine.errors import InputError
from pyengine.files import (
    making_folder,
    remove_leftovers,
    remove_tree,
    replacing,
    temporary_folder,
    write_atomic,
)

# Writes half of a file in a folder and half of a temporary folder, says so, and waits.
HALF = """
import sys, time
from pathlib import Path
from pyengine.files import replacing, temporary_folder
with replacing(Path(sys.argv[1]) / "out.txt") as temporary, temporary_folder() as folder:
    temporary.write_text("half")
    (folder / "below").mkdir()
    (folder / "below" / "half").write_text("half")
    print(flush=True)
    time.sleep(60)
"""


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


def start_half(folder: Path, monkeypatch: pytest.MonkeyPatch) -> "subprocess.Popen[bytes]":
    """Start a writer that is in the middle of a file and of a temporary folder."""
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(folder / "tmp"))
    child = subprocess.Popen([sys.executable, "-c", HALF, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"\n"
    return child


def unfinished(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".pyengine-*"))


def test_what_a_killed_run_left_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    with start_half(tmp_path, monkeypatch) as child:
        assert len(unfinished(tmp_path)) == 2
        assert all(name.startswith(f".pyengine-{child.pid}-") for name in unfinished(tmp_path))
        write_atomic(tmp_path / "other.txt", "by another run, while that one lives")
        with temporary_folder():
            assert len(unfinished(tmp_path)) == 3
        assert len(unfinished(tmp_path)) == 2
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert len(unfinished(tmp_path)) == 2
        write_atomic(tmp_path / "other.txt", "by the next run")
        with temporary_folder():
            pass
    assert unfinished(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.txt", "tmp"]


def test_a_process_id_that_was_given_again_protects_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    with start_half(tmp_path, monkeypatch) as child:
        child.kill()
    for path in (*tmp_path.glob(".pyengine-*"), *(tmp_path / "tmp").glob(".pyengine-*")):
        path.rename(path.with_name(path.name.replace(f"-{child.pid}-", f"-{os.getpid()}-")))
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "tmp")
    assert unfinished(tmp_path) == []


def test_what_is_nearly_called_like_ours_stays(tmp_path: Path) -> None:
    planted = plant([tmp_path / "folder"], tmp_path / "outside")
    write_atomic(tmp_path / "folder" / "out.txt", "x")
    remove_leftovers(tmp_path / "folder")
    assert planted.touched() == []
    (tmp_path / "folder" / LINK).unlink()
    assert planted.touched() == [str(tmp_path / "folder" / LINK)]  # it would be seen


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_what_another_user_left_stays(tmp_path: Path) -> None:
    path = tmp_path / LINK
    path.write_text("half")
    os.chown(path, 12345, 12345)
    remove_leftovers(tmp_path)
    assert path.exists()
    os.chown(path, 0, 0)
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_a_protected_file_stays_and_permissions_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("before")
    target.chmod(0o444)
    with pytest.raises(InputError, match=r"out\.txt: is protected against writing"):
        write_atomic(target, "after")
    assert target.read_text() == "before"
    target.chmod(0o640)
    write_atomic(target, "after")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_hard_link_keeps_its_content(tmp_path: Path) -> None:
    target, other = tmp_path / "out.txt", tmp_path / "other.txt"
    target.write_text("before")
    os.link(target, other)
    write_atomic(target, "after")
    assert (target.read_text(), other.read_text()) == ("after", "before")


def test_a_name_that_we_chose_replaces_only_what_is_ours(tmp_path: Path) -> None:
    def is_ours(path: Path) -> bool:
        return path.read_text().startswith("ours")

    target = tmp_path / "out.txt"
    write_atomic(target, "ours 1", is_ours=is_ours)
    write_atomic(target, "ours 2", is_ours=is_ours)
    assert target.read_text() == "ours 2"
    target.write_text("mine")
    with pytest.raises(InputError, match=r"out\.txt: exists and is not a file that pyengine wrote"):
        write_atomic(target, "ours 3", is_ours=is_ours)
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_file_that_came_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.txt"
    with pytest.raises(InputError, match="exists and is not"):  # noqa: SIM117, PT012
        with replacing(target, is_ours=lambda _: False) as temporary:
            temporary.write_text("ours")
            target.write_text("mine")
    target.unlink()
    link = os.link

    def late(source: Path, name: Path) -> None:
        target.write_text("mine")  # after the last look
        link(source, name)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(InputError, match="was made by somebody else meanwhile"):
        write_atomic(target, "ours", is_ours=lambda _: False)
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_file_system_without_links_gets_the_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_atomic(tmp_path / "out.txt", "ours", is_ours=lambda _: False)
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_folders_made_for_nothing_are_removed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    folder = tmp_path / "there" / "new" / "newer"
    with pytest.raises(ValueError, match="refused"), making_folder(folder):  # noqa: PT012
        assert folder.is_dir()
        raise ValueError("refused")
    assert list((tmp_path / "there").iterdir()) == []
    with pytest.raises(ValueError, match="refused"), making_folder(folder):  # noqa: PT012
        (folder.parent / "kept").write_text("x")
        raise ValueError("refused")
    assert [path.name for path in folder.parent.iterdir()] == ["kept"]
    with making_folder(folder):
        pass
    assert folder.is_dir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="the folder cannot be made: "):  # noqa: SIM117
        with making_folder(tmp_path / "file" / "below"):
            pass


def test_a_temporary_folder_of_any_depth_goes(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("mine")
    before = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(1100):  # longer than a path may be, deeper than Python's recursion
            Path("below").mkdir()
            Path("file").write_text("x")
            Path("link").symlink_to(tmp_path / "kept")
            os.chdir("below")
    finally:
        os.chdir(before)
    remove_tree(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "file").read_text() == "mine"


def test_no_room_for_a_temporary_folder_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with pytest.raises(InputError, match="no temporary folder can be made"):  # noqa: SIM117
        with temporary_folder():
            pass


def test_a_folder_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another run that clears up in the same folder, between two system calls of ours."""
    opened = os.open
    removed: list[str | Path] = []

    def open_after_another(path: str | Path, flags: int, *more: int, **named: int) -> int:
        if not removed and Path(path).name.startswith(".pyengine-"):
            removed.append(path)
            remove_leftovers(tmp_path)
        return opened(path, flags, *more, **named)

    monkeypatch.setattr("pyengine.files.os.open", open_after_another)
    with temporary_folder(tmp_path) as folder:
        assert folder.is_dir()
        assert folder != removed[0]
    assert list(tmp_path.iterdir()) == []
