"""From the token table to measurements: one estimator for each metric, by groups of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt

from pyengine.measure.table import TokenTable
from pyengine.run.measurement import NAN, Measurement, group_of
from pyengine.run.metrics import METRICS, Metric
from pyengine.statistics.distributions import student_quantile
from pyengine.statistics.estimates import (
    DELTA_P_LEVELS,
    KL_LEVELS,
    Estimate,
    cluster_bootstrap,
    cluster_sums,
    clustered_mean,
    clustered_ratio,
    pooled_rms,
    quantiles,
    ratio_of_means,
    weighted_median,
)

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
# Metrics that are also averaged over each group of tokens.
GROUPED = ("kl", "same_first_choice", "delta_p_rms", "log_ppl_ratio")
QUANTILES = {"kl": KL_LEVELS, "delta_p": DELTA_P_LEVELS}
RESAMPLES = 200
# Denominators of ratios: the column that is divided by.
DENOMINATORS = {"bits_per_byte": "n_bytes", "bits_per_byte_change": "n_bytes"}


def aggregate(
    table: TokenTable,
    *,
    model: str,
    reference: str = "",
    group: str = "",
    metrics: Sequence[str] | None = None,
) -> list[Measurement]:
    """Estimate every metric whose column the table has.

    Args:
        model, reference: ids that the measurements carry.
        group: the group that the rows of the table are.
        metrics: ids; None for all that the registry has.
    """
    chosen = METRICS.values() if metrics is None else [METRICS[name] for name in metrics]
    found: list[Measurement] = []
    for metric in chosen:
        if metric.column in table.columns and metric.estimator and len(table):
            row = _estimate(metric, table, model, reference, group)
            if row is not None:
                found.append(row)
    return found


def by_label(
    table: TokenTable,
    label: str,
    *,
    model: str,
    reference: str,
    metrics: Sequence[str] = GROUPED,
    order: Sequence[str] = (),
) -> Iterator[Measurement]:
    """Yield the estimates of each group of equal labels; in the order given, else by name."""
    labels = table.labels[label]
    present = set(labels.tolist())
    for name in [name for name in order if name in present] or sorted(present):
        yield from aggregate(
            table.where(labels == name),
            model=model,
            reference=reference,
            group=group_of({label: name}),
            metrics=metrics,
        )


def quantile_rows(
    table: TokenTable, metric: str, *, model: str, reference: str, seed: int
) -> Iterator[Measurement]:
    """Yield the quantiles of a metric's column; the median with its bootstrap standard error."""
    values = table.columns[METRICS[metric].column]
    for level, value in quantiles(values, QUANTILES[metric]).items():
        group, n_clusters = group_of({"quantile": f"{level:g}"}), len(np.unique(table.clusters))
        row = Measurement(
            metric, model, reference, group, value, n=len(values), n_clusters=n_clusters
        )
        if level == 0.5:
            finite = np.isfinite(values)
            error, low, high = cluster_bootstrap(
                weighted_median,
                values[finite],
                table.clusters[finite],
                seed=seed,
                resamples=RESAMPLES,
            )
            row = replace(row, low=low, high=high, level=LEVEL, error=error, interval="bootstrap")
        yield row


def ratios(tables: Iterable[tuple[str, TokenTable]], *, reference: str) -> Iterator[Measurement]:
    """Yield the ratio of every two variants' divergences over the same tokens.

    There is none where one of them is zero or infinite.
    """
    known = list(tables)
    for i, (first, table) in enumerate(known):
        for second, other in known[i + 1 :]:
            n = min(len(table), len(other))
            kl, of_other = table.columns["kl"][:n], other.columns["kl"][:n]
            if min(kl.sum(), of_other.sum()) > 0 and np.isfinite(kl + of_other).all():
                ratio = ratio_of_means(kl, of_other, table.clusters[:n], level=LEVEL)
                against = group_of({"against": second})
                yield measurement_of(ratio, "kl_ratio", first, reference, against)


