"""Documents: a file's bytes with its language, known by the file's name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pyengine.errors import CorpusError
from pyengine.inputs import read_bytes, walk_folders

TEXT, CHAT = "text", "chat"
_SUFFIXES_OF = {
    "python": ".py .pyi",
    "java": ".java",
    "go": ".go",
    "javascript": ".js .mjs .cjs",
    "cpp": ".cpp .cc .cxx .hpp .hh",
    "typescript": ".ts .mts .cts",
    "php": ".php",
    "ruby": ".rb",
    "c": ".c .h",
    "csharp": ".cs",
    "rust": ".rs",
    "react": ".jsx .tsx",
}
SUFFIXES: Mapping[str, str] = MappingProxyType(
    {suffix: name for name, suffixes in _SUFFIXES_OF.items() for suffix in suffixes.split()}
)
_SHIPPED = Path(__file__).resolve().parent.parent / "data" / "corpus"
_SKIPPED_FOLDERS = {"node_modules", "__pycache__", "venv", "target", "build", "dist"}
_BINARY_PROBE = 8192


@dataclass(frozen=True)
class Document:
    """One text.

    Attributes:
        name: its path as found.
        language: a keyword table's name, "text" or "chat".
        content: its bytes; of a conversation that is not rendered yet its messages as JSON.
        spoken: rising (begin, end) in bytes of what the assistant wrote in a rendered
            conversation, which alone is scored, and in which special tokens are read as such;
            None where all of a text is scored.
    """

    name: str
    language: str
    content: bytes
    spoken: tuple[tuple[int, int], ...] | None = None

    @property
    def n_lines(self) -> int:
        """Number of lines, a last line without an end included."""
        return self.content.count(b"\n") + (not self.content.endswith(b"\n"))


@dataclass(frozen=True)
class Corpus:
    """Some documents in a fixed order.

    Attributes:
        documents: in their order.
        origin: where they came from.
    """

    documents: tuple[Document, ...]
    origin: str

    @property
    def is_chat(self) -> bool:
        """Whether these are conversations, scored where the assistant speaks."""
        return any(document.language == CHAT for document in self.documents)

    @property
    def n_bytes(self) -> int:
        """Total size of all documents."""
        return sum(len(d.content) for d in self.documents)

    @property
    def sha256(self) -> str:
        """Hash of languages and contents in order; names do not matter."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(f"{document.language}\0{len(document.content)}\0".encode())
            digest.update(document.content)
        return digest.hexdigest()

    def by_language(self) -> dict[str, tuple[Document, ...]]:
        """Return the documents of each language, languages in order of first appearance."""
        grouped: dict[str, list[Document]] = {}
        for document in self.documents:
            grouped.setdefault(document.language, []).append(document)
        return {language: tuple(found) for language, found in grouped.items()}

    def __len__(self) -> int:
        return len(self.documents)

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)


def language_of(path: Path | str) -> str | None:
    """Return the language that a file name tells, or None. A `.h` file counts as C."""
    return SUFFIXES.get(Path(path).suffix.lower())


def shipped_corpus() -> Corpus:
    """Return the corpus of original programs that comes with pyengine, in twelve languages."""
    return Corpus(_documents_below(_SHIPPED, relative_to=_SHIPPED), "shipped")


def load_corpus(paths: Iterable[Path | str] = ()) -> Corpus:
    """Read files and folders; without any, return the shipped corpus.

    Folders are searched for files of known languages, in sorted order, through links too, without
    hidden, build and dependency folders, and without empty and binary files. A file that is named
    outright is always read; it is of language "text" when its name tells nothing. Raises
    CorpusError for what cannot be read, a binary file named outright, and where nothing is left.
    """
    given = [Path(path) for path in paths]
    if not given:
        return shipped_corpus()
    documents: list[Document] = []
    for path in given:
        if path.is_dir():
            documents.extend(_documents_below(path))
        else:
            documents.append(_named_document(path))
    unique = {document.name: document for document in documents if document.content}
    origin = " ".join(str(path) for path in given)
    if not unique:
        raise CorpusError(
            f"{origin}: no text to measure; give files that are not empty, or folders with "
            f"source files ({' '.join(SUFFIXES)})"
        )
    return Corpus(tuple(unique.values()), origin)


def _named_document(path: Path) -> Document:
    content = _read(path)
    if _is_binary(content):
        raise CorpusError(f"{path}: a binary file, not text")
    return Document(str(path), language_of(path) or TEXT, content)


def _documents_below(folder: Path, *, relative_to: Path | None = None) -> tuple[Document, ...]:
    found = []
    for path in _source_files(folder):
        content = _read(path)
        if content and not _is_binary(content):
            name = path.relative_to(relative_to).as_posix() if relative_to else str(path)
            found.append(Document(name, language_of(path) or TEXT, content))
    return tuple(found)


def _source_files(folder: Path) -> Iterator[Path]:
    for parent, files in walk_folders(folder, enter=_may_hold_sources, onerror=_refuse):
        for name in files:
            path = parent / name
            if language_of(name) and not name.startswith(".") and path.is_file():
                yield path


def _may_hold_sources(folder: str) -> bool:
    return not folder.startswith(".") and folder not in _SKIPPED_FOLDERS


def _read(path: Path) -> bytes:
    return read_bytes(path, error=CorpusError, most=None)


def _refuse(error: OSError) -> None:
    raise CorpusError(f"{error.filename}: cannot be read ({error.strerror})") from error


def _is_binary(content: bytes) -> bool:
    return b"\0" in content[:_BINARY_PROBE]
