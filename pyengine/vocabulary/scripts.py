"""Unicode scripts of letters, by block: what separates Latin from Cyrillic, Han from Kana."""

from __future__ import annotations

import unicodedata
from enum import IntEnum
from functools import cache

import numpy as np
import numpy.typing as npt


class Script(IntEnum):
    """The scripts told apart; the number is the bit that marks it in a token's set of scripts."""

    SYMBOL = 0
    LATIN = 1
    LATIN_EXTENDED = 2
    GREEK = 3
    CYRILLIC = 4
    HEBREW = 5
    ARABIC = 6
    INDIC = 7
    THAI = 8
    HANGUL = 9
    KANA = 10
    HAN = 11
    OTHER = 12


# Further bits of a character: a combining mark, and one that Unicode 3.2 (2002) did not yet
# class as it is classed now, so that libraries may disagree about it.
MARK = 1 << 13
RECENT = 1 << 14

# The two large blocks that are letters throughout, and were in Unicode 3.2: Han and Hangul.
_OLD_LETTERS = ((0x4E00, 0x9FA5), (0xAC00, 0xD7A3))

# First code point of each range and its script; a range ends where the next begins.
_RANGES: tuple[tuple[int, Script], ...] = (
    (0x0000, Script.LATIN),
    (0x0080, Script.LATIN_EXTENDED),
    (0x0370, Script.GREEK),
    (0x0400, Script.CYRILLIC),
    (0x0530, Script.OTHER),
    (0x0590, Script.HEBREW),
    (0x0600, Script.ARABIC),
    (0x0700, Script.OTHER),
    (0x0750, Script.ARABIC),
    (0x0780, Script.OTHER),
    (0x0870, Script.ARABIC),
    (0x0900, Script.INDIC),
    (0x0E00, Script.THAI),
    (0x0E80, Script.OTHER),
    (0x1100, Script.HANGUL),
    (0x1200, Script.OTHER),
    (0x1C80, Script.CYRILLIC),
    (0x1C90, Script.OTHER),
    (0x1D00, Script.LATIN_EXTENDED),
    (0x1F00, Script.GREEK),
    (0x2000, Script.OTHER),
    (0x2C60, Script.LATIN_EXTENDED),
    (0x2C80, Script.OTHER),
    (0x2DE0, Script.CYRILLIC),
    (0x2E00, Script.OTHER),
    (0x2E80, Script.HAN),
    (0x2FE0, Script.OTHER),
    (0x3005, Script.HAN),
    (0x3008, Script.OTHER),
    (0x3021, Script.HAN),
    (0x3030, Script.OTHER),
    (0x3040, Script.KANA),
    (0x3100, Script.OTHER),
    (0x3130, Script.HANGUL),
    (0x3190, Script.OTHER),
    (0x31F0, Script.KANA),
    (0x3200, Script.OTHER),
    (0x3400, Script.HAN),
    (0xA000, Script.OTHER),
    (0xA640, Script.CYRILLIC),
    (0xA6A0, Script.OTHER),
    (0xA720, Script.LATIN_EXTENDED),
    (0xA800, Script.OTHER),
    (0xA8E0, Script.INDIC),
    (0xA900, Script.OTHER),
    (0xA960, Script.HANGUL),
    (0xA980, Script.OTHER),
    (0xAB30, Script.LATIN_EXTENDED),
    (0xAB70, Script.OTHER),
    (0xAC00, Script.HANGUL),
    (0xD800, Script.OTHER),
    (0xF900, Script.HAN),
    (0xFB00, Script.LATIN_EXTENDED),
    (0xFB13, Script.OTHER),
    (0xFB1D, Script.HEBREW),
    (0xFB50, Script.ARABIC),
    (0xFE00, Script.OTHER),
    (0xFE70, Script.ARABIC),
    (0xFF00, Script.LATIN_EXTENDED),
    (0xFF66, Script.KANA),
    (0xFFA0, Script.HANGUL),
    (0xFFE0, Script.OTHER),
    (0x1B000, Script.KANA),
    (0x1B170, Script.OTHER),
    (0x1D400, Script.OTHER),
    (0x20000, Script.HAN),
    (0x323B0, Script.OTHER),
)
_STARTS = np.array([start for start, _ in _RANGES])
_SCRIPTS = np.array([script for _, script in _RANGES], np.uint8)


def script_bits(code_points: npt.NDArray[np.integer]) -> npt.NDArray[np.uint16]:
    """Return `1 << Script` for every code point, uint16; MARK and RECENT bits where they apply.

    What is neither letter nor mark is SYMBOL. A mark is of the script of its block.
    """
    table = np.zeros(code_points.max(initial=0) + 1, np.uint16)
    table[code_points] = 1
    unique = np.flatnonzero(table)
    scripts = _SCRIPTS[np.searchsorted(_STARTS, unique, side="right") - 1]
    table[unique] = np.uint16(1) << scripts.astype(np.uint16)
    settled = np.zeros(unique.size, bool)
    for first, last in _OLD_LETTERS:
        settled |= (unique >= first) & (unique <= last)
    for code in unique[~settled].tolist():
        kind = _kind(chr(code))
        if not kind:
            table[code] = 1 << Script.SYMBOL
        elif kind != "L":
            table[code] |= (MARK if "M" in kind else 0) | (RECENT if "?" in kind else 0)
    result: npt.NDArray[np.uint16] = table[code_points]
    return result


@cache
def white_space() -> npt.NDArray[np.bool_]:
    """Return for every code point below 0x3001 whether str.strip removes it; none are above."""
    return np.array([chr(code).isspace() for code in range(0x3001)], bool)


@cache
def _kind(char: str) -> str:
    """Return "L" or "M" for letters and marks, with "?" when Unicode 3.2 did not say so yet."""
    now = unicodedata.category(char)[0]
    if now not in "LM":
        return ""
    return now if unicodedata.ucd_3_2_0.category(char)[0] == now else now + "?"
