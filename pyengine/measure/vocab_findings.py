"""What is found in tokenizers as measurements, exhibits and notes: of each, and of every two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.measure.found import measured
from pyengine.models.model import Vocabulary
from pyengine.run.measurement import NAN, Measurement, group_of
from pyengine.run.record import Exhibit, Note
from pyengine.text.classes import SyntaxClass
from pyengine.vocabulary.coverage import (
    PREFIXES,
    Covered,
    KeywordForms,
    bare_ids,
    each_once,
    id_statistics,
    missing,
)
from pyengine.vocabulary.integrity import PieceFaults, RoundTrip, special_token_faults
from pyengine.vocabulary.keywords import WordClass
from pyengine.vocabulary.paper import paper_counts
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.reachability import Reachability
from pyengine.vocabulary.tokenizer import Tokenizer, compare_vocabularies, same_ids
from pyengine.vocabulary.tokens import piece_text

FORMS: Mapping[str, tuple[str, ...]] = {
    "bare": ("bare",),
    "space": ("space",),
    "line": ("newline", "tab"),
    "any": tuple(PREFIXES),
}
# Takes metric, value, n and members of the group.
MakeRow = Callable[..., Measurement]


@dataclass(frozen=True)
class Analysed:
    """All that was found in one tokenizer.

    Attributes:
        id: of its model in the run.
        coverage: by collection and language.
        fertility: counts by language, see `fertility`.
    """

    id: str
    tokenizer: Tokenizer
    coverage: Mapping[str, Mapping[str, Covered]]
    fertility: Mapping[str, Counter[str]]
    reachability: Reachability
    faults: PieceFaults
    trips: Sequence[RoundTrip]

    @property
    def words(self) -> Covered:
        """The keywords of the first collection."""
        return tuple(word for part in next(iter(self.coverage.values())).values() for word in part)


def tokenizer_rows(item: Analysed) -> Iterator[Measurement]:
    """Yield every number of one tokenizer."""
    row = partial(measured, item.id)
    yield from _token_rows(item, row)
    for collection, found in item.coverage.items():
        yield from _collection_rows({"collection": collection}, found, item.tokenizer, row)
    for language, counts in item.fertility.items():
        yield from _fertility_rows({"language": language}, counts, row)
    yield from _integrity_rows(item, row)


def ratio(part: float, whole: float, nothing: float = NAN) -> float:
    """Return part / whole; NaN where there is nothing."""
    return part / whole if whole else nothing


def _token_rows(item: Analysed, row: MakeRow) -> Iterator[Measurement]:
    """Yield how many tokens are of each class, in each set, and under the paper's rules."""
    tokenizer, size = item.tokenizer, item.tokenizer.size
    yield row("token_share", 1.0, size)
    for part, n in (("text", tokenizer.n_text), ("padding", tokenizer.n_padding)):
        yield row("token_share", ratio(n, size), size, {"part": part})
    for name, n in tokenizer.classes.counts().items():
        if n:
            yield from _set_rows({"class": name.value}, tokenizer.classes.ids(name), tokenizer, row)
    bare = {w.bare for w in item.words if w.bare is not None}
    every = {token for w in item.words for token in w.forms.values()}
    sets = {
        **tokenizer.classes.sets,
        "keywords, bare": np.array(sorted(bare), np.int64),
        "keywords, any spacing": np.array(sorted(every), np.int64),
    }
    for title, ids in sets.items():
        yield from _set_rows({"set": title}, ids, tokenizer, row)
    special, dead = paper_counts(tokenizer)
    yield row("token_share", ratio(special, size), size, {"rule": "special"})
    n_text = tokenizer.n_text
    yield row("token_share", ratio(dead, n_text, 0.0), n_text, {"rule": "dead"})


def _set_rows(
    members: Mapping[str, str], ids: npt.NDArray[np.int64], tokenizer: Tokenizer, row: MakeRow
) -> Iterator[Measurement]:
    lengths = tokenizer.features.pieces.lengths[ids]
    n = len(ids)
    yield row("token_share", ratio(n, tokenizer.size), tokenizer.size, members)
    yield row("piece_bytes", lengths.mean() if n else 0.0, n, members)
    yield row("piece_bytes_max", lengths.max(initial=0), n, members)


