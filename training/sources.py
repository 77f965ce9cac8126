"""Fetch the archives that the corpus is made from, and read what they say of their licence."""

from __future__ import annotations

import hashlib
import html.parser
import re
import subprocess
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

from packaging.version import InvalidVersion, Version
from pip._internal.models.index import PyPI

MAX_ARCHIVE_BYTES = 150_000_000
NOT_PERMISSIVE = r"GPL|MPL|Mozilla|EPL|Eclipse|CDDL|Elastic|Datalayer|CC-BY-NC|CC-BY-SA|BUSL|SSPL"
KNOWN_LICENCES = {
    "MIT": r"Permission is hereby granted, free of charge|MIT licen[sc]e",
    "Apache-2.0": r"Apache Licen[sc]e",
    "BSD": r"Redistribution and use in source and binary forms",
    "PSF": r"Python Software Foundation",
    "BSL-1.0": r"Boost Software Licen[sc]e",
}


@dataclass(frozen=True)
class Package:
    """One fetched package: its archives, their hashes, and the licence it states."""

    origin: str
    name: str
    version: str
    licence: str
    archives: tuple[Path, ...]
    sha256: tuple[str, ...]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch_debian(name: str, folder: Path) -> Package:
    """Fetch a Debian source package; raises FileNotFoundError where apt has none."""
    target = folder / f"debian-{name}"
    target.mkdir(parents=True, exist_ok=True)
    if not list(target.glob("*.dsc")):
        command = ["apt-get", "source", "-qq", "--download-only", "--only-source", name]
        subprocess.run(command, cwd=target, check=False, capture_output=True)
    descriptions = list(target.glob("*.dsc"))
    if not descriptions:
        raise FileNotFoundError(f"apt-get source found no source package {name}")
    version = re.search(r"^Version: (\S+)", descriptions[0].read_text(), re.M)
    tarballs = sorted(p for p in target.iterdir() if ".tar." in p.name and p.suffix != ".asc")
    originals = [p for p in tarballs if ".debian.tar." not in p.name]
    return Package(
        origin="debian",
        name=name,
        version=version.group(1) if version else "",
        licence=_debian_licence(tarballs),
        archives=tuple(originals),
        sha256=tuple(sha256_of(p) for p in originals),
    )


def _debian_licence(tarballs: list[Path]) -> str:
    for path in tarballs:
        if ".debian.tar." in path.name:
            with tarfile.open(path) as archive:
                text = archive.extractfile("debian/copyright")
                if text is not None:
                    return _licence_of_all_files(text.read().decode("utf-8", "replace"))
    return _upstream_licence([p for p in tarballs if ".orig" in p.name])


def _upstream_licence(originals: list[Path]) -> str:
    for path in originals:
        for name, content in read_archive(path, max_bytes=200_000):
            shallow = name.removeprefix("./").count("/") <= 1
            if shallow and re.match(r"(LICEN[SC]E|COPYING)", name.rsplit("/", 1)[-1], re.I):
                named = known_licences(content.decode("utf-8", "replace"))
                return f"{named or 'own text'} (see {name.rsplit('/', 1)[-1]})"
    return "not stated at the top of the archive"


def known_licences(text: str) -> str:
    """Return the names of the well-known licences whose words a text contains."""
    return " / ".join(n for n, sign in KNOWN_LICENCES.items() if re.search(sign, text, re.I))


def _licence_of_all_files(copyright_text: str) -> str:
    for stanza in re.split(r"\n\s*\n", copyright_text):
        if re.search(r"^Files:\s*\*\s*$", stanza, re.M):
            found = re.search(r"^Licen[sc]e:\s*(.+)$", stanza, re.M)
            if found:
                return found.group(1).strip()
    return known_licences(copyright_text) + " (see debian/copyright)"


def is_permissive(licence: str) -> bool:
    """Say whether a stated licence is permissive, or offers a permissive choice.

    Of several licences that hold together, each must be or offer one.
    """
    return all(
        any(
            not re.search(NOT_PERMISSIVE, choice)
            for choice in re.split(r"\bor\b|/", part, flags=re.I)
        )
        for part in re.split(r"\band\b", licence, flags=re.I)
    )


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target:
            self.found.append(target)


