"""`pyengine vocab` as a document: one tokenizer in full, or several; or the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping

from pyengine.report import vocab_tables as tables
from pyengine.report.document import Block, Document, Paragraph
from pyengine.report.numbers import count, fixed
from pyengine.report.tables import Cell, Column, Field, listing, text
from pyengine.report.vocab_comparison import compared_document
from pyengine.report.vocab_found import Found, found_of
from pyengine.report.vocab_integrity import integrity_facts, round_trips_table
from pyengine.run.record import Run

EQUAL, UNEQUAL = Cell("=", "same", "good"), Cell("≠", "different", "bad")
# What a line of the paper is about, by its code.
_OF_A_LANGUAGE = {
    "whole_words": "whole words",
    "whole_words_percent": "whole words, %",
    "missing_words": "missing words",
    "mean_median_max_id": "mean, median, max id",
    "mean_median_id": "mean, median id",
    "mean_id_share": "mean id / tokens",
}
_OF_ALL = {
    "whole_words": "whole words, all lists",
    "whole_words_percent": "whole words, all lists, %",
    "missing": "missing, all lists",
    "missing_distinct": "missing, distinct words",
    "missing_after_space_too": "missing, after a space too",
    "dead": '"dead" tokens',
    "dead_percent": '"dead", %',
    "special": '"special" tokens',
    "special_percent": '"special", %',
}


def vocab_document(run: Run) -> Document:
    """Lay out the analysis of one tokenizer, or of several side by side."""
    models = found_of(run)
    if len(models) > 1:
        return compared_document(models)
    (found,) = models
    blocks: list[Block] = [
        Paragraph(_answer(found), "strong"),
        tables.identity_facts(found),
        tables.coverage_table(found),
        tables.forms_table(found),
        tables.missing_table(found),
        tables.ranks_table(found),
        tables.fertility_table(found),
        tables.syntax_table(found),
        tables.classes_table(found),
        tables.sets_table(found),
        tables.indentation_table(found),
        tables.paper_rules_table(found),
        integrity_facts(found),
        round_trips_table(found),
        tables.method(run),
    ]
    return Document(f"Tokenizer of {found.info.name}", tuple(blocks))


def _answer(found: Found) -> str:
    whole, words, n_languages = tables.reserved_counts(found)
    told = (
        f"{found.info.name} keeps {count(whole)} of {count(words)} reserved words of "
        f"{n_languages} languages whole"
    )
    tokens, n_bytes = found.spent()
    if tokens:
        told += f", and writes code with {fixed(n_bytes / tokens)} bytes per token"
    broken = found.count("unreachable")
    if broken:
        told += f"; {count(broken)} of its tokens never come from the text that they stand for"
    return told + "."


def paper_document(run: Run) -> Document:
    """Set the paper's numbers beside ours in one table."""
    found = [(e.model, e.content) for e in run.exhibits if e.kind == "paper"]
    known = {model for model, _ in found}
    others = [model.path for model in run.models if model.id not in known]
    titles = {
        table["language"]: table["title"]
        for table in run.shown("keyword-table")
        if table["collection"] == "paper"
    }
    lines = [{"name": content["name"], **line} for _, content in found for line in content["lines"]]
    same = sum(_is_same(line) for line in lines)
    fields = (
        text("tokenizer", lambda line: line["name"], min_width=9),
        text("quantity", lambda line: _quantity(line, titles), min_width=22),
        text("source", lambda line: line["source"], drop=1),
        text("paper", lambda line: _written(line)[0], min_width=12),
        text("here", lambda line: _written(line)[1], min_width=12),
        Field(Column(""), lambda line: EQUAL if _is_same(line) else UNEQUAL),
    )
    notes = [
        "published: as printed by the authors, with labels corrected. recomputed: from the "
        "authors' lists on the tokenizers that they name; their notebooks have plots only.",
        "DeepSeek-V2.5 stands for the DeepSeek-LLM vocabulary: the same words are missing in both.",
        *(f"{path}: not one of the paper's tokenizers." for path in others),
    ]
    published = sum(line["source"] == "published" for line in lines)
    told = (
        f"{count(same)} of {count(len(lines))} lines are the same here: {count(published)} that "
        f"arXiv 2601.02563 published, {count(len(lines) - published)} recomputed from its lists."
    )
    made = listing("Paper / here", fields, lines, notes=notes)
    return Document("The paper's numbers about tokenizers", (Paragraph(told, "strong"), made))


def _quantity(line: Mapping[str, str], titles: Mapping[str, str]) -> str:
    """Say what a line of the paper is about."""
    language, quantity = line["language"], line["quantity"]
    if language:
        about = titles.get(language, "distinct words")
        return f"{about}: {_OF_A_LANGUAGE[quantity]}"
    if quantity == "special_percent" and line["source"] == "recomputed":
        return f"{_OF_ALL[quantity]} of rows"
    return _OF_ALL[quantity]


def _is_same(line: Mapping[str, str]) -> bool:
    return line["paper"] == line["here"]


def _written(line: Mapping[str, str]) -> tuple[str, str]:
    """Write the paper's value and ours; a long list of words that is the same is counted."""
    paper, here = line["paper"], line["here"]
    if paper == here and len(paper) > 24:
        return f"{count(paper.count(',') + 1)} words", "the same words"
    return paper or "none", here or "none"
