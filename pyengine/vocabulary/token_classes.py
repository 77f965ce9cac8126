"""Token classes: a partition of the vocabulary by what a token's bytes are, and overlapping sets.

Everything is decided by the exact bytes of a piece and by its kind, never by a display string.
White space around the rest of a piece is ignored (a bracket with a leading space is a bracket);
only pieces that are white space throughout are classed by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from pyengine.vocabulary import piece_features as bits
from pyengine.vocabulary.piece_features import BoolArray, PieceFeatures
from pyengine.vocabulary.scripts import Script
from pyengine.vocabulary.tokens import TokenKind


class TokenClass(str, Enum):
    """The primary classes: every token has exactly one, the first in this list that fits it."""

    CONTROL = "control"
    UNUSED = "unused"
    BYTES = "bytes"
    SPACES = "spaces"
    TABS = "tabs"
    NEWLINES = "newlines"
    OTHER_WHITESPACE = "other white space"
    COMMENT_OPENER = "comment opener"
    STRING_QUOTE = "string quote"
    BRACKET = "bracket"
    MARKDOWN = "Markdown"
    OPERATOR = "operator"
    PUNCTUATION = "punctuation"
    DIGITS = "digits"
    MIXED_SYMBOLS = "mixed symbols"
    PUNCTUATED_IDENTIFIER = "identifier with punctuation"
    IDENTIFIER_PART = "identifier part"
    LATIN = "letters, Latin (ASCII)"
    LATIN_EXTENDED = "letters, Latin extended"
    GREEK = "letters, Greek"
    CYRILLIC = "letters, Cyrillic"
    HEBREW = "letters, Hebrew"
    ARABIC = "letters, Arabic"
    INDIC = "letters, Indic"
    THAI = "letters, Thai"
    HANGUL = "letters, Hangul"
    HAN = "letters, Han"
    KANA = "letters, Kana"
    OTHER_SCRIPT = "letters, other or mixed scripts"
    OTHER = "other symbols"


CLASSES: tuple[TokenClass, ...] = tuple(TokenClass)
_INDEX = {token_class: np.uint8(i) for i, token_class in enumerate(CLASSES)}
_SCRIPT_CLASSES: Mapping[TokenClass, tuple[tuple[Script, ...], ...]] = {
    TokenClass.LATIN: ((Script.LATIN,),),
    TokenClass.LATIN_EXTENDED: ((Script.LATIN_EXTENDED,), (Script.LATIN, Script.LATIN_EXTENDED)),
    TokenClass.GREEK: ((Script.GREEK,),),
    TokenClass.CYRILLIC: ((Script.CYRILLIC,),),
    TokenClass.HEBREW: ((Script.HEBREW,),),
    TokenClass.ARABIC: ((Script.ARABIC,),),
    TokenClass.INDIC: ((Script.INDIC,),),
    TokenClass.THAI: ((Script.THAI,),),
    TokenClass.HANGUL: ((Script.HANGUL,),),
    TokenClass.HAN: ((Script.HAN,),),
    TokenClass.KANA: ((Script.KANA,), (Script.HAN, Script.KANA)),
}

# `#` alone opens a comment (Python, Ruby, PHP); two and more are a Markdown heading.
COMMENT_OPENERS = re.compile(rb"//+[!/]*[-=*#]*|/\*+!?/?|\{/\*+|<!--|--|#!?/?")
STRING_QUOTES = re.compile(rb"(?:[fFrRbBuUL]|[fFbB][rR]|[rR][fFbB]|u8|\$?@|@?\$)?(?:\"+|'+|`{1,2})")
OPERATORS = re.compile(
    rb"[-+*/%=<>!&|^~?]+|::=?|:=|\?[.:]|->\*|\.\*|\.{2,3}[=<]?|[<=]:|:>|::<|@|\$|\\|&\."
)
_MARKDOWN_ONLY = rb"#{2,6}|`{3,}[A-Za-z+#]*|~{3,}|\*{3,}|-{3,}|={4,}|_{3,}|!\[|\]\(|\[\^"
MARKDOWN_ONLY = re.compile(_MARKDOWN_ONLY)
MARKDOWN = re.compile(_MARKDOWN_ONLY + rb"|#|`{1,2}|~~|\*{1,2}|__|--?|===|>+|\|")


@dataclass(frozen=True)
class TokenClasses:
    """The classes of all tokens of one vocabulary.

    primary: uint8 (size,), an index into CLASSES. sets: name → sorted int64 ids; they overlap.
    """

    primary: npt.NDArray[np.uint8]
    sets: Mapping[str, npt.NDArray[np.int64]]

    def ids(self, token_class: TokenClass) -> npt.NDArray[np.int64]:
        """Return the ids of the tokens of one primary class, in order."""
        return np.flatnonzero(self.primary == _INDEX[token_class])

    def counts(self) -> dict[TokenClass, int]:
        """Return the number of tokens of every primary class; they add up to the size."""
        counted = np.bincount(self.primary, minlength=len(CLASSES)).tolist()
        return dict(zip(CLASSES, counted, strict=True))


def classify(features: PieceFeatures) -> TokenClasses:
    """Class every token of a vocabulary (see TokenClass) and collect the overlapping sets."""
    primary = _Partition(features).run()
    masks = _code_sets(features, primary) | _white_space_sets(features, primary)
    masks["paper: special"] = paper_special(features)
    masks["paper: dead"] = paper_dead(features)
    sets = {name: np.flatnonzero(mask) for name, mask in masks.items()}
    return TokenClasses(primary=primary, sets=sets)


def paper_special(features: PieceFeatures) -> BoolArray:
    """Mark the paper's "special tokens": pieces with ASCII punctuation other than `_` in them.

    Tokens that are control tokens and padding rows are not counted. The rule is inferred from the
    shares that the paper states (arXiv 2601.02563); it takes in identifiers such as `.Class`.
    """
    special: BoolArray = features.textual & features.has(bits.PUNCTUATION)
    return special


def paper_dead(features: PieceFeatures) -> BoolArray:
    """Mark the paper's "dead tokens": decoded and stripped, nothing is left (arXiv 2601.02563).

    They are white space, most of it indentation, and none of them is dead.
    """
    dead: BoolArray = features.text & features.blank
    return dead


class _Partition:
    """Gives every token the first class that fits, by striking off what is already classed."""

    def __init__(self, features: PieceFeatures) -> None:
        self.features = features
        self.primary = np.full(features.pieces.size, _INDEX[TokenClass.OTHER], np.uint8)
        self.open = np.ones(features.pieces.size, bool)

    def run(self) -> npt.NDArray[np.uint8]:
        self._kinds()
        self._white_space()
        self._marks()
        self._words()
        return self.primary

    def _set(self, token_class: TokenClass, mask: BoolArray) -> None:
        chosen = mask & self.open
        self.primary[chosen] = _INDEX[token_class]
        self.open &= ~chosen

    def _kinds(self) -> None:
        kinds = self.features.pieces.kinds
        control = (kinds == TokenKind.CONTROL) | (kinds == TokenKind.UNKNOWN)
        unused = (kinds == TokenKind.UNUSED) | (kinds == TokenKind.UNDEFINED)
        self._set(TokenClass.CONTROL, control)
        self._set(TokenClass.UNUSED, unused | self.features.padding)
        self._set(TokenClass.BYTES, (kinds == TokenKind.BYTE) | ~self.features.valid)

    def _white_space(self) -> None:
        flags, white = self.features.flags, self.features.ascii_white
        self._set(TokenClass.SPACES, white & (flags == bits.SPACE))
        self._set(TokenClass.TABS, white & (flags == bits.TAB))
        self._set(TokenClass.NEWLINES, white & ((flags & bits.NEWLINE) != 0))
        self._set(TokenClass.OTHER_WHITESPACE, self.features.blank)

    def _marks(self) -> None:
        has, only, matching = self.features.has, self.features.only, self.features.matching
        marks = self.open & has(bits.PUNCTUATION | bits.UNDERSCORE) & ~has(bits.HIGH | bits.CONTROL)
        short = marks & (self.features.pieces.lengths <= 16)
        self._set(TokenClass.COMMENT_OPENER, matching(COMMENT_OPENERS, marks & ~has(bits.WORD)))
        self._set(TokenClass.STRING_QUOTE, matching(STRING_QUOTES, short & has(bits.QUOTE)))
        self._set(TokenClass.BRACKET, only(bits.BRACKET))
        markdown = (short & has(bits.QUOTE)) | (marks & ~has(bits.LETTER | bits.DIGIT))
        self._set(TokenClass.MARKDOWN, matching(MARKDOWN_ONLY, markdown))
        self._set(TokenClass.OPERATOR, matching(OPERATORS, marks & ~has(bits.WORD)))
        self._set(TokenClass.PUNCTUATION, only(bits.SEPARATOR))
        self._set(TokenClass.DIGITS, only(bits.DIGIT))
        self._set(TokenClass.MIXED_SYMBOLS, only(bits.PUNCTUATION | bits.DIGIT))

    def _words(self) -> None:
        has, scripts = self.features.has, self.features.scripts
        letters = scripts & ~np.uint16(1 << Script.SYMBOL)
        alphabetic = letters != 0
        word = alphabetic | has(bits.UNDERSCORE)
        self._set(TokenClass.PUNCTUATED_IDENTIFIER, word & has(bits.PUNCTUATION))
        joined = has(bits.UNDERSCORE) | has(bits.DIGIT) | self.features.camel_case()
        pure = (scripts == letters) & ~has(bits.CONTROL)
        self._set(TokenClass.IDENTIFIER_PART, word & joined & pure)
        for token_class, combinations in _SCRIPT_CLASSES.items():
            accepted = [sum(1 << script for script in scripts) for scripts in combinations]
            self._set(token_class, pure & np.any([letters == one for one in accepted], axis=0))
        self._set(TokenClass.OTHER_SCRIPT, pure & alphabetic)


def _code_sets(features: PieceFeatures, primary: npt.NDArray[np.uint8]) -> dict[str, BoolArray]:
    code = features.textual & features.has(bits.PUNCTUATION | bits.UNDERSCORE)
    code &= ~features.has(bits.HIGH | bits.CONTROL)
    names = {
        "brackets": TokenClass.BRACKET,
        "operators": TokenClass.OPERATOR,
        "comment openers": TokenClass.COMMENT_OPENER,
        "string quotes": TokenClass.STRING_QUOTE,
        "digits": TokenClass.DIGITS,
        "identifiers with punctuation": TokenClass.PUNCTUATED_IDENTIFIER,
    }
    masks: dict[str, BoolArray] = {name: primary == _INDEX[c] for name, c in names.items()}
    wordless = code & ~features.has(bits.LETTER | bits.DIGIT)
    fences = code & features.has(bits.QUOTE) & (features.pieces.lengths <= 24)
    masks["Markdown"] = features.matching(MARKDOWN, wordless | fences)
    return masks


def _white_space_sets(
    features: PieceFeatures, primary: npt.NDArray[np.uint8]
) -> dict[str, BoolArray]:
    white = features.textual & features.ascii_white
    words = features.textual & ~features.blank
    return {
        "indentation": white & ((features.flags & (bits.SPACE | bits.TAB)) != 0),
        "newlines": primary == _INDEX[TokenClass.NEWLINES],
        "leading space": words & ((features.first & bits.SPACE) != 0),
        "ends with newline": words & ((features.last & bits.NEWLINE) != 0),
    }