def _source_archives(name: str) -> list[tuple[Version, str]]:
    index = f"{PyPI.simple_url}/{name}/"
    with urllib.request.urlopen(index, timeout=60) as answer:
        page = answer.read().decode()
        base = answer.geturl()
    links = _Links()
    links.feed(page)
    found = []
    for link in links.found:
        file_name = urllib.parse.unquote(urllib.parse.urlparse(link).path.rsplit("/", 1)[-1])
        matched = re.fullmatch(r".+-([0-9][^-]*)\.(?:tar\.gz|zip)", file_name)
        try:
            version = Version(matched.group(1)) if matched else None
        except InvalidVersion:
            version = None
        if version is not None and not version.is_prerelease:
            found.append((version, urllib.parse.urljoin(base, link)))
    return sorted(found)


def fetch_pypi(name: str, folder: Path) -> Package:
    """Fetch the newest source archive of a project; raises FileNotFoundError where there is none.

    The archive is only read, never built, and checked against the hash that the index states.
    """
    target = folder / f"pypi-{name}"
    target.mkdir(parents=True, exist_ok=True)
    kept = [p for p in target.iterdir() if p.name.endswith((".tar.gz", ".zip"))]
    if not kept:
        archives = _source_archives(name)
        if not archives:
            raise FileNotFoundError(f"the index has no source archive of {name}")
        kept = [_download(archives[-1][1], target)]
    metadata = _pypi_metadata(kept[0])
    return Package(
        origin="pypi",
        name=name,
        version=metadata.get("version", ""),
        licence=metadata.get("licence", ""),
        archives=(kept[0],),
        sha256=(sha256_of(kept[0]),),
    )


def _download(link: str, folder: Path) -> Path:
    plain, _, fragment = link.partition("#")
    name = urllib.parse.unquote(urllib.parse.urlparse(plain).path.rsplit("/", 1)[-1])
    part = folder / "download.part"
    with urllib.request.urlopen(plain, timeout=60) as answer, part.open("wb") as out:
        while chunk := answer.read(1 << 20):
            out.write(chunk)
            if out.tell() > MAX_ARCHIVE_BYTES:
                raise ValueError(f"{name} is larger than {MAX_ARCHIVE_BYTES} bytes")
    stated = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
    if stated and sha256_of(part) != stated:
        raise ValueError(f"{name} does not have the SHA-256 that the index states")
    return part.rename(folder / name)


def _pypi_metadata(archive: Path) -> dict[str, str]:
    for path, content in read_archive(archive, max_bytes=4_000_000):
        if path.count("/") == 1 and path.endswith("/PKG-INFO"):
            message = Parser().parsestr(content.decode("utf-8", "replace"), headersonly=True)
            trove = [c for c in message.get_all("Classifier", []) if c.startswith("License ::")]
            stated = message.get("License-Expression") or ", ".join(
                c.rsplit("::", 1)[-1].strip() for c in trove
            )
            first_line = (stated or message.get("License") or "").strip().split("\n")[0]
            return {"version": message.get("Version", ""), "licence": first_line[:120]}
    return {}


def read_archive(path: Path, *, max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of the plain files of at most max_bytes in a tar or zip archive."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as bundle:
            for entry in bundle.infolist():
                if not entry.is_dir() and entry.file_size <= max_bytes:
                    yield entry.filename, bundle.read(entry)
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.size <= max_bytes:
                stream = archive.extractfile(member)
                if stream is not None:
                    yield member.name, stream.read()


def fetch(origin: str, name: str, folder: Path) -> Package | None:
    """Fetch one package, or return None where its origin does not have it."""
    try:
        return fetch_debian(name, folder) if origin == "debian" else fetch_pypi(name, folder)
    except (FileNotFoundError, ValueError, urllib.error.URLError) as error:
        print(f"skipped {origin} {name}: {error}")
        return None
