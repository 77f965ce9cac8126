"""Tokens that no text becomes: their own bytes are encoded as something else.

The tokenizer itself decides, token by token. For byte-pair tokenizers most tokens are decided
without it. One is reached where two facts are proved from the file: the merges turn its
characters into the token, and the pre-tokenizer does not cut between them. It is not where the
pre-tokenizer certainly cuts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine._core import merge_own_texts
from pyengine.errors import TokenizerError
from pyengine.vocabulary import piece_features as bits
from pyengine.vocabulary.piece_features import BoolArray, PieceFeatures
from pyengine.vocabulary.scripts import Script
from pyengine.vocabulary.tokens import TokenKind

if TYPE_CHECKING:
    from pyengine.models.model import Vocabulary

# Pre-tokenizers by how they cut (llama-vocab.cpp of the llama.cpp that we are pinned to). Others
# are left to the tokenizer; those that take any token as it is, such as Llama 3's, are fast.
_GPT2 = frozenset({"gpt-2", "mpt", "olmo", "jais", "starcoder", "refact", "command-r", "smollm"})
_CL100K = frozenset({"qwen2", "deepseek-r1-qwen", "stablelm2", "dbrx", "smaug-bpe"})
_DEEPSEEK_V3 = frozenset({"deepseek-v3"})
_DEEPSEEK_LLM = frozenset({"deepseek-llm"})
_ITSELF = 1
_ANCHORS = {"spm": b"\n"}
_UNTESTED = {
    "wpm": "wordpiece",  # marks the beginning of words outside of the token's bytes
    "ugm": "unigram",  # normalizes text and adds spaces, so a token's bytes are not its text
}
_MAX_PREFIXES = 64
_HAN = re.compile("[\u4e00-\u9fa5]+")


@dataclass(frozen=True)
class Reachability:
    """Which tokens their own bytes encode to.

    n_tested: tokens tested: normal and user-defined ones whose bytes are valid UTF-8.
    n_fragments: tokens that are parts of characters; in text they occur only beside others.
    unreachable: sorted int64 ids of tested tokens whose bytes encode to something else.
    reason: why nothing was tested, where nothing was: "wordpiece" or "unigram", whose tokens'
        bytes are not their text, or "no-newline", after which each token would be encoded.
    """

    n_tested: int
    n_fragments: int
    unreachable: npt.NDArray[np.int64]
    reason: str = ""


def find_unreachable(
    vocabulary: Vocabulary, features: PieceFeatures, path: Path | None = None
) -> Reachability:
    """Test every token. `path`, the model file, makes it fast for byte-pair tokenizers.

    SentencePiece adds a space at the start of a text, so there each token is encoded after a
    newline.
    """
    tested = np.flatnonzero(features.text & features.valid)
    n_fragments = int(np.count_nonzero(features.text & ~features.valid))
    if vocabulary.kind in _UNTESTED:
        return Reachability(0, n_fragments, tested[:0], _UNTESTED[vocabulary.kind])
    reached, certainly_cut = _proved(vocabulary, features, path)
    asked = tested[~(reached | certainly_cut)[tested]]
    cut = tested[certainly_cut[tested]]
    before = _ANCHORS.get(vocabulary.kind, b"")
    try:
        same = vocabulary.encode_to_themselves(asked.astype(np.int32), before=before)
    except TokenizerError:
        return Reachability(0, n_fragments, tested[:0], "no-newline")
    unreachable = np.sort(np.concatenate((cut, asked[~same])))
    return Reachability(tested.size, n_fragments, unreachable)


def _proved(
    vocabulary: Vocabulary, features: PieceFeatures, path: Path | None
) -> tuple[BoolArray, BoolArray]:
    """Mark the tokens that certainly encode to themselves, and those that are certainly cut."""
    none = np.zeros(features.pieces.size, bool)
    if path is None or vocabulary.kind != "bpe":
        return none, none
    kept = _kept_whole(vocabulary.pre_tokenizer, features)
    if kept is None:
        return none, none
    merged = merge_own_texts(str(path))
    if merged.size != features.pieces.size:
        return none, none
    normal = features.pieces.kinds == TokenKind.NORMAL
    reached: BoolArray = kept & normal & (merged == _ITSELF) & _free_of_user_defined(features)
    # These pre-tokenizers take letters without the marks that follow them.
    cuts = vocabulary.pre_tokenizer in _GPT2 | _CL100K
    return reached, normal & features.marked_letters if cuts else none


def _kept_whole(pre_tokenizer: str, features: PieceFeatures) -> BoolArray | None:
    """Mark tokens between whose characters the pre-tokenizer certainly does not cut."""
    words, alone = features.plain_letters, _characters(features)
    if pre_tokenizer in _GPT2:
        marks = _marks(features, rb" ?[!-/:-@\[-`{-~]+")
        kinds = [words, marks, features.ascii_white]
    elif pre_tokenizer in _CL100K:
        kinds = [words, _marked_words(features), _marks(features), _white(features)]
    elif pre_tokenizer in _DEEPSEEK_V3:
        cjk = np.uint16((1 << Script.HAN) | (1 << Script.KANA))
        apart = words & ((features.scripts & cjk) == 0)
        marked, marks = _marked_words(features), _marks(features)
        kinds = [apart, _unified_han(features), marked, marks, _white(features)]
    elif pre_tokenizer in _DEEPSEEK_LLM:
        kinds = [words & ~features.has(bits.HIGH), _unified_han(features)]
    else:
        return None
    kept: BoolArray = np.logical_or.reduce([alone, *kinds])
    return kept


def _characters(features: PieceFeatures) -> BoolArray:
    """Mark single characters: there is no place between two."""
    filled = np.flatnonzero(features.pieces.lengths > 0)
    first = features.pieces.data[features.pieces.offsets[filled]]
    expected = np.zeros(features.pieces.size, np.int64)
    expected[filled] = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
    result: BoolArray = features.valid & (expected > 0) & (features.pieces.lengths == expected)
    return result


def _marked_words(features: PieceFeatures) -> BoolArray:
    """Mark ASCII letters after one tab or one punctuation character other than an apostrophe."""
    marks = bits.PUNCTUATION | bits.UNDERSCORE
    marked = features.begins_once(marks) & ((features.flags & bits.WHITE) == 0)
    tabbed = (features.first == bits.TAB) & features.begins_once(bits.WHITE)
    letters = features.has(bits.LETTER)
    unquoted = features.only(marks | bits.LETTER) & (features.first != bits.QUOTE)
    result: BoolArray = letters & ((marked & unquoted) | (tabbed & features.only(bits.LETTER)))
    return result


def _marks(features: PieceFeatures, pattern: bytes = rb" ?[!-/:-@\[-`{-~]+[\r\n]*") -> BoolArray:
    """Mark ASCII punctuation alone, as the pre-tokenizers' last alternatives take it."""
    match = re.compile(pattern).fullmatch
    candidates = np.flatnonzero(features.only(bits.PUNCTUATION | bits.UNDERSCORE))
    hits = [match(piece) is not None for piece in features.pieces.take(candidates)]
    return _mask(features, candidates[np.array(hits, bool)])


