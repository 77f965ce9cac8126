"""What one tokenizer shows besides numbers: special tokens, splits of words, examples of faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.engine.model import Vocabulary
from pyengine.measure.vocab_analysis import Analysed
from pyengine.run.record import Exhibit, Note
from pyengine.vocabulary.coverage import KeywordForms
from pyengine.vocabulary.integrity import special_token_faults
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.tokenizer import Tokenizer
from pyengine.vocabulary.tokens import piece_text

EXAMPLES = 12
NO_TOKEN = "\ufffd"  # where a tokenizer has no token for a byte
_SPECIAL = (
    *("bos", "eos", "eot", "sep", "nl", "pad", "mask"),
    *("fim_prefix", "fim_suffix", "fim_middle", "fim_pad", "fim_repository", "fim_separator"),
)


def tokenizer_exhibits(item: Analysed) -> Iterator[Exhibit]:
    """Yield what one tokenizer shows.

    Kinds:
        tokenizer: add_bos, add_eos, cl100k (it begins with cl100k_base, in that order) and
            special_tokens, of each name, id and piece.
        white_space: kind of pure white space, widths in characters that one token has, and
            complete_to: every width from 1 to this exists.
        splits: collection, language and words that are no bare token, of each word, class, the
            forms in which it is one, and the pieces of its split.
        pieces: examples of tokens with a fault, "unreachable" or "duplicate".
        round_trip: the first text of a kind that did not come back, and what came.
    """
    yield Exhibit(kind="tokenizer", model=item.id, content=_identity(item.tokenizer))
    for content in _white_space(item.tokenizer.features):
        yield Exhibit(kind="white_space", model=item.id, content=content)
    for content in _splits(item):
        yield Exhibit(kind="splits", model=item.id, content=content)
    features = item.tokenizer.features
    for fault, ids in (
        ("unreachable", item.reachability.unreachable),
        ("duplicate", item.faults.duplicate),
    ):
        if len(ids):
            content = {"fault": fault, "pieces": _examples(features, ids)}
            yield Exhibit(kind="pieces", model=item.id, content=content)
    for trip in item.trips:
        if trip.example is not None and trip.came_back is not None:
            content = {
                "texts": trip.kind,
                "text": piece_text(trip.example),
                "came_back": piece_text(trip.came_back),
            }
            yield Exhibit(kind="round_trip", model=item.id, content=content)


def tokenizer_notes(item: Analysed) -> Iterator[Note]:
    """Yield what must be known of one tokenizer's numbers.

    Codes:
        reachability-untested: why, see `Reachability`.
        special-token: what is wrong with one, see `special_token_faults`.
    """
    if item.reachability.reason:
        why = {"why": item.reachability.reason}
        yield Note(code="reachability-untested", model=item.id, values=why)
    for fault in special_token_faults(item.tokenizer.vocabulary, item.tokenizer.model.metadata):
        yield Note(code="special-token", model=item.id, values=fault)


def _identity(tokenizer: Tokenizer) -> dict[str, Any]:
    vocabulary = tokenizer.vocabulary
    return {
        "add_bos": vocabulary.add_bos,
        "add_eos": vocabulary.add_eos,
        "cl100k": tokenizer.cl100k is not None,
        "special_tokens": _special_tokens(vocabulary),
    }


def _special_tokens(vocabulary: Vocabulary) -> list[dict[str, Any]]:
    found = ((name, getattr(vocabulary, name)) for name in _SPECIAL)
    return [
        {"name": name, "id": token, "piece": piece_text(vocabulary.piece(token))}
        for name, token in found
        if token is not None
    ]


def _white_space(features: PieceFeatures) -> list[dict[str, Any]]:
    """List the widths of pure spaces, tabs and newlines, and of spaces after one newline."""
    white = features.textual & features.ascii_white
    pieces = features.pieces.take(np.flatnonzero(white))
    runs = {
        "spaces": {len(p) for p in pieces if not p.strip(b" ")},
        "tabs": {len(p) for p in pieces if not p.strip(b"\t")},
        "newlines": {len(p) for p in pieces if not p.strip(b"\n")},
        "newline and spaces": {
            len(p) - 1 for p in pieces if p[:1] == b"\n" and p[1:] and not p[1:].strip(b" ")
        },
    }
    return [
        {
            "kind": kind,
            "widths": sorted(widths),
            "complete_to": next(i for i in range(len(widths) + 1) if i + 1 not in widths),
        }
        for kind, widths in runs.items()
    ]


def _splits(item: Analysed) -> Iterator[dict[str, Any]]:
    vocabulary = item.tokenizer.vocabulary
    for collection, found in item.coverage.items():
        for language, part in found.items():
            words = [_split(word, vocabulary) for word in part.words if word.bare is None]
            yield {"collection": collection, "language": language, "words": words}


def _split(word: KeywordForms, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "word": word.keyword.word,
        "class": word.keyword.word_class.value,
        "forms": [form.value for form in word.forms.forms],
        "pieces": [
            piece_text(vocabulary.piece(token)) if token >= 0 else NO_TOKEN for token in word.split
        ],
    }


def _examples(features: PieceFeatures, ids: npt.NDArray[np.int64]) -> list[str]:
    """Show some tokens, spread over all of them."""
    chosen = ids[np.linspace(0, len(ids) - 1, min(EXAMPLES, len(ids))).astype(np.int64)]
    return [piece_text(piece) for piece in features.pieces.take(chosen)]
