"""Text that others wrote into files: safe to print, and what of it is a name."""

from __future__ import annotations

import re
import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_LONGEST_NAME = 120
# What converters write where nobody gave a name: that of a folder, or of a commit.
_NO_NAMES = re.compile(
    "models?|gguf|ggml|hf|huggingface|snapshots?|outputs?|out|te?mp|test|none|null|unknown|unnamed|"
    "untitled|default|merged|checkpoint|final|downloads?|workspace|main"
)
_COMMIT = re.compile(r"(?=.*[0-9])(?:sha256[-:])?[0-9a-f]{7,64}")
_CHECKPOINT = re.compile(r"checkpoint[-_ ]?\d+")
# All that may have to be escaped: records are long, and nearly all of them is other characters.
_NOT_PLAIN = re.compile(r"[^\n\t -~]")
_NOT_PLAIN_IN_JSON = re.compile(r"[\x7f-\U0010ffff]")


def safe(text: str) -> str:
    """Return text with characters that could steer a terminal escaped; newlines stay."""
    return _NOT_PLAIN.sub(lambda match: escape_character(match[0]), text)


def safe_line(text: str) -> str:
    """Return a text from a file's metadata as one safe line."""
    return safe(" ".join(text.split()))


def escape_character(char: str) -> str:
    """Return a character, or `<U+202E>` for one that is invisible or steers what shows it."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"<{code - 0xDC00:02X}>"
    if unicodedata.category(char) in _UNSAFE:
        return f"<U+{code:04X}>"
    return char


def escape_json(text: str) -> str:
    """Return JSON in which such characters are written as `\\u202e`: it reads back as the same."""
    return _NOT_PLAIN_IN_JSON.sub(lambda match: _escape_in_json(match[0]), text)


def _escape_in_json(char: str) -> str:
    if unicodedata.category(char) not in _UNSAFE:
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def usable_name(text: str) -> str | None:
    """Return a model's name from its metadata as one safe line; None where it names nothing.

    No names are: a text without letters or digits, a folder or commit that a converter took for
    one, a path's folders, and what is too long to be read.
    """
    line = " ".join(text.split())
    if re.match(r"(?:[A-Za-z]:)?[\\/]|\.{1,2}[\\/]|~", line):
        line = re.split(r"[\\/]", line.rstrip("\\/"))[-1]
    low = line.lower()
    if _NO_NAMES.fullmatch(low) or _COMMIT.fullmatch(low) or _CHECKPOINT.fullmatch(low):
        return None
    if len(line) > _LONGEST_NAME or not any(char.isalnum() for char in line):
        return None
    return safe(line)