def _white(features: PieceFeatures) -> BoolArray:
    """Mark ASCII white space that is without line ends, or ends with one."""
    has_end = (features.flags & bits.NEWLINE) != 0
    plain = features.ascii_white & ((features.flags & bits.BLANK) == 0)
    result: BoolArray = plain & (~has_end | (features.last == bits.NEWLINE))
    return result


def _unified_han(features: PieceFeatures) -> BoolArray:
    """Mark tokens that are characters from U+4E00 to U+9FA5 and nothing else."""
    candidates = np.flatnonzero(features.valid & (features.flags == bits.HIGH))
    taken = features.pieces.take(candidates)
    hits = [_HAN.fullmatch(piece.decode()) is not None for piece in taken]
    return _mask(features, candidates[np.array(hits, bool)])


def _free_of_user_defined(features: PieceFeatures) -> BoolArray:
    """Mark the pieces that hold no beginning of a user-defined token: those cut any text."""
    size = features.pieces.size
    own = np.flatnonzero(features.pieces.kinds == TokenKind.USER_DEFINED)
    prefixes = {piece[:4] for piece in features.pieces.take(own) if piece}
    if len(prefixes) > _MAX_PREFIXES:
        return np.zeros(size, bool)
    joined = features.pieces.data.tobytes()
    starts = [m.start() for p in prefixes for m in re.finditer(re.escape(p), joined)]
    owners = np.searchsorted(features.pieces.offsets, np.array(starts, np.int64), side="right") - 1
    return ~_mask(features, owners)


def _mask(features: PieceFeatures, tokens: npt.NDArray[np.integer]) -> BoolArray:
    result = np.zeros(features.pieces.size, bool)
    result[tokens] = True
    return result