def _collection_rows(
    whole: Mapping[str, str], found: Mapping[str, Covered], tokenizer: Tokenizer, row: MakeRow
) -> Iterator[Measurement]:
    """Yield coverage of each language, whole and by class of word, and of all words together."""
    for language, part in found.items():
        members = {**whole, "language": language}
        yield from _coverage_rows(members, part, tokenizer, row)
        for word_class in WordClass:
            of_class = tuple(w for w in part if w.keyword.word_class is word_class)
            if of_class:
                inner = {**members, "class": word_class.value}
                yield from _coverage_rows(inner, of_class, tokenizer, row)
    yield from _coverage_rows(whole, each_once(found.values()), tokenizer, row)


def _coverage_rows(
    members: Mapping[str, str], part: Covered, tokenizer: Tokenizer, row: MakeRow
) -> Iterator[Measurement]:
    n = len(part)
    for form, forms in FORMS.items():
        covered = ratio(n - len(missing(part, *forms)), n)
        yield row("coverage", covered, n, {**members, "form": form})
    ids = bare_ids(part)
    for name, value in id_statistics(ids, n_text=tokenizer.n_text).items():
        yield row(f"keyword_id_{name}", value, len(ids), members)
    if tokenizer.cl100k is not None:
        places = tokenizer.cl100k[ids]
        inside = places[places >= 0]
        mean = inside.mean() if len(inside) else NAN
        yield row("keyword_place_mean", mean, len(inside), members)


def _fertility_rows(
    members: Mapping[str, str], found: Counter[str], row: MakeRow
) -> Iterator[Measurement]:
    """Yield rates over the documents of one language; exact for these texts."""
    n_tokens, n_bytes, n_lines = found["tokens"], found["n_bytes"], found["n_lines"]
    n_documents = found["documents"] + found["refused"]
    yield row("refused_documents", found["refused"], n_documents, members)
    yield row("bytes_per_token", ratio(n_bytes, n_tokens), n_tokens, members)
    yield row("tokens_per_1000_bytes", ratio(1000 * n_tokens, n_bytes), n_bytes, members)
    yield row("tokens_per_line", ratio(n_tokens, n_lines), n_lines, members)
    yield row("located_share", ratio(found["located"], n_bytes, 0.0), n_bytes, members)
    per_keyword = ratio(found["keyword_tokens"], found["keywords"])
    yield row("tokens_per_keyword", per_keyword, found["keywords"], members)
    if found["located"]:
        n_located = found["located_tokens"]
        indentation = found["indentation_tokens"] / n_located
        yield row("indentation_share", indentation, n_located, members)
    present = [name.label for name in SyntaxClass if found[f"{name.label} bytes"]]
    all_tokens = sum(found[f"{name} tokens"] for name in present)
    all_bytes = sum(found[f"{name} bytes"] for name in present)
    for name in present:
        inner = {**members, "class": name}
        tokens, size = found[f"{name} tokens"], found[f"{name} bytes"]
        yield row("syntax_token_share", ratio(tokens, all_tokens, 0.0), all_tokens, inner)
        yield row("syntax_byte_share", size / all_bytes, all_bytes, inner)
        yield row("bytes_per_token", ratio(size, tokens), tokens, inner)


