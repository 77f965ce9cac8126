"""The measurements of a comparison, one row each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pyengine.comparison.records import (
    ComparisonResult,
    Divergences,
    GroupRecord,
    StartRecord,
    VariantRecord,
)
from pyengine.reports.measurements import Measurement, estimated
from pyengine.results import ModelRecord

_Row = Callable[..., Measurement]

# What has no entry is a plain number: distances between 0 and 1, correlations, perplexities.
_UNITS = {
    **dict.fromkeys(("kl", "kl_reverse", "jensen_shannon", "keyword_kl"), "nat"),
    **dict.fromkeys(("log_ppl_ratio", "entropy_change"), "nat"),
    **dict.fromkeys(("delta_p", "padding_mass", "keyword_mass_change"), "probability"),
    "same_top": "share",
}


def _unit(metric: str) -> str:
    return _UNITS.get(metric, "")


def measurements(result: ComparisonResult) -> Iterator[Measurement]:
    """Yield the null control, then all averages of every variant."""
    reference = result.reference
    if result.null is not None:
        null = result.null
        row = _row_of(reference.name, reference, reference, result.kind)
        for metric, value in null.floors.items():
            yield row("null control", "all", f"{metric}_floor", _unit(metric), value, n=null.n)
        yield row("null control", "all", "same_top", "share", null.same_top, n=null.n)
    for variant in result.variants:
        yield from _variant(variant, reference, result.kind)


def _row_of(name: str, model: ModelRecord, reference: ModelRecord, kind: str) -> _Row:
    return partial(Measurement, kind, name, model.sha256, model.file_type, reference.sha256)


def _variant(variant: VariantRecord, reference: ModelRecord, kind: str) -> Iterator[Measurement]:
    row = _row_of(variant.label, variant.model, reference, kind)
    yield row("file", "all", "size", "byte", float(variant.model.file_bytes))
    yield row("file", "all", "bits_per_weight", "bit", variant.model.bits_per_weight)
    if variant.overall is not None:
        yield from _overall(row, variant.overall)
    for name, groups in (
        ("language", variant.by_language),
        ("class", variant.by_class),
        ("confidence", variant.by_confidence),
    ):
        for group in groups:
            yield from _group(row, name, group)
    for keywords in variant.keywords:
        estimates = (
            ("keyword_mass_reference", "probability", keywords.mass_reference),
            ("keyword_mass_change", "probability", keywords.mass_change),
            ("keyword_kl", "nat", keywords.kl),
        )
        for metric, unit, estimate in estimates:
            yield from estimated(row, "language", keywords.language, metric, unit, estimate)
    for start in variant.starts:
        yield from _start(row, start)
    yield from _foreign(row, variant)


def _overall(row: _Row, overall: Divergences) -> Iterator[Measurement]:
    estimates = {
        "kl": overall.kl.mean,
        "kl_reverse": overall.kl_reverse,
        "jensen_shannon": overall.jensen_shannon,
        "total_variation": overall.total_variation,
        "hellinger": overall.hellinger,
        "delta_p": overall.delta_p.mean,
        "log_ppl_ratio": overall.log_ppl_ratio,
        "same_top": overall.same_top,
        "rank_correlation": overall.rank_correlation,
        "rank_change": overall.rank_change,
        "entropy_change": overall.entropy_change,
    }
    for metric, estimate in estimates.items():
        yield from estimated(row, "all", "all", metric, _unit(metric), estimate)
    for k, overlap in overall.overlap.items():
        yield from estimated(row, "all", "all", f"overlap_{k}", "share", overlap)
    for name, summary in (("kl", overall.kl), ("delta_p", overall.delta_p)):
        yield row("all", "all", f"{name}_rms", _unit(name), summary.rms, n=overall.n)
        for level, value in summary.quantiles.items():
            yield row("quantile", level, name, _unit(name), value, n=overall.n)
    for metric, value in (
        ("ppl_reference", overall.ppl_reference),
        ("ppl", overall.ppl_variant),
        ("padding_mass", overall.padding_mass_variant),
    ):
        yield row("all", "all", metric, _unit(metric), value, n=overall.n)


def _group(row: _Row, kind: str, group: GroupRecord) -> Iterator[Measurement]:
    yield from estimated(row, kind, group.name, "kl", "nat", group.kl)
    yield from estimated(row, kind, group.name, "same_top", "share", group.same_top)
    yield from estimated(row, kind, group.name, "log_ppl_ratio", "nat", group.log_ppl_ratio)
    yield row(kind, group.name, "delta_p_rms", "probability", group.delta_p_rms, n=group.n)


def _start(row: _Row, start: StartRecord) -> Iterator[Measurement]:
    for metric in ("kl", "kl_reverse", "jensen_shannon", "total_variation", "same_top"):
        value = getattr(start, metric)
        unit = _unit(metric)
        yield row(f"{start.kind} start", start.language, metric, unit, value, n=start.n_contexts)
    for metric in ("keyword_mass_reference", "keyword_mass_variant"):
        value = getattr(start, metric)
        yield row(
            f"{start.kind} start", start.language, metric, "probability", value, n=start.n_contexts
        )


def _foreign(row: _Row, variant: VariantRecord) -> Iterator[Measurement]:
    bits = variant.bits_per_byte
    if bits is not None:
        for metric, estimate in (
            ("bits_per_byte_reference", bits.reference),
            ("bits_per_byte", bits.variant),
            ("bits_per_byte_change", bits.difference),
        ):
            yield from estimated(row, "all", "all", metric, "bit", estimate)
    for string in variant.strings:
        for metric, value in (
            ("keyword_strings_reference", string.total_reference),
            ("keyword_strings", string.total_variant),
        ):
            n = string.n_keywords
            yield row("language", string.language, metric, "probability", value, n=n)
