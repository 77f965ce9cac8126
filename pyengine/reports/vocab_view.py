"""`pyengine vocab` as a document: one tokenizer in full, or several side by side."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.reports import vocab_comparison as comparison
from pyengine.reports import vocab_tables as tables
from pyengine.reports.names import file_name
from pyengine.reports.numbers import count, fixed
from pyengine.reports.tables import Block, Cell, Column, Document, Facts, Paragraph, table
from pyengine.vocabulary.records import PaperLine, VocabResult, VocabularyRecord

METHOD = (
    ("look-up", "by exact bytes of pieces, never through the tokenizer"),
    ("token ids", "the order of merges or of the list, not how often a token occurs in text"),
    ("syntax", "tree-sitter; a token has the class of its first byte that is not white space"),
    ("counts", "exact for the text named; another text gives others"),
)


def vocab_document(result: VocabResult) -> Document:
    """Lay out the analysis of one tokenizer, or of several side by side."""
    if len(result.models) == 1:
        return _single(result)
    names = comparison.labels(result)
    blocks: list[Block] = [
        Paragraph(_summary(result), "strong"),
        comparison.identity_table(result),
        comparison.sharing_table(result),
        *comparison.compared_coverage(result),
        *comparison.compared_fertility(result),
        comparison.compared_ranks(result),
        comparison.compared_classes(result),
        comparison.compared_integrity(result),
        *(comparison.difference_block(d, names) for d in result.differences),
        _method(result),
    ]
    return Document(f"Tokenizers of {len(result.models)} models", tuple(blocks))


def _single(result: VocabResult) -> Document:
    model = result.models[0]
    blocks: list[Block] = [
        Paragraph(_answer(model), "strong"),
        tables.identity_facts(model),
        tables.coverage_table(model),
        tables.forms_table(model),
        tables.missing_table(model),
        tables.ranks_table(model),
        tables.fertility_table(model, result),
        tables.syntax_table(model),
        tables.classes_table(model),
        tables.sets_table(model),
        tables.indentation_table(model),
        tables.paper_rules_table(model),
        *tables.integrity_blocks(model),
        _method(result),
    ]
    return Document(f"Tokenizer of {model.name}", tuple(blocks))


def _answer(model: VocabularyRecord) -> str:
    reserved = tables.reserved_counts(model)
    text = (
        f"{model.name} keeps {count(reserved[0])} of {count(reserved[1])} reserved words of "
        f"{reserved[2]} languages whole"
    )
    tokens = sum(f.tokens for f in model.fertility)
    n_bytes = sum(f.n_bytes for f in model.fertility)
    if tokens:
        text += f", and writes code with {fixed(n_bytes / tokens)} bytes per token"
    broken = model.integrity.unreachable
    if broken:
        text += f"; {count(broken)} of its tokens never come from the text that they stand for"
    return text + "."


def _summary(result: VocabResult) -> str:
    groups: dict[str, list[str]] = {}
    for label, model in zip(comparison.labels(result), result.models, strict=True):
        groups.setdefault(model.sha256, []).append(label)
    shared = [" = ".join(group) for group in groups.values() if len(group) > 1]
    tokenizers = "one tokenizer" if len(groups) == 1 else f"{len(groups)} different tokenizers"
    text = f"{len(result.models)} models, {tokenizers}"
    text = f"{text} ({'; '.join(shared)})." if shared else f"{text}."
    return text if len(groups) == 1 else f"{text}{_most_whole(result)}{_fewest_tokens(result)}"


def _most_whole(result: VocabResult) -> str:
    """Say who keeps most keywords whole, counting each word of all languages once."""
    unions = [model.collections[0].union for model in result.models]
    whole = [union.bare for union in unions]
    if min(whole) == max(whole):
        return f" All keep as many keywords whole: {count(whole[0])} of {count(unions[0].words)}."
    return (
        f" Most keywords are one bare token for {_which(result, whole, max(whole))}: "
        f"{count(max(whole))} of {count(unions[0].words)}; fewest for "
        f"{_which(result, whole, min(whole))}: {count(min(whole))}."
    )


def _fewest_tokens(result: VocabResult) -> str:
    """Say who spends fewest tokens on the same text; nothing where they could not all take it."""
    spent = [sum(f.tokens for f in model.fertility) for model in result.models]
    n_bytes = {sum(f.n_bytes for f in model.fertility) for model in result.models}
    if len(n_bytes) > 1 or min(spent) == 0:
        return ""
    (size,) = n_bytes
    if min(spent) == max(spent):
        return f" All spend as many tokens on code: {fixed(size / spent[0])} bytes per token."
    return (
        f" Fewest tokens on the same code are spent by {_which(result, spent, min(spent))}: "
        f"{fixed(size / min(spent))} bytes per token; most by {_which(result, spent, max(spent))}: "
        f"{fixed(size / max(spent))}."
    )


def _which(result: VocabResult, values: Sequence[int], wanted: int) -> str:
    """Name the models that have a value by letter and file."""
    named = zip(comparison.labels(result), result.models, values, strict=True)
    return ", ".join(f"{n} ({file_name(m.path, m.name)})" for n, m, v in named if v == wanted)


def _method(result: VocabResult) -> Facts:
    corpus = (
        f"{result.corpus}: {count(result.corpus_documents)} documents, sha256 "
        f"{result.corpus_sha256[:16]}…"
    )
    by = f"pyengine {result.provenance.pyengine}, llama.cpp {result.provenance.llama_cpp}"
    return Facts("Method", (*METHOD, ("text", corpus), ("measured by", by)))


def paper_document(result: VocabResult) -> Document:
    """Set the paper's numbers beside ours in one table."""
    known = {record.path for record in result.paper}
    others = [model.path for model in result.models if model.path not in known]
    lines = [line for record in result.paper for line in record.lines]
    same = sum(line.same is True for line in lines)
    rows = [
        (record.column, line.quantity, line.source, *_paper_cells(line))
        for record in result.paper
        for line in record.lines
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
    published = sum(line.source == "published" for line in lines)
    text = (
        f"{count(same)} of {count(len(lines))} lines are the same here: {count(published)} that "
        f"arXiv 2601.02563 published, {count(len(lines) - published)} recomputed from its lists."
    )
    blocks = (Paragraph(text, "strong"), table("Paper / here", columns, rows, notes=notes))
    return Document("The paper's numbers about tokenizers", blocks)


def _paper_cells(line: PaperLine) -> Sequence[Cell | str]:
    mark = Cell("=", "same", "good") if line.same else Cell("≠", "different", "bad")
    if line.same and len(line.paper) > 24:
        words = f"{count(line.paper.count(',') + 1)} words"
        return (Cell(words, line.paper), Cell("the same words", line.here), mark)
    return (line.paper or "none", line.here or "none", mark)
