"""Keyword tables: the words of each programming language, each with its class and its source."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from pyengine.errors import KeywordTableError
from pyengine.inputs import read_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Collection = Literal["reference", "paper"]
COLLECTIONS: tuple[Collection, ...] = get_args(Collection)
LANGUAGES = (
    "python",
    "java",
    "go",
    "javascript",
    "cpp",
    "typescript",
    "php",
    "ruby",
    "c",
    "csharp",
    "rust",
    "react",
)

_DATA = Path(__file__).resolve().parent.parent / "data" / "keywords"
_TABLE_KEYS = {"language", "title", "version", "extends", "groups"}
_GROUP_KEYS = {"class", "source", "url", "version", "words"}


class WordClass(str, Enum):
    """What a word is to its language. `LISTED` means that the source does not say."""

    RESERVED = "reserved"
    CONTEXTUAL = "contextual"
    BUILTIN = "builtin"
    FRAMEWORK = "framework"
    LISTED = "listed"


@dataclass(frozen=True)
class Keyword:
    """One word of a language, with the language version and the source that it was taken from."""

    word: str
    word_class: WordClass
    version: str
    source: str
    url: str | None = None


@dataclass(frozen=True)
class KeywordTable:
    """The words of one language; every word occurs once."""

    language: str
    title: str
    version: str
    keywords: tuple[Keyword, ...]
    origin: str

    def words(self, *classes: WordClass) -> tuple[str, ...]:
        """Return the words of the given classes (of all classes when none is given), in order."""
        return tuple(k.word for k in self.keywords if not classes or k.word_class in classes)

    def __len__(self) -> int:
        return len(self.keywords)

    def __iter__(self) -> Iterator[Keyword]:
        return iter(self.keywords)


def load_tables(
    collection: Collection = "reference", *, extra: Iterable[Path | str] = ()
) -> Mapping[str, KeywordTable]:
    """Return the shipped tables of a collection by language, changed by the user's own files.

    A file in `extra` whose table has `extends = true` adds its words to the shipped table of its
    language (and reclassifies those already there); any other file replaces that table, or adds
    a language.
    """
    if collection not in COLLECTIONS:
        raise KeywordTableError(
            f"unknown keyword collection {collection!r}: choose one of {', '.join(COLLECTIONS)}"
        )
    tables = dict(_shipped(collection))
    for path in extra:
        table, extends = _read(Path(path))
        base = tables.get(table.language) if extends else None
        if extends and base is None:
            raise KeywordTableError(
                f"{path}: extends language {table.language!r}, which collection "
                f"{collection!r} does not have; remove `extends` to add it as a new language"
            )
        tables[table.language] = table if base is None else _merge(base, table)
    return MappingProxyType(tables)


def load_table(path: Path | str) -> KeywordTable:
    """Read and check one keyword table (TOML). Raise KeywordTableError when it is not valid."""
    return _read(Path(path))[0]


@cache
def _shipped(collection: Collection) -> Mapping[str, KeywordTable]:
    found = {path.stem: load_table(path) for path in (_DATA / collection).glob("*.toml")}
    order = [*LANGUAGES, *sorted(set(found) - set(LANGUAGES))]
    return MappingProxyType({name: found[name] for name in order if name in found})


def _merge(base: KeywordTable, extension: KeywordTable) -> KeywordTable:
    words = {k.word: k for k in base.keywords}
    words.update({k.word: k for k in extension.keywords})
    return replace(
        base, keywords=tuple(words.values()), origin=f"{base.origin} + {extension.origin}"
    )


def _read(path: Path) -> tuple[KeywordTable, bool]:
    try:
        data = tomllib.loads(read_bytes(path, error=KeywordTableError).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise KeywordTableError(f"{path}: not a valid TOML file ({error})") from error
    _check_keys(path, data, _TABLE_KEYS)
    language = _text(path, data, "language")
    version = _text(path, data, "version")
    extends = data.get("extends", False)
    if not isinstance(extends, bool):
        raise KeywordTableError(f"{path}: `extends` must be true or false, not {extends!r}")
    table = KeywordTable(
        language=language,
        title=_text(path, data, "title", default=language),
        version=version,
        keywords=tuple(_keywords(path, data.get("groups"), version)),
        origin=_origin(path),
    )
    return table, extends


def _origin(path: Path) -> str:
    inside = path.resolve()
    return f"shipped:{inside.parent.name}" if inside.parent.parent == _DATA else str(path)


def _keywords(path: Path, groups: object, version: str) -> Iterator[Keyword]:
    if not isinstance(groups, list) or not groups:
        raise KeywordTableError(f"{path}: needs at least one [[groups]] table")
    seen: dict[str, WordClass] = {}
    for group in groups:
        _check_keys(path, group, _GROUP_KEYS)
        for keyword in _group(path, group, version):
            if keyword.word in seen:
                raise KeywordTableError(
                    f"{path}: {keyword.word!r} is listed twice "
                    f"({seen[keyword.word].value} and {keyword.word_class.value})"
                )
            seen[keyword.word] = keyword.word_class
            yield keyword


def _group(path: Path, group: dict[str, Any], version: str) -> Iterator[Keyword]:
    name = _text(path, group, "class")
    if name not in {c.value for c in WordClass}:
        allowed = ", ".join(c.value for c in WordClass)
        raise KeywordTableError(f"{path}: unknown class {name!r}: choose one of {allowed}")
    words = group.get("words")
    if not isinstance(words, list) or not words:
        raise KeywordTableError(f"{path}: a group of class {name!r} has no words")
    for word in words:
        if not isinstance(word, str) or not word or word != word.strip():
            raise KeywordTableError(
                f"{path}: {word!r} is not a keyword: give a text without space at its ends"
            )
        yield Keyword(
            word=word,
            word_class=WordClass(name),
            version=_text(path, group, "version", default=version),
            source=_text(path, group, "source"),
            url=_text(path, group, "url", default="") or None,
        )


def _check_keys(path: Path, table: object, allowed: set[str]) -> None:
    if not isinstance(table, dict):
        raise KeywordTableError(f"{path}: expected a table, found {table!r}")
    unknown = sorted(set(table) - allowed)
    if unknown:
        raise KeywordTableError(
            f"{path}: unknown key {unknown[0]!r}: known keys are {', '.join(sorted(allowed))}"
        )


def _text(path: Path, table: dict[str, Any], key: str, *, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or (not value and default is None):
        raise KeywordTableError(f"{path}: `{key}` must be a text, not {value!r}")
    return value
