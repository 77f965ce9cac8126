"""The tables of `pyengine vocab` about one tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from pyengine.reports.numbers import count, fixed, percent
from pyengine.reports.pieces import visible
from pyengine.reports.tables import (
    Block,
    Cell,
    CellLike,
    Column,
    Facts,
    Paragraph,
    Table,
    measured,
    table,
)
from pyengine.vocabulary.records import (
    ClassRecord,
    CollectionRecord,
    CoverageRecord,
    FertilityRecord,
    MissingWord,
    VocabResult,
    VocabularyRecord,
)

Columns: TypeAlias = tuple[Column | str, ...]
Rows: TypeAlias = list[Sequence[CellLike]]

CLASSES = ("reserved", "contextual", "builtin", "framework", "listed")
_SYNTAX = (
    *("keyword", "identifier", "literal", "operator", "bracket"),
    *("punctuation", "comment", "indentation", "white space", "other"),
)
_SHORT = {
    "keyword": "keyw.",
    "identifier": "ident.",
    "literal": "liter.",
    "operator": "oper.",
    "bracket": "brack.",
    "punctuation": "punct.",
    "comment": "comm.",
    "indentation": "indent",
    "white space": "white",
}


def collection(model: VocabularyRecord) -> CollectionRecord:
    """Return the collection that the report is about: the first that was asked for."""
    return model.collections[0]


def whole(model: VocabularyRecord) -> list[CoverageRecord]:
    """Return the coverage of whole languages."""
    return [part for part in collection(model).languages if part.word_class == "all"]


def reserved_counts(model: VocabularyRecord) -> tuple[int, int, int]:
    """Return whole reserved words, all reserved words, and the number of languages."""
    parts = [p for p in collection(model).languages if p.word_class in ("reserved", "listed")]
    return sum(p.bare for p in parts), sum(p.words for p in parts), len(parts)


def identity_facts(model: VocabularyRecord) -> Facts:
    """Say which tokenizer it is."""
    special = ", ".join(f"{t.name} {t.id} {visible(t.piece)}" for t in model.special_tokens)
    order = "begins with cl100k_base, in its order" if model.begins_with_cl100k else "its own"
    added = [name for name, on in (("BOS", model.add_bos), ("EOS", model.add_eos)) if on]
    return Facts(
        "Identity",
        (
            ("file", model.path),
            ("tokenizer", f"{model.kind} {model.pre_tokenizer}".strip()),
            ("rows", f"{count(model.size)}, of them {count(model.text_tokens)} tokens of text"),
            ("padding rows", count(model.padding)),
            ("order of tokens", order),
            ("special tokens", special or "none declared"),
            ("added to a text", ", ".join(added) or "nothing"),
            ("sha256 of the vocabulary", model.sha256),
        ),
    )


def coverage_table(model: VocabularyRecord) -> Table:
    """Show the words that are one bare token, by language and class."""
    parts = {(p.language, p.word_class): p for p in collection(model).languages}
    languages = whole(model)
    present = [c for c in CLASSES if any((p.language, c) in parts for p in languages)]
    rows: Rows = []
    for part in languages:
        cells: list[CellLike] = [part.title]
        for name in present:
            found = parts.get((part.language, name))
            cells.append(None if found is None else _of(found.bare, found.words))
        rows.append((*cells, _of(part.bare, part.words), _share(part.bare, part.words)))
    union = collection(model).union
    blank: list[CellLike] = [""] * len(present)
    last = _of(union.bare, union.words), _share(union.bare, union.words)
    rows.append((Cell(union.title, tone="dim"), *blank, *last))
    columns: Columns = (
        Column("language"),
        *(Column(name.replace("builtin", "built-in"), "right") for name in present),
        Column("all", "right"),
        Column("share", "right"),
    )
    return table("Keywords that are one bare token", columns, rows)


def forms_table(model: VocabularyRecord) -> Table:
    """Show in which forms words are one token."""
    rows: Rows = [
        (
            part.title,
            Cell(count(part.words), part.words),
            *(_share(n, part.words) for n in (part.bare, part.space, part.line, part.any_form)),
            Cell(count(part.words - part.any_form), part.words - part.any_form),
        )
        for part in (*whole(model), collection(model).union)
    ]
    columns: Columns = (
        "language",
        *right("words", "bare", "space", "line", "any spacing", "in none"),
    )
    notes = [
        "space: one token with a leading space; line: after a newline or a tab; any spacing: in "
        "one of these three. In code most "
        "keywords follow white space, so bare alone is not what a program meets."
    ]
    return table("Forms in which words are one token", columns, rows, notes=notes)


def missing_table(model: VocabularyRecord) -> Table:
    """Name the words that are no bare token, with their splits."""
    rows: Rows = [
        (part.title, name, ", ".join(_missing(word) for word in words))
        for part in whole(model)
        for name, words in _by_class(part.missing)
    ]
    columns: Columns = ("language", Column("class"), Column("word = its pieces", min_width=40))
    notes = [
        "‣ a single token exists after a space, newline or tab. ¦ divides the pieces, in "
        "brackets where they do not spell the word."
    ]
    return table("Words that are no bare token", columns, rows, notes=notes)


def _by_class(missing: Sequence[MissingWord]) -> Iterable[tuple[str, list[MissingWord]]]:
    for name in CLASSES:
        words = [word for word in missing if word.word_class == name]
        if words:
            yield name.replace("builtin", "built-in"), words


def _missing(word: MissingWord) -> str:
    mark = "‣" if word.forms else ""
    pieces = "¦".join(map(visible, word.split))
    if "".join(word.split) == word.word:
        return mark + pieces
    return f"{mark}{visible(word.word)} ({pieces or 'no tokens'})"


def ranks_table(model: VocabularyRecord) -> Table:
    """Show the ids of bare keywords."""
    shared = model.begins_with_cl100k
    rows: Rows = [_rank_row(part, shared) for part in (*whole(model), collection(model).union)]
    columns: list[Column | str] = [
        "language",
        *right("present", "mean", "median", "maximum", "mean / size"),
    ]
    if shared:
        columns += [*right("in cl100k", "mean place")]
    notes = [
        "An id is the order in which the tokenizer's training merged or listed a token; it is "
        "not a frequency in the model's training data. size: the number of tokens of text."
    ]
    if shared:
        notes.append(
            "This vocabulary begins with cl100k_base: mean place is the place in that shared "
            "order, the same in every such vocabulary, and says nothing about this model."
        )
    return table("Token ids of bare keywords", columns, rows, notes=notes)


def _rank_row(part: CoverageRecord, shared: bool) -> Sequence[CellLike]:
    cells: list[CellLike] = [
        part.title,
        Cell(count(part.bare), part.bare),
        measured(part.mean, whole_number),
        measured(part.median, whole_number),
        measured(part.maximum, whole_number),
        measured(part.mean_share, lambda value: fixed(value, 4)),
    ]
    if shared:
        cells += [
            measured(part.cl100k_present, whole_number),
            measured(part.cl100k_mean, whole_number),
        ]
    return cells


def fertility_table(model: VocabularyRecord, result: VocabResult) -> Table:
    """Show how many tokens code costs."""
    rows: Rows = [_fertility_row(found) for found in model.fertility]
    columns: Columns = (
        "language",
        *right("bytes"),
        *right("tokens", "bytes/token", "per 1,000 B", "per line"),
        *right("per keyword", "indentation"),
    )
    documents = {found.documents for found in model.fertility}
    notes = [f"Text: {result.corpus}. Exact counts for this text; no special tokens added."]
    if max(documents, default=0) < 10:
        notes.append("Few documents in each language: compare tokenizers, not languages.")
    refused = sum(found.refused for found in model.fertility)
    if refused:
        notes.append(f"{count(refused)} documents left out: no tokens for some of their bytes.")
    if any(found.located_share < 1 for found in model.fertility):
        notes.append("– : this tokenizer changes the text, so its tokens have no place in it.")
    return table("What code costs in tokens", columns, rows, notes=notes)


def _fertility_row(found: FertilityRecord) -> Sequence[CellLike]:
    return (
        found.title,
        Cell(count(found.n_bytes), found.n_bytes),
        Cell(count(found.tokens), found.tokens),
        measured(found.bytes_per_token, fixed),
        measured(found.tokens_per_1000_bytes, lambda v: fixed(v, 1)),
        measured(found.tokens_per_line, lambda v: fixed(v, 1)),
        measured(found.tokens_per_keyword, lambda v: fixed(v, 3)),
        measured(found.indentation_share, one_decimal),
    )


def syntax_table(model: VocabularyRecord) -> Table | Paragraph:
    """Show which syntactic class the tokens of code belong to."""
    parsed = [found for found in model.fertility if found.syntax]
    if not parsed:
        return Paragraph("No tokens by syntactic class: no parser, or no place in the text.", "dim")
    rows: Rows = []
    for found in parsed:
        by_name = {part.name: part for part in found.syntax}
        shares = (by_name[n].share_of_tokens if n in by_name else 0.0 for n in _SYNTAX[:-1])
        rows.append((found.title, *(measured(s, lambda v: fixed(100 * v, 1)) for s in shares)))
    columns: Columns = ("language", *(Column(_SHORT[n], "right", name=n) for n in _SYNTAX[:-1]))
    notes = [
        "Percent of the tokens, by the first byte of a token that is not white space: a keyword "
        "with the space before it is a keyword token."
    ]
    return table("Tokens by syntactic class, %", columns, rows, notes=notes)


def classes_table(model: VocabularyRecord) -> Table:
    """Show the partition of the vocabulary."""
    notes = ["A partition: every row of the vocabulary is in one class, the first that fits."]
    return _classes(model.classes, "Classes of tokens", notes)


def sets_table(model: VocabularyRecord) -> Table:
    """Show the sets of tokens that code is made of."""
    notes = ["Sets may overlap, and keywords may be in none."]
    mine = [found for found in model.sets if not found.name.startswith("paper:")]
    return _classes(mine, "Sets of tokens", notes)


def _classes(found: Iterable[ClassRecord], title: str, notes: Sequence[str]) -> Table:
    rows: Rows = [
        (
            part.name,
            Cell(count(part.tokens), part.tokens),
            measured(part.share, percent),
            measured(part.mean_bytes, fixed),
            Cell(count(part.max_bytes), part.max_bytes),
        )
        for part in found
    ]
    columns: Columns = ("class", *right("tokens", "share", "mean bytes", "longest"))
    return table(title, columns, rows, notes=notes)


def indentation_table(model: VocabularyRecord) -> Table:
    """Show the widths of pure white space."""
    rows: Rows = [
        (
            found.kind,
            Cell(count(len(found.widths)), len(found.widths)),
            f"1 to {found.complete_to}" if found.complete_to else "none",
            Cell(count(max(found.widths, default=0)), max(found.widths, default=0)),
        )
        for found in model.indentation
    ]
    columns: Columns = ("white space", *right("widths"), "without a gap", *right("widest"))
    return table("Indentation in one token", columns, rows)


def paper_rules_table(model: VocabularyRecord) -> Table:
    """Show the counts under the paper's rules."""
    rules = model.paper_rules
    rules_shown = [
        ("special", "ASCII punctuation other than _ in it", _n(rules.special), rules.special_share),
        ("dead", "decoded and stripped, nothing is left", _n(rules.dead), rules.dead_share),
    ]
    shown: Rows = [(*row[:3], measured(row[3], lambda v: percent(v, 2))) for row in rules_shown]
    columns: Columns = ("name", Column("rule", min_width=30), *right("tokens", "share"))
    notes = [
        "Rules of arXiv 2601.02563. special counts identifiers such as .Class, share of all rows; "
        "dead tokens are the indentation tokens, share of the tokens of text."
    ]
    return table("Under the paper's rules", columns, shown, notes=notes)


