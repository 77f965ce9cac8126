"""From per-token numbers to the rows of the table, with their uncertainties and verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.comparison.records import EstimateRecord
from pyengine.comparison.texts import UNKNOWN_CLASS
from pyengine.statistics import (
    PairedDifference,
    clustered_mean,
    clustered_ratio,
    holm,
    paired_difference,
    quantiles,
    tokens_to_separate,
    verdict,
)
from pyengine.statistics.estimates import Floats, cluster_sums
from pyengine.sweep.measurements import QualityRecord
from pyengine.sweep.records import PartRecord, StepVerdict, SweepRow
from pyengine.sweep.token_numbers import NOT_PARSED, TokenNumbers
from pyengine.syntax import SyntaxClass

LEVEL = 0.95


@dataclass(frozen=True)
class Measured:
    """A model of the sweep with its comparison; `quality` is None where it failed."""

    name: str
    sha256: str | None
    file_bytes: int
    bits_per_weight: float | None
    file_type: str | None
    is_reference: bool
    quality: tuple[QualityRecord, TokenNumbers] | None
    failure: str | None


def make_rows(
    models: Sequence[Measured],
    *,
    languages: Sequence[str],
    floor: float | None,
    margin: float,
) -> list[SweepRow]:
    """Return one row for each model: the reference first, then the largest file first.

    `languages` holds that of each document of the corpus.
    """
    ordered = sorted(models, key=lambda m: (not m.is_reference, -m.file_bytes, m.name))
    rows = [_row(model, floor, languages) for model in ordered]
    better = _smaller_and_better(rows)
    steps = _steps(ordered, margin)
    return [
        row.model_copy(update={"smaller_and_better": better.get(i), "step": steps.get(i)})
        for i, row in enumerate(rows)
    ]


def bits_per_byte(tokens: TokenNumbers) -> EstimateRecord | None:
    """Return -sum log2 q / bytes of the variant; None where it cannot be had."""
    return _per_byte(-tokens.log_q / np.log(2), tokens)


def bits_per_byte_change(tokens: TokenNumbers) -> EstimateRecord | None:
    """Return the variant's bits per byte less the reference's, over the same tokens."""
    return _per_byte((tokens.log_p - tokens.log_q) / np.log(2), tokens)


def _per_byte(bits: Floats, tokens: TokenNumbers) -> EstimateRecord | None:
    """Divide bits by bytes, with the standard error of a ratio over documents.

    None where the bytes of a token are unknown, or a model gives a token no probability.
    """
    known = bool((tokens.n_bytes >= 0).all()) and bool(np.isfinite(bits).all())
    if not known or tokens.n_bytes.sum() == 0:
        return None
    clusters = tokens.cluster.astype(np.intp)
    sums, _ = cluster_sums(bits, clusters)
    sizes, _ = cluster_sums(tokens.n_bytes.astype(np.float64), clusters)
    return EstimateRecord.of(clustered_ratio(sums, sizes, level=LEVEL))


def mean_kl(tokens: TokenNumbers) -> float:
    """Return the mean KL divergence over the tokens where it is finite."""
    return float(tokens.kl[np.isfinite(tokens.kl)].mean())


def _row(model: Measured, floor: float | None, languages: Sequence[str]) -> SweepRow:
    row = SweepRow(
        name=model.name,
        sha256=model.sha256,
        file_bytes=model.file_bytes,
        bits_per_weight=model.bits_per_weight,
        file_type=model.file_type,
        is_reference=model.is_reference,
        failure=model.failure,
    )
    if model.quality is None:
        return row
    record, tokens = model.quality
    finite = np.isfinite(tokens.kl)
    clusters = tokens.cluster.astype(np.intp)
    levels = quantiles(tokens.kl, [0.5, 0.99])
    kl = EstimateRecord.of(clustered_mean(tokens.kl[finite], clusters[finite], level=LEVEL))
    change = record.variant_keyword_mass - record.reference_keyword_mass
    return row.model_copy(
        update={
            "kl": kl,
            "kl_median": levels[0.5],
            "kl_99": levels[0.99],
            "same_top": EstimateRecord.of(
                clustered_mean(tokens.same_top.astype(np.float64), clusters, level=LEVEL)
            ),
            "bits_per_byte": bits_per_byte(tokens),
            "bits_per_byte_change": None if model.is_reference else bits_per_byte_change(tokens),
            "by_language": kl_parts(tokens, np.array(languages)[tokens.document]),
            "by_class": kl_parts(tokens, _class_names(tokens)),
            "cold_top": record.cold_top,
            "keyword_masses": {name: pair[1] for name, pair in record.keyword_masses.items()},
            "keyword_mass": record.variant_keyword_mass,
            "keyword_mass_change": None if model.is_reference else change,
            "padding_mass": float(tokens.padding_mass.mean()),
            "within_floor": floor is not None and not model.is_reference and kl.value <= floor,
        }
    )


def kl_parts(tokens: TokenNumbers, labels: npt.NDArray[np.str_]) -> list[PartRecord]:
    """Return the mean KL divergence of each group of equal labels, by name, where it is finite."""
    finite = np.isfinite(tokens.kl)
    parts = []
    for name in sorted(set(labels.tolist())):
        chosen = finite & (labels == name)
        if chosen.any():
            clusters = np.unique(tokens.cluster[chosen], return_inverse=True)[1]
            kl = clustered_mean(tokens.kl[chosen], clusters, level=LEVEL)
            parts.append(PartRecord(name=name, kl=EstimateRecord.of(kl)))
    return parts


def _class_names(tokens: TokenNumbers) -> npt.NDArray[np.str_]:
    names = {NOT_PARSED: UNKNOWN_CLASS} | {int(c): c.label for c in SyntaxClass}
    return np.array([names[number] for number in tokens.token_class.tolist()])


def _smaller_and_better(rows: Sequence[SweepRow]) -> dict[int, str]:
    """Return, for each row that another beats in both size and mean KL, the best such other."""
    beaten = {}
    for i, row in enumerate(rows):
        if row.kl is None or row.is_reference:
            continue
        rivals = [
            (other.kl.value, other.file_bytes, other.name)
            for other in rows
            if other.kl is not None
            and not other.is_reference
            and other.file_bytes <= row.file_bytes
            and other.kl.value < row.kl.value
        ]
        if rivals:
            beaten[i] = min(rivals)[2]
    return beaten


def _steps(models: Sequence[Measured], margin: float) -> dict[int, StepVerdict]:
    """Return, for each variant, its verdict against the variant of the next smaller mean KL.

    All variants were measured on the same tokens, so differences are taken token by token, and
    Holm's method accounts for their number.
    """
    numbers = {
        i: model.quality[1]
        for i, model in enumerate(models)
        if model.quality is not None and not model.is_reference
    }
    order = sorted(numbers, key=lambda i: (mean_kl(numbers[i]), models[i].name))
    pairs = list(zip(order[1:], order[:-1], strict=True))
    differences = [
        paired_difference(
            numbers[i].kl, numbers[j].kl, numbers[i].cluster.astype(np.intp), level=LEVEL
        )
        for i, j in pairs
    ]
    adjusted = holm([difference.p_value for difference in differences])
    return {
        i: _step(models[j].name, difference, p, margin)
        for (i, j), difference, p in zip(pairs, differences, adjusted, strict=True)
    }


def _step(against: str, difference: PairedDifference, p: float, margin: float) -> StepVerdict:
    return StepVerdict(
        against=against,
        difference=EstimateRecord.of(difference.estimate),
        adjusted_p=p,
        verdict=verdict(difference, margin=margin, adjusted_p=p),
        more_tokens=tokens_to_separate(difference),
    )
