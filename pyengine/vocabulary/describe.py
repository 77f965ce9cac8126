"""From what was found in a tokenizer to records: counts, shares, pieces as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine.syntax import SyntaxClass
from pyengine.vocabulary import piece_features as bits
from pyengine.vocabulary import records
from pyengine.vocabulary.coverage import (
    Form,
    KeywordForms,
    LanguageCoverage,
    ranks,
    union_coverage,
)
from pyengine.vocabulary.fertility import Fertility
from pyengine.vocabulary.integrity import PieceFaults, RoundTrip
from pyengine.vocabulary.keywords import Keyword, KeywordTable
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.reachability import Reachability
from pyengine.vocabulary.token_classes import TokenClasses
from pyengine.vocabulary.tokens import TokenKind, piece_text

if TYPE_CHECKING:
    from pyengine.engine.model import Vocabulary
    from pyengine.vocabulary.analysis import Measured, Tokenizer

EXAMPLES = 12
NO_TOKEN = "\ufffd"  # where a tokenizer has no token for a byte
_SPECIAL = (
    *("bos", "eos", "eot", "sep", "nl", "pad", "mask"),
    *("fim_prefix", "fim_suffix", "fim_middle", "fim_pad", "fim_repository", "fim_separator"),
)


def special_tokens(vocabulary: Vocabulary) -> list[records.SpecialToken]:
    """List the special tokens that llama.cpp knows for this tokenizer."""
    found = ((name, getattr(vocabulary, name)) for name in _SPECIAL)
    return [
        records.SpecialToken(name=name, id=token, piece=piece_text(vocabulary.piece(token)))
        for name, token in found
        if token is not None
    ]


def n_padding(features: PieceFeatures) -> int:
    """Count rows that are no tokens: unused and undefined ones, and a converter's padding."""
    kinds = features.pieces.kinds
    unused = (kinds == TokenKind.UNUSED) | (kinds == TokenKind.UNDEFINED)
    return int(np.count_nonzero(unused | features.padding))


def class_records(features: PieceFeatures, classes: TokenClasses) -> list[records.ClassRecord]:
    """Describe the primary classes that occur, in their order."""
    return [
        _class_record(features, name.value, classes.ids(name))
        for name, count in classes.counts().items()
        if count
    ]


def set_records(
    features: PieceFeatures,
    classes: TokenClasses,
    coverage: Mapping[str, Mapping[str, LanguageCoverage]],
) -> list[records.ClassRecord]:
    """Describe the overlapping sets, and the keywords of the first collection."""
    words = [w.forms for part in next(iter(coverage.values())).values() for w in part.words]
    bare = {w.bare for w in words if w.bare is not None}
    every = {token for w in words for token in w.forms.values()}
    keywords = {"keywords, bare": bare, "keywords, any spacing": every}
    sets = {**classes.sets, **{n: np.array(sorted(ids), np.int64) for n, ids in keywords.items()}}
    return [_class_record(features, name, ids) for name, ids in sets.items()]


def _class_record(
    features: PieceFeatures, name: str, ids: npt.NDArray[np.int64]
) -> records.ClassRecord:
    lengths = features.pieces.lengths[ids]
    return records.ClassRecord(
        name=name,
        tokens=len(ids),
        share=len(ids) / features.pieces.size if features.pieces.size else 0.0,
        mean_bytes=float(lengths.mean()) if len(ids) else 0.0,
        max_bytes=int(lengths.max()) if len(ids) else 0,
    )


def indentation_records(features: PieceFeatures) -> list[records.IndentationRecord]:
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
        records.IndentationRecord(
            kind=kind,  # type: ignore[arg-type]
            widths=sorted(widths),
            complete_to=next(i for i in range(len(widths) + 1) if i + 1 not in widths),
        )
        for kind, widths in runs.items()
    ]


