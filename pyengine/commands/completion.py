"""Completion in a shell: the models that are here, found fast and without the network."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import islice
from pathlib import Path

# Names that a shell would have to quote are left to its own completion of files.
PLAIN = re.compile(r"[\w@%+=:,./~-]+")
MOST = 200
ENTRIES = 2000


@contextmanager
def answering_shell() -> Iterator[None]:
    """Let the body print completions, and print them as the shell takes them; no error is shown."""
    kept = _join_at_colons(os.environ)
    told = io.StringIO()
    try:
        with redirect_stdout(told), redirect_stderr(io.StringIO()):
            yield
    finally:
        lines = told.getvalue().splitlines(keepends=True)
        sys.stdout.write("".join(line.removeprefix(kept) for line in lines))


def _join_at_colons(environment: MutableMapping[str, str]) -> str:
    """Make one word of what bash has taken for several, and return what it keeps of that.

    It cuts words at colons: `ollama:qwen` comes as three words, the last of which it replaces.
    """
    words = environment.get("COMP_WORDS", "").split()
    place = environment.get("COMP_CWORD", "")
    if not place.isdecimal() or not 0 < int(place) <= len(words):
        return ""
    before, word = words[: int(place)], "".join(words[int(place) :][:1])
    start = ""
    if word == ":":
        before, word = [*before, ":"], ""
    while len(before) > 2 and before[-1] == ":":
        start = f"{before[-2]}:{start}"
        del before[-2:]
    environment["COMP_WORDS"] = "\n".join([*before, start + word])
    environment["COMP_CWORD"] = str(len(before))
    return start


def complete_model(incomplete: str) -> list[str]:
    """Return what may stand for a model and begins so; nothing where looking fails.

    These are GGUF files and folders of them, here or where the word leads, and what stores on this
    machine hold, by the reference that names it.
    """
    from pyengine.errors import PyengineError

    try:
        found = sorted({name for name in _names(incomplete) if name.startswith(incomplete)})
    except (OSError, ValueError, PyengineError):
        return []
    return [name for name in found if PLAIN.fullmatch(name)][:MOST]


def _names(incomplete: str) -> Iterator[str]:
    """Yield files and folders where a word leads, and the models of the stores it may mean."""
    from pyengine.models.places import Places
    from pyengine.models.stores import Found, find_embedded, find_hub, find_lmstudio, find_ollama

    stores: dict[str, Callable[[Places], Iterator[Found]]] = {
        "embedded": find_embedded,
        "ollama": find_ollama,
        "lmstudio": find_lmstudio,
        "hf": find_hub,
    }
    scheme = incomplete.partition(":")[0]
    for name, find in stores.items():
        if name.startswith(scheme):
            yield from (found.reference for found in find(Places()))
    yield from _here(incomplete)


def _here(incomplete: str) -> Iterator[str]:
    """Yield the GGUF files of a folder and of the folders in it, and those folders."""
    typed = incomplete[: incomplete.rfind("/") + 1]
    folder = Path(typed or ".").expanduser()
    for entry in islice(os.scandir(folder), ENTRIES):
        if entry.is_dir():
            files = _gguf_files(folder / entry.name)
            if files:
                yield f"{typed}{entry.name}/"
            yield from (f"{typed}{entry.name}/{file}" for file in files)
    yield from (f"{typed}{file}" for file in _gguf_files(folder))


def _gguf_files(folder: Path) -> list[str]:
    """Return the names of the GGUF files in a folder, of split ones the first."""
    from pyengine.models.stores import is_later_part

    try:
        names = [entry.name for entry in islice(os.scandir(folder), ENTRIES)]
    except OSError:
        return []
    return [name for name in names if name.lower().endswith(".gguf") and not is_later_part(name)]
