"""The tables of `pyengine vocab` that set several tokenizers side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_uppercase

from pyengine.reports.names import file_name
from pyengine.reports.numbers import count, fixed, percent
from pyengine.reports.tables import (
    Cell,
    CellLike,
    Column,
    Facts,
    Section,
    Table,
    measured,
    table,
)
from pyengine.reports.vocab_tables import (
    Columns,
    Rows,
    collection,
    one_decimal,
    right,
    whole,
    whole_number,
)
from pyengine.vocabulary.records import (
    CoverageRecord,
    DifferenceRecord,
    FertilityRecord,
    VocabResult,
    VocabularyRecord,
)

_SIDE_BY_SIDE = 5  # models whose numbers, written as `123 (456)`, fit into 80 columns


def labels(result: VocabResult) -> list[str]:
    """Return a letter for every model."""
    return [f"{ascii_uppercase[i % 26]}{i // 26 or ''}" for i in range(len(result.models))]


def identity_table(result: VocabResult) -> Table:
    """List the models with their tokenizers."""
    rows: Rows = [
        (
            name,
            file_name(model.path, model.name),
            f"{model.kind} {model.pre_tokenizer}".strip(),
            Cell(count(model.size), model.size),
            Cell(count(model.padding), model.padding),
            "yes" if model.begins_with_cl100k else "no",
            Cell(model.sha256[:8], model.sha256),
        )
        for name, model in zip(labels(result), result.models, strict=True)
    ]
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


def sharing_table(result: VocabResult) -> Table:
    """Show what every two vocabularies have in common."""
    names = labels(result)
    rows: Rows = [
        (
            f"{names[s.a]} {names[s.b]}",
            "yes" if s.identical else "no",
            Cell(count(s.common), s.common),
            measured(s.share_of_a, one_decimal),
            measured(s.share_of_b, one_decimal),
            Cell(count(s.same_ids), s.same_ids),
            Cell(count(s.same_order), s.same_order),
        )
        for s in result.sharing
    ]
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


def compared_coverage(result: VocabResult) -> tuple[Table, ...]:
    """Show bare keywords of all models side by side, and those that are one token in any spacing.

    Of more models than fit beside each other so, the two are two tables.
    """
    if len(result.models) <= _SIDE_BY_SIDE:
        title = "Keywords that are one bare token (in any spacing in brackets)"
        both = _compared(result, title, lambda p: Cell(f"{p.bare} ({p.any_form})", p.bare))
        return (both,)
    return (
        _compared(result, "Keywords that are one bare token", lambda p: Cell(str(p.bare), p.bare)),
        _compared(
            result,
            "Keywords that are one token in any spacing",
            lambda part: Cell(str(part.any_form), part.any_form),
        ),
    )


def compared_ranks(result: VocabResult) -> Table:
    """Show mean ids of all models side by side."""
    return _compared(
        result,
        "Mean id of bare keywords, divided by the number of tokens",
        lambda part: measured(part.mean_share, lambda v: fixed(v, 3)),
        notes=["An id is a merge order, not a frequency; see cl100k above."],
    )


def _compared(
    result: VocabResult,
    title: str,
    cell: Callable[[CoverageRecord], Cell],
    notes: Sequence[str] = (),
) -> Table:
    columns: list[Column | str] = ["language", *right("words", *labels(result))]
    parts = [(*whole(model), collection(model).union) for model in result.models]
    rows: Rows = [
        (first.title, Cell(count(first.words), first.words), *(cell(p) for p in (first, *others)))
        for first, *others in zip(*parts, strict=True)
    ]
    return table(title, columns, rows, notes=notes)


def compared_fertility(result: VocabResult) -> tuple[Table, ...]:
    """Show what code costs in all models side by side."""
    more = [f"Text: {result.corpus}. More bytes per token is fewer tokens."]
    every = [found for model in result.models for found in model.fertility]
    changed = any(found.located_share < 1 for found in every)
    lost = ["– : the tokenizer changes the text, or no keywords are known in it."] * changed
    return (
        _fertilities(result, "Bytes per token on code", _bytes_per_token, more),
        _fertilities(result, "Tokens per occurrence of a keyword", _tokens_per_keyword, lost),
        _fertilities(result, "Tokens spent on indentation", _indentation, lost),
    )


def _fertilities(
    result: VocabResult,
    title: str,
    cell: Callable[[FertilityRecord], CellLike],
    notes: Sequence[str],
) -> Table:
    rows: Rows = [
        (group[0].title, *map(cell, group))
        for group in zip(*(model.fertility for model in result.models), strict=True)
    ]
    return table(title, ("language", *right(*labels(result))), rows, notes=notes)


def _bytes_per_token(found: FertilityRecord) -> CellLike:
    return measured(found.bytes_per_token, fixed)


def _tokens_per_keyword(found: FertilityRecord) -> CellLike:
    return measured(found.tokens_per_keyword, lambda value: fixed(value, 3))


def _indentation(found: FertilityRecord) -> CellLike:
    return measured(found.indentation_share, one_decimal)


def compared_classes(result: VocabResult) -> Table:
    """Show shares of token classes side by side."""
    names = dict.fromkeys(part.name for model in result.models for part in model.classes)
    by_model = [{part.name: part.share for part in model.classes} for model in result.models]
    many = len(result.models) > _SIDE_BY_SIDE
    write = _hundredths if many else percent
    rows: Rows = [
        (name, *(measured(shares.get(name, 0.0), write) for shares in by_model)) for name in names
    ]
    columns: Columns = (Column("class", min_width=20), *right(*labels(result)))
    return table("Classes of tokens, %" if many else "Classes of tokens", columns, rows)


def _hundredths(share: float) -> str:
    return fixed(100 * share)


def compared_integrity(result: VocabResult) -> Table:
    """Show integrity side by side."""
    lines: tuple[tuple[str, Callable[[VocabularyRecord], int | None]], ...] = (
        ("own bytes encode to others", _unreachable),
        ("parts of characters", lambda m: m.integrity.fragments),
        ("same bytes as another", lambda m: m.integrity.duplicates),
        ("same decoded text as another", lambda m: m.integrity.colliding),
        ("special tokens at fault", lambda m: len(m.integrity.special_token_faults)),
        ("kinds of text that change", _changing),
        ('paper\'s "special" tokens', lambda m: m.paper_rules.special),
        ('paper\'s "dead" tokens', lambda m: m.paper_rules.dead),
    )
    rows: Rows = [
        (name, *(measured(of(m), whole_number) for m in result.models)) for name, of in lines
    ]
    columns: Columns = ("tokens", *right(*labels(result)))
    return table("Integrity, and the paper's counts", columns, rows)


def _unreachable(model: VocabularyRecord) -> int | None:
    return None if model.integrity.untested_reason else model.integrity.unreachable


def _changing(model: VocabularyRecord) -> int:
    return sum(trip.failed > 0 for trip in model.integrity.round_trips)


def difference_block(found: DifferenceRecord, names: Sequence[str]) -> Section:
    """Show where two tokenizers differ most."""
    a, b = names[found.a], names[found.b]
    rows: Rows = [
        (
            language.title,
            measured(language.a, lambda v: fixed(v, 1)),
            measured(language.b, lambda v: fixed(v, 1)),
            measured(language.ratio, lambda v: fixed(v, 3)),
        )
        for language in found.languages[:5]
    ]
    columns: Columns = (
        "language",
        *right(f"{a}: tokens/1,000 B", f"{b}: tokens/1,000 B", f"{b} / {a}"),
    )
    facts = (
        (f"whole in {a} alone", _words(found.whole_in_a)),
        (f"whole in {b} alone", _words(found.whole_in_b)),
    )
    blocks = (Facts("", facts), table("Largest differences by language", columns, rows))
    return Section(f"{a} and {b}", blocks)


def _words(words: Sequence[str]) -> str:
    return f"{count(len(words))}: {' '.join(words)}" if words else "none"
