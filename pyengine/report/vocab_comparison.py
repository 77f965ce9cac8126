"""The tables of `pyengine vocab` that set several tokenizers side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.numbers import count, fixed, percent, whole
from pyengine.report.pieces import file_name
from pyengine.report.tables import CellLike, Column, Field, Table, listing, measured, number, text
from pyengine.report.vocab_found import Found, Part, labels
from pyengine.report.vocab_tables import method, one_decimal
from pyengine.run.measurement import Measurement

_SIDE_BY_SIDE = 5  # models whose numbers, written as `123 (456)`, fit into 80 columns
Write = Callable[[Any], str]
# What stands for integrity: title, and how many tokens, or kinds of text, of a tokenizer.
INTEGRITY: tuple[tuple[str, Callable[[Found], int | None]], ...] = (
    (
        "own bytes encode to others",
        lambda f: None if f.notes("reachability-untested") else f.count("unreachable"),
    ),
    ("parts of characters", lambda f: f.tokens("fault", "fragment")),
    ("same bytes as another", lambda f: f.tokens("fault", "duplicate")),
    ("same decoded text as another", lambda f: f.tokens("fault", "colliding")),
    ("special tokens at fault", lambda f: len(f.notes("special-token"))),
    (
        "kinds of text that change",
        lambda f: sum(
            f.count("round_trip_failures", texts=kind) > 0
            for kind in f.members("round_trip_failures", "texts")
        ),
    ),
    ('paper\'s "special" tokens', lambda f: f.tokens("rule", "special")),
    ('paper\'s "dead" tokens', lambda f: f.tokens("rule", "dead")),
)


def compared_document(models: Sequence[Found]) -> Document:
    """Set tokenizers side by side."""
    blocks: tuple[Block, ...] = (
        Paragraph(_summary(models), "strong"),
        _identity(models),
        _sharing(models),
        *_coverage(models),
        *_fertility(models),
        _parts(
            models,
            "Mean id of bare keywords, divided by the number of tokens",
            lambda part: measured(part.value("keyword_id_share"), partial(fixed, decimals=3)),
            notes=["An id is a merge order, not a frequency; see cl100k above."],
        ),
        _classes(models),
        _beside(models, "tokens", INTEGRITY, "Integrity, and the paper's counts", whole),
        *_differences(models),
        method(models[0].run),
    )
    return Document(f"Tokenizers of {len(models)} models", blocks)


def _summary(models: Sequence[Found]) -> str:
    groups: dict[str, list[str]] = {}
    for label, found in zip(labels(models), models, strict=True):
        groups.setdefault(found.info.vocabulary_sha256, []).append(label)
    shared = [" = ".join(group) for group in groups.values() if len(group) > 1]
    tokenizers = "one tokenizer" if len(groups) == 1 else f"{len(groups)} different tokenizers"
    words = f"{len(models)} models, {tokenizers}"
    words = f"{words} ({'; '.join(shared)})." if shared else f"{words}."
    return words if len(groups) == 1 else f"{words}{_most_whole(models)}{_fewest_tokens(models)}"


def _most_whole(models: Sequence[Found]) -> str:
    """Say who keeps most keywords whole, counting each word of all languages once."""
    unions = [found.union for found in models]
    whole_words = [union.bare for union in unions]
    least, most, n = min(whole_words), max(whole_words), count(unions[0].words)
    if least == most:
        return f" All keep as many keywords whole: {count(most)} of {n}."
    return (
        f" Most keywords are one bare token for {_which(models, whole_words, most)}: "
        f"{count(most)} of {n}; fewest for {_which(models, whole_words, least)}: {count(least)}."
    )


def _fewest_tokens(models: Sequence[Found]) -> str:
    """Say who spends fewest tokens on the same text; nothing where they could not all take it."""
    costs = [found.spent() for found in models]
    spent, n_bytes = [tokens for tokens, _ in costs], {size for _, size in costs}
    if len(n_bytes) > 1 or min(spent) == 0:
        return ""
    (size,) = n_bytes
    if min(spent) == max(spent):
        return f" All spend as many tokens on code: {fixed(size / spent[0])} bytes per token."
    return (
        f" Fewest tokens on the same code are spent by {_which(models, spent, min(spent))}: "
        f"{fixed(size / min(spent))} bytes per token; most by {_which(models, spent, max(spent))}: "
        f"{fixed(size / max(spent))}."
    )


def _which(models: Sequence[Found], values: Sequence[int], wanted: int) -> str:
    """Name the models that have a value by letter and file."""
    named = zip(labels(models), (found.info for found in models), values, strict=True)
    return ", ".join(f"{n} ({file_name(m.path, m.name)})" for n, m, v in named if v == wanted)


def _identity(models: Sequence[Found]) -> Table:
    """List the models with their tokenizers."""
    fields = (
        text("", lambda row: row[0]),
        text("file", lambda row: file_name(row[1].info.path, row[1].info.name), min_width=20),
        text("tokenizer", lambda row: row[1].tokenizer, min_width=10, drop=3),
        number("rows", lambda row: row[1].n("token_share"), count),
        number("padding", lambda row: row[1].tokens("part", "padding"), count, drop=1),
        text("cl100k", lambda row: "yes" if row[1].identity["cl100k"] else "no", drop=2),
        text("sha256", lambda row: row[1].info.vocabulary_sha256[:8]),
    )
    notes = ["cl100k: begins with cl100k_base, so that token ids follow OpenAI's merge order."]
    named = zip(labels(models), models, strict=True)
    return listing("Models", fields, named, notes=notes)


def _sharing(models: Sequence[Found]) -> Table:
    """Show what every two vocabularies have in common."""

    def row(metric: str, model: Found, reference: Found) -> Measurement:
        (found,) = model.run.select(
            metric, model=model.info.id, reference=reference.info.id, group=""
        )
        return found

    def common(pair: tuple[str, Found, Found]) -> int:
        of_first = row("shared_tokens", *pair[1:])
        return round(of_first.value * of_first.n)

    def back(metric: str) -> Callable[[tuple[str, Found, Found]], float]:
        return lambda pair: row(metric, pair[2], pair[1]).value

    def equal(pair: tuple[str, Found, Found]) -> str:
        first, second = (found.info.vocabulary_sha256 for found in pair[1:])
        return "yes" if first == second else "no"

    fields = (
        text("pair", lambda pair: pair[0]),
        text("equal", equal),
        number("in common", common, count),
        number("of first", lambda pair: row("shared_tokens", *pair[1:]).value, one_decimal),
        number("of second", back("shared_tokens"), one_decimal),
        number("same ids", back("same_ids"), whole, drop=1),
        number("same order", back("same_order"), whole),
    )
    notes = [
        "same ids: tokens from id 0 on that are equal. same order: common tokens from the start "
        "on that come in the same order, what one lacks left out."
    ]
    named = combinations(zip(labels(models), models, strict=True), 2)
    pairs = [(f"{a} {b}", first, second) for (a, first), (b, second) in named]
    return listing("What they share", fields, pairs, notes=notes)


def _coverage(models: Sequence[Found]) -> tuple[Table, ...]:
    """Show bare keywords of all models side by side, and those that are one token in any spacing.

    Of more models than fit beside each other so, the two are two tables.
    """
    title = "Keywords that are one bare token"
    if len(models) <= _SIDE_BY_SIDE:
        both = f"{title} (in any spacing in brackets)"
        return (_parts(models, both, lambda part: f"{part.bare} ({part.form('any')})"),)
    spaced = "Keywords that are one token in any spacing"
    return (
        _parts(models, title, lambda part: str(part.bare)),
        _parts(models, spaced, lambda part: str(part.form("any"))),
    )


def _parts(
    models: Sequence[Found],
    title: str,
    cell: Callable[[Part], CellLike],
    notes: Sequence[str] = (),
) -> Table:
    """Show a number of the words of each language, model beside model."""
    parts = zip(*((*found.languages(), found.union) for found in models), strict=True)
    fields = (
        text("language", lambda row: row[0].title),
        number("words", lambda row: row[0].words, count),
        *_columns(models, lambda row, i: cell(row[i])),
    )
    return listing(title, fields, parts, notes=notes)


def _columns(models: Sequence[Found], cell: Callable[[Any, int], CellLike]) -> list[Field]:
    """Return a column for each model; `cell` takes a row and the model's place."""
    return [
        Field(Column(label, "right"), partial(lambda place, row: cell(row, place), place))
        for place, label in enumerate(labels(models))
    ]


