"""Turn the variants of records into candidates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from pyengine.comparison.records import ComparisonResult, EstimateRecord, VariantRecord
from pyengine.errors import InputError
from pyengine.recommendation.records import Candidate
from pyengine.results import Result
from pyengine.sweep.records import SweepResult, SweepRow, SweepTimings


def candidates_of(results: Sequence[Result]) -> list[Candidate]:
    """Return the variants of comparisons and sweeps; timings add the memory they measured.

    Raises InputError where a record is of another kind, or they are of different references or
    texts.
    """
    found: dict[str, Candidate] = {}
    references, texts = {}, set()
    timings = [result for result in results if isinstance(result, SweepTimings)]
    for result in results:
        if isinstance(result, ComparisonResult):
            references[result.reference.sha256] = result.reference.name
            texts |= {result.corpus.sha256} if result.corpus else set()
            listed = _of_comparison(result)
        elif isinstance(result, SweepResult):
            references[result.reference_sha256] = result.reference
            texts.add(result.corpus_sha256)
            listed = _of_sweep(result)
        elif isinstance(result, SweepTimings):
            continue
        else:
            raise InputError(f"a record of kind {result.kind!r} compares no variants")
        for candidate in listed:
            found.setdefault(candidate.sha256 or candidate.name, candidate)
    if len(references) > 1:
        raise InputError(
            f"the records are of different references ({', '.join(references.values())}), "
            "whose divergences cannot be set against each other"
        )
    if len(texts) > 1:
        raise InputError(
            "the records are of different texts (--corpus), over which the same file diverges "
            "differently"
        )
    return [_with_memory(candidate, timings) for candidate in _distinct(list(found.values()))]


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Add to a name that several files have the beginning of each file's hash."""
    names = Counter(candidate.name for candidate in candidates)
    return [
        candidate
        if names[candidate.name] == 1
        else candidate.model_copy(
            update={"name": f"{candidate.name} ({(candidate.sha256 or 'damaged')[:8]})"}
        )
        for candidate in candidates
    ]


def _of_comparison(result: ComparisonResult) -> Iterator[Candidate]:
    floor = result.null.floors.get("kl") if result.null else None
    for variant in result.variants:
        yield _of_variant(variant, floor)


def _of_variant(variant: VariantRecord, floor: float | None) -> Candidate:
    model, overall = variant.model, variant.overall
    metrics: dict[str, float] = {}
    if overall is not None:
        metrics = {
            "same_top": overall.same_top.value,
            "kl_median": overall.kl.median,
            "kl_99": overall.kl.quantiles["0.99"],
            "kl_max": overall.kl.quantiles["1"],
            "delta_p_rms": overall.delta_p.rms,
            "ppl": overall.ppl_variant,
            "ppl_ratio": overall.ppl_variant / (overall.ppl_reference or math.nan),
        }
    kl = overall.kl.mean if overall else None
    return Candidate(
        name=variant.label,
        path=model.path,
        sha256=model.sha256,
        file_type=model.file_type,
        size=model.file_bytes,
        bits_per_weight=model.bits_per_weight,
        kl=kl.value if kl else float("nan"),
        kl_low=kl.low if kl else float("nan"),
        kl_high=kl.high if kl else float("nan"),
        kl_floor=floor,
        n_tokens=kl.n if kl else 0,
        memory=model.file_bytes,
        memory_measured=False,
        metrics=metrics,
        excluded=_unusable(
            kl, "; ".join(variant.refused) or "its divergence was not measured over a corpus"
        ),
    )


def _of_sweep(result: SweepResult) -> Iterator[Candidate]:
    for row in result.rows:
        if not row.is_reference:
            yield _of_row(row, result.floor)


def _of_row(row: SweepRow, floor: float | None) -> Candidate:
    metrics = {
        "same_top": row.same_top.value if row.same_top else None,
        "kl_median": row.kl_median,
        "kl_99": row.kl_99,
        "bits_per_byte": row.bits_per_byte.value if row.bits_per_byte else None,
        "keyword_mass": row.keyword_mass,
        "keyword_mass_change": row.keyword_mass_change,
    }
    kl = row.kl
    return Candidate(
        name=row.name,
        path=None,
        sha256=row.sha256,
        file_type=row.file_type,
        size=row.file_bytes,
        bits_per_weight=row.bits_per_weight,
        kl=kl.value if kl else float("nan"),
        kl_low=kl.low if kl else float("nan"),
        kl_high=kl.high if kl else float("nan"),
        kl_floor=floor,
        n_tokens=kl.n if kl else 0,
        memory=row.file_bytes,
        memory_measured=False,
        metrics={name: value for name, value in metrics.items() if value is not None},
        excluded=_unusable(kl, f"its measurement failed: {row.failure}"),
    )


def _unusable(kl: EstimateRecord | None, reason: str) -> str | None:
    """Say why a variant cannot be chosen, given the reason for a divergence that is missing."""
    if kl is None:
        return reason
    return None if math.isfinite(kl.value) else "its divergence is not a finite number"


def _with_memory(candidate: Candidate, timings: Sequence[SweepTimings]) -> Candidate:
    for timing in timings:
        for speed in timing.models.values():
            if speed.variant_sha256 == candidate.sha256:
                memory = {"memory": speed.peak_memory_bytes, "memory_measured": True}
                return candidate.model_copy(update=memory)
    return candidate
