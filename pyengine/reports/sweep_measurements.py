"""The measurements of a sweep, one row each."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from functools import partial

from pyengine.comparison.records import EstimateRecord
from pyengine.reports.measurements import Measurement, estimated
from pyengine.sweep.records import SweepResult, SweepRow, SweepTimings

_UNITS = {"kl": "nat", "keyword_mass_change": "probability", "bits_per_byte_change": "bit"}


def measurements(result: SweepResult) -> Iterator[Measurement]:
    """Yield the null control, then what was measured of every model; failed rows have nothing."""
    for row in result.rows:
        if row.is_reference:
            make = _maker(row, result)
            for metric, floor in result.floors.items():
                name, unit = f"{metric}_floor", _UNITS.get(metric, "")
                yield make("null control", "all", name, unit, floor, n=result.n_tokens)
    for row in result.rows:
        yield from _row(row, result)


def timings(result: SweepTimings) -> Iterator[Measurement]:
    """Yield the median of each timing; `n` counts the repetitions."""
    for name, speed in result.models.items():
        make = partial(Measurement, result.kind, name, speed.variant_sha256, "", "", "all", "all")
        repeated = (
            ("load_time", "second", speed.load_seconds),
            ("prompt_speed", "token/second", speed.prompt_tokens_per_second),
            ("generation_speed", "token/second", speed.generated_tokens_per_second),
        )
        for metric, unit, values in repeated:
            if values:
                yield make(metric, unit, statistics.median(values), n=len(values))
        yield make("peak_memory", "byte", float(speed.peak_memory_bytes))


def _maker(row: SweepRow, result: SweepResult) -> Callable[..., Measurement]:
    return partial(
        Measurement,
        result.kind,
        row.name,
        row.sha256 or "",
        row.file_type or "",
        result.reference_sha256,
    )


def _row(row: SweepRow, result: SweepResult) -> Iterator[Measurement]:
    make = _maker(row, result)
    yield make("file", "all", "size", "byte", float(row.file_bytes))
    numbers = {
        "bits_per_weight": ("bit", row.bits_per_weight),
        "kl_median": ("nat", row.kl_median),
        "kl_99": ("nat", row.kl_99),
        "keyword_mass": ("probability", row.keyword_mass),
        "keyword_mass_change": ("probability", row.keyword_mass_change),
    }
    for metric, (unit, value) in numbers.items():
        if value is not None:
            yield make("all", "all", metric, unit, value)
    estimates: list[tuple[str, str, str, str, EstimateRecord | None]] = [
        ("all", "all", "kl", "nat", row.kl),
        ("all", "all", "same_top", "share", row.same_top),
        ("all", "all", "bits_per_byte", "bit", row.bits_per_byte),
        ("all", "all", "bits_per_byte_change", "bit", row.bits_per_byte_change),
        *(("language", part.name, "kl", "nat", part.kl) for part in row.by_language),
        *(("class", part.name, "kl", "nat", part.kl) for part in row.by_class),
    ]
    for group, member, metric, unit, estimate in estimates:
        yield from estimated(make, group, member, metric, unit, estimate)
    for language, mass in row.keyword_masses.items():
        yield make("language", language, "cold_start_keyword_mass", "probability", mass)
