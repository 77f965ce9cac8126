"""`pyengine vocab` as a document: one tokenizer in full, or several."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any, TypeAlias

from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.listing import Spec, listing
from pyengine.report.numbers import count, writer
from pyengine.report.pieces import file_name
from pyengine.report.sentences import vocabulary
from pyengine.report.tables import Cell, Table, measured
from pyengine.report.vocab_found import Found, Words, found_of, labels
from pyengine.report.vocab_tables import method, tables_of
from pyengine.run.record import Run

_SIDE_BY_SIDE = 5  # models whose numbers, written as `123 (456)`, fit into 80 columns
Named: TypeAlias = tuple[str, Found]
# What stands for integrity: title, and how many tokens, or kinds of text, of a tokenizer.
INTEGRITY: tuple[tuple[str, Callable[[Found], int | None]], ...] = (
    (
        "own bytes encode to others",
        lambda f: None if f.notes("reachability-untested") else f.count("unreachable"),
    ),
    ("parts of characters", lambda f: f.of("fault", "fragment")),
    ("same bytes as another", lambda f: f.of("fault", "duplicate")),
    ("same decoded text as another", lambda f: f.of("fault", "colliding")),
    ("special tokens at fault", lambda f: len(f.notes("special-token"))),
    (
        "kinds of text that change",
        lambda f: sum(
            f.count("round_trip_failures", texts=kind) > 0
            for kind in f.names("round_trip_failures", "texts")
        ),
    ),
    ('paper\'s "special" tokens', lambda f: f.of("rule", "special")),
    ('paper\'s "dead" tokens', lambda f: f.of("rule", "dead")),
)


def vocab_document(run: Run) -> Document:
    """Lay out the analysis of one tokenizer, or of several side by side."""
    models = found_of(run)
    if len(models) > 1:
        return _compared_document(models)
    (found,) = models
    blocks = (Paragraph(vocabulary.vocab_sentence(found), "strong"), *tables_of(found), method(run))
    return Document(f"Tokenizer of {found.info.name}", blocks)


def _compared_document(models: Sequence[Found]) -> Document:
    """Set tokenizers side by side."""
    few = len(models) <= _SIDE_BY_SIDE
    names = dict.fromkeys(name for f in models for name in f.names("token_share", "class"))
    classes = [
        (name, [f.value("token_share", **{"class": name}) or 0.0 for f in models]) for name in names
    ]
    if not few:
        classes = [(name, [100 * share for share in shares]) for name, shares in classes]
    blocks: tuple[Block, ...] = (
        Paragraph(vocabulary.summary_sentence(models), "strong"),
        _identity(models),
        _sharing(models),
        *_coverage(models, few=few),
        *_fertility(models),
        _parts(
            models,
            "Mean id of bare keywords, divided by the number of tokens",
            lambda part: measured(part.value("keyword_id_share"), writer("fixed3")),
            name="vocab-ids-beside",
        ),
        _beside(
            models,
            "vocab-class-beside",
            classes,
            "percent" if few else "fixed",
            title=f"Classes of tokens{'' if few else ', %'}",
        ),
        _beside(
            models,
            "vocab-beside",
            [(title, list(map(number, models))) for title, number in INTEGRITY],
            "whole",
            title="Integrity, and the paper's counts",
            head="tokens",
        ),
        *_differences(models),
        method(models[0].run),
    )
    return Document(f"Tokenizers of {len(models)} models", blocks)


def _identity(models: Sequence[Found]) -> Table:
    """List the models with their tokenizers."""
    rows = [
        {
            "label": label,
            "file": file_name(found.info.path, found.info.name),
            "tokenizer": found.tokenizer,
            "rows": found.n("token_share"),
            "padding": found.of("part", "padding"),
            "cl100k": "yes" if found.identity["cl100k"] else "no",
            "sha256": found.info.vocabulary_sha256[:8],
        }
        for label, found in zip(labels(models), models, strict=True)
    ]
    return listing("vocab-models", rows)


def _sharing(models: Sequence[Found]) -> Table:
    """Show what every two vocabularies have in common."""
    rows = []
    for (a, first), (b, second) in combinations(zip(labels(models), models, strict=True), 2):
        run, ids = first.run, (first.model, second.model)
        (there,) = run.select("shared_tokens", model=ids[0], reference=ids[1], group="")
        back = {
            metric: run.select(metric, model=ids[1], reference=ids[0], group="")[0].value
            for metric in ("shared_tokens", "same_ids", "same_order")
        }
        equal = first.info.vocabulary_sha256 == second.info.vocabulary_sha256
        rows.append(
            {
                **back,
                "pair": f"{a} {b}",
                "equal": "yes" if equal else "no",
                "common": round(there.value * there.n),
                "of_first": there.value,
                "of_second": back["shared_tokens"],
            }
        )
    return listing("vocab-sharing", rows)


def _coverage(models: Sequence[Found], *, few: bool) -> tuple[Table, ...]:
    """Show bare keywords of all models side by side, and those that are one token in any spacing.

    Of more models than fit beside each other so, the two are two tables.
    """
    title = "Keywords that are one bare token"
    if few:
        both = f"{title} (in any spacing in brackets)"
        return (_parts(models, both, lambda part: f"{part.bare} ({part.form('any')})"),)
    spaced = "Keywords that are one token in any spacing"
    return (
        _parts(models, title, lambda part: str(part.bare)),
        _parts(models, spaced, lambda part: str(part.form("any"))),
    )


def _columns(models: Sequence[Found], write: str = "") -> list[Spec]:
    """Return a column for each model, by the model's place."""
    how = {"write": write} if write else {"align": "right"}
    return [{"label": label, "of": i, **how} for i, label in enumerate(labels(models))]