def integrity_blocks(model: VocabularyRecord) -> tuple[Block, ...]:
    """Show what is broken or surprising."""
    found = model.integrity
    unreachable = found.untested_reason or (
        f"{count(found.unreachable)} of {count(found.tested)} tested"
        + _examples(found.unreachable_examples)
    )
    facts = Facts(
        "Integrity",
        (
            ("own bytes encode to others", unreachable),
            ("parts of characters", f"{count(found.fragments)}, not testable on their own"),
            ("same bytes twice", count(found.duplicates) + _examples(found.duplicate_examples)),
            (
                "same decoded text",
                f"{count(found.colliding)}; a table keyed by text loses "
                f"{count(found.colliding_lost)} tokens",
            ),
            ("invalid UTF-8", count(found.invalid_utf8)),
            ("special tokens", "; ".join(found.special_token_faults) or "as declared"),
        ),
    )
    rows: Rows = [
        (
            trip.kind,
            Cell(count(trip.tested), trip.tested),
            Cell(count(trip.failed), trip.failed, "warn" if trip.failed else "plain"),
            Cell(count(trip.misspelled), trip.misspelled),
            _shortened(trip.example, trip.came_back),
        )
        for trip in found.round_trips
    ]
    columns: Columns = (
        "texts",
        *right("tested", "changed", "by pieces"),
        Column("first that changed", min_width=16),
    )
    notes = [
        "changed: decode(encode(x)) is not x. by pieces: the pieces in a row are not x either; "
        "what is changed but not by pieces, the detokenizer's clean-up of spaces changed."
    ]
    return facts, table("Do texts come back?", columns, rows, notes=notes)


def _shortened(example: str | None, came_back: str | None) -> str:
    """Show where two texts part, with a little around it."""
    if example is None or came_back is None:
        return ""
    pairs = zip(example, came_back, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(example), len(came_back)))
    start = max(same - 8, 0)
    back = visible(came_back[start : same + 8]) or "nothing"
    return f"{visible(example[start : same + 8])} → {back}"


def _examples(examples: Sequence[str]) -> str:
    return f", such as {' '.join(visible(text) for text in examples[:8])}" if examples else ""


def right(*headers: str) -> tuple[Column, ...]:
    """Make columns of numbers."""
    return tuple(Column(header, "right") for header in headers)


def _of(part: int, total: int) -> Cell:
    return Cell(f"{part}/{total}", part)


def _share(part: int, total: int) -> Cell:
    return measured(part / total if total else None, one_decimal)


def _n(number: int) -> Cell:
    return Cell(count(number), number)


def whole_number(number: float) -> str:
    """Write a number without decimals."""
    return count(round(number))


def one_decimal(share: float) -> str:
    """Write a share in per cent with one decimal."""
    return percent(share, 1)