def paper_rules(
    features: PieceFeatures, classes: TokenClasses, file_kinds: npt.NDArray[np.int32]
) -> records.PaperRules:
    """Count the paper's special and dead tokens, kinds as the file declares them.

    llama.cpp takes a few normal tokens, such as `</s>`, for control tokens; the paper does not.
    """
    special = classes.sets["paper: special"]
    if file_kinds.size == features.pieces.size:
        control = features.pieces.kinds == TokenKind.CONTROL
        declared = np.flatnonzero(control & (file_kinds == TokenKind.NORMAL))
        special = np.concatenate((special, declared[features.has(bits.PUNCTUATION)[declared]]))
    dead = len(classes.sets["paper: dead"])
    texts = int(np.count_nonzero(features.textual))
    return records.PaperRules(
        special=len(special),
        special_share=len(special) / features.pieces.size,
        dead=dead,
        dead_share=dead / texts if texts else 0.0,
    )


def collection_record(
    name: str,
    tables: Mapping[str, KeywordTable],
    found: Mapping[str, LanguageCoverage],
    tokenizer: Tokenizer,
) -> records.CollectionRecord:
    """Describe the coverage of all tables of a collection, whole and by class of word."""
    words = (word for part in found.values() for word in part.words)
    missing = {w.keyword: _missing(w, tokenizer) for w in words if w.bare is None}
    record = partial(_coverage_record, tokenizer=tokenizer, missing=missing)
    languages = []
    for language, part in found.items():
        languages.append(record(part, "all"))
        classes = tables[language].classes()
        if len(classes) > 1:
            languages += [record(part.of(c), c.value) for c in classes]
    return records.CollectionRecord(
        name=name,
        origins=sorted({table.origin for table in tables.values()}),
        languages=languages,
        union=record(union_coverage(found.values()), "all"),
    )


def _coverage_record(
    part: LanguageCoverage,
    word_class: str,
    tokenizer: Tokenizer,
    missing: Mapping[Keyword, records.MissingWord],
) -> records.CoverageRecord:
    ids = part.bare_ids()
    texts = int(np.count_nonzero(tokenizer.features.textual))
    rank = ranks(ids, size=max(texts, 1))
    places = None if tokenizer.cl100k is None else tokenizer.cl100k[ids]
    inside = None if places is None else places[places >= 0]
    return records.CoverageRecord(
        language=part.language,
        title=part.title,
        word_class=word_class,
        words=len(part),
        bare=part.count(Form.BARE),
        space=part.count(Form.SPACE),
        line=part.count(Form.NEWLINE, Form.TAB),
        any_form=part.count(),
        mean=rank.mean if rank else None,
        median=rank.median if rank else None,
        maximum=rank.maximum if rank else None,
        mean_share=rank.mean_share if rank else None,
        cl100k_present=None if inside is None else len(inside),
        cl100k_mean=float(inside.mean()) if inside is not None and len(inside) else None,
        missing=[missing[word.keyword] for word in part.words if word.bare is None],
    )


def _missing(word: KeywordForms, tokenizer: Tokenizer) -> records.MissingWord:
    return records.MissingWord(
        word=word.keyword.word,
        word_class=word.keyword.word_class.value,
        forms=[form.value for form in word.forms.forms],
        split=[
            piece_text(tokenizer.vocabulary.piece(token)) if token >= 0 else NO_TOKEN
            for token in word.split
        ],
    )


def fertility_record(language: str, title: str, found: Fertility) -> records.FertilityRecord:
    """Turn counts over one language's documents into rates."""
    located = found.located > 0
    return records.FertilityRecord(
        language=language,
        title=title,
        documents=found.documents,
        refused=found.refused,
        n_bytes=found.n_bytes,
        lines=found.n_lines,
        tokens=found.tokens,
        bytes_per_token=found.n_bytes / found.tokens if found.tokens else None,
        tokens_per_1000_bytes=1000 * found.tokens / found.n_bytes if found.n_bytes else None,
        tokens_per_line=found.tokens / found.n_lines if found.n_lines else None,
        located_share=found.located / found.n_bytes if found.n_bytes else 0.0,
        keywords=found.keywords,
        tokens_per_keyword=found.keyword_tokens / found.keywords if found.keywords else None,
        indentation_share=found.indentation_tokens / found.located_tokens if located else None,
        syntax=[_syntax_record(found, name) for name in found.classes],
    )