def control_rows(table: TokenTable, *, model: str, reference: str) -> Iterator[Measurement]:
    """Yield how far a model is from itself: means with errors as if tokens were independent.

    `pyengine.run.floors` makes noise floors of them.
    """
    for metric in METRICS.values():
        if not metric.floor or metric.column not in table.columns or not metric.estimator:
            continue
        values = table.columns[metric.column]
        finite = values[np.isfinite(values)]
        if len(finite) == 0:
            continue
        scale = 1.0
        if metric.estimator == "ratio":
            sizes = table.columns[DENOMINATORS[metric.id]]
            if not _known(sizes) or len(finite) < len(values):
                continue
            scale = len(values) / float(sizes.sum())
        mean = pooled_rms(finite) if metric.estimator == "rms" else float(np.mean(finite))
        error = float(np.std(finite, ddof=1) / np.sqrt(len(finite))) if len(finite) > 1 else 0.0
        yield Measurement(
            metric.id,
            model,
            reference,
            "",
            mean * scale,
            error=error * scale,
            n=len(finite),
            n_clusters=len(np.unique(table.clusters)),
            interval="iid",
        )
        if metric.id in QUANTILES:
            for level, value in quantiles(finite, QUANTILES[metric.id]).items():
                group = group_of({"quantile": f"{level:g}"})
                yield Measurement(metric.id, model, reference, group, value, n=len(finite))


def beyond_arithmetic(kl: Measurement, reference: Measurement, variant: Measurement) -> Measurement:
    """Return the part of a KL divergence that the order of computation does not explain.

    D = KL(P, Q) - (N_P + N_Q) / 2, where N is the mean KL divergence of a model from itself in
    another order: with log-probabilities that scatter around a centre by independent errors, two
    orders differ by twice what one order is from the centre. Its variance is that of KL(P, Q) and
    a quarter of those of N_P and N_Q; its interval is Student's, with the clusters of KL(P, Q).

    Args:
        kl: of the variant from the reference.
        reference, variant: of each from itself.
    """
    value = kl.value - (reference.value + variant.value) / 2
    error = float(np.sqrt(kl.error**2 + (reference.error**2 + variant.error**2) / 4))
    width = student_quantile(0.5 + LEVEL / 2, kl.n_clusters - 1) * error if kl.interval else NAN
    return replace(
        kl,
        metric="kl_beyond_arithmetic",
        value=value,
        low=value - width,
        high=value + width,
        error=error,
    )


def measurement_of(
    estimate: Estimate, metric: str, model: str, reference: str = "", group: str = ""
) -> Measurement:
    """Write an estimate as a measurement."""
    if not np.isfinite(estimate.low):
        estimate = replace(estimate, low=NAN, high=NAN, level=NAN, interval="")
    return Measurement(metric, model, reference, group, **asdict(estimate))


def _estimate(
    metric: Metric, table: TokenTable, model: str, reference: str, group: str
) -> Measurement | None:
    values, clusters = table.columns[metric.column], table.clusters
    compared = reference if metric.needs_reference else ""
    finite = np.isfinite(values)
    if not finite.any():
        return None
    if metric.estimator == "ratio":
        return _ratio(metric, table, model, compared, group)
    if metric.estimator == "mean_of_finite":
        values, clusters = values[finite], clusters[finite]
    if metric.estimator in ("mean", "mean_of_finite"):
        return measurement_of(
            clustered_mean(values, clusters, level=LEVEL), metric.id, model, compared, group
        )
    value = pooled_rms(values) if metric.estimator == "rms" else float(np.exp(-np.mean(values)))
    n_clusters = len(np.unique(clusters))
    return Measurement(
        metric.id, model, compared, group, value, n=len(values), n_clusters=n_clusters
    )


def _ratio(
    metric: Metric, table: TokenTable, model: str, reference: str, group: str
) -> Measurement | None:
    """Divide sums over documents; None where a size is unknown or a value infinite."""
    values, sizes = table.columns[metric.column], table.columns[DENOMINATORS[metric.id]]
    if not _known(sizes) or not np.isfinite(values).all():
        return None
    sums, _ = cluster_sums(values, table.clusters)
    totals, _ = cluster_sums(sizes.astype(np.float64), table.clusters)
    estimate = clustered_ratio(sums, totals, level=LEVEL)
    return measurement_of(estimate, metric.id, model, reference, group)


def _known(sizes: Floats) -> bool:
    return bool((sizes >= 0).all()) and float(sizes.sum()) > 0
