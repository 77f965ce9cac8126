"""Ways to damage a saved record: its bytes, its values, its columns."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

# What stands where something else belongs.
WRONG: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.5, 1e308, -0.0),
    *("", "x", "NaN", "Infinity", "-Infinity", "\x00", "\u202e\x1b[31m", "\ud800", "é" * 3000),
    *([], [None], [[]], [1, 2, 3], ["a", 1], {}, {"a": 1}, {"": None}, {"value": 1}),
)
KEYS = ("", "x", "c", "python", "value", "NaN", "\x00", "\ud800", "=", "a" * 1000)
Place = tuple[Any, Any]  # a list or an object, and where in it


def damaged_records(text: str, *, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` damaged copies of a record's JSON text with a description of each."""
    rng = random.Random(seed)
    ways = (_bytes, _value, _value, _value, _value, _column, _column, _entry, _entry, _deep)
    for _ in range(count):
        yield rng.choice(ways)(text, rng)


def _bytes(text: str, rng: random.Random) -> tuple[str, bytes]:
    data = bytearray(text.encode())
    at = rng.randrange(len(data))
    way = rng.randrange(4)
    if way == 0:
        return f"cut at {at}", bytes(data[:at])
    if way == 1:
        data[at] ^= 1 << rng.randrange(8)
        return f"a bit of byte {at}", bytes(data)
    if way == 2:
        del data[at : at + rng.randint(1, 200)]
        return f"bytes removed at {at}", bytes(data)
    data[at:at] = data[at : at + rng.randint(1, 200)]
    return f"bytes repeated at {at}", bytes(data)


def _dumped(content: object) -> bytes:
    return json.dumps(content).encode()


def places_of(value: Any, path: str = "") -> Iterator[tuple[str, Place]]:  # noqa: ANN401  # any JSON
    """Yield every place in a JSON value that holds another."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield f"{path}.{key}", (value, key)
        if isinstance(value[key], (dict, list)):
            yield from places_of(value[key], f"{path}.{key}")


def _some_place(content: object, rng: random.Random) -> tuple[str, Place]:
    """Choose a place; of long lists the first members, so that every kind of field has its turn."""
    found = [
        (path, place)
        for path, place in places_of(content)
        if not (isinstance(place[0], list) and place[1] > 3)
    ]
    return rng.choice(found)


def _value(text: str, rng: random.Random) -> tuple[str, bytes]:
    content = json.loads(text)
    done = []
    for _ in range(rng.choice((1, 1, 3))):
        path, (holder, key) = _some_place(content, rng)
        wrong = rng.choice(WRONG)
        if rng.random() < 0.3 and isinstance(holder[key], (int, float)):
            wrong = rng.choice((-1, 0, 1)) * holder[key] * rng.choice((1, 1000, 1e300))
        if rng.random() < 0.2 and isinstance(holder[key], str):
            wrong = holder[key][: rng.randrange(len(holder[key]) + 1)] + rng.choice(("", "x"))
        holder[key] = wrong
        done.append(f"{path} = {wrong!r:.40}")
    return "; ".join(done), _dumped(content)


def _entry(text: str, rng: random.Random) -> tuple[str, bytes]:
    """Remove, rename, repeat or swap an entry."""
    content = json.loads(text)
    path, (holder, key) = _some_place(content, rng)
    way = rng.choice(("removed", "renamed", "repeated", "replaced"))
    if way == "removed":
        del holder[key]
    elif isinstance(holder, dict) and way == "renamed":
        holder[rng.choice(KEYS)] = holder.pop(key)
    elif isinstance(holder, list):
        holder += [holder[key]] * rng.choice((1, 2, 2000))
    else:
        other, (source, name) = _some_place(content, rng)
        holder[key] = json.loads(json.dumps(source[name]))
        way = f"replaced by {other}"
    return f"{path} {way}", _dumped(content)


def _column(text: str, rng: random.Random) -> tuple[str, bytes]:
    """Damage a column of the measurements."""
    content = json.loads(text)
    columns = content["measurements"]
    name = rng.choice(sorted(columns))
    column = columns[name]
    changes: dict[str, Callable[[], Any]] = {
        "shorter": lambda: column[:-1],
        "longer": lambda: [*column, *column[:1]],
        "empty": list,
        "of one wrong value": lambda: [rng.choice(WRONG)] * len(column),
        "with a wrong value": lambda: [*column[1:], rng.choice(WRONG)],
        "turned round": lambda: column[::-1],
        "shuffled": lambda: rng.sample(column, len(column)),
        "all of its first": lambda: column[:1] * len(column),
        "no list": lambda: rng.choice(WRONG),
    }
    way = rng.choice(sorted(changes))
    columns[name] = changes[way]()
    return f"column {name} {way}", _dumped(content)


def _deep(text: str, rng: random.Random) -> tuple[str, bytes]:
    """Nest something deeply in one place."""
    content = json.loads(text)
    path, (holder, key) = _some_place(content, rng)
    holder[key] = "HERE"
    depth = rng.choice((50, 900, 5000, 200_000))
    begin, end = rng.choice((("[", "]"), ('{"a":', "}")))
    middle = begin * depth + "1" + end * depth
    written = json.dumps(content).replace('"HERE"', middle, 1)
    return f"{path} nested {depth} times", written.encode()
