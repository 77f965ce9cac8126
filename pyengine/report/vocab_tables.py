"""The tables of `pyengine vocab` about one tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from pyengine.report.document import Facts, Paragraph
from pyengine.report.numbers import count, fixed, percent, whole
from pyengine.report.pieces import visible
from pyengine.report.tables import Cell, Column, Field, Table, listing, number, text
from pyengine.report.vocab_found import Found, Part
from pyengine.run.record import Run

METHOD = (
    ("look-up", "by exact bytes of pieces, never through the tokenizer"),
    ("token ids", "the order of merges or of the list, not how often a token occurs in text"),
    ("syntax", "tree-sitter; a token has the class of its first byte that is not white space"),
    ("counts", "exact for the text named; another text gives others"),
)
Split: TypeAlias = Mapping[str, Any]

CLASSES = ("reserved", "contextual", "builtin", "framework", "listed")
_SYNTAX = {
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
_RULES = {
    "special": "ASCII punctuation other than _ in it",
    "dead": "decoded and stripped, nothing is left",
}
one_decimal = partial(percent, decimals=1)
LANGUAGE = text("language", lambda part: part.title)


def value_of(header: str, metric: str, write: Callable[[float], str]) -> Field:
    """Make a field of a number of a part."""
    return number(header, lambda part: part.value(metric), write)


def reserved_counts(found: Found) -> tuple[int, int, int]:
    """Return whole reserved words, all reserved words, and the number of languages."""
    classes = [p.of_class(c) for p in found.languages() for c in ("reserved", "listed")]
    parts = [part for part in classes if part is not None]
    return sum(p.bare for p in parts), sum(p.words for p in parts), len(parts)


def identity_facts(found: Found) -> Facts:
    """Say which tokenizer it is."""
    model, identity = found.info, found.identity
    special = ", ".join(
        f"{t['name']} {t['id']} {visible(t['piece'])}" for t in identity["special_tokens"]
    )
    order = "begins with cl100k_base, in its order" if identity["cl100k"] else "its own"
    added = [name for name in ("BOS", "EOS") if identity[f"add_{name.lower()}"]]
    n_text, n_rows = found.tokens("part", "text"), found.n("token_share")
    pairs = (
        ("file", model.path),
        ("tokenizer", found.tokenizer),
        ("rows", f"{count(n_rows)}, of them {count(n_text)} tokens of text"),
        ("padding rows", count(found.tokens("part", "padding"))),
        ("order of tokens", order),
        ("special tokens", special or "none declared"),
        ("added to a text", ", ".join(added) or "nothing"),
        ("sha256 of the vocabulary", model.vocabulary_sha256),
    )
    return Facts("Identity", pairs)


def coverage_table(found: Found) -> Table:
    """Show the words that are one bare token, by language and class."""
    languages = found.languages()
    present = [c for c in CLASSES if any(_divided(part, c) for part in languages)]

    def of_class(name: str) -> Callable[[Part], str | None]:
        def words(part: Part) -> str | None:
            if part.is_union:
                return ""
            inner = _divided(part, name)
            return None if inner is None else _of(inner)

        return words

    fields = (
        Field(
            Column("language"),
            lambda part: Cell(part.title, tone="dim" if part.is_union else "plain"),
        ),
        *(text(_class_name(name), of_class(name), align="right") for name in present),
        text("all", _of, align="right"),
        number("share", lambda part: _share(part, "bare"), one_decimal),
    )
    return listing("Keywords that are one bare token", fields, (*languages, found.union))


def _divided(part: Part, name: str) -> Part | None:
    """Return the words of a class; None where that is none, or all words of the language."""
    inner = part.of_class(name)
    return inner if inner is not None and inner.words < part.words else None


def _class_name(name: str) -> str:
    return name.replace("builtin", "built-in")


def _of(part: Part) -> str:
    return f"{part.bare}/{part.words}"


def _share(part: Part, form: str) -> float | None:
    return part.form(form) / part.words if part.words else None


def forms_table(found: Found) -> Table:
    """Show in which forms words are one token."""

    def share(header: str, form: str) -> Field:
        return number(header, lambda part: _share(part, form), one_decimal)

    fields = (
        LANGUAGE,
        number("words", lambda part: part.words, count),
        *(share(form, form) for form in ("bare", "space", "line")),
        share("any spacing", "any"),
        number("in none", lambda part: part.words - part.form("any"), count),
    )
    notes = [
        "space: one token with a leading space; line: after a newline or a tab; any spacing: in "
        "one of these three. In code most "
        "keywords follow white space, so bare alone is not what a program meets."
    ]
    parts = (*found.languages(), found.union)
    return listing("Forms in which words are one token", fields, parts, notes=notes)


def missing_table(found: Found) -> Table:
    """Name the words that are no bare token, with their splits."""
    missing = [
        (part.title, name, ", ".join(map(_missing, words)))
        for part in found.languages()
        for name, words in _by_class((found.exhibit("splits", **part.members) or {})["words"])
    ]
    fields = (
        text("language", lambda row: row[0]),
        text("class", lambda row: row[1]),
        text("word = its pieces", lambda row: row[2], min_width=40),
    )
    notes = [
        "‣ a single token exists after a space, newline or tab. ¦ divides the pieces, in "
        "brackets where they do not spell the word."
    ]
    return listing("Words that are no bare token", fields, missing, notes=notes)


def _by_class(missing: Sequence[Split]) -> Iterable[tuple[str, list[Split]]]:
    for name in CLASSES:
        words = [word for word in missing if word["class"] == name]
        if words:
            yield _class_name(name), words


def _missing(word: Split) -> str:
    mark = "‣" if word["forms"] else ""
    pieces = "¦".join(map(visible, word["pieces"]))
    if "".join(word["pieces"]) == word["word"]:
        return mark + pieces
    return f"{mark}{visible(word['word'])} ({pieces or 'no tokens'})"


def ranks_table(found: Found) -> Table:
    """Show the ids of bare keywords."""
    fields = [
        LANGUAGE,
        number("present", lambda part: part.bare, count),
        value_of("mean", "keyword_id_mean", whole),
        value_of("median", "keyword_id_median", whole),
        value_of("maximum", "keyword_id_max", whole),
        value_of("mean / size", "keyword_id_share", partial(fixed, decimals=4)),
    ]
    notes = [
        "An id is the order in which the tokenizer's training merged or listed a token; it is "
        "not a frequency in the model's training data. size: the number of tokens of text."
    ]
    if found.identity["cl100k"]:
        fields += [
            number("in cl100k", lambda part: part.n("keyword_place_mean"), whole),
            value_of("mean place", "keyword_place_mean", whole),
        ]
        notes.append(
            "This vocabulary begins with cl100k_base: mean place is the place in that shared "
            "order, the same in every such vocabulary, and says nothing about this model."
        )
    parts = (*found.languages(), found.union)
    return listing("Token ids of bare keywords", fields, parts, notes=notes)


FERTILITY = (
    LANGUAGE,
    number("bytes", lambda text: text.n_bytes, count),
    number("tokens", lambda text: text.tokens, count),
    value_of("bytes/token", "bytes_per_token", fixed),
    value_of("per 1,000 B", "tokens_per_1000_bytes", partial(fixed, decimals=1)),
    value_of("per line", "tokens_per_line", partial(fixed, decimals=1)),
    value_of("per keyword", "tokens_per_keyword", partial(fixed, decimals=3)),
    value_of("indentation", "indentation_share", one_decimal),
)


def fertility_table(found: Found) -> Table:
    """Show how many tokens code costs."""
    texts = found.texts()
    notes = [f"Text: {found.text_origin}. Exact counts for this text; no special tokens added."]
    documents = (text.n("refused_documents") - text.refused for text in texts)
    if max(documents, default=0) < 10:
        notes.append("Few documents in each language: compare tokenizers, not languages.")
    refused = sum(text.refused for text in texts)
    if refused:
        notes.append(f"{count(refused)} documents left out: no tokens for some of their bytes.")
    if any((text.value("located_share") or 0) < 1 for text in texts):
        notes.append("– : this tokenizer changes the text, so its tokens have no place in it.")
    return listing("What code costs in tokens", FERTILITY, texts, notes=notes)


def syntax_table(found: Found) -> Table | Paragraph:
    """Show which syntactic class the tokens of code belong to."""

    def share(part: Part, name: str) -> float | None:
        return part.value("syntax_token_share", **{"class": name})

    def field(name: str, header: str) -> Field:
        return number(header, lambda part: 100 * (share(part, name) or 0.0), one_place)

    one_place = partial(fixed, decimals=1)
    texts = [
        text
        for text in found.texts()
        if any(share(text, name) is not None for name in (*_SYNTAX, "other"))
    ]
    if not texts:
        return Paragraph("No tokens by syntactic class: no parser, or no place in the text.", "dim")
    notes = [
        "Percent of the tokens, by the first byte of a token that is not white space: a keyword "
        "with the space before it is a keyword token."
    ]
    fields = (LANGUAGE, *(field(*both) for both in _SYNTAX.items()))
    return listing("Tokens by syntactic class, %", fields, texts, notes=notes)


def classes_table(found: Found) -> Table:
    """Show the partition of the vocabulary."""
    notes = ["A partition: every row of the vocabulary is in one class, the first that fits."]
    return _classes(found, "class", "Classes of tokens", notes)


def sets_table(found: Found) -> Table:
    """Show the sets of tokens that code is made of."""
    notes = ["Sets may overlap, and keywords may be in none."]
    return _classes(found, "set", "Sets of tokens", notes)


def _classes(found: Found, dimension: str, title: str, notes: Sequence[str]) -> Table:
    parts = [
        Part(found, name, {dimension: name})
        for name in found.members("token_share", dimension)
        if not name.startswith("paper:")
    ]
    fields = (
        text("class", lambda part: part.title),
        number("tokens", lambda part: part.n("piece_bytes"), count),
        value_of("share", "token_share", percent),
        value_of("mean bytes", "piece_bytes", fixed),
        number("longest", lambda part: part.value("piece_bytes_max") or 0, whole),
    )
    return listing(title, fields, parts, notes=notes)


WHITE = (
    text("white space", lambda white: white["kind"]),
    number("widths", lambda white: len(white["widths"]), count),
    text(
        "without a gap",
        lambda white: f"1 to {white['complete_to']}" if white["complete_to"] else "none",
    ),
    number("widest", lambda white: max(white["widths"], default=0), count),
)


def indentation_table(found: Found) -> Table:
    """Show the widths of pure white space."""
    kinds = found.run.shown("white-space", found.info.id)
    return listing("Indentation in one token", WHITE, kinds)


def paper_rules_table(found: Found) -> Table:
    """Show the counts under the paper's rules."""
    fields = (
        text("name", str),
        text("rule", lambda name: _RULES[name], min_width=30),
        number("tokens", lambda name: found.tokens("rule", name), count),
        number(
            "share",
            lambda name: found.value("token_share", rule=name),
            partial(percent, decimals=2),
        ),
    )
    notes = [
        "Rules of arXiv 2601.02563. special counts identifiers such as .Class, share of all rows; "
        "dead tokens are the indentation tokens, share of the tokens of text."
    ]
    return listing("Under the paper's rules", fields, _RULES, notes=notes)


def method(run: Run) -> Facts:
    """Say how it was measured."""
    facts = list(METHOD)
    if run.population is not None:
        p = run.population
        corpus = f"{p.origin}: {count(p.n_documents)} documents, sha256 {p.sha256[:16]}…"
        facts.append(("text", corpus))
    made = run.provenance
    facts.append(("measured by", f"pyengine {made.pyengine}, llama.cpp {made.llama_cpp}"))
    return Facts("Method", tuple(facts))
