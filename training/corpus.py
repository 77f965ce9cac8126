"""Build the corpus: fetch packages, filter and deduplicate their files, balance, hold out 1 %.

    python -m training.corpus

Writes documents.jsonl (one document a line: language, package, path, sha256, held_out, text) to
the work folder, and training/corpus_manifest.json (package, version, licence, hashes, and what
was taken) to the repository.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import tomllib

from training.documents import Document, write_documents
from training.filters import MAX_BYTES, decode, language_of, wanted_path, wanted_text
from training.places import work_folder
from training.sources import Package, fetch, is_permissive, read_archive

HELD_OUT_PER_CENT = 1
# Python has twice the share of another language: it is what `python` is tuned on and judged by.
SHARES = {"python": 2.0}
MANIFEST = Path(__file__).with_name("corpus_manifest.json")


def is_held_out(sha256: str) -> bool:
    """Say whether a file belongs to the held-out per cent, decided by its hash alone."""
    return int(sha256[:8], 16) % 100 < HELD_OUT_PER_CENT


def document(package: str, path: str, content: bytes) -> Document | None:
    """Return the file as a document, or None where a filter drops it."""
    text = decode(content) if wanted_path(path) else None
    if text is None or not wanted_text(text):
        return None
    language = language_of(path, text)
    if language is None:
        return None
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Document(language, package, path, digest, is_held_out(digest), text)


def documents_of(package: Package) -> list[Document]:
    """Return what the filters leave of a package, in the order of the files' hashes."""
    found = []
    for archive in package.archives:
        try:
            for path, content in read_archive(archive, max_bytes=MAX_BYTES):
                kept = document(f"{package.origin}:{package.name}", path, content)
                if kept is not None:
                    found.append(kept)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            print(f"{archive.name}: {error}")
    return sorted(found, key=lambda d: d.sha256)


def collect_files(name: str, root: Path, folders: tuple[str, ...]) -> list[Document]:
    """Return the documents among the files of a folder on this machine, for toy corpora."""
    paths = sorted(p for folder in folders for p in (root / folder).rglob("*") if p.is_file())
    found = (document(name, str(p.relative_to(root)), p.read_bytes()) for p in paths)
    return [kept for kept in found if kept is not None]


class NearDuplicates:
    """Remember lines, and call a file a duplicate when most of its lines were seen before."""

    def __init__(self, share: float = 0.6) -> None:
        self._share = share
        self._lines: set[int] = set()
        self._files: set[str] = set()

    def seen(self, text: str) -> bool:
        """Say whether most of the text was seen before, and remember it if not."""
        bare = re.sub(r"\s+", "", text)
        lines = {hash(s) for s in (line.strip() for line in text.split("\n")) if len(s) >= 20}
        if bare in self._files or len(lines & self._lines) > self._share * max(len(lines), 1):
            return True
        self._files.add(bare)
        self._lines |= lines
        return False


def balanced(
    documents: Iterable[Document], *, per_language: int, per_package: int
) -> Iterator[Document]:
    """Yield documents until their language, or their package in it, has its number of bytes.

    A language of SHARES gets that many times the others' bytes.
    """
    by_language: Counter[str] = Counter()
    by_package: Counter[tuple[str, str]] = Counter()
    for item in documents:
        size = len(item.text.encode())
        origin = (item.language, item.package)
        if (
            by_language[item.language] + size > per_language * SHARES.get(item.language, 1.0)
            or by_package[origin] + size > per_package
        ):
            continue
        by_language[item.language] += size
        by_package[origin] += size
        yield item


def fetch_all(folder: Path) -> list[Package]:
    """Fetch every package of sources.toml; those already there are not fetched again."""
    listed = tomllib.loads(Path(__file__).with_name("sources.toml").read_text())
    jobs = [(origin, name) for origin in ("debian", "pypi") for name in listed[origin]]
    with ThreadPoolExecutor(6) as pool:
        packages = pool.map(lambda job: fetch(*job, folder), jobs)
        return [package for package in packages if package is not None]


def collect(packages: list[Package], *, per_language: int, per_package: int) -> list[Document]:
    """Return the corpus: filtered, deduplicated and balanced, in the order of the files' hashes."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        gathered = [d for part in pool.map(documents_of, packages) for d in part]
    duplicates = NearDuplicates()
    ordered = sorted(gathered, key=lambda d: d.sha256)
    unique = (d for d in ordered if not duplicates.seen(d.text))
    return list(balanced(unique, per_language=per_language, per_package=per_package))


def manifest(packages: list[Package], documents: list[Document]) -> list[dict[str, object]]:
    """Return one record per package of which at least one file was taken."""
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for item in documents:
        taken[item.package][item.language] += 1
        sizes[item.package][item.language] += len(item.text.encode())
    records: list[dict[str, object]] = []
    for package in packages:
        key = f"{package.origin}:{package.name}"
        if taken[key]:
            record = {k: v for k, v in asdict(package).items() if k != "archives"}
            record["archives"] = [p.name for p in package.archives]
            record["files"] = dict(sorted(taken[key].items()))
            record["bytes"] = dict(sorted(sizes[key].items()))
            records.append(record)
    return records


def main() -> None:
    """Build the corpus and its manifest, and print how much of each language there is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes-per-language", type=float, default=10.0)
    parser.add_argument("--megabytes-per-package", type=float, default=1.5)
    options = parser.parse_args()
    folder = work_folder()
    packages = [p for p in fetch_all(folder / "archives") if is_permissive(p.licence)]
    documents = collect(
        packages,
        per_language=int(options.megabytes_per_language * 1e6),
        per_package=int(options.megabytes_per_package * 1e6),
    )
    write_documents(folder / "documents.jsonl", documents)
    MANIFEST.write_text(json.dumps(manifest(packages, documents), indent=1) + "\n")
    for language in sorted({d.language for d in documents}):
        chosen = [d for d in documents if d.language == language]
        size = sum(len(d.text.encode()) for d in chosen)
        held = sum(d.held_out for d in chosen)
        print(f"{language:12} {len(chosen):6} files {size / 1e6:7.2f} MB {held:4} held out")


if __name__ == "__main__":
    main()
