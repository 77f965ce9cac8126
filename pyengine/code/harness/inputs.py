"""Compare a solution with a reference on many arguments, as HumanEval+ does.

The rule is its authors': equal, or, where a result is a float or a sequence of floats, or the task
names a tolerance, of one type and close (relative 1e-7).
"""

import copy
import json
import math
from collections.abc import Callable
from typing import Any

RELATIVE, ABSOLUTE = 1e-7, 1e-6


def compare(
    candidate: Callable[..., Any],
    source: str,
    name: str,
    inputs: str,
    atol: float,
    *,
    root: bool = False,
) -> None:
    """Raise AssertionError where a call gives another result than the reference's.

    Args:
        source: the reference's program, which defines `name`.
        inputs: JSON of the arguments of each call.
        root: hold the result against the polynomial `poly` of the program instead.
    """
    namespace: dict[str, Any] = {}
    exec(compile(source, "reference", "exec"), namespace)
    for arguments in json.loads(inputs):
        expected = None if root else namespace[name](*copy.deepcopy(arguments))
        found = candidate(*copy.deepcopy(arguments))
        shown = f"{name}({', '.join(map(repr, arguments))}) gives {found!r}"
        if root:
            assert abs(namespace["poly"](arguments[0], found)) <= atol, shown
        else:
            assert agree(found, expected, atol), f"{shown}, not {expected!r}"


def agree(found: Any, expected: Any, atol: float) -> bool:
    """Return whether two results agree."""
    if found == expected:
        return True
    tolerance = atol or (ABSOLUTE if _floats(expected) else 0.0)
    if not tolerance or type(found) is not type(expected):
        return False
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(_close(tolerance), found, expected))
    return _close(tolerance)(found, expected)


def _floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def _close(tolerance: float) -> Callable[[Any, Any], bool]:
    def close(a: Any, b: Any) -> bool:
        if isinstance(b, (list, tuple)):
            return len(a) == len(b) and all(map(close, a, b))
        if not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
            return bool(a == b)
        return a == b or (math.isfinite(b) and abs(a - b) <= tolerance + RELATIVE * abs(b))

    return close
