"""`pyengine vocab` as a document: one tokenizer in full, or several; or the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeAlias

from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.listing import Spec, listing
from pyengine.report.numbers import count, writer
from pyengine.report.pieces import file_name
from pyengine.report.tables import Cell, Table, measured
from pyengine.report.vocab_found import Found, Words, found_of, labels
from pyengine.report.vocab_tables import method, reserved_counts, tables_of
from pyengine.report.words import say
from pyengine.run.record import Run

_SIDE_BY_SIDE = 5  # models whose numbers, written as `123 (456)`, fit into 80 columns
Named: TypeAlias = tuple[str, Found]
EQUAL, UNEQUAL = Cell("=", "same", "good"), Cell("≠", "different", "bad")
# What stands for integrity: title, and how many tokens, or kinds of text, of a tokenizer.
INTEGRITY: tuple[tuple[str, Callable[[Found], int | None]], ...] = (
    (
        "own bytes encode to others",
        lambda f: None if f.notes("reachability-untested") else f.count("unreachable"),
    ),
    ("parts of characters", lambda f: f.of("fault", "fragment")),
    ("same bytes as another", lambda f: f.of("fault", "duplicate")),
    ("same decoded text as another", lambda f: f.of("fault", "colliding")),
    ("special tokens at fault", lambda f: len(f.notes("special-token"))),
    (
        "kinds of text that change",
        lambda f: sum(
            f.count("round_trip_failures", texts=kind) > 0
            for kind in f.names("round_trip_failures", "texts")
        ),
    ),
    ('paper\'s "special" tokens', lambda f: f.of("rule", "special")),
    ('paper\'s "dead" tokens', lambda f: f.of("rule", "dead")),
)


def vocab_document(run: Run) -> Document:
    """Lay out the analysis of one tokenizer, or of several side by side."""
    models = found_of(run)
    if len(models) > 1:
        return _compared_document(models)
    (found,) = models
    blocks = (Paragraph(_answer(found), "strong"), *tables_of(found), method(run))
    return Document(f"Tokenizer of {found.info.name}", blocks)


def _answer(found: Found) -> str:
    whole, words, n_languages = reserved_counts(found)
    tokens, n_bytes = found.spent()
    return say(
        "answers",
        "vocab",
        name=found.info.name,
        whole=whole,
        words=words,
        n_languages=n_languages,
        per_token=n_bytes / tokens if tokens else None,
        broken=found.count("unreachable") or None,
    )


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
    rows = []
    for line in lines:
        paper, here = _written(line)
        same = EQUAL if _is_same(line) else UNEQUAL
        about = _quantity(line, titles)
        rows.append({**line, "about": about, "paper": paper, "here": here, "same": same})
    notes = [f"{path}: not one of the paper's tokenizers." for path in others]
    made = listing("vocab-paper", rows, notes=notes)
    n_same = sum(map(_is_same, lines))
    published = sum(line["source"] == "published" for line in lines)
    recomputed = len(lines) - published
    told = say(
        "answers", "paper", same=n_same, n=len(lines), published=published, recomputed=recomputed
    )
    return Document("The paper's numbers about tokenizers", (Paragraph(told, "strong"), made))


def _quantity(line: Mapping[str, str], titles: Mapping[str, str]) -> str:
    """Say what a line of the paper is about."""
    language, quantity = line["language"], line["quantity"]
    if language:
        about = titles.get(language, "distinct words")
        return f"{about}: {say('paper-lines-of-a-language', quantity)}"
    of_rows = quantity == "special_percent" and line["source"] == "recomputed"
    return f"{say('paper-lines', quantity)}{' of rows' if of_rows else ''}"


def _is_same(line: Mapping[str, str]) -> bool:
    return line["paper"] == line["here"]


def _written(line: Mapping[str, str]) -> tuple[str, str]:
    """Write the paper's value and ours; a long list of words that is the same is counted."""
    paper, here = line["paper"], line["here"]
    if paper == here and len(paper) > 24:
        return f"{count(paper.count(',') + 1)} words", "the same words"
    return paper or "none", here or "none"


