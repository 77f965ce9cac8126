"""Read conditions such as `kl > 0.02 or size >= 6GiB`, without evaluating any Python.

Grammar, loosest binding first; only the words `and`, `or`, `not` and these signs exist:

    condition   = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation    = "not" negation | comparison
    comparison  = sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum ]
    sum         = product { ( "+" | "-" ) product }
    product     = factor { ( "*" | "/" ) factor }
    factor      = "-" factor | "(" condition ")" | number [ unit ] | name
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from pyengine.errors import OptionError

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[A-Za-z%]*)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<symbol><=|>=|==|!=|[<>()+*/-]))"
)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_DEEPEST = 50
_MOST_GIB = 100_000
_Value: TypeAlias = bool | float


def holds(condition: str, numbers: Mapping[str, float]) -> bool:
    """Tell whether a condition holds for some named numbers.

    A comparison with a number that is not known (NaN) does not hold; see `unknown`.

    Raises OptionError with the place where the condition cannot be read, or the names there are.
    """
    return _Reader(condition, numbers).read()


def unknown(condition: str, numbers: Mapping[str, float]) -> list[str]:
    """Return the names in a condition whose numbers are not known, so that nothing is sure.

    Raises OptionError as `holds` does.
    """
    reader = _Reader(condition, numbers)
    reader.read()
    return list(dict.fromkeys(reader.unknown))


def names_in(condition: str) -> list[str]:
    """Return the names in a condition, each once, whatever numbers there are.

    Raises OptionError with the place where the condition cannot be read.
    """
    reader = _Reader(condition, None)
    reader.read()
    return list(dict.fromkeys(reader.unknown))


def parse_size(text: str) -> int:
    """Read a size: `6GiB`, `500MB`, `6g` (binary), `800b`; a plain number counts GiB. In bytes.

    Raises OptionError where it is none, or a plain number so large that bytes were meant.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match and not match.group(2):
        if float(match.group(1)) > _MOST_GIB:
            raise OptionError(f"{text!r} would be GiB; write a unit, such as {text.strip()}B")
        return int(float(match.group(1)) * 2**30)
    factor = _unit_factor(match.group(2)) if match else None
    if match is None or factor is None or factor < 1:
        raise OptionError(f"{text!r} is no size; write for example 6GiB or 500MB")
    return int(float(match.group(1)) * factor)


def _unit_factor(unit: str) -> float | None:
    """Return what a unit multiplies by; GiB and G are binary, GB is decimal."""
    if unit == "%":
        return 0.01
    match = re.fullmatch(r"([kmgt]?)(i?b)?", unit.lower())
    if not match:
        return None
    decimal = match.group(2) == "b" and match.group(1) != ""
    return float((1000 if decimal else 1024) ** _POWERS[match.group(1)])


class _Reader:
    """Walks over a condition once, computing as it reads; without numbers none is known."""

    def __init__(self, text: str, numbers: Mapping[str, float] | None) -> None:
        self.text = text
        self.numbers = numbers
        self.tokens = self._split()
        self.place = 0
        self.depth = 0
        self.unknown: list[str] = []

    def read(self) -> bool:
        value = self.truth(self.condition())
        if self.place < len(self.tokens):
            raise self.error("expected the end, `and` or `or`")
        return value

    def condition(self) -> _Value:
        return self.joined("or", lambda: self.joined("and", self.negation))

    def joined(self, word: str, read: Callable[[], _Value]) -> _Value:
        value = read()
        while self.take(word):
            other = self.truth(read())
            value = self.truth(value)
            value = value or other if word == "or" else value and other
        return value

    def negation(self) -> _Value:
        if self.take("not"):
            return not self.truth(self.nested(self.negation))
        return self.comparison()

    def comparison(self) -> _Value:
        value = self.sum()
        if self.peek() not in _COMPARISONS:
            return value
        compare = _COMPARISONS[self.next()]
        return compare(self.number(value), self.number(self.sum()))

    def sum(self) -> _Value:
        value = self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.next() == "+" else -1
            value = self.number(value) + sign * self.number(self.product())
        return value

    def product(self) -> _Value:
        value = self.factor()
        while self.peek() in ("*", "/"):
            symbol, other = self.next(), self.number(self.factor())
            if symbol == "/" and other == 0:
                raise OptionError(f"{self.text!r}: division by zero")
            value = self.number(value) * (other if symbol == "*" else 1 / other)
        return value

    def factor(self) -> _Value:
        if self.take("-"):
            return -self.number(self.nested(self.factor))
        if self.take("("):
            value = self.nested(self.condition)
            if not self.take(")"):
                raise self.error("expected `)`")
            return value
        first = self.peek()[:1]
        if first.isdigit() or first == ".":
            return self.literal(self.next())
        if first.isalpha() or first == "_":
            return self.named(self.next())
        raise self.error("expected a number or a name")

    def literal(self, token: str) -> float:
        match = _TOKEN.fullmatch(token)
        factor = _unit_factor(match.group("unit")) if match else None
        if match is None or factor is None:
            raise OptionError(f"{self.text!r}: {token!r} has an unknown unit")
        value = float(match.group("number")) * factor
        if math.isinf(value):
            raise OptionError(f"{self.text!r}: {token!r} is larger than any number")
        return value

    def named(self, name: str) -> float:
        if self.numbers is not None and name not in self.numbers:
            known = ", ".join(self.numbers)
            raise OptionError(f"{self.text!r}: {name!r} was not measured; known are {known}")
        value = math.nan if self.numbers is None else self.numbers[name]
        if math.isnan(value):
            self.unknown.append(name)
        return value

    def nested(self, read: Callable[[], _Value]) -> _Value:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise OptionError(f"{self.text[:40]!r}…: nested too deeply")
        value = read()
        self.depth -= 1
        return value

    def truth(self, value: _Value) -> bool:
        if not isinstance(value, bool):
            raise self.error("expected a comparison such as `kl > 0.02`")
        return value

    def number(self, value: _Value) -> float:
        if isinstance(value, bool):
            raise self.error("expected a number, not a comparison")
        return value

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def next(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def take(self, token: str) -> bool:
        found = self.peek() == token
        self.place += found
        return found

    def error(self, what: str) -> OptionError:
        return OptionError(f"{self.text!r}: {what} before {self.peek() or 'the end'!r}")

    def _split(self) -> list[str]:
        tokens, place, text = [], 0, self.text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise OptionError(f"{self.text!r}: cannot read {text[place : place + 10]!r}")
            tokens.append(match.group().strip())
            place = match.end()
        return tokens
