"""What the commands share: models, files and words as a caller names them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.models.settings import ModelSpec
    from pyengine.text.documents import Corpus

MIB = 1 << 20
# Tokens of a window: a piece of a document, and a conversation from its beginning.
TEXT_CONTEXT, CHAT_CONTEXT = 512, 4096
RUN_CONTEXT = 8192  # tokens for which memory is counted, and with which speed is measured
T = TypeVar("T")
Named: TypeAlias = str | Path
Names: TypeAlias = str | Path | Iterable[str | Path] | None
Words: TypeAlias = str | Iterable[str] | None
# Called with what is being done, and the part of it that is done, from 0 to 1.
Progress: TypeAlias = Callable[[str, float], object]


def silent(what: str, fraction: float) -> None:
    """Show no progress."""


def usable_model(
    reference: Named | None = None,
    *,
    vocabulary_only: bool = False,
    progress: Callable[[float], object] | None = None,
) -> Path:
    """Return the file that a reference names, after making sure that opening it kills nobody.

    Args:
        reference: as `resolve_model` takes it; nothing for the embedded model.
        vocabulary_only: the weights will not be read, so a trial need not read them either.
        progress: called with 0 before a trial and 1 after it; it may take as long as an opening.

    Raises:
        ModelFileError: there is no such file, or it cannot be opened.
    """
    from pyengine.models.options import ModelOptions
    from pyengine.models.references import resolve_model
    from pyengine.models.trial import try_where_needed

    path = resolve_model(reference)
    how = ModelOptions(vocabulary_only=vocabulary_only)
    try_where_needed(path, options=how, progress=progress)
    return path


def usable_spec(
    reference: Named | None = None, *, progress: Callable[[float], object] | None = None
) -> ModelSpec:
    """Return the file and the settings that a model string names, see `usable_model`.

    Raises OptionError for settings that do not exist or exclude each other.
    """
    from pyengine.models.options import ModelOptions
    from pyengine.models.references import resolve_spec
    from pyengine.models.trial import try_where_needed

    spec = resolve_spec(reference)
    try_where_needed(spec.path, options=spec.opening(ModelOptions()), progress=progress)
    return spec


def usable_specs(references: Names) -> list[ModelSpec]:
    """Return the models that strings and folders name, see `usable_spec`.

    Raises:
        ModelFileError: there is no such file, it cannot be opened, or a folder holds none.
    """
    return [usable_spec(reference) for reference in model_names(references)]


def model_names(references: Names) -> list[Named]:
    """Return models as they are named, and in place of a folder the files in it."""
    from pyengine.models.settings import split_settings
    from pyengine.models.stores import gguf_files

    found: list[Named] = []
    for reference in names(references):
        name, settings = split_settings(str(reference))
        inside = gguf_files(Path(name)) if name and Path(name).is_dir() else []
        found += [f"{file}?{settings}" if settings else file for file in inside] or [reference]
    return found


def names(value: Names) -> list[Named]:
    """Return models or files, of which one may be given alone."""
    if value is None:
        return []
    return [value] if isinstance(value, str | Path) else list(value)


def texts_of(corpus: Names, chat: Names) -> Corpus:
    """Return the documents, or the conversations, that a caller names; the shipped ones for none.

    Raises:
        CorpusError: they cannot be read.
        OptionError: there are both.
    """
    from pyengine.text.chats import load_chats
    from pyengine.text.documents import load_corpus

    if chat is None:
        return load_corpus(names(corpus))
    if corpus is not None:
        raise OptionError("--corpus and --chat exclude each other")
    return load_chats(names(chat))


def window_length(context: int | None, chat: Names) -> int:
    """Return the tokens of a window: as asked, else as many as documents or conversations need."""
    if context is not None:
        return context
    return TEXT_CONTEXT if chat is None else CHAT_CONTEXT


def words(value: Words) -> list[str]:
    """Return the words of an option that may be given once or again."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def split_commas(value: Words) -> list[str]:
    """Return the words of an option that may be given again and may hold several by commas."""
    return [word.strip() for text in words(value) for word in text.split(",") if word.strip()]


def optional_path(value: Named | None) -> Path | None:
    """Return a path where one is given."""
    return None if value is None else Path(value)


def check_languages(named: Collection[str], known: Collection[str]) -> None:
    """Raise OptionError where a language was named that is not known."""
    for language in named:
        if language not in known:
            raise OptionError(f"unknown language {language!r}; use {', '.join(known)}")


def choose_languages(tables: Mapping[str, T], named: Collection[str]) -> Mapping[str, T]:
    """Return the tables of the languages that were named, of all languages where none was.

    Raises:
        OptionError: a language is not known.
    """
    check_languages(named, tables)
    return {name: tables[name] for name in named} if named else tables
