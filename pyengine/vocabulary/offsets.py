"""Where the tokens of a text lie in its bytes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pyengine.vocabulary.tokens import TokenKind, VocabularyLike

_REPLACEMENT = "\ufffd".encode()
_STAND_IN = "\u2581".encode()  # SentencePiece writes it for a space
_SPACES = b" \t\n\v\f\r"
_CUTS_TEXT = (TokenKind.CONTROL, TokenKind.USER_DEFINED, TokenKind.UNKNOWN)
# What llama.cpp takes for a character, valid or not; any other byte beyond ASCII stands alone.
_CHARACTER = re.compile(
    rb"[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}|[\x80-\xff]"
)

Offsets = npt.NDArray[np.int64]


def token_offsets(
    vocabulary: VocabularyLike, ids: Sequence[int] | npt.NDArray[np.integer], text: bytes
) -> Offsets | None:
    """Return int64 (n_tokens + 1,): token i covers the bytes [offsets[i], offsets[i + 1]).

    A space that the tokenizer put before the text, or after a special token in it, belongs to no
    byte of it; white space that a special token swallowed belongs to that token. A byte that is
    no UTF-8 and was read as U+FFFD belongs to the first token of it. None where the pieces do not
    spell the text even so, as with tokenizers that change it (lower case, dropped spaces) or
    have no token for some byte (a negative id).
    """
    pieces = _pieces(vocabulary, ids)
    if pieces is None:
        return None
    if b"".join(pieces) == text:
        return np.cumsum([0, *map(len, pieces)], dtype=np.int64)
    cuts = np.isin(vocabulary.kinds[np.asarray(ids, np.int64)], _CUTS_TEXT).tolist()
    for reading in _readings(pieces, text):
        found = _align(reading, cuts)
        if found is not None:
            return found if reading.places is None else reading.places[found]
    return None


def spell(
    vocabulary: VocabularyLike, ids: Sequence[int] | npt.NDArray[np.integer], text: bytes
) -> bool:
    """Say whether the pieces, put together, are the text, but for a space before it."""
    pieces = _pieces(vocabulary, ids)
    return pieces is not None and b"".join(pieces) in (text, b" " + text)


def _pieces(
    vocabulary: VocabularyLike, ids: Sequence[int] | npt.NDArray[np.integer]
) -> list[bytes] | None:
    tokens: list[int] = np.asarray(ids, np.int64).tolist()
    return None if min(tokens, default=0) < 0 else [vocabulary.piece(token) for token in tokens]


class _Reading(NamedTuple):
    """A text as a tokenizer reads it; places: where each of its bytes lies in the true text."""

    pieces: Sequence[bytes]
    text: bytes
    space: bytes = b" "
    places: Offsets | None = None


def _readings(pieces: Sequence[bytes], text: bytes) -> Iterator[_Reading]:
    yield _Reading(pieces, text)
    whole = _is_utf8(text)
    if not whole:
        read, places = _as_characters(text)
        yield _Reading(pieces, read, places=places)
    if not whole or _STAND_IN in text:
        # Here a stand-in of the text's own is a space, and a broken character may take one apart.
        widths = np.where(np.frombuffer(text, np.uint8) == ord(" "), len(_STAND_IN), 1)
        starts = np.cumsum(widths) - widths
        places = np.repeat(np.arange(len(text)), widths)
        places[np.arange(places.size) != np.repeat(starts, widths)] += 1
        written = [piece.replace(b" ", _STAND_IN) for piece in pieces]
        read = text.replace(b" ", _STAND_IN)
        yield _Reading(written, read, _STAND_IN, np.append(places, len(text)))


def _align(reading: _Reading, cuts: Sequence[bool]) -> Offsets | None:
    """Follow the pieces through the text, from one special token to the next."""
    pieces, text, space = reading.pieces, reading.text, reading.space
    bounds: list[int] = []
    place, first = 0, 0
    for last in (*(i for i, cut in enumerate(cuts) if cut), len(pieces)):
        run = pieces[first:last]
        tail = pieces[last] if last < len(pieces) else b""
        found = _find_run(b"".join(run), tail, text, place, space, after_special=first > 0)
        if found is None:
            return None
        start, spare, end = found
        ends = np.maximum(np.cumsum([0, *map(len, run)]) - spare, 0) + start
        bounds += ends.tolist()  # its last is where the special token begins
        place, first = end, last + 1
    bounds[-1] = place
    return np.array(bounds, np.int64) if place == len(text) else None


def _find_run(
    run: bytes, tail: bytes, text: bytes, place: int, space: bytes, *, after_special: bool
) -> tuple[int, int, int] | None:
    """Return where a run begins, how much of it is an added space, and where its tail ends.

    The tail is the special token that follows, or empty at the end of the text.
    """
    skips = sorted({0, _width_of_spaces(text, place)} if after_special else {0})
    spares = (0, len(space)) if run.startswith(space) else (0,)
    # White space between two special tokens belongs to the first of them.
    for before_tail, skip, spare in itertools.product((False, True), skips, spares):
        start = place + skip
        end = start + len(run) - spare
        if not text.startswith(run[spare:], start):
            continue
        gap = _width_of_spaces(text, end) if before_tail else 0
        if tail and text.startswith(tail, end + gap):
            return start, spare, end + gap + len(tail)
        if not tail and end == len(text):
            return start, spare, end
    return None


def _width_of_spaces(text: bytes, place: int) -> int:
    end = place
    while end < len(text) and text[end] in _SPACES:
        end += 1
    return end - place


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_characters(text: bytes) -> tuple[bytes, Offsets]:
    """Read a text as llama.cpp's byte-pair tokenizers do, which take characters and not bytes."""
    parts: list[bytes] = []
    places: list[int] = []
    done = 0
    for found in _CHARACTER.finditer(text):
        start, end = found.span()
        read = _as_character(found.group())
        parts += (text[done:start], read)
        places += range(done, start)
        places += (min(start + i, end) for i in range(len(read)))
        done = end
    parts.append(text[done:])
    places += range(done, len(text) + 1)
    return b"".join(parts), np.array(places, np.int64)


def _as_character(read: bytes) -> bytes:
    """Return a character as it is written after reading: too long forms become short ones."""
    if len(read) == 1:
        return _REPLACEMENT
    code = read[0] & (0xFF >> (len(read) + 1))
    for byte in read[1:]:
        code = code << 6 | byte & 0x3F
    return chr(code).encode("utf-8", "surrogatepass") if code <= 0x10FFFF else _REPLACEMENT
