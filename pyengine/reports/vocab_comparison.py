"""The tables of `pyengine vocab` that set several tokenizers side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from string import ascii_uppercase

from pyengine.reports.names import file_name
from pyengine.reports.numbers import count, fixed, percent
from pyengine.reports.tables import (
    Cell,
    Column,
    Facts,
    Section,
    Table,
    measured,
    table,
)
from pyengine.reports.vocab_found import Found, Part, Text
from pyengine.reports.vocab_tables import (
    Columns,
    Rows,
    one_decimal,
    origin,
    right,
    size,
    tokenizer_name,
    whole_number,
)
from pyengine.run.measurement import Measurement
from pyengine.run.record import Run

_SIDE_BY_SIDE = 5  # models whose numbers, written as `123 (456)`, fit into 80 columns


def labels(models: Sequence[Found]) -> list[str]:
    """Return a letter for every model."""
    return [f"{ascii_uppercase[i % 26]}{i // 26 or ''}" for i in range(len(models))]


def identity_table(models: Sequence[Found]) -> Table:
    """List the models with their tokenizers."""
    rows: Rows = []
    for name, found in zip(labels(models), models, strict=True):
        model, padding = found.model, found.count("token_share", {"part": "padding"})
        rows.append(
            (
                name,
                file_name(model.path, model.name),
                tokenizer_name(found),
                Cell(count(size(found)), size(found)),
                Cell(count(padding), padding),
                "yes" if found.identity["cl100k"] else "no",
                Cell(model.vocabulary_sha256[:8], model.vocabulary_sha256),
            )
        )
    columns: Columns = (
        "",
        Column("file", min_width=20),
        Column("tokenizer", min_width=10, drop=3),
        Column("rows", "right"),
        Column("padding", "right", drop=1),
        Column("cl100k", drop=2),
        Column("sha256"),
    )
    notes = ["cl100k: begins with cl100k_base, so that token ids follow OpenAI's merge order."]
    return table("Models", columns, rows, notes=notes)


def sharing_table(models: Sequence[Found]) -> Table:
    """Show what every two vocabularies have in common."""
    rows: Rows = []
    for (a, left), (b, right_) in combinations(zip(labels(models), models, strict=True), 2):
        run, first, second = left.run, left.model, right_.model
        of_first = _pair(run, "shared_tokens", first.id, second.id)
        common = round(of_first.value * of_first.n)
        same_ids, same_order = (
            int(_pair(run, metric, second.id, first.id).value)
            for metric in ("same_ids", "same_order")
        )
        rows.append(
            (
                f"{a} {b}",
                "yes" if first.vocabulary_sha256 == second.vocabulary_sha256 else "no",
                Cell(count(common), common),
                measured(of_first.value, one_decimal),
                measured(_pair(run, "shared_tokens", second.id, first.id).value, one_decimal),
                Cell(count(same_ids), same_ids),
                Cell(count(same_order), same_order),
            )
        )
    columns: Columns = (
        Column("pair"),
        Column("equal"),
        Column("in common", "right"),
        Column("of first", "right"),
        Column("of second", "right"),
        Column("same ids", "right", drop=1),
        Column("same order", "right"),
    )
    notes = [
        "same ids: tokens from id 0 on that are equal. same order: common tokens from the start "
        "on that come in the same order, what one lacks left out."
    ]
    return table("What they share", columns, rows, notes=notes)


def _pair(run: Run, metric: str, model: str, reference: str) -> Measurement:
    (row,) = run.select(metric, model=model, reference=reference, group="")
    return row


def compared_coverage(models: Sequence[Found]) -> tuple[Table, ...]:
    """Show bare keywords of all models side by side, and those that are one token in any spacing.

    Of more models than fit beside each other so, the two are two tables.
    """
    if len(models) <= _SIDE_BY_SIDE:
        title = "Keywords that are one bare token (in any spacing in brackets)"
        both = _compared(models, title, lambda p: Cell(f"{p.bare} ({p.form('any')})", p.bare))
        return (both,)
    return (
        _compared(models, "Keywords that are one bare token", lambda p: Cell(str(p.bare), p.bare)),
        _compared(
            models,
            "Keywords that are one token in any spacing",
            lambda part: Cell(str(part.form("any")), part.form("any")),
        ),
    )


def compared_ranks(models: Sequence[Found]) -> Table:
    """Show mean ids of all models side by side."""
    return _compared(
        models,
        "Mean id of bare keywords, divided by the number of tokens",
        lambda part: measured(part.value("keyword_id_share"), lambda v: fixed(v, 3)),
        notes=["An id is a merge order, not a frequency; see cl100k above."],
    )


def _compared(
    models: Sequence[Found],
    title: str,
    cell: Callable[[Part], Cell],
    notes: Sequence[str] = (),
) -> Table:
    columns: list[Column | str] = ["language", *right("words", *labels(models))]
    parts = [(*found.languages(), found.union) for found in models]
    rows: Rows = [
        (first.title, Cell(count(first.words), first.words), *(cell(p) for p in (first, *others)))
        for first, *others in zip(*parts, strict=True)
    ]
    return table(title, columns, rows, notes=notes)


def compared_fertility(models: Sequence[Found]) -> tuple[Table, ...]:
    """Show what code costs in all models side by side."""
    more = [f"Text: {origin(models[0])}. More bytes per token is fewer tokens."]
    every = [text for found in models for text in found.texts()]
    changed = any((text.value("located_share") or 0) < 1 for text in every)
    lost = ["– : the tokenizer changes the text, or no keywords are known in it."] * changed
    return (
        _texts(models, "Bytes per token on code", "bytes_per_token", fixed, more),
        _texts(
            models,
            "Tokens per occurrence of a keyword",
            "tokens_per_keyword",
            lambda value: fixed(value, 3),
            lost,
        ),
        _texts(models, "Tokens spent on indentation", "indentation_share", one_decimal, lost),
    )


def _texts(
    models: Sequence[Found],
    title: str,
    metric: str,
    write: Callable[[float], str],
    notes: Sequence[str],
) -> Table:
    texts: list[Sequence[Text]] = [found.texts() for found in models]
    rows: Rows = [
        (group[0].title, *(measured(text.value(metric), write) for text in group))
        for group in zip(*texts, strict=True)
    ]
    return table(title, ("language", *right(*labels(models))), rows, notes=notes)


def compared_classes(models: Sequence[Found]) -> Table:
    """Show shares of token classes side by side."""
    names = dict.fromkeys(
        name for found in models for name in found.members("token_share", "class")
    )
    many = len(models) > _SIDE_BY_SIDE
    write = _hundredths if many else percent
    rows: Rows = [
        (
            name,
            *(measured(f.value("token_share", {"class": name}) or 0.0, write) for f in models),
        )
        for name in names
    ]
    columns: Columns = (Column("class", min_width=20), *right(*labels(models)))
    return table("Classes of tokens, %" if many else "Classes of tokens", columns, rows)


def _hundredths(share: float) -> str:
    return fixed(100 * share)


def compared_integrity(models: Sequence[Found]) -> Table:
    """Show integrity side by side."""

    def tokens(dimension: str, name: str) -> Callable[[Found], int]:
        return lambda found: found.count("token_share", {dimension: name})

    lines: tuple[tuple[str, Callable[[Found], int | None]], ...] = (
        ("own bytes encode to others", _unreachable),
        ("parts of characters", tokens("fault", "fragment")),
        ("same bytes as another", tokens("fault", "duplicate")),
        ("same decoded text as another", tokens("fault", "colliding")),
        ("special tokens at fault", lambda found: len(found.notes("special-token"))),
        ("kinds of text that change", _changing),
        ('paper\'s "special" tokens', tokens("rule", "special")),
        ('paper\'s "dead" tokens', tokens("rule", "dead")),
    )
    rows: Rows = [(name, *(measured(of(f), whole_number) for f in models)) for name, of in lines]
    columns: Columns = ("tokens", *right(*labels(models)))
    return table("Integrity, and the paper's counts", columns, rows)


def _unreachable(found: Found) -> int | None:
    return None if found.notes("reachability-untested") else found.count("unreachable")


def _changing(found: Found) -> int:
    kinds = found.members("round_trip_failures", "texts")
    return sum(found.count("round_trip_failures", {"texts": kind}) > 0 for kind in kinds)


def difference_blocks(models: Sequence[Found]) -> list[Section]:
    """Show where every two different tokenizers differ most."""
    named = zip(labels(models), models, strict=True)
    return [
        _difference(first, second)
        for first, second in combinations(named, 2)
        if first[1].model.vocabulary_sha256 != second[1].model.vocabulary_sha256
    ]


def _difference(first: tuple[str, Found], second: tuple[str, Found]) -> Section:
    (a, left), (b, right_) = first, second
    ratios = {
        row.members["language"]: row.value
        for row in left.run.select("token_ratio", model=right_.model.id, reference=left.model.id)
    }
    costs = zip(left.texts(), right_.texts(), strict=True)
    texts = [
        (*both, ratios[both[0].members["language"]])
        for both in costs
        if both[0].members["language"] in ratios
    ]
    texts.sort(key=lambda found: -abs(math.log(found[2])))
    rows: Rows = [
        (
            one.title,
            measured(one.value("tokens_per_1000_bytes"), lambda v: fixed(v, 1)),
            measured(other.value("tokens_per_1000_bytes"), lambda v: fixed(v, 1)),
            measured(ratio, lambda v: fixed(v, 3)),
        )
        for one, other, ratio in texts[:5]
    ]
    columns: Columns = (
        "language",
        *right(f"{a}: tokens/1,000 B", f"{b}: tokens/1,000 B", f"{b} / {a}"),
    )
    facts = (
        (f"whole in {a} alone", _words(_alone(left, right_))),
        (f"whole in {b} alone", _words(_alone(right_, left))),
    )
    blocks = (Facts("", facts), table("Largest differences by language", columns, rows))
    return Section(f"{a} and {b}", blocks)


def _alone(found: Found, other: Found) -> list[str]:
    """Return the keywords that the one keeps whole and the other does not."""
    content = found.exhibit("whole_words_only", reference=other.model.id)
    return list(content["words"]) if content else []


def _words(words: Sequence[str]) -> str:
    return f"{count(len(words))}: {' '.join(words)}" if words else "none"
