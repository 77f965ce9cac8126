"""Features of every piece, computed for the whole vocabulary at once: kinds of bytes, scripts."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from pyengine.vocabulary.scripts import MARK, RECENT, Script, script_bits, white_space
from pyengine.vocabulary.tokens import Pieces, TokenKind

BoolArray = npt.NDArray[np.bool_]

# One bit per kind of byte; every byte has exactly one.
SPACE, TAB, NEWLINE, BLANK, DIGIT, LOWER, UPPER, UNDERSCORE = (1 << i for i in range(8))
BRACKET, QUOTE, OPERATOR, SEPARATOR, SIGIL, HIGH, CONTROL = (1 << i for i in range(8, 15))
WHITE = SPACE | TAB | NEWLINE | BLANK
LETTER = LOWER | UPPER
WORD = LETTER | DIGIT | UNDERSCORE
PUNCTUATION = BRACKET | QUOTE | OPERATOR | SEPARATOR | SIGIL

_MEMBERS = {
    SPACE: b" ",
    TAB: b"\t",
    NEWLINE: b"\n\r",
    BLANK: b"\v\f\x1c\x1d\x1e\x1f",
    DIGIT: b"0123456789",
    LOWER: b"abcdefghijklmnopqrstuvwxyz",
    UPPER: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    UNDERSCORE: b"_",
    BRACKET: b"()[]{}",
    QUOTE: b"\"'`",
    OPERATOR: b"+-*/%=<>!&|^~?",
    SEPARATOR: b",;:.",
    SIGIL: b"@#$\\",
}


def _byte_kinds() -> npt.NDArray[np.uint16]:
    kinds = np.full(256, CONTROL, np.uint16)
    kinds[128:] = HIGH
    for kind, members in _MEMBERS.items():
        kinds[list(members)] = kind
    return kinds


BYTE_KINDS = _byte_kinds()


class PieceFeatures:
    """Per token: which kinds of bytes it has, whether it is valid UTF-8, its scripts.

    Attributes, all of length `pieces.size`: `flags` uint16, union of the kinds of its bytes;
    `first`, `last` uint16, kind of its first and last byte; `rest`, union of the kinds of all
    bytes but the first; `core`, flags without white space;
    `scripts` uint16, bit `1 << Script` for each script of its letters, bit 0 for a symbol that
    is not ASCII; bool `plain_letters` (letters of old standing alone, after one space at most),
    `marked_letters` (a letter of old with a combining mark of old behind it),
    `textual` (a normal or user-defined token that is no padding row), `text` (one that is not
    empty), `valid` (UTF-8), `blank` (nothing left after str.strip), `ascii_white`, `padding`.
    """

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces
        self._byte_kinds = BYTE_KINDS[pieces.data]
        self.first, self.last, self.rest = (np.zeros(pieces.size, np.uint16) for _ in range(3))
        filled = np.flatnonzero(pieces.lengths > 0)
        if filled.size:
            starts = pieces.offsets[filled]
            self.first[filled] = self._byte_kinds[starts]
            self.last[filled] = self._byte_kinds[pieces.offsets[filled + 1] - 1]
            later = self._byte_kinds.copy()
            later[starts] = 0
            self.rest[filled] = np.bitwise_or.reduceat(later, starts)
        self.flags = self.first | self.rest
        self.core = self.flags & ~np.uint16(WHITE)
        self.ascii_white = (self.core == 0) & (self.flags != 0)
        self.padding = self._padding()
        kinds = pieces.kinds
        written = (kinds == TokenKind.NORMAL) | (kinds == TokenKind.USER_DEFINED)
        self.textual = written & ~self.padding
        self.text = self.textual & (pieces.lengths > 0)
        self._read_text()

    def has(self, kinds: int) -> BoolArray:
        """Mark the tokens that contain a byte of any of these kinds."""
        result: BoolArray = (self.core & np.uint16(kinds)) != 0
        return result

    def only(self, kinds: int) -> BoolArray:
        """Mark the tokens that, white space aside, consist of bytes of these kinds."""
        result: BoolArray = (self.core != 0) & ((self.core & ~np.uint16(kinds)) == 0)
        return result

    def matching(self, pattern: re.Pattern[bytes], among: BoolArray) -> BoolArray:
        """Mark the tokens of `among` whose stripped bytes match the pattern from end to end."""
        tokens = np.flatnonzero(among)
        match = pattern.fullmatch
        hits = [match(piece.strip()) is not None for piece in self.pieces.take(tokens)]
        result = np.zeros(self.pieces.size, bool)
        result[tokens[np.array(hits, bool)]] = True
        return result

    def camel_case(self) -> BoolArray:
        """Mark the tokens in which a lower-case ASCII letter is followed by a capital."""
        kinds, offsets = self._byte_kinds, self.pieces.offsets
        turns = np.flatnonzero((kinds[:-1] == LOWER) & (kinds[1:] == UPPER))
        owner = np.searchsorted(offsets, turns, side="right") - 1
        inside = turns + 1 < offsets[owner + 1]
        result = np.zeros(self.pieces.size, bool)
        result[owner[inside]] = True
        return result

    def begins_once(self, kinds: int) -> BoolArray:
        """Mark the tokens whose first byte is of these kinds, and no other byte is."""
        wanted = np.uint16(kinds)
        result: BoolArray = ((self.first & wanted) != 0) & ((self.rest & wanted) == 0)
        return result

    def _one_space_at_most(self) -> BoolArray:
        none = (self.flags & np.uint16(WHITE)) == 0
        result: BoolArray = none | ((self.first == SPACE) & self.begins_once(WHITE))
        return result

    def _padding(self) -> BoolArray:
        """Mark rows that a converter named `[PAD<id>]` to fill the matrix."""
        candidates = np.flatnonzero(self.pieces.kinds == TokenKind.USER_DEFINED)
        result = np.zeros(self.pieces.size, bool)
        taken = self.pieces.take(candidates)
        named = [p == b"[PAD%d]" % i for i, p in zip(candidates.tolist(), taken, strict=True)]
        result[candidates[np.array(named, bool)]] = True
        return result

    def _read_text(self) -> None:
        """Decode all pieces with bytes beyond ASCII at once, each closed by a NUL."""
        self.valid = np.ones(self.pieces.size, bool)
        self.blank = self.ascii_white | (self.pieces.lengths == 0)
        self.scripts = np.where(self.has(LETTER), np.uint16(1 << Script.LATIN), np.uint16(0))
        high = self.has(HIGH)
        zeros = np.flatnonzero(self.pieces.data == 0)
        nul = np.zeros(self.pieces.size, bool)
        nul[np.searchsorted(self.pieces.offsets, zeros, side="right") - 1] = True
        if (nul & high).any():
            taken = self.pieces.take(np.flatnonzero(high))
            text = _Decoded(b"".join(piece.replace(b"\0", b"") + b"\0" for piece in taken))
        else:
            text = _Decoded(self.pieces.closed(high))
        nul = nul[high]
        self.valid[high] = ~text.invalid
        self.blank[high] = text.blank & ~text.invalid & ~nul
        self.scripts[high] = text.bits & ~np.uint16(MARK | RECENT)
        plain = self.only(LETTER | HIGH) & self.valid & self._one_space_at_most()
        plain[high] &= (text.bits & (MARK | RECENT | 1 << Script.SYMBOL)) == 0
        self.plain_letters = plain
        self.marked_letters = np.zeros(self.pieces.size, bool)
        self.marked_letters[high] = text.marked & ~text.invalid


class _Decoded:
    """Pieces, each followed by a NUL, decoded at once.

    Per piece: `invalid` UTF-8, `blank`, `marked` (a letter before a mark), and `bits` of its
    scripts, with MARK and RECENT; ASCII that is no letter has none: it is known from the bytes.
    A piece that is invalid has those of what is valid in it.
    """

    def __init__(self, closed: bytes) -> None:
        if not closed:
            self.invalid = self.blank = self.marked = np.zeros(0, bool)
            self.bits = np.zeros(0, np.uint16)
            return
        # An ASCII byte ends any broken character before it, so no piece reaches into the next.
        text = closed.decode("utf-8", "surrogateescape")
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        ends = np.flatnonzero(codes == 0)
        starts = np.concatenate(([0], ends[:-1] + 1))
        lone = (codes >= 0xDC80) & (codes <= 0xDCFF)
        table = white_space()
        solid = ~table[np.minimum(codes, len(table) - 1)] | (codes >= len(table))
        solid[ends] = False
        bits = script_bits(codes)
        bits[((codes < 0x80) & (bits == 1 << Script.SYMBOL)) | lone] = 0
        self.invalid = np.logical_or.reduceat(lone, starts)
        self.blank = ~np.logical_or.reduceat(solid, starts)
        self.bits = np.bitwise_or.reduceat(bits, starts)
        marks = (bits & (MARK | RECENT)) == MARK
        marks[1:] &= _settled_letters(bits[:-1])
        self.marked = np.logical_or.reduceat(marks, starts)


def _settled_letters(bits: npt.NDArray[np.uint16]) -> BoolArray:
    """Mark the letters that have always been letters among characters with these bits."""
    result: BoolArray = (bits != 0) & ((bits & (MARK | RECENT | 1 << Script.SYMBOL)) == 0)
    return result
