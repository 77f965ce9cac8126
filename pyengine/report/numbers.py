"""Write numbers: as many digits as they deserve, the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pyengine.report.tables import MISSING


def significant(value: float, digits: int = 3) -> str:
    """Write a number with that many significant digits, in plain or scientific notation.

    Plain from 0.0001 up to 100,000; outside as `1.23e-07`.
    """
    if value != value:
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    exponent = _exponent(value, digits)
    if exponent < -4 or exponent >= 5:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        return _minus(f"{mantissa}e{int(power):+03d}")
    return _minus(f"{value:,.{max(digits - 1 - exponent, 0)}f}")


def fixed(value: float, decimals: int = 2) -> str:
    """Write a number with that many decimals."""
    if not math.isfinite(value):
        return significant(value)
    return _minus(f"{value:,.{decimals}f}")


def signed(value: float, decimals: int = 2) -> str:
    """Write a difference with its sign; no sign on what rounds to zero."""
    if not math.isfinite(value):
        return significant(value)
    text = f"{value:+,.{decimals}f}"
    return _minus(text) if float(text.replace(",", "")) else text[1:]


def nats(value: float) -> str:
    """Write a divergence with three significant figures, small ones in powers of ten."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.2e}" if abs(value) < 1e-4 else f"{value:#.3g}".rstrip(".")


def probability(value: float) -> str:
    """Write a probability with three significant digits."""
    return significant(value, 3)


def percent(share: float, decimals: int | None = None) -> str:
    """Write a share in [0, 1] as per cent.

    Without `decimals`: three significant digits, and near 1 as many as keep it from reading 100.
    """
    if not math.isfinite(share):
        return MISSING
    if decimals is not None:
        return f"{_minus(f'{100 * share:,.{decimals}f}')} %"
    if 0.9995 <= share < 1:
        return f"{100 * share:.{min(-_exponent(1 - share, 2) - 1, 6)}f} %"
    if abs(share) >= 1:
        return f"{_minus(f'{100 * share:,.1f}')} %"
    return f"{significant(100 * share, 3)} %"


def with_error(value: float, error: float | None) -> str:
    """Write value ± error: the error to two significant digits, the value to the same place."""
    if not math.isfinite(value):
        return significant(value)
    if error is None or not math.isfinite(error):
        return f"{significant(value)} ± ?"
    if error <= 0:
        return f"{significant(value)} ± 0"
    place = _exponent(error, 2) - 1
    if place > 0:
        scale = 10**place
        return _minus(f"{round(value / scale) * scale:,.0f} ± {round(error / scale) * scale:,.0f}")
    if place < -7:
        return f"{significant(value)} ± {significant(error, 2)}"
    return _minus(f"{value:,.{-place}f} ± {error:.{-place}f}")


def percent_with_error(share: float, error: float | None) -> str:
    """Write a share ± its error, both in per cent."""
    scaled = None if error is None else 100 * error
    return f"{with_error(100 * share, scaled)} %"


def interval(low: float, high: float) -> str:
    """Write an interval, both ends to the place that its width deserves."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{significant(low)} … {significant(high)}"
    width = high - low
    place = _exponent(width, 2) - 1 if width > 0 else -4
    if place < -7:
        return f"{significant(low)} … {significant(high)}"
    decimals = max(-place, 0)
    return _minus(f"{low:,.{decimals}f} … {high:,.{decimals}f}")


def at_most(value: float, floor: float | None) -> str:
    """Write a value, or `≤ floor` where it does not rise above the noise floor; 0 is no noise."""
    if floor and value <= floor:
        return f"≤ {significant(floor, 2)}"
    return significant(value)


def count(number: int) -> str:
    """Write a whole number with separators of thousands."""
    return _minus(f"{number:,d}")


def whole(number: float) -> str:
    """Write a number rounded to a whole one."""
    return count(round(number))


def points(difference: float) -> str:
    """Write a difference of shares in percentage points."""
    return signed(100 * difference, 1)


def counted(number: int, noun: str) -> str:
    """Write a number of things: 1 thread, 2 threads."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def size(n_bytes: int) -> str:
    """Write a number of bytes in binary units."""
    if abs(n_bytes) < 1024:
        return f"{n_bytes} B"
    amount = float(n_bytes)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        amount /= 1024
        if abs(amount) < 1023.95 or unit == "TiB":
            break
    decimals = 2 if abs(amount) < 9.995 else 1
    return _minus(f"{amount:,.{decimals}f} {unit}")


def size_unit(n_bytes: int) -> tuple[int, str]:
    """Return the unit for an axis over sizes up to this one: its bytes and its name."""
    return (1 << 30, "GiB") if n_bytes >= 1 << 31 else (1 << 20, "MiB")


def parameters(number: int) -> str:
    """Write a number of parameters as people name models: 494 M, 1.54 B."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{significant(number / limit, 3)} {unit}"
    return str(number)


def seconds(duration: float) -> str:
    """Write a duration from microseconds to hours."""
    if not math.isfinite(duration):
        return MISSING
    if duration >= 3600:
        return f"{int(duration // 3600)} h {int(duration % 3600 // 60):02d} min"
    if duration >= 60:
        return f"{int(duration // 60)} min {int(duration % 60):02d} s"
    for scale, unit in ((1.0, "s"), (1e3, "ms")):
        if duration * scale >= 1:
            return f"{significant(duration * scale)} {unit}"
    return f"{significant(duration * 1e6)} µs"


def writer(name: str) -> Callable[[Any], str]:
    """Return a function that writes a number, by its name and how many digits it shall have.

    Names are those of `WRITERS`, such as "count" and "percent1".
    """
    plain = name.rstrip("0123456789")
    digits = name.removeprefix(plain)
    function = WRITERS[plain]
    if not digits:
        return function
    return partial(function, **{"digits" if plain == "significant" else "decimals": int(digits)})


def _exponent(value: float, digits: int) -> int:
    """Return the decimal exponent of a number once rounded to that many digits."""
    return int(f"{value:.{digits - 1}e}".split("e")[1])


def _minus(text: str) -> str:
    """Use the minus sign for negative numbers, but never inside an exponent."""
    negative = text.startswith("-")
    text = f"−{text[1:]}" if negative else text
    return text.replace(" -", " −")


WRITERS: Mapping[str, Callable[..., str]] = {
    "text": str,
    **{
        function.__name__: function
        for function in (
            *(count, whole, fixed, signed, points, significant, probability, percent),
            *(size, seconds, parameters, nats),
        )
    },
}
