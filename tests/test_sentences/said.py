"""Which words of `words.json` a function prints: what the tables of cases are held against.

A case names a function, its arguments and the codes of one topic that are to be printed: all of
them, and no other. "writes[itself]" are the words of "writes" with their part in [[…]] that begins
with the value `itself`; without brackets no such part may be there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from string import Formatter
from typing import Any, TypeAlias
from unittest.mock import patch

from pyengine.report import words

PART = re.compile(r"\[\[(.*?)\]\]")


@dataclass(frozen=True)
class Case:
    """A call, and the codes of its topic that it prints."""

    codes: tuple[str, ...]
    function: Callable[..., object]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.function.__name__}: {', '.join(self.codes) or 'nothing'}"

    @property
    def bare(self) -> set[str]:
        """The codes without their parts."""
        return {code.partition("[")[0] for code in self.codes}

    @property
    def parts(self) -> set[str]:
        """The parts that are printed, each as code[name]."""
        found = (code.rstrip("]").partition("[") for code in self.codes)
        return {f"{code}[{name}]" for code, _, names in found for name in names.split(",") if name}


Cases: TypeAlias = Mapping[str, Sequence[Case]]  # by topic


def case(codes: str | Sequence[str], function: Callable[..., object], *a: Any, **k: Any) -> Case:  # noqa: ANN401
    """A case; of several codes in one text each is a word."""
    return Case(tuple(codes.split() if isinstance(codes, str) else codes), function, a, k)


class Leaf(str):
    """Words that know under which topic and code they stand."""

    topic: str
    code: str


def parts_of(text: str) -> dict[str, list[str]]:
    """The names of the values in each part in [[…]], by the first of them."""
    named = [
        [re.split(r"[.\[!]", name)[0] for _, name, _, _ in Formatter().parse(part) if name]
        for part in PART.findall(text)
    ]
    assert len({names[0] for names in named}) == len(named), text
    return {names[0]: names for names in named}


def leaves(value: object, *path: str) -> Iterator[Leaf]:
    """All words, in their order."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, *path, name)
    else:
        leaf = Leaf(value)
        leaf.topic, leaf.code = path[0], "/".join(path[1:])
        yield leaf


def tree_of(value: object, found: Iterator[Leaf]) -> Any:  # noqa: ANN401 - as JSON is
    """The same tree with its leaves in place of strings."""
    if isinstance(value, Mapping):
        return {name: tree_of(inner, found) for name, inner in value.items()}
    return next(found)


@contextmanager
def recorded() -> Iterator[list[tuple[Leaf, str, str]]]:
    """Collect all words that are filled in: where they stand, with which parts, and their text."""
    found: list[tuple[Leaf, str, str]] = []
    filled = words.filled

    def recording(text: str, values: Mapping[str, object]) -> str:
        made = filled(text, values)
        if isinstance(text, Leaf):
            every = {**words.TERMS, **values}
            known = [
                first
                for first, names in parts_of(text).items()
                if all(every.get(name) not in (None, "") for name in names)
            ]
            found.append((text, f"[{','.join(known)}]" if known else "", made))
        return made

    tree = tree_of(words.WORDS, leaves(words.WORDS))
    with patch.object(words, "filled", recording), patch.object(words, "WORDS", tree):
        yield found


def texts(value: object) -> Iterator[str]:
    """Every text in what a function returns."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts(list(value.values()))
    elif is_dataclass(value):
        yield from texts([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)


def printed(one: Case) -> list[tuple[Leaf, str]]:
    """All words that stand in what a call returns, each with its code and parts."""
    with recorded() as found:
        whole = "\n".join(texts(one.function(*one.arguments, **one.named))).lower()
    return [(leaf, leaf.code + parts) for leaf, parts, text in found if text.lower() in whole]