def _fertility(models: Sequence[Found]) -> list[Table]:
    """Show what code costs in all models side by side."""
    more = [f"Text: {models[0].text_origin}. More bytes per token is fewer tokens."]
    texts = [found.texts() for found in models]
    changed = any((text.value("located_share") or 0) < 1 for some in texts for text in some)
    lost = ["– : the tokenizer changes the text, or no keywords are known in it."] * changed

    def compared(title: str, metric: str, write: Write, notes: Sequence[str]) -> Table:
        columns = _columns(models, lambda row, i: measured(row[i].value(metric), write))
        fields = (text("language", lambda row: row[0].title), *columns)
        return listing(title, fields, zip(*texts, strict=True), notes=notes)

    three = partial(fixed, decimals=3)
    return [
        compared("Bytes per token on code", "bytes_per_token", fixed, more),
        compared("Tokens per occurrence of a keyword", "tokens_per_keyword", three, lost),
        compared("Tokens spent on indentation", "indentation_share", one_decimal, lost),
    ]


def _classes(models: Sequence[Found]) -> Table:
    """Show shares of token classes side by side."""
    names = dict.fromkeys(
        name for found in models for name in found.members("token_share", "class")
    )

    def share(name: str) -> Callable[[Found], float]:
        return lambda found: found.value("token_share", **{"class": name}) or 0.0

    lines, title = [(name, share(name)) for name in names], "Classes of tokens"
    if len(models) <= _SIDE_BY_SIDE:
        return _beside(models, "class", lines, title, percent, min_width=20)
    return _beside(models, "class", lines, f"{title}, %", lambda v: fixed(100 * v), min_width=20)


