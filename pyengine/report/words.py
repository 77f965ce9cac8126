"""What is said by a code: `words.json` holds the sentences, a record their codes and values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from pyengine.report.charts import Chart
from pyengine.report.document import Facts, Picture
from pyengine.report.numbers import WRITERS, counted, writer

WORDS: Mapping[str, Any] = json.loads(
    Path(__file__).with_name("words.json").read_text(encoding="utf-8")
)
# What is said in several places.
TERMS: Mapping[str, str] = WORDS["terms"]
# The outcomes of a sample, in their order.
OUTCOMES: Mapping[str, str] = WORDS["outcomes"]
# Why samples fail, in the order in which it is asked.
FAILURES: Mapping[str, str] = WORDS["failures"]


NAMED = 6  # names that a note spells out


class _Sentences(Formatter):
    """Writes values as Python does, as `numbers.writer` does, and lists by commas or "and"."""

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401 - any value
        """Write one value."""
        if format_spec in ("list", "and"):
            return ((", " if format_spec == "list" else " and ").join(map(str, value))) or "none"
        if format_spec.startswith("n "):
            return counted(value, format_spec[2:])
        if format_spec.rstrip("0123456789") in WRITERS:
            return writer(format_spec)(value)
        return str(super().format_field(value, format_spec))


def say(topic: str, code: str, /, **values: object) -> str:
    """Say something by its code."""
    return filled(WORDS[topic][code], values)


def has_words(topic: str, code: object) -> bool:
    """Whether there is something to say by a code."""
    return code in WORDS[topic]


def member_name(dimension: str, member: str) -> str:
    """Return what people call a member of a group: the record says cpp, and people C++."""
    return str(WORDS["languages"].get(member, member)) if dimension == "language" else member


def picture(code: str, chart: Chart, /, *, name: str = "", **values: object) -> Picture:
    """Return a picture with its title and what it says one should see."""
    words = WORDS["pictures"][code]
    return Picture(name or code, words["title"], filled(words["caption"], values), chart)


def facts(
    name: str, /, *more: tuple[str, str], title: str | None = None, **values: object
) -> Facts:
    """Return named facts, the words of each filled in; then others.

    A fact that stands in [[…]] is left out where a value of it is not known.
    """
    templates = WORDS["facts"][name].items()
    lines = [(filled(head, values), filled(words, values), words) for head, words in templates]
    pairs = [(head, told) for head, told, words in lines if told or not words.startswith("[[")]
    return Facts(name if title is None else title, (*pairs, *more))


def filled(words: str, values: Mapping[str, object]) -> str:
    """Fill in what stands in braces, and what stands in [[…]] only where its values are known."""

    def part(match: re.Match[str]) -> str:
        named = [name for _, name, _, _ in Formatter().parse(match[1]) if name]
        return match[1] if all(_known(values, name) for name in named) else ""

    values = {**TERMS, **values}
    return _Sentences().vformat(re.sub(r"\[\[(.*?)\]\]", part, words), (), values)


def _known(values: Mapping[str, object], name: str) -> bool:
    return values.get(re.split(r"[.\[!]", name)[0]) not in (None, "")
