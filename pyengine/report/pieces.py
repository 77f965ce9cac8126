"""Make token pieces visible, and text safe to print."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from pyengine.plain_text import escape_character, safe

_NAMED = {"\n": "⏎", "\t": "⇥", "\r": "␍", " ": "·"}
_BRIEF = 28
_HASH = re.compile(r"(?:sha256-)?[0-9a-f]{64}")


def visible(piece: bytes | str) -> str:
    """Show a piece with every byte visible: `·` space, `⏎` newline, `⇥` tab, `<E4>` a lone byte.

    Control, format and bidirectional characters are written as `<U+202E>`, so that a hostile
    vocabulary can neither hide text nor steer the terminal.
    """
    text = _decode(piece)
    carrier = "◌" if text and unicodedata.combining(text[0]) else ""
    return carrier + "".join(_NAMED.get(char) or escape_character(char) for char in text)


def brief(text: str) -> str:
    """Return a name for a picture: safe, in one line, without its middle where it is long."""
    line = safe(" ".join(text.split()))
    return (
        line if len(line) <= _BRIEF else f"{line[: _BRIEF // 2]}…{line[_BRIEF // 2 + 1 - _BRIEF :]}"
    )


def _decode(piece: bytes | str) -> str:
    if isinstance(piece, str):
        return piece
    return piece.decode("utf-8", errors="surrogateescape")


def place_words(spot: Mapping[str, Any]) -> str:
    """Write where a position or passage lies as editors do: FILE:LINE:COLUMN, or FILE alone."""
    return ":".join(map(str, (spot["document"], *(spot.get("place") or ()))))


def file_name(path: str, model_name: str) -> str:
    """Return the name of a file; the model's own where a store named the file by its hash."""
    name = path.rsplit("/", 1)[-1]
    return model_name if _HASH.fullmatch(name.removesuffix(".gguf")) else name
