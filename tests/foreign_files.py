"""Files of somebody else in the folders where pyengine writes, and whether they stay untouched."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

NONCE = "0123456789abcdef0123456789abcdef"
# Names that are nearly those that pyengine gives to what is not finished, and other hidden ones.
HIDDEN = (
    ".bashrc",
    ".env",
    ".gitignore",
    ".results.json.k2j3h4",
    ".tiny-Q8_0.gguf.x8f3k2a_",
    ".pyengine",
    ".pyengine-1-abc.unfinished",
    f".pyengine-007-{NONCE}.unfinished",
    f".pyengine-7-{NONCE.upper()}.unfinished",
    f".pyengine-7-{NONCE}.unfinished~",
    f"..pyengine-7-{NONCE}.unfinished",
    f"pyengine-7-{NONCE}.unfinished",
    f".pyengine-7-{NONCE}.unfinished\n",
)
PLAIN = ("notes.txt", "results.json.bak", "sweep.lock~", "tiny-Q8_0.gguf.part", "rows.npz~", "a\nb")
# Exactly our pattern, but links and pipes are nothing that pyengine makes.
LINK, PIPE = f".pyengine-7-{NONCE}.unfinished", f".pyengine-8-{NONCE}.unfinished"


@dataclass(frozen=True)
class Fact:
    """What must stay as it is of one path: all but the time of the last access."""

    status: tuple[int, ...]
    content: bytes | str | tuple[str, ...]


@dataclass(frozen=True)
class Planted:
    """Foreign paths, and what they were when they were made."""

    before: dict[Path, Fact | None]

    def touched(self) -> list[str]:
        """Return the paths that are gone or not as they were."""
        return [str(path) for path, fact in self.before.items() if _fact(path) != fact]


def plant(folders: list[Path], outside: Path) -> Planted:
    """Make foreign files in every folder, some of them linked with files `outside`."""
    made = [path for folder in folders for path in _plant(folder, outside)]
    return Planted({path: _fact(path) for path in [*made, *sorted(outside.iterdir())]})


def _plant(folder: Path, outside: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    outside.mkdir(exist_ok=True)
    names = [*HIDDEN, *PLAIN]
    for name in names:
        (folder / name).write_text(f"mine: {name}")
    (folder / ".env").chmod(0o400)
    (folder / "notes.txt").chmod(0o444)
    (folder / ".gitignore").chmod(0o000)
    target = outside / f"{len(list(outside.iterdir()))}.txt"
    target.write_text("outside")
    for name in (LINK, "link.gguf", ".hidden-link"):
        (folder / name).symlink_to(target)
    (folder / "dangling").symlink_to(outside / "nowhere")
    os.link(target, folder / ".hard-link")
    os.mkfifo(folder / PIPE)
    inner = folder / ".folder"
    inner.mkdir()
    (inner / LINK.replace("-7-", "-9-")).write_text("in a folder that nobody writes to")
    (folder / ".folder-link").symlink_to(inner)
    links = [LINK, "link.gguf", ".hidden-link", "dangling", ".hard-link", ".folder-link"]
    below = [inner, *inner.iterdir()]
    return [*(folder / name for name in [*names, *links, PIPE]), *below]


def _fact(path: Path) -> Fact | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    status = (
        *(found.st_mode, found.st_uid, found.st_gid, found.st_ino, found.st_nlink, found.st_size),
        *(found.st_mtime_ns, found.st_ctime_ns),
    )
    if stat.S_ISLNK(found.st_mode):
        return Fact(status, str(path.readlink()))
    if stat.S_ISDIR(found.st_mode):
        return Fact(status, tuple(sorted(entry.name for entry in path.iterdir())))
    readable = stat.S_ISREG(found.st_mode) and (os.access(path, os.R_OK))
    return Fact(status, path.read_bytes() if readable else b"")
