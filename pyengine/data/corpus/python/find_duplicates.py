"""List files with the same content, cheapest test first: size, then the ends, then a full hash."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CHUNK = 1 << 16

Group = list[Path]


def walk(roots: Iterable[Path], *, smallest: int) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    for root in roots:
        for folder, subfolders, names in os.walk(root):
            subfolders[:] = [s for s in subfolders if not s.startswith(".")]
            for name in names:
                path = Path(folder, name)
                try:
                    info = path.lstat()
                except OSError as error:
                    print(f"skipped: {error}", file=sys.stderr)
                    continue
                # Hard links are one file, however many names it has.
                key = (info.st_dev, info.st_ino)
                if info.st_size >= smallest and not path.is_symlink() and key not in seen:
                    seen.add(key)
                    yield path


def ends(path: Path) -> bytes:
    with path.open("rb") as stream:
        head = stream.read(CHUNK)
        stream.seek(-min(CHUNK, path.stat().st_size), os.SEEK_END)
        return hashlib.blake2b(head + stream.read(CHUNK), digest_size=16).digest()


def whole(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def split(groups: Iterable[Group], key: Callable[[Path], Hashable], pool) -> Iterator[Group]:
    for group in groups:
        buckets: defaultdict[Hashable, Group] = defaultdict(list)
        for path, value in zip(group, pool.map(key, group)):
            buckets[value].append(path)
        yield from (bucket for bucket in buckets.values() if len(bucket) > 1)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roots", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--smallest", type=int, default=1, metavar="BYTES")
    parser.add_argument("-0", "--null", action="store_true", help="end names with NUL")
    parser.add_argument("-j", "--jobs", type=int, default=4)
    options = parser.parse_args(argv)

    end = "\0" if options.null else "\n"
    wasted = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        groups: Iterable[Group] = [list(walk(options.roots, smallest=options.smallest))]
        for key in (lambda p: p.stat().st_size, ends, whole):
            groups = split(groups, key, pool)
        for group in groups:
            group.sort()
            wasted += group[0].stat().st_size * (len(group) - 1)
            print(*group, sep=end, end=end + end)
    print(f"{wasted / 1e6:.1f} MB could be freed", file=sys.stderr)
    return 0 if not wasted else 1


if __name__ == "__main__":
    raise SystemExit(main())