def _beside(
    models: Sequence[Found],
    header: str,
    lines: Iterable[tuple[str, Callable[[Found], float | None]]],
    title: str,
    write: Write,
    *,
    min_width: int | None = None,
) -> Table:
    """Show a number of each tokenizer in each line."""
    columns = _columns(models, lambda line, i: measured(line[1](models[i]), write))
    fields = (text(header, lambda line: line[0], min_width=min_width), *columns)
    return listing(title, fields, lines)


def _differences(models: Sequence[Found]) -> list[Section]:
    """Show where every two different tokenizers differ most."""
    named = zip(labels(models), models, strict=True)
    return [
        _difference(first, second)
        for first, second in combinations(named, 2)
        if first[1].info.vocabulary_sha256 != second[1].info.vocabulary_sha256
    ]


def _difference(first: tuple[str, Found], second: tuple[str, Found]) -> Section:
    (a, left), (b, right) = first, second
    ratios = {
        row.members["language"]: row.value
        for row in left.run.select("token_ratio", model=right.info.id, reference=left.info.id)
    }
    texts = [
        (*both, ratios[both[0].members["language"]])
        for both in zip(left.texts(), right.texts(), strict=True)
        if both[0].members["language"] in ratios
    ]
    texts.sort(key=lambda found: -abs(math.log(found[2])))
    one_place, cost = partial(fixed, decimals=1), "tokens_per_1000_bytes"
    fields = (
        text("language", lambda row: row[0].title),
        number(f"{a}: tokens/1,000 B", lambda row: row[0].value(cost), one_place),
        number(f"{b}: tokens/1,000 B", lambda row: row[1].value(cost), one_place),
        number(f"{b} / {a}", lambda row: row[2], partial(fixed, decimals=3)),
    )
    facts = (
        (f"whole in {a} alone", _alone(left, right)),
        (f"whole in {b} alone", _alone(right, left)),
    )
    table = listing("Largest differences by language", fields, texts[:5])
    return Section(f"{a} and {b}", (Facts("", facts), table))


def _alone(found: Found, other: Found) -> str:
    """List the keywords that the one keeps whole and the other does not."""
    content = found.exhibit("whole-words-only", reference=other.info.id)
    words = content["words"] if content else []
    return f"{count(len(words))}: {' '.join(words)}" if words else "none"
