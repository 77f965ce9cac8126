"""Averages over the scored tokens, whole and in parts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pyengine.comparison.records import (
    Divergences,
    EstimateRecord,
    GroupRecord,
    KeywordRecord,
    NullRecord,
    SummaryRecord,
)
from pyengine.comparison.tokens import KeywordColumns, TokenTable, VariantColumns
from pyengine.engine.options import SessionOptions
from pyengine.statistics import (
    DELTA_P_LEVELS,
    KL_LEVELS,
    OVERLAP_SIZES,
    clustered_mean,
    pooled_rms,
    summarize,
)

Floats = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.void]
Clusters = npt.NDArray[np.intp]

# Upper ends of the reference's confidence in its first choice.
CONFIDENCE_EDGES = (0.25, 0.5, 0.75, 0.95, 1.0)


def delta_p(pairs: Pairs) -> Floats:
    """Return Q(target) - P(target)."""
    return np.asarray(np.exp(pairs["log_q_target"]) - np.exp(pairs["log_p_target"]))


def log_ratio(pairs: Pairs) -> Floats:
    """Return ln P(target) - ln Q(target)."""
    with np.errstate(invalid="ignore"):
        return np.asarray(pairs["log_p_target"] - pairs["log_q_target"])


def mean_of(values: Floats, clusters: Clusters) -> EstimateRecord:
    """Estimate a mean over all values, which must be finite."""
    return EstimateRecord.of(clustered_mean(values, clusters))


def mean_of_finite(values: Floats, clusters: Clusters) -> EstimateRecord | None:
    """Estimate a mean over the finite values; None where there is none."""
    finite = np.isfinite(values)
    return mean_of(values[finite], clusters[finite]) if finite.any() else None


def divergences(pairs: Pairs, clusters: Clusters, *, seed: int) -> Divergences:
    """Average the records of some tokens."""
    rank_change = np.log(pairs["rank_q_target"] / pairs["rank_p_target"])
    overlaps = {
        str(k): mean_of(pairs["overlap"][:, i], clusters) for i, k in enumerate(OVERLAP_SIZES)
    }
    return Divergences(
        n=len(pairs),
        kl=SummaryRecord.of(summarize(pairs["kl"], clusters, levels=KL_LEVELS, seed=seed)),
        kl_reverse=mean_of_finite(pairs["kl_reverse"], clusters),
        jensen_shannon=mean_of(pairs["jensen_shannon"], clusters),
        total_variation=mean_of(pairs["total_variation"], clusters),
        hellinger=mean_of(pairs["hellinger"], clusters),
        delta_p=SummaryRecord.of(
            summarize(delta_p(pairs), clusters, levels=DELTA_P_LEVELS, seed=seed)
        ),
        log_ppl_ratio=mean_of_finite(log_ratio(pairs), clusters),
        ppl_reference=float(np.exp(-np.mean(pairs["log_p_target"]))),
        ppl_variant=float(np.exp(-np.mean(pairs["log_q_target"]))),
        same_top=mean_of(same_top(pairs), clusters),
        overlap=overlaps,
        rank_correlation=mean_of_finite(pairs["rank_correlation"], clusters),
        rank_change=mean_of_finite(rank_change, clusters),
        entropy_change=mean_of(pairs["entropy_q"] - pairs["entropy_p"], clusters),
        padding_mass_reference=float(np.mean(pairs["padding_mass_p"])),
        padding_mass_variant=float(np.mean(pairs["padding_mass_q"])),
    )


def same_top(pairs: Pairs) -> Floats:
    """Return 1 where both models have the same first choice."""
    return np.asarray(pairs["argmax_p"] == pairs["argmax_q"]).astype(np.float64)


def group(name: str, pairs: Pairs, clusters: Clusters) -> GroupRecord:
    """Average one part of the tokens."""
    return GroupRecord(
        name=name,
        n=len(pairs),
        kl=mean_of_finite(pairs["kl"], clusters),
        same_top=mean_of(same_top(pairs), clusters),
        delta_p_rms=pooled_rms(delta_p(pairs)),
        log_ppl_ratio=mean_of_finite(log_ratio(pairs), clusters),
    )


def groups_by(
    labels: npt.NDArray[np.str_], pairs: Pairs, clusters: Clusters, order: Sequence[str] = ()
) -> list[GroupRecord]:
    """Average each group of equal labels; in the order given, otherwise by name."""
    present = set(labels.tolist())
    names = [name for name in order if name in present] or sorted(present)
    return [group(name, pairs[labels == name], clusters[labels == name]) for name in names]


def confidence_labels(pairs: Pairs) -> tuple[npt.NDArray[np.str_], list[str]]:
    """Return the bucket of each token by the probability of the reference's first choice."""
    names, lower = [], 0.0
    for upper in CONFIDENCE_EDGES:
        names.append(f"{lower:.2f}–{upper:.2f}")
        lower = upper
    places = np.searchsorted(CONFIDENCE_EDGES[:-1], pairs["top_p"], side="right")
    return np.array(names)[places], names


def keyword_groups(
    table: TokenTable, columns: KeywordColumns, n_tokens: dict[str, int]
) -> list[KeywordRecord]:
    """Average what happened to each language's keywords in its own documents."""
    records = []
    for language in sorted(n_tokens):
        chosen = (table.language == language) & np.isfinite(columns.mass_p)
        if not chosen.any() or n_tokens[language] == 0:
            continue
        clusters = table.clusters[chosen]
        change = columns.mass_q[chosen] - columns.mass_p[chosen]
        records.append(
            KeywordRecord(
                language=language,
                n_tokens=n_tokens[language],
                n=int(chosen.sum()),
                mass_reference=mean_of(columns.mass_p[chosen], clusters),
                mass_change=mean_of(change, clusters),
                kl=mean_of_finite(columns.kl[chosen], clusters),
            )
        )
    return records


def null_record(
    columns: VariantColumns, usual: SessionOptions, other: SessionOptions
) -> NullRecord:
    """Describe how far the reference is from itself."""
    pairs, keywords = columns.pairs, columns.keywords
    differences = {
        "kl": pairs["kl"],
        "kl_reverse": pairs["kl_reverse"],
        "jensen_shannon": pairs["jensen_shannon"],
        "total_variation": pairs["total_variation"],
        "hellinger": pairs["hellinger"],
        "delta_p": delta_p(pairs),
        "log_ppl_ratio": log_ratio(pairs),
        "entropy_change": pairs["entropy_q"] - pairs["entropy_p"],
        "rank_change": np.log(pairs["rank_q_target"] / pairs["rank_p_target"]),
    }
    for name, values in (
        ("keyword_mass_change", keywords.mass_q - keywords.mass_p),
        ("keyword_kl", keywords.kl),
    ):
        if np.isfinite(values).any():  # NaN in languages whose keywords are unknown
            differences[name] = values[np.isfinite(values)]
    return NullRecord(
        n=len(pairs),
        n_ubatch=(usual.n_ubatch, other.n_ubatch),
        threads=(usual.threads or 1, other.threads or 1),
        floors={name: noise_floor(np.asarray(values)) for name, values in differences.items()},
        largest={name: float(np.max(np.abs(values))) for name, values in differences.items()},
        same_top=float(np.mean(same_top(pairs))),
    )


def noise_floor(values: Floats) -> float:
    """Return |mean| + 2 standard errors of a difference that is nothing but noise."""
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    return abs(float(np.mean(values))) + 2 * error