def _syntax_record(found: Fertility, name: SyntaxClass) -> records.SyntaxRecord:
    part = found.classes[name]
    n_bytes = sum(c.n_bytes for c in found.classes.values())
    tokens = sum(c.tokens for c in found.classes.values())
    return records.SyntaxRecord(
        name=name.label,
        tokens=part.tokens,
        share_of_tokens=part.tokens / tokens if tokens else 0.0,
        share_of_bytes=part.n_bytes / n_bytes,
        bytes_per_token=part.n_bytes / part.tokens if part.tokens else None,
    )


def integrity_record(
    features: PieceFeatures,
    reach: Reachability,
    faults: PieceFaults,
    special: Sequence[str],
    trips: Sequence[RoundTrip],
) -> records.IntegrityRecord:
    """Collect what is broken, with examples."""
    return records.IntegrityRecord(
        tested=reach.n_tested,
        fragments=reach.n_fragments,
        unreachable=len(reach.unreachable),
        unreachable_examples=_examples(features, reach.unreachable),
        untested_reason=reach.reason,
        duplicates=len(faults.duplicate),
        duplicate_examples=_examples(features, faults.duplicate),
        colliding=len(faults.colliding),
        colliding_lost=faults.lost,
        invalid_utf8=len(faults.invalid),
        special_token_faults=list(special),
        round_trips=[
            records.RoundTripRecord(
                kind=trip.kind,
                tested=trip.tested,
                failed=trip.failed,
                misspelled=trip.misspelled,
                example=None if trip.example is None else piece_text(trip.example),
                came_back=None if trip.came_back is None else piece_text(trip.came_back),
            )
            for trip in trips
        ],
    )


def _examples(features: PieceFeatures, ids: npt.NDArray[np.int64]) -> list[str]:
    """Show some tokens, spread over all of them."""
    chosen = ids[np.linspace(0, len(ids) - 1, min(EXAMPLES, len(ids))).astype(np.int64)]
    return [piece_text(piece) for piece in features.pieces.take(chosen)]


def difference(measured: Sequence[Measured], a: int, b: int) -> records.DifferenceRecord:
    """Name the keywords that only one keeps whole, and order languages by tokens per byte."""
    left, right = measured[a], measured[b]
    whole_a, whole_b = _whole_words(left), _whole_words(right)
    languages = [
        _language_difference(language, left, right)
        for language in left.fertility
        if left.fertility[language].tokens and right.fertility[language].tokens
    ]
    return records.DifferenceRecord(
        a=a,
        b=b,
        whole_in_a=[word for word in whole_a if word not in whole_b],
        whole_in_b=[word for word in whole_b if word not in whole_a],
        languages=sorted(languages, key=lambda item: -abs(np.log(item.ratio))),
    )


def _whole_words(item: Measured) -> dict[str, None]:
    parts = next(iter(item.coverage.values())).values()
    return {w.keyword.word: None for part in parts for w in part.words if w.bare is not None}


def _language_difference(language: str, a: Measured, b: Measured) -> records.LanguageDifference:
    left, right = a.fertility[language], b.fertility[language]
    titles = next(iter(a.coverage.values()))
    return records.LanguageDifference(
        language=language,
        title=titles[language].title if language in titles else language,
        a=1000 * left.tokens / left.n_bytes,
        b=1000 * right.tokens / right.n_bytes,
        ratio=(right.tokens / right.n_bytes) / (left.tokens / left.n_bytes),
    )
