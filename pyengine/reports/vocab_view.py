"""`pyengine vocab` as a document: one tokenizer in full, or several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyengine.reports import vocab_comparison as comparison
from pyengine.reports import vocab_tables as tables
from pyengine.reports.names import file_name
from pyengine.reports.numbers import count, fixed
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, table
from pyengine.reports.vocab_found import Found, found_of
from pyengine.reports.vocab_integrity import integrity_blocks
from pyengine.run.record import Run

METHOD = (
    ("look-up", "by exact bytes of pieces, never through the tokenizer"),
    ("token ids", "the order of merges or of the list, not how often a token occurs in text"),
    ("syntax", "tree-sitter; a token has the class of its first byte that is not white space"),
    ("counts", "exact for the text named; another text gives others"),
)
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
    if len(models) == 1:
        return _single(models[0])
    blocks: list[Block] = [
        Paragraph(_summary(models), "strong"),
        comparison.identity_table(models),
        comparison.sharing_table(models),
        *comparison.compared_coverage(models),
        *comparison.compared_fertility(models),
        comparison.compared_ranks(models),
        comparison.compared_classes(models),
        comparison.compared_integrity(models),
        *comparison.difference_blocks(models),
        _method(run),
    ]
    return Document(f"Tokenizers of {len(models)} models", tuple(blocks))


def _single(found: Found) -> Document:
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
        *integrity_blocks(found),
        _method(found.run),
    ]
    return Document(f"Tokenizer of {found.model.name}", tuple(blocks))


def _answer(found: Found) -> str:
    whole, words, n_languages = tables.reserved_counts(found)
    text = (
        f"{found.model.name} keeps {count(whole)} of {count(words)} reserved words of "
        f"{n_languages} languages whole"
    )
    tokens, n_bytes = _spent(found)
    if tokens:
        text += f", and writes code with {fixed(n_bytes / tokens)} bytes per token"
    broken = found.count("unreachable")
    if broken:
        text += f"; {count(broken)} of its tokens never come from the text that they stand for"
    return text + "."


def _spent(found: Found) -> tuple[int, int]:
    """Return the tokens spent on all texts, and the bytes of these."""
    texts = found.texts()
    return sum(text.tokens for text in texts), sum(text.n_bytes for text in texts)


def _summary(models: Sequence[Found]) -> str:
    groups: dict[str, list[str]] = {}
    for label, found in zip(comparison.labels(models), models, strict=True):
        groups.setdefault(found.model.vocabulary_sha256, []).append(label)
    shared = [" = ".join(group) for group in groups.values() if len(group) > 1]
    tokenizers = "one tokenizer" if len(groups) == 1 else f"{len(groups)} different tokenizers"
    text = f"{len(models)} models, {tokenizers}"
    text = f"{text} ({'; '.join(shared)})." if shared else f"{text}."
    return text if len(groups) == 1 else f"{text}{_most_whole(models)}{_fewest_tokens(models)}"


def _most_whole(models: Sequence[Found]) -> str:
    """Say who keeps most keywords whole, counting each word of all languages once."""
    unions = [found.union for found in models]
    whole = [union.bare for union in unions]
    if min(whole) == max(whole):
        return f" All keep as many keywords whole: {count(whole[0])} of {count(unions[0].words)}."
    return (
        f" Most keywords are one bare token for {_which(models, whole, max(whole))}: "
        f"{count(max(whole))} of {count(unions[0].words)}; fewest for "
        f"{_which(models, whole, min(whole))}: {count(min(whole))}."
    )


def _fewest_tokens(models: Sequence[Found]) -> str:
    """Say who spends fewest tokens on the same text; nothing where they could not all take it."""
    costs = [_spent(found) for found in models]
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
    infos = [found.model for found in models]
    named = zip(comparison.labels(models), infos, values, strict=True)
    return ", ".join(f"{n} ({file_name(m.path, m.name)})" for n, m, v in named if v == wanted)


def _method(run: Run) -> Facts:
    facts = list(METHOD)
    if run.population is not None:
        text = run.population
        corpus = f"{text.origin}: {count(text.n_documents)} documents, sha256 {text.sha256[:16]}…"
        facts.append(("text", corpus))
    made = run.provenance
    facts.append(("measured by", f"pyengine {made.pyengine}, llama.cpp {made.llama_cpp}"))
    return Facts("Method", tuple(facts))


def paper_document(run: Run) -> Document:
    """Set the paper's numbers beside ours in one table."""
    found = [(e.model, e.content) for e in run.exhibits if e.kind == "paper"]
    known = {model for model, _ in found}
    others = [model.path for model in run.models if model.id not in known]
    titles = {
        table["language"]: table["title"]
        for table in run.shown("keyword_table")
        if table["collection"] == "paper"
    }
    lines = [line for _, content in found for line in content["lines"]]
    same = sum(_is_same(line) for line in lines)
    rows = [
        (content["name"], _quantity(line, titles), line["source"], *_paper_cells(line))
        for _, content in found
        for line in content["lines"]
    ]
    columns = (
        Column("tokenizer", min_width=9),
        Column("quantity", min_width=22),
        Column("source", drop=1),
        Column("paper", min_width=12),
        Column("here", min_width=12),
        "",
    )
    notes = [
        "published: as printed by the authors, with labels corrected. recomputed: from the "
        "authors' lists on the tokenizers that they name; their notebooks have plots only.",
        "DeepSeek-V2.5 stands for the DeepSeek-LLM vocabulary: the same words are missing in both.",
        *(f"{path}: not one of the paper's tokenizers." for path in others),
    ]
    published = sum(line["source"] == "published" for line in lines)
    text = (
        f"{count(same)} of {count(len(lines))} lines are the same here: {count(published)} that "
        f"arXiv 2601.02563 published, {count(len(lines) - published)} recomputed from its lists."
    )
    blocks = (Paragraph(text, "strong"), table("Paper / here", columns, rows, notes=notes))
    return Document("The paper's numbers about tokenizers", blocks)


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


def _paper_cells(line: Mapping[str, str]) -> Sequence[Cell | str]:
    paper, here, same = line["paper"], line["here"], _is_same(line)
    mark = Cell("=", "same", "good") if same else Cell("≠", "different", "bad")
    if same and len(paper) > 24:
        words = f"{count(paper.count(',') + 1)} words"
        return (Cell(words, paper), Cell("the same words", here), mark)
    return (paper or "none", here or "none", mark)
