"""What is said of arXiv 2601.02563's statements, of its weaknesses, and of how each is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyengine.report.numbers import percent, significant
from pyengine.report.pieces import visible
from pyengine.report.words import has_words, member_name, say
from pyengine.run.record import Run

Line = Mapping[str, Any]
# A list of words with more characters is not written out where it is the same.
LONG_LIST = 24


def held_sentence(lines: Sequence[Line]) -> str:
    """Say how many of the paper's statements hold."""
    counts = Counter(line["agrees"] for line in lines)
    n = {name: counts[name] for name in ("yes", "no", "cannot")}
    why = most_often_words(line for line in lines if line["agrees"] == "cannot")
    # Those hold whatever file is given.
    lists = sum(line["agrees"] == "yes" and line["table"] == "B.1" for line in lines) or None
    return say("paper-held", "answer", n=len(lines), why=why, lists=lists, **n)


def held_notes(run: Run, lines: Sequence[Line]) -> list[str]:
    """Say what more the command can be given, and that the paper's cold starts are of another."""
    told = []
    if any(line["reason"] == "other-model" for line in lines):
        told.append(say("paper-held", "another-model"))
    if not run.options["records"]:
        told.append(say("paper-held", "no-record"))
    if run.options["reference"] is None:
        told.append(say("paper-held", "alone"))
    return told


def pair_words(kind: str) -> str:
    """Say how a file is related to the reference."""
    return say("paper-pairs", kind)


def table_words(table: str) -> str:
    """Name a table of the paper."""
    return say("paper-tables", table)


def statement_words(line: Line) -> str:
    """Say what a line states."""
    quantity, about = line["quantity"], line["about"]
    if quantity.endswith("_token"):
        file_type, _, token = about.partition(" ")
        return say("paper-quantities", quantity, about=file_type, token=visible(token))
    if has_words("paper-quantities", quantity):
        return say("paper-quantities", quantity, about=member_name("language", about))
    titles = {about: member_name("language", about)}
    titles.pop("union", None)
    return quantity_words({**line, "language": about}, titles)


def quantity_words(line: Mapping[str, str], titles: Mapping[str, str]) -> str:
    """Say what a line of the paper is about."""
    language, quantity = line["language"], line["quantity"]
    if language:
        about = titles.get(language) or say("paper", "distinct-words")
        return f"{about}: {say('paper-lines-of-a-language', quantity)}"
    words = say("paper-lines", quantity)
    of_rows = quantity == "special_percent" and line["source"] == "recomputed"
    return say("paper", "of-rows", line=words) if of_rows else words


def value_words(line: Mapping[str, str]) -> tuple[str, str]:
    """Write the paper's value and ours; a long list of words that is the same is counted."""
    paper, here = line["paper"], line["here"]
    if paper == here and len(paper) > LONG_LIST:
        return say("paper", "many-words", n=paper.count(",") + 1), say("paper", "same-words")
    return paper or "none", here or "none"


def text_words(line: Line) -> tuple[str | None, str | None]:
    """Write the two sides of a line that are texts or codes; None where there is none."""
    paper, here = line["paper"], line["here"]
    if isinstance(paper, str) and isinstance(here, str):
        return value_words({"paper": code_words(paper), "here": code_words(here)})
    return paper and code_words(paper), here and code_words(here)


def code_words(value: str) -> str:
    """Write what a line holds: a code in words, any other text as it is."""
    return say("paper-values", value) if has_words("paper-values", value) else value


def interval_words(kind: str, low: str, high: str) -> str:
    """Write the interval of a line from its written ends."""
    if kind == "exact":
        return say("paper-held", "all-exact")
    return say("paper-held", "range", low=low, high=high) if low else ""


def paper_words(value: str, low: str, high: str) -> str:
    """Write a number of the paper with its interval."""
    return say("paper-held", "with-range", value=value, low=low, high=high)


def agrees_words(agrees: str) -> str:
    """Say whether a line agrees."""
    return say("paper-agrees", agrees)


def reason_words(reason: str) -> str:
    """Say why a line cannot be decided, or differs; nothing where there is no reason."""
    return say("paper-reasons", reason) if reason else ""


def most_often_words(lines: Iterable[Line]) -> str:
    """Say the reason that stands most often; nothing where none does."""
    counts = Counter(line["reason"] for line in lines if line["reason"])
    return reason_words(counts.most_common(1)[0][0]) if counts else ""


def weakness_words(number: int) -> str:
    """Say what a weakness of the paper is."""
    return say("paper-weaknesses", str(number))


def careful_words(number: int, values: Mapping[str, Any] | None) -> str:
    """Say what is found in its place; nothing where that is not known here."""
    if values is None or not has_words("paper-careful", str(number)):
        return ""
    made = dict(values)
    if "kl" in made:
        made["named"] = ", ".join(f"{name} {significant(kl)}" for name, kl in made["kl"])
    if "best" in made:
        made["named"] = ", ".join(f"{one['kind']} {percent(one['mass'])}" for one in made["best"])
    if "cl100k" in made:
        made["order"] = say("paper-order", "cl100k" if made["cl100k"] else "own")
    if "style" in made:
        made["style"] = code_words(made["style"])
    if "needed" in made:
        made["needed"] = needed_words(made["needed"])
    return say("paper-careful", str(number), **made)


def needed_words(counts: Sequence[int | None]) -> str:
    """Write how many members reach 80, 85, 90 and 95 % of a mass."""
    return "/".join(map(str, counts))


def where_words(number: int) -> str:
    """Say which command tells more."""
    return say("paper-where", str(number))