def _integrity_rows(item: Analysed, row: MakeRow) -> Iterator[Measurement]:
    reach, faults, size = item.reachability, item.faults, item.tokenizer.size
    if not reach.reason:
        n = int(reach.n_tested)
        yield row("unreachable", ratio(len(reach.unreachable), n), n)
    for fault, n in (
        ("fragment", reach.n_fragments),
        ("duplicate", len(faults.duplicate)),
        ("colliding", len(faults.colliding)),
        ("lost", faults.lost),
        ("invalid UTF-8", len(faults.invalid)),
    ):
        yield row("token_share", ratio(n, size), size, {"fault": fault})
    for trip in item.trips:
        texts = {"texts": trip.kind}
        yield row("round_trip_failures", trip.failed / trip.tested, trip.tested, texts)
        yield row("round_trip_misspellings", trip.misspelled / trip.tested, trip.tested, texts)


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
        white-space: kind of pure white space, widths in characters that one token has, and
            complete_to: every width from 1 to this exists.
        splits: collection, language and words that are no bare token, of each word, class, the
            forms in which it is one, and the pieces of its split.
        pieces: examples of tokens with a fault, "unreachable" or "duplicate".
        round-trip: the first text of a kind that did not come back, and what came.
    """
    for kind, content in _shown(item):
        yield Exhibit(kind=kind, model=item.id, content=content)


def _shown(item: Analysed) -> Iterator[tuple[str, dict[str, Any]]]:
    vocabulary, features = item.tokenizer.vocabulary, item.tokenizer.features
    yield (
        "tokenizer",
        {
            "add_bos": vocabulary.add_bos,
            "add_eos": vocabulary.add_eos,
            "cl100k": item.tokenizer.cl100k is not None,
            "special_tokens": [
                {"name": name, "id": token, "piece": piece_text(vocabulary.piece(token))}
                for name in _SPECIAL
                if (token := getattr(vocabulary, name)) is not None
            ],
        },
    )
    for kind, widths in _white_space(features).items():
        complete_to = next(i for i in range(len(widths) + 1) if i + 1 not in widths)
        content = {"kind": kind, "widths": sorted(widths), "complete_to": complete_to}
        yield "white-space", content
    for collection, found in item.coverage.items():
        for language, part in found.items():
            words = [_split(word, vocabulary) for word in part if word.bare is None]
            yield "splits", {"collection": collection, "language": language, "words": words}
    for fault, ids in (
        ("unreachable", item.reachability.unreachable),
        ("duplicate", item.faults.duplicate),
    ):
        if len(ids):
            yield "pieces", {"fault": fault, "pieces": _examples(features, ids)}
    for trip in item.trips:
        if trip.example is not None and trip.came_back is not None:
            text, came_back = piece_text(trip.example), piece_text(trip.came_back)
            yield "round-trip", {"texts": trip.kind, "text": text, "came_back": came_back}


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


def _white_space(features: PieceFeatures) -> dict[str, set[int]]:
    """Return the widths of pure spaces, tabs and newlines, and of spaces after one newline."""
    white = features.textual & features.ascii_white
    pieces = features.pieces.take(np.flatnonzero(white))
    return {
        "spaces": {len(p) for p in pieces if not p.strip(b" ")},
        "tabs": {len(p) for p in pieces if not p.strip(b"\t")},
        "newlines": {len(p) for p in pieces if not p.strip(b"\n")},
        "newline and spaces": {
            len(p) - 1 for p in pieces if p[:1] == b"\n" and p[1:] and not p[1:].strip(b" ")
        },
    }


def _split(word: KeywordForms, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "word": word.keyword.word,
        "class": word.keyword.word_class.value,
        "forms": list(word.forms),
        "pieces": [
            piece_text(vocabulary.piece(token)) if token >= 0 else NO_TOKEN for token in word.split
        ],
    }


def _examples(features: PieceFeatures, ids: npt.NDArray[np.int64]) -> list[str]:
    """Show some tokens, spread over all of them."""
    chosen = ids[np.linspace(0, len(ids) - 1, min(EXAMPLES, len(ids))).astype(np.int64)]
    return [piece_text(piece) for piece in features.pieces.take(chosen)]


def pair_rows(a: Analysed, b: Analysed, *, identical: bool) -> Iterator[Measurement]:
    """Yield what the vocabularies of a and b share and, where they differ, what code costs.

    Numbers that depend on the direction stand both ways; the others have a as reference.
    """
    features = a.tokenizer.features, b.tokenizer.features
    common, order = compare_vocabularies(*features)
    for side, (model, reference) in enumerate(((a.id, b.id), (b.id, a.id))):
        size = int(np.count_nonzero(features[side].text))
        yield Measurement("shared_tokens", model, reference, "", ratio(common, size, 0.0), n=size)
        if order:
            last = float(order[-1][side])
            yield Measurement("same_order_last", model, reference, "", last)
    yield Measurement("same_ids", b.id, a.id, "", float(same_ids(*features)))
    yield Measurement("same_order", b.id, a.id, "", float(len(order)))
    if not identical:
        yield from _token_ratios(a, b)


def _token_ratios(a: Analysed, b: Analysed) -> Iterator[Measurement]:
    for language, left in a.fertility.items():
        right = b.fertility[language]
        if left["tokens"] and right["tokens"]:
            spent = [counts["tokens"] / counts["n_bytes"] for counts in (left, right)]
            value = spent[1] / spent[0]
            group = group_of({"language": language})
            yield Measurement("token_ratio", b.id, a.id, group, value)


def pair_exhibits(a: Analysed, b: Analysed) -> Iterator[Exhibit]:
    """Yield the keywords of the first collection that one keeps whole and the other does not.

    Kind whole-words-only: reference (the other tokenizer) and words.
    """
    for item, other in ((a, b), (b, a)):
        theirs = {w.keyword.word for w in other.words if w.bare is not None}
        mine = dict.fromkeys(w.keyword.word for w in item.words if w.bare is not None)
        content = {"reference": other.id, "words": [word for word in mine if word not in theirs]}
        yield Exhibit(kind="whole-words-only", model=item.id, content=content)
