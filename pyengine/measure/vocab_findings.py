"""What is found in tokenizers as measurements, exhibits and notes: of each, and of every two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pyengine.measure.fertility import Fertility
from pyengine.measure.vocab_analysis import Analysed
from pyengine.models.model import Vocabulary
from pyengine.run.measurement import NAN, Measurement, group_of
from pyengine.run.record import Exhibit, Note
from pyengine.vocabulary.coverage import Form, KeywordForms, LanguageCoverage, ranks, union_coverage
from pyengine.vocabulary.integrity import special_token_faults
from pyengine.vocabulary.keywords import WordClass
from pyengine.vocabulary.paper import paper_counts
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.sharing import compare_vocabularies
from pyengine.vocabulary.tokenizer import Tokenizer
from pyengine.vocabulary.tokens import piece_text

FORMS: Mapping[str, tuple[Form, ...]] = {
    "bare": (Form.BARE,),
    "space": (Form.SPACE,),
    "line": (Form.NEWLINE, Form.TAB),
    "any": (),
}


class MakeRow(Protocol):
    """Makes a measurement of one tokenizer."""

    def __call__(
        self, metric: str, members: Mapping[str, str], value: float, n: int = 0
    ) -> Measurement:
        """Return the measurement of a metric for a group of n things."""


def tokenizer_rows(item: Analysed) -> Iterator[Measurement]:
    """Yield every number of one tokenizer."""
    row = partial(_row, item.id)
    yield from _token_rows(item, row)
    for collection, found in item.coverage.items():
        yield from _collection_rows(collection, found, item.tokenizer, row)
    for language, fertility in item.fertility.items():
        yield from _fertility_rows({"language": language}, fertility, row)
    yield from _integrity_rows(item, row)


def _row(
    model: str, metric: str, members: Mapping[str, str], value: float, n: int = 0
) -> Measurement:
    return Measurement(metric, model, "", group_of(members), float(value), n=n)


def ratio(part: float, whole: float) -> float:
    """Return part / whole; NaN where there is nothing."""
    return part / whole if whole else NAN


def _token_rows(item: Analysed, row: MakeRow) -> Iterator[Measurement]:
    """Yield how many tokens are of each class, in each set, and under the paper's rules."""
    tokenizer, size = item.tokenizer, item.tokenizer.size
    yield row("token_share", {}, 1.0, size)
    for part, n in (("text", tokenizer.n_text), ("padding", tokenizer.n_padding)):
        yield row("token_share", {"part": part}, ratio(n, size), size)
    for name, n in tokenizer.classes.counts().items():
        if n:
            yield from _set_rows({"class": name.value}, tokenizer.classes.ids(name), tokenizer, row)
    for title, ids in _sets(item):
        yield from _set_rows({"set": title}, ids, tokenizer, row)
    special, dead = paper_counts(tokenizer)
    yield row("token_share", {"rule": "special"}, ratio(special, size), size)
    n_text = tokenizer.n_text
    yield row("token_share", {"rule": "dead"}, dead / n_text if n_text else 0.0, n_text)


