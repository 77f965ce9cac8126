"""Make token pieces visible, and text safe to print."""

from __future__ import annotations

import unicodedata

_NAMED = {"\n": "⏎", "\t": "⇥", "\r": "␍", " ": "·"}
_BRIEF = 28
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(piece: bytes | str) -> str:
    """Show a piece with every byte visible: `·` space, `⏎` newline, `⇥` tab, `<E4>` a lone byte.

    Control, format and bidirectional characters are written as `<U+202E>`, so that a hostile
    vocabulary can neither hide text nor steer the terminal.
    """
    text = _decode(piece)
    carrier = "◌" if text and unicodedata.combining(text[0]) else ""
    return carrier + "".join(_NAMED.get(char) or _escape(char) for char in text)


def safe(text: str) -> str:
    """Return text with characters that could steer a terminal escaped; newlines stay."""
    return "".join(char if char in "\n\t" else _escape(char) for char in text)


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


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"<{code - 0xDC00:02X}>"
    if unicodedata.category(char) in _UNSAFE:
        return f"<U+{code:04X}>"
    return char
