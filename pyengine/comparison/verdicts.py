"""Say in words what the numbers support, and no more."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pyengine.comparison.records import (
    BitsRecord,
    Divergences,
    EstimateRecord,
    NullRecord,
    PairRecord,
)
from pyengine.statistics import holm, paired_difference, tokens_to_separate, verdict

Floats = npt.NDArray[np.float64]


def nats(value: float) -> str:
    """Write a divergence with three significant figures, small ones in powers of ten."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    return f"{value:.2e}" if abs(value) < 1e-4 else f"{value:#.3g}".rstrip(".")


def variant_verdict(name: str, overall: Divergences, null: NullRecord, margin: float) -> str:
    """Say how far one variant is from the reference."""
    kl = overall.kl.mean
    floor = null.floors["kl"]
    if kl.value <= floor:
        return (
            f"{name} cannot be told from the reference at {kl.n:,} tokens: its KL divergence of "
            f"{nats(kl.value)} nats per token is not above the noise floor of {nats(floor)}."
        )
    if kl.n_clusters < 2 or not np.isfinite(kl.high):
        return (
            f"{name} differs from the reference by {nats(kl.value)} nats of KL divergence per "
            f"token; one document gives no interval."
        )
    ends = f"{nats(max(kl.low, 0.0))} to {nats(kl.high)}"
    interval = f"KL divergence {nats(kl.value)} nats per token (95 % interval {ends})"
    if kl.high <= margin:
        place = f"within the margin of {margin:g}"
    elif kl.low > margin:
        place = f"beyond the margin of {margin:g}"
    else:
        place = f"on both sides of the margin of {margin:g}"
    return f"{name}: {interval}, {place}, at {kl.n:,} tokens of {kl.n_clusters} documents."


def bits_verdict(name: str, bits: BitsRecord) -> str:
    """Say how two models with different vocabularies compare on the same bytes."""
    d = bits.difference
    words = (
        f"{name}: {bits.variant.value:.3f} bits per byte, the reference {bits.reference.value:.3f}"
    )
    if not np.isfinite(d.se_clustered):
        return f"{words}; one document gives no interval."
    interval = f"the 95 % interval of the difference is {nats(d.low)} to {nats(d.high)}"
    if d.low <= 0.0 <= d.high:
        return f"{words}; they cannot be told apart on {bits.n_bytes:,} bytes: {interval}."
    return f"{words}; {interval}, on {bits.n_bytes:,} bytes."


def compare_variants(
    names: Sequence[str],
    divergence: Sequence[Floats],
    clusters: npt.NDArray[np.intp],
    margin: float,
) -> list[PairRecord]:
    """Compare every two variants by their KL divergence on the same tokens."""
    places = list(combinations(range(len(names)), 2))
    found = [paired_difference(divergence[i], divergence[j], clusters) for i, j in places]
    adjusted = holm([difference.p_value for difference in found])
    records = []
    for (i, j), difference, p_holm in zip(places, found, adjusted, strict=True):
        kind = verdict(difference, margin=margin, adjusted_p=p_holm)
        more = tokens_to_separate(difference) if kind == "undecided" else None
        estimate = EstimateRecord.of(difference.estimate)
        records.append(
            PairRecord(
                first=names[i],
                second=names[j],
                difference=estimate,
                p_value=difference.p_value,
                p_holm=p_holm,
                verdict=kind,
                more_tokens=more,
                words=_pair_words(names[i], names[j], estimate, kind, more, margin),
            )
        )
    return records


def _pair_words(
    first: str, second: str, d: EstimateRecord, kind: str, more: int | None, margin: float
) -> str:
    if not np.isfinite(d.se_clustered):
        return f"{first} and {second}: one document gives no interval of their difference."
    interval = f"the 95 % interval of the difference is {nats(d.low)} to {nats(d.high)}"
    if kind == "different":
        closer, farther = (first, second) if d.value < 0 else (second, first)
        return f"{closer} is closer to the reference than {farther} at {d.n:,} tokens; {interval}."
    if kind == "equivalent":
        return (
            f"{first} and {second} are equivalent within {margin:g} nats at {d.n:,} tokens; "
            f"{interval}."
        )
    words = f"{first} and {second} cannot be told apart at {d.n:,} tokens; {interval}"
    if more is None:
        return f"{words}; the difference is too small to say how many tokens would separate them."
    return f"{words}; about {more:,} more tokens would separate them."