def _parts(
    models: Sequence[Found],
    title: str,
    cell: Callable[[Words], Cell | str | None],
    name: str = "vocab-parts",
) -> Table:
    """Show a number of the words of each language, model beside model."""
    rows: list[dict[Any, Any]] = [
        {"name": parts[0].title, "words": parts[0].words, **dict(enumerate(map(cell, parts)))}
        for parts in zip(*(found.parts for found in models), strict=True)
    ]
    return listing(name, rows, more=_columns(models), title=title)


def _beside(
    models: Sequence[Found],
    name: str,
    lines: Iterable[tuple[str, Sequence[float | None]]],
    write: str,
    notes: Sequence[str] = (),
    **words: str,
) -> Table:
    """Show a number of each tokenizer in each line."""
    rows: list[dict[Any, Any]] = [
        {"name": title, **dict(enumerate(values))} for title, values in lines
    ]
    return listing(name, rows, more=_columns(models, write), notes=notes, **words)


def _fertility(models: Sequence[Found]) -> list[Table]:
    """Show what code costs in all models side by side."""
    by_language = list(zip(*(found.texts() for found in models), strict=True))

    def compared(title: str, metric: str, write: str, name: str = "vocab-beside") -> Table:
        lines = [(row[0].title, [part.value(metric) for part in row]) for row in by_language]
        words = {"title": title, "head": "language", "origin": models[0].text_origin}
        notes = vocabulary.lost_sentences(models) if name == "vocab-beside" else ()
        return _beside(models, name, lines, write, notes, **words)

    return [
        compared("Bytes per token on code", "bytes_per_token", "fixed", "vocab-bytes-beside"),
        compared("Tokens per occurrence of a keyword", "tokens_per_keyword", "fixed3"),
        compared("Tokens spent on indentation", "indentation_share", "percent1"),
    ]


def _differences(models: Sequence[Found]) -> list[Section]:
    """Show where every two different tokenizers differ most."""
    named = zip(labels(models), models, strict=True)
    return [
        _difference(first, second)
        for first, second in combinations(named, 2)
        if first[1].info.vocabulary_sha256 != second[1].info.vocabulary_sha256
    ]


def _difference(first: Named, second: Named) -> Section:
    (a, left), (b, right) = first, second
    ratios = {
        row.members["language"]: row.value
        for row in left.run.select("token_ratio", model=right.model, reference=left.model)
    }
    cost = "tokens_per_1000_bytes"
    rows: list[dict[str, Any]] = [
        {
            "language": one.title,
            "left": one.value(cost),
            "right": other.value(cost),
            "ratio": ratios[one.members["language"]],
        }
        for one, other in zip(left.texts(), right.texts(), strict=True)
        if one.members["language"] in ratios
    ]
    rows.sort(key=lambda row: -abs(math.log(row["ratio"])))
    facts = (
        (f"whole in {a} alone", _alone(left, right)),
        (f"whole in {b} alone", _alone(right, left)),
    )
    table = listing("vocab-differences", rows[:5], a=a, b=b)
    return Section(f"{a} and {b}", (Facts("", facts), table))


def _alone(found: Found, other: Found) -> str:
    """List the keywords that the one keeps whole and the other does not."""
    content = found.exhibit("whole-words-only", reference=other.model)
    words = content["words"] if content else []
    return f"{count(len(words))}: {' '.join(words)}" if words else "none"
