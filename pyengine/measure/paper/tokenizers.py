"""B.1 to B.5, D.1 to D.4: what the paper says of word lists and of tokenizers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from pyengine.measure.exhibits import text_of
from pyengine.measure.paper.lines import Line
from pyengine.measure.paper.published import lists, union_table
from pyengine.vocabulary.coverage import coverage, word_tokens
from pyengine.vocabulary.keywords import load_tables
from pyengine.vocabulary.paper import (
    PUBLISHED,
    RECOMPUTED,
    find_paper_tokenizer,
    paper_counts,
    paper_lines,
    paper_tokenizers,
)
from pyengine.vocabulary.tokenizer import Tokenizer

OTHER = "other-tokenizer"
TABLES = {
    **dict.fromkeys(("whole_words", "whole_words_percent", "missing_words", "missing"), "D.1"),
    **dict.fromkeys(("missing_distinct", "missing_after_space_too"), "D.1"),
    **dict.fromkeys(("mean_median_max_id", "mean_median_id", "mean_id_share"), "D.2"),
    **dict.fromkeys(("dead", "dead_percent"), "D.3"),
    **dict.fromkeys(("special", "special_percent"), "B.3"),
}


def list_lines() -> Iterator[Line]:
    """Yield how many words the lists have (B.1, B.2), and what of lists is unpublished."""
    said, tables = lists(), load_tables("paper")
    counted = partial(Line, unit="count")
    printed = {word for table in tables.values() for word in table.words()}
    for name, table in tables.items():
        line = counted(table="B.1", quantity="list_words", about=name, here=len(table))
        yield replace(line, paper=said["counts"][name]).exact()
    line = counted(table="B.1", quantity="printed_words", source=RECOMPUTED, here=len(printed))
    yield replace(line, paper=said["printed_words"]).exact()
    line = counted(table="B.1", quantity="union_words", here=len(union_table()))
    yield replace(line, paper=said["words"]).exact()
    yield counted(table="B.2", quantity="older_lists", paper=said["older_lists"], reason="not-used")


def tokenizer_lines(name: str, tokenizer: Tokenizer) -> Iterator[Line]:
    """Yield all that is said of one tokenizer; `name` is the id of a variant that has it.

    Of a tokenizer that is none of the paper's the numbers here stand alone.
    """
    entry = find_paper_tokenizer(tokenizer.features.pieces)
    yield Line(
        table="E.1",
        quantity="tokenizer",
        model=name,
        here=entry["name"] if entry else None,
        reason="" if entry else OTHER,
        agrees="yes" if entry else "cannot",
    )
    stated = entry or {**paper_tokenizers()[0], "base_tokens": tokenizer.n_text}
    found = coverage(tokenizer.vocabulary, load_tables("paper"))
    special = tokenizer.classes.sets["paper: special"]
    for said in paper_lines(stated, found, tokenizer):
        of_rows = said["quantity"] == "special_percent" and said["source"] == PUBLISHED
        line = Line(
            table="E.3" if of_rows else TABLES[said["quantity"]],
            quantity=said["quantity"],
            about=said["language"],
            model=name,
            source=said["source"],
            here=said["here"],
        )
        line = replace(line, paper=said["paper"]).exact() if entry else line.unless(OTHER)
        added = line.table == "B.3" and max(special, default=0) >= stated["base_tokens"]
        yield replace(line, reason="added-tokens") if added and line.agrees == "no" else line
    known = entry["name"] if entry else ""
    said_lists = lists()
    yield Line(
        table="B.3",
        quantity="special_strings",
        model=name,
        unit="count",
        paper=said_lists["special_strings"],
        here=paper_counts(tokenizer)[0],
        reason="unpublished-list",
    )
    yield Line(
        table="D.4",
        quantity="sample_tokens",
        model=name,
        unit="count",
        paper=said_lists["sample_program_tokens"].get(known),
        reason="unpublished-text" if entry else OTHER,
    )
    yield from _split_lines(name, tokenizer, known)


def _split_lines(name: str, tokenizer: Tokenizer, known: str) -> Iterator[Line]:
    """Yield B.5: how words are split that are no single token."""
    said, vocabulary = lists(), tokenizer.vocabulary
    own = said["by_tokenizer"].get(known)
    any_own = next(iter(said["by_tokenizer"].values()))
    for word, split in {**said["splits"], **(own or any_own)}.items():
        ids = word_tokens(vocabulary, word)
        here = "|".join(text_of(vocabulary.piece(i)) for i in ids) if ids else None
        line = Line(table="B.5", quantity="split", about=word, model=name, here=here)
        yield line.unless(OTHER) if own is None else replace(line, paper=split).exact()