def _sets(item: Analysed) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Yield the overlapping sets, with the keywords of the first collection."""
    yield from item.tokenizer.classes.sets.items()
    words = [w.forms for part in next(iter(item.coverage.values())).values() for w in part.words]
    bare = {w.bare for w in words if w.bare is not None}
    every = {token for w in words for token in w.forms.values()}
    yield "keywords, bare", np.array(sorted(bare), np.int64)
    yield "keywords, any spacing", np.array(sorted(every), np.int64)


def _set_rows(
    members: Mapping[str, str], ids: npt.NDArray[np.int64], tokenizer: Tokenizer, row: MakeRow
) -> Iterator[Measurement]:
    lengths = tokenizer.features.pieces.lengths[ids]
    n = len(ids)
    yield row("token_share", members, ratio(n, tokenizer.size), tokenizer.size)
    yield row("piece_bytes", members, lengths.mean() if n else 0.0, n)
    yield row("piece_bytes_max", members, lengths.max(initial=0), n)


def _collection_rows(
    collection: str, found: Mapping[str, LanguageCoverage], tokenizer: Tokenizer, row: MakeRow
) -> Iterator[Measurement]:
    """Yield coverage of each language, whole and by class of word, and of all words together."""
    whole = {"collection": collection}
    for language, part in found.items():
        members = whole | {"language": language}
        yield from _coverage_rows(members, part, tokenizer, row)
        present = {word.keyword.word_class for word in part.words}
        for word_class in (name for name in WordClass if name in present):
            inner = members | {"class": word_class.value}
            yield from _coverage_rows(inner, part.of(word_class), tokenizer, row)
    yield from _coverage_rows(whole, union_coverage(found.values()), tokenizer, row)


def _coverage_rows(
    members: Mapping[str, str], part: LanguageCoverage, tokenizer: Tokenizer, row: MakeRow
) -> Iterator[Measurement]:
    n = len(part)
    for form, forms in FORMS.items():
        yield row("coverage", {**members, "form": form}, ratio(part.count(*forms), n), n)
    ids = part.bare_ids()
    rank = ranks(ids, size=max(tokenizer.n_text, 1))
    if rank is not None:
        yield row("keyword_id_mean", members, rank.mean, rank.present)
        yield row("keyword_id_median", members, rank.median, rank.present)
        yield row("keyword_id_max", members, rank.maximum, rank.present)
        yield row("keyword_id_share", members, rank.mean_share, rank.present)
    if tokenizer.cl100k is not None:
        places = tokenizer.cl100k[ids]
        inside = places[places >= 0]
        mean = float(inside.mean()) if len(inside) else NAN
        yield row("keyword_place_mean", members, mean, len(inside))


def _fertility_rows(
    members: Mapping[str, str], found: Fertility, row: MakeRow
) -> Iterator[Measurement]:
    """Yield rates over the documents of one language; exact for these texts."""
    n_documents = found.documents + found.refused
    yield row("refused_documents", members, found.refused, n_documents)
    yield row("bytes_per_token", members, ratio(found.n_bytes, found.tokens), found.tokens)
    per_1000 = ratio(1000 * found.tokens, found.n_bytes)
    yield row("tokens_per_1000_bytes", members, per_1000, found.n_bytes)
    yield row("tokens_per_line", members, ratio(found.tokens, found.n_lines), found.n_lines)
    located = found.located / found.n_bytes if found.n_bytes else 0.0
    yield row("located_share", members, located, found.n_bytes)
    per_keyword = ratio(found.keyword_tokens, found.keywords)
    yield row("tokens_per_keyword", members, per_keyword, found.keywords)
    if found.located:
        share = found.indentation_tokens / found.located_tokens
        yield row("indentation_share", members, share, found.located_tokens)
    tokens = sum(part.tokens for part in found.classes.values())
    n_bytes = sum(part.n_bytes for part in found.classes.values())
    for name, part in found.classes.items():
        inner = {**members, "class": name.label}
        yield row("syntax_token_share", inner, part.tokens / tokens if tokens else 0.0, tokens)
        yield row("syntax_byte_share", inner, part.n_bytes / n_bytes, n_bytes)
        yield row("bytes_per_token", inner, ratio(part.n_bytes, part.tokens), part.tokens)


def _integrity_rows(item: Analysed, row: MakeRow) -> Iterator[Measurement]:
    reach, faults, size = item.reachability, item.faults, item.tokenizer.size
    if not reach.reason:
        n = int(reach.n_tested)
        yield row("unreachable", {}, ratio(len(reach.unreachable), n), n)
    counts: Iterable[tuple[str, int]] = (
        ("fragment", reach.n_fragments),
        ("duplicate", len(faults.duplicate)),
        ("colliding", len(faults.colliding)),
        ("lost", faults.lost),
        ("invalid UTF-8", len(faults.invalid)),
    )
    for fault, n in counts:
        yield row("token_share", {"fault": fault}, ratio(n, size), size)
    for trip in item.trips:
        texts = {"texts": trip.kind}
        yield row("round_trip_failures", texts, trip.failed / trip.tested, trip.tested)
        yield row("round_trip_misspellings", texts, trip.misspelled / trip.tested, trip.tested)


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
    yield Exhibit(kind="tokenizer", model=item.id, content=_identity(item.tokenizer))
    for content in _white_space(item.tokenizer.features):
        yield Exhibit(kind="white-space", model=item.id, content=content)
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
            yield Exhibit(kind="round-trip", model=item.id, content=content)


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


def pair_rows(a: Analysed, b: Analysed, *, identical: bool) -> Iterator[Measurement]:
    """Yield what the vocabularies of a and b share and, where they differ, what code costs.

    Numbers that depend on the direction stand both ways; the others have a as reference.
    """
    found = compare_vocabularies(a.tokenizer.features, b.tokenizer.features)
    for model, reference, size, last in (
        (a.id, b.id, found.size_a, found.last_a),
        (b.id, a.id, found.size_b, found.last_b),
    ):
        share = found.common / size if size else 0.0
        yield Measurement("shared_tokens", model, reference, "", share, n=size)
        if last is not None:
            yield Measurement("same_order_last", model, reference, "", float(last))
    yield Measurement("same_ids", b.id, a.id, "", float(found.same_ids))
    yield Measurement("same_order", b.id, a.id, "", float(found.same_order))
    if not identical:
        yield from _token_ratios(a, b)


def _token_ratios(a: Analysed, b: Analysed) -> Iterator[Measurement]:
    for language, left in a.fertility.items():
        right = b.fertility[language]
        if left.tokens and right.tokens:
            value = (right.tokens / right.n_bytes) / (left.tokens / left.n_bytes)
            group = group_of({"language": language})
            yield Measurement("token_ratio", b.id, a.id, group, value)


def pair_exhibits(a: Analysed, b: Analysed) -> Iterator[Exhibit]:
    """Yield the keywords of the first collection that one keeps whole and the other does not.

    Kind whole-words-only: reference (the other tokenizer) and words.
    """
    whole_a, whole_b = _whole_words(a), _whole_words(b)
    for item, other, mine, theirs in ((a, b, whole_a, whole_b), (b, a, whole_b, whole_a)):
        content = {"reference": other.id, "words": [word for word in mine if word not in theirs]}
        yield Exhibit(kind="whole-words-only", model=item.id, content=content)


def _whole_words(item: Analysed) -> dict[str, None]:
    parts = next(iter(item.coverage.values())).values()
    return {w.keyword.word: None for part in parts for w in part.words if w.bare is not None}
