"""The tables of `pyengine vocab` about one tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pyengine.reports.numbers import count, fixed, percent
from pyengine.reports.pieces import visible
from pyengine.reports.tables import (
    Cell,
    CellLike,
    Column,
    Facts,
    Paragraph,
    Table,
    measured,
    table,
)
from pyengine.reports.vocab_found import Found, Part, Text

Columns: TypeAlias = tuple[Column | str, ...]
Rows: TypeAlias = list[Sequence[CellLike]]
Split: TypeAlias = Mapping[str, Any]

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


def reserved_counts(found: Found) -> tuple[int, int, int]:
    """Return whole reserved words, all reserved words, and the number of languages."""
    classes = [p.of_class(c) for p in found.languages() for c in ("reserved", "listed")]
    parts = [part for part in classes if part is not None]
    return sum(p.bare for p in parts), sum(p.words for p in parts), len(parts)


def identity_facts(found: Found) -> Facts:
    """Say which tokenizer it is."""
    model, identity = found.model, found.identity
    special = ", ".join(
        f"{t['name']} {t['id']} {visible(t['piece'])}" for t in identity["special_tokens"]
    )
    order = "begins with cl100k_base, in its order" if identity["cl100k"] else "its own"
    added = [name for name in ("BOS", "EOS") if identity[f"add_{name.lower()}"]]
    text, padding = (found.count("token_share", {"part": part}) for part in ("text", "padding"))
    return Facts(
        "Identity",
        (
            ("file", model.path),
            ("tokenizer", tokenizer_name(found)),
            ("rows", f"{count(size(found))}, of them {count(text)} tokens of text"),
            ("padding rows", count(padding)),
            ("order of tokens", order),
            ("special tokens", special or "none declared"),
            ("added to a text", ", ".join(added) or "nothing"),
            ("sha256 of the vocabulary", model.vocabulary_sha256),
        ),
    )


def tokenizer_name(found: Found) -> str:
    """Name the kind of tokenizer and its pre-tokenizer."""
    return f"{found.model.tokenizer} {found.model.pre_tokenizer}".strip()


def size(found: Found) -> int:
    """Return the number of rows, padding included."""
    return found.n("token_share")


def coverage_table(found: Found) -> Table:
    """Show the words that are one bare token, by language and class."""
    languages = found.languages()
    present = [c for c in CLASSES if any(_divided(part, c) for part in languages)]
    rows: Rows = []
    for part in languages:
        cells: list[CellLike] = [part.title]
        for name in present:
            inner = _divided(part, name)
            cells.append(None if inner is None else _of(inner.bare, inner.words))
        rows.append((*cells, _of(part.bare, part.words), _share(part.bare, part.words)))
    union = found.union
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


def _divided(part: Part, name: str) -> Part | None:
    """Return the words of a class; None where that is none, or all words of the language."""
    inner = part.of_class(name)
    return inner if inner is not None and inner.words < part.words else None


def forms_table(found: Found) -> Table:
    """Show in which forms words are one token."""
    rows: Rows = [
        (
            part.title,
            Cell(count(part.words), part.words),
            *(_share(part.form(form), part.words) for form in ("bare", "space", "line", "any")),
            Cell(count(part.words - part.form("any")), part.words - part.form("any")),
        )
        for part in (*found.languages(), found.union)
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


def missing_table(found: Found) -> Table:
    """Name the words that are no bare token, with their splits."""
    rows: Rows = [
        (part.title, name, ", ".join(_missing(word) for word in words))
        for part in found.languages()
        for name, words in _by_class((found.exhibit("splits", **part.members) or {})["words"])
    ]
    columns: Columns = ("language", Column("class"), Column("word = its pieces", min_width=40))
    notes = [
        "‣ a single token exists after a space, newline or tab. ¦ divides the pieces, in "
        "brackets where they do not spell the word."
    ]
    return table("Words that are no bare token", columns, rows, notes=notes)


def _by_class(missing: Sequence[Split]) -> Iterable[tuple[str, list[Split]]]:
    for name in CLASSES:
        words = [word for word in missing if word["class"] == name]
        if words:
            yield name.replace("builtin", "built-in"), words


def _missing(word: Split) -> str:
    mark = "‣" if word["forms"] else ""
    pieces = "¦".join(map(visible, word["pieces"]))
    if "".join(word["pieces"]) == word["word"]:
        return mark + pieces
    return f"{mark}{visible(word['word'])} ({pieces or 'no tokens'})"


def ranks_table(found: Found) -> Table:
    """Show the ids of bare keywords."""
    shared: bool = found.identity["cl100k"]
    rows: Rows = [_rank_row(part, shared) for part in (*found.languages(), found.union)]
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


def _rank_row(part: Part, shared: bool) -> Sequence[CellLike]:
    cells: list[CellLike] = [
        part.title,
        Cell(count(part.bare), part.bare),
        measured(part.value("keyword_id_mean"), whole_number),
        measured(part.value("keyword_id_median"), whole_number),
        measured(part.value("keyword_id_max"), whole_number),
        measured(part.value("keyword_id_share"), lambda value: fixed(value, 4)),
    ]
    if shared:
        cells += [
            measured(part.found.n("keyword_place_mean", part.members), whole_number),
            measured(part.value("keyword_place_mean"), whole_number),
        ]
    return cells


def fertility_table(found: Found) -> Table:
    """Show how many tokens code costs."""
    texts = found.texts()
    rows: Rows = [_fertility_row(text) for text in texts]
    columns: Columns = (
        "language",
        *right("bytes"),
        *right("tokens", "bytes/token", "per 1,000 B", "per line"),
        *right("per keyword", "indentation"),
    )
    notes = [f"Text: {origin(found)}. Exact counts for this text; no special tokens added."]
    if max((text.documents for text in texts), default=0) < 10:
        notes.append("Few documents in each language: compare tokenizers, not languages.")
    refused = sum(text.refused for text in texts)
    if refused:
        notes.append(f"{count(refused)} documents left out: no tokens for some of their bytes.")
    if any((text.value("located_share") or 0) < 1 for text in texts):
        notes.append("– : this tokenizer changes the text, so its tokens have no place in it.")
    return table("What code costs in tokens", columns, rows, notes=notes)


def origin(found: Found) -> str:
    """Say which text was tokenized."""
    return found.run.population.origin if found.run.population else ""


def _fertility_row(text: Text) -> Sequence[CellLike]:
    return (
        text.title,
        Cell(count(text.n_bytes), text.n_bytes),
        Cell(count(text.tokens), text.tokens),
        measured(text.value("bytes_per_token"), fixed),
        measured(text.value("tokens_per_1000_bytes"), lambda v: fixed(v, 1)),
        measured(text.value("tokens_per_line"), lambda v: fixed(v, 1)),
        measured(text.value("tokens_per_keyword"), lambda v: fixed(v, 3)),
        measured(text.value("indentation_share"), one_decimal),
    )


def syntax_table(found: Found) -> Table | Paragraph:
    """Show which syntactic class the tokens of code belong to."""
    rows: Rows = []
    for text in found.texts():
        shares = [text.of_class("syntax_token_share", name) for name in _SYNTAX]
        if any(share is not None for share in shares):
            shown = (measured(s or 0.0, lambda v: fixed(100 * v, 1)) for s in shares[:-1])
            rows.append((text.title, *shown))
    if not rows:
        return Paragraph("No tokens by syntactic class: no parser, or no place in the text.", "dim")
    columns: Columns = ("language", *(Column(_SHORT[n], "right", name=n) for n in _SYNTAX[:-1]))
    notes = [
        "Percent of the tokens, by the first byte of a token that is not white space: a keyword "
        "with the space before it is a keyword token."
    ]
    return table("Tokens by syntactic class, %", columns, rows, notes=notes)


def classes_table(found: Found) -> Table:
    """Show the partition of the vocabulary."""
    notes = ["A partition: every row of the vocabulary is in one class, the first that fits."]
    return _classes(found, "class", "Classes of tokens", notes)


def sets_table(found: Found) -> Table:
    """Show the sets of tokens that code is made of."""
    notes = ["Sets may overlap, and keywords may be in none."]
    return _classes(found, "set", "Sets of tokens", notes)


def _classes(found: Found, dimension: str, title: str, notes: Sequence[str]) -> Table:
    rows: Rows = []
    for name in found.members("token_share", dimension):
        members = {dimension: name}
        n, longest = (
            found.n("piece_bytes", members),
            int(found.value("piece_bytes_max", members) or 0),
        )
        if not name.startswith("paper:"):
            rows.append(
                (
                    name,
                    Cell(count(n), n),
                    measured(found.value("token_share", members), percent),
                    measured(found.value("piece_bytes", members), fixed),
                    Cell(count(longest), longest),
                )
            )
    columns: Columns = ("class", *right("tokens", "share", "mean bytes", "longest"))
    return table(title, columns, rows, notes=notes)


def indentation_table(found: Found) -> Table:
    """Show the widths of pure white space."""
    rows: Rows = []
    for white in found.run.shown("white_space", found.model.id):
        widths, complete_to = white["widths"], white["complete_to"]
        widest = max(widths, default=0)
        rows.append(
            (
                white["kind"],
                Cell(count(len(widths)), len(widths)),
                f"1 to {complete_to}" if complete_to else "none",
                Cell(count(widest), widest),
            )
        )
    columns: Columns = ("white space", *right("widths"), "without a gap", *right("widest"))
    return table("Indentation in one token", columns, rows)


def paper_rules_table(found: Found) -> Table:
    """Show the counts under the paper's rules."""
    rules = (
        ("special", "ASCII punctuation other than _ in it"),
        ("dead", "decoded and stripped, nothing is left"),
    )
    shown: Rows = []
    for name, rule in rules:
        n = found.count("token_share", {"rule": name})
        share = measured(found.value("token_share", {"rule": name}), lambda v: percent(v, 2))
        shown.append((name, rule, Cell(count(n), n), share))
    columns: Columns = ("name", Column("rule", min_width=30), *right("tokens", "share"))
    notes = [
        "Rules of arXiv 2601.02563. special counts identifiers such as .Class, share of all rows; "
        "dead tokens are the indentation tokens, share of the tokens of text."
    ]
    return table("Under the paper's rules", columns, shown, notes=notes)


def right(*headers: str) -> tuple[Column, ...]:
    """Make columns of numbers."""
    return tuple(Column(header, "right") for header in headers)


def _of(part: int, total: int) -> Cell:
    return Cell(f"{part}/{total}", part)


def _share(part: int, total: int) -> Cell:
    return measured(part / total if total else None, one_decimal)


def whole_number(number: float) -> str:
    """Write a number without decimals."""
    return count(round(number))


def one_decimal(share: float) -> str:
    """Write a share in per cent with one decimal."""
    return percent(share, 1)