def _compared_document(models: Sequence[Found]) -> Document:
    """Set tokenizers side by side."""
    few = len(models) <= _SIDE_BY_SIDE
    names = dict.fromkeys(name for f in models for name in f.names("token_share", "class"))
    classes = [
        (name, [f.value("token_share", **{"class": name}) or 0.0 for f in models]) for name in names
    ]
    if not few:
        classes = [(name, [100 * share for share in shares]) for name, shares in classes]
    blocks: tuple[Block, ...] = (
        Paragraph(_summary(models), "strong"),
        _identity(models),
        _sharing(models),
        *_coverage(models, few=few),
        *_fertility(models),
        _parts(
            models,
            "Mean id of bare keywords, divided by the number of tokens",
            lambda part: measured(part.value("keyword_id_share"), writer("fixed3")),
            notes=["An id is a merge order, not a frequency; see cl100k above."],
        ),
        _beside(
            models,
            "vocab-class-beside",
            classes,
            "percent" if few else "fixed",
            title=f"Classes of tokens{'' if few else ', %'}",
        ),
        _beside(
            models,
            "vocab-beside",
            [(title, list(map(number, models))) for title, number in INTEGRITY],
            "whole",
            title="Integrity, and the paper's counts",
            head="tokens",
        ),
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
    values = {"least": min(whole_words), "most": max(whole_words), "n": unions[0].words}
    if values["least"] == values["most"]:
        return say("answers", "vocab-equal-words", **values)
    return say("answers", "vocab-words", **values, **_ends(models, whole_words))


def _fewest_tokens(models: Sequence[Found]) -> str:
    """Say who spends fewest tokens on the same text; nothing where they could not all take it."""
    costs = [found.spent() for found in models]
    spent, n_bytes = [tokens for tokens, _ in costs], {size for _, size in costs}
    if len(n_bytes) > 1 or min(spent) == 0:
        return ""
    (size,) = n_bytes
    values = {"most": size / min(spent), "least": size / max(spent)}
    if min(spent) == max(spent):
        return say("answers", "vocab-equal-tokens", **values)
    return say("answers", "vocab-tokens", **values, **_ends(models, [-n for n in spent]))


def _ends(models: Sequence[Found], values: Sequence[int]) -> dict[str, str]:
    """Name the models of the largest and of the smallest value."""
    return {
        "best": _which(models, values, max(values)),
        "worst": _which(models, values, min(values)),
    }


def _which(models: Sequence[Found], values: Sequence[int], wanted: int) -> str:
    """Name the models that have a value by letter and file."""
    named = zip(labels(models), (found.info for found in models), values, strict=True)
    return ", ".join(f"{n} ({file_name(m.path, m.name)})" for n, m, v in named if v == wanted)


def _identity(models: Sequence[Found]) -> Table:
    """List the models with their tokenizers."""
    rows = [
        {
            "label": label,
            "file": file_name(found.info.path, found.info.name),
            "tokenizer": found.tokenizer,
            "rows": found.n("token_share"),
            "padding": found.of("part", "padding"),
            "cl100k": "yes" if found.identity["cl100k"] else "no",
            "sha256": found.info.vocabulary_sha256[:8],
        }
        for label, found in zip(labels(models), models, strict=True)
    ]
    return listing("vocab-models", rows)


def _sharing(models: Sequence[Found]) -> Table:
    """Show what every two vocabularies have in common."""
    rows = []
    for (a, first), (b, second) in combinations(zip(labels(models), models, strict=True), 2):
        run, ids = first.run, (first.model, second.model)
        (there,) = run.select("shared_tokens", model=ids[0], reference=ids[1], group="")
        back = {
            metric: run.select(metric, model=ids[1], reference=ids[0], group="")[0].value
            for metric in ("shared_tokens", "same_ids", "same_order")
        }
        equal = first.info.vocabulary_sha256 == second.info.vocabulary_sha256
        rows.append(
            {
                **back,
                "pair": f"{a} {b}",
                "equal": "yes" if equal else "no",
                "common": round(there.value * there.n),
                "of_first": there.value,
                "of_second": back["shared_tokens"],
            }
        )
    return listing("vocab-sharing", rows)


def _coverage(models: Sequence[Found], *, few: bool) -> tuple[Table, ...]:
    """Show bare keywords of all models side by side, and those that are one token in any spacing.

    Of more models than fit beside each other so, the two are two tables.
    """
    title = "Keywords that are one bare token"
    if few:
        both = f"{title} (in any spacing in brackets)"
        return (_parts(models, both, lambda part: f"{part.bare} ({part.form('any')})"),)
    spaced = "Keywords that are one token in any spacing"
    return (
        _parts(models, title, lambda part: str(part.bare)),
        _parts(models, spaced, lambda part: str(part.form("any"))),
    )


def _columns(models: Sequence[Found], write: str = "") -> list[Spec]:
    """Return a column for each model, by the model's place."""
    how = {"write": write} if write else {"align": "right"}
    return [{"label": label, "of": i, **how} for i, label in enumerate(labels(models))]


def _parts(
    models: Sequence[Found],
    title: str,
    cell: Callable[[Words], Cell | str | None],
    notes: Sequence[str] = (),
) -> Table:
    """Show a number of the words of each language, model beside model."""
    rows: list[dict[Any, Any]] = [
        {"name": parts[0].title, "words": parts[0].words, **dict(enumerate(map(cell, parts)))}
        for parts in zip(*(found.parts for found in models), strict=True)
    ]
    return listing("vocab-parts", rows, more=_columns(models), notes=notes, title=title)


def _beside(
    models: Sequence[Found],
    name: str,
    lines: Iterable[tuple[str, Sequence[float | None]]],
    write: str,
    notes: Sequence[str] = (),
    **words: str,
) -> Table:
    """Show a number of each tokenizer in each line."""
    rows: list[dict[Any, Any]] = [
        {"name": title, **dict(enumerate(values))} for title, values in lines
    ]
    return listing(name, rows, more=_columns(models, write), notes=notes, **words)


def _fertility(models: Sequence[Found]) -> list[Table]:
    """Show what code costs in all models side by side."""
    more = [f"Text: {models[0].text_origin}. More bytes per token is fewer tokens."]
    texts = [found.texts() for found in models]
    changed = any((text.value("located_share") or 0) < 1 for some in texts for text in some)
    lost = ["– : the tokenizer changes the text, or no keywords are known in it."] * changed
    by_language = list(zip(*texts, strict=True))

    def compared(title: str, metric: str, write: str, notes: Sequence[str]) -> Table:
        lines = [(row[0].title, [part.value(metric) for part in row]) for row in by_language]
        words = {"title": title, "head": "language"}
        return _beside(models, "vocab-beside", lines, write, notes, **words)

    return [
        compared("Bytes per token on code", "bytes_per_token", "fixed", more),
        compared("Tokens per occurrence of a keyword", "tokens_per_keyword", "fixed3", lost),
        compared("Tokens spent on indentation", "indentation_share", "percent1", lost),
    ]


def _differences(models: Sequence[Found]) -> list[Section]:
    """Show where every two different tokenizers differ most."""
    named = zip(labels(models), models, strict=True)
    return [
        _difference(first, second)
        for first, second in combinations(named, 2)
        if first[1].info.vocabulary_sha256 != second[1].info.vocabulary_sha256
    ]


def _difference(first: Named, second: Named) -> Section:
    (a, left), (b, right) = first, second
    ratios = {
        row.members["language"]: row.value
        for row in left.run.select("token_ratio", model=right.model, reference=left.model)
    }
    cost = "tokens_per_1000_bytes"
    rows: list[dict[str, Any]] = [
        {
            "language": one.title,
            "left": one.value(cost),
            "right": other.value(cost),
            "ratio": ratios[one.members["language"]],
        }
        for one, other in zip(left.texts(), right.texts(), strict=True)
        if one.members["language"] in ratios
    ]
    rows.sort(key=lambda row: -abs(math.log(row["ratio"])))
    facts = (
        (f"whole in {a} alone", _alone(left, right)),
        (f"whole in {b} alone", _alone(right, left)),
    )
    table = listing("vocab-differences", rows[:5], a=a, b=b)
    return Section(f"{a} and {b}", (Facts("", facts), table))


def _alone(found: Found, other: Found) -> str:
    """List the keywords that the one keeps whole and the other does not."""
    content = found.exhibit("whole-words-only", reference=other.model)
    words = content["words"] if content else []
    return f"{count(len(words))}: {' '.join(words)}" if words else "none"
