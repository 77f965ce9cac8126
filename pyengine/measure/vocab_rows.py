"""The numbers of one tokenizer as measurements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pyengine.measure.fertility import Fertility
from pyengine.measure.vocab_analysis import Analysed
from pyengine.run.measurement import NAN, Measurement, group_of
from pyengine.vocabulary.coverage import Form, LanguageCoverage, ranks, union_coverage
from pyengine.vocabulary.keywords import WordClass
from pyengine.vocabulary.paper import paper_counts
from pyengine.vocabulary.tokenizer import Tokenizer

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
