"""From the token table to measurements: one estimator for each metric, by groups of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt

from pyengine.measure.table import Scored, TokenTable
from pyengine.run.measurement import NAN, Measurement, group_of
from pyengine.run.metrics import METRICS, Metric
from pyengine.statistics.distributions import student_quantile
from pyengine.statistics.estimates import (
    Estimate,
    cluster_bootstrap,
    cluster_sums,
    clustered_mean,
    clustered_ratio,
    pooled_rms,
    quantiles,
    weighted_median,
)
from pyengine.statistics.looks import at_look
from pyengine.statistics.ratios import anchored_mean, ratio_of_means

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
# Metrics that are also averaged over each group of tokens.
GROUPED = ("kl", "same_first_choice", "delta_p_rms", "log_ppl_ratio")
# Shares of positions that are told through an anchor, beside that of equal first choices.
SHARES = ("clear_change", "outside_first_five")
QUANTILES = ("kl", "delta_p")  # metrics whose quantiles are told
RESAMPLES = 200
# Denominators of ratios: the column that is divided by.
DENOMINATORS = {"bits_per_byte": "n_bytes", "bits_per_byte_change": "n_bytes"}


def level_at_look(table: TokenTable | Scored) -> float:
    """Return the level of an interval at one look; at all looks together it is `LEVEL`.

    Ratios of variants are asked at every look, all else at those from `levels_from` on.
    """
    return at_look(LEVEL, table.looks, table.levels_from)


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
    for level, value in quantiles(values).items():
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
            kind = "bootstrap"
            if table.looks > 1:
                # Too few resamples tell the far quantiles that many looks ask for.
                reach, kind = _reach(error, n_clusters - 1, level_at_look(table)), "sequence"
                low, high = value - reach, value + reach
            row = replace(row, low=low, high=high, level=LEVEL, error=error, interval=kind)
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
                level = at_look(LEVEL, table.looks)
                ratio = ratio_of_means(kl, of_other, table.clusters[:n], level=level)
                against = group_of({"against": second})
                yield measurement_of(
                    ratio, "kl_ratio", first, reference, against, looks=table.looks
                )


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
            for level, value in quantiles(finite).items():
                group = group_of({"quantile": f"{level:g}"})
                yield Measurement(metric.id, model, reference, group, value, n=len(finite))


def beyond_arithmetic(
    kl: Measurement, reference: Measurement, variant: Measurement, *, level: float = LEVEL
) -> Measurement:
    """Return the part of a KL divergence that the order of computation does not explain.

    D = KL(P, Q) - (N_P + N_Q) / 2, where N is the mean KL divergence of a model from itself in
    another order: with log-probabilities that scatter around a centre by independent errors, two
    orders differ by twice what one order is from the centre. Its variance is that of KL(P, Q) and
    a quarter of those of N_P and N_Q; its interval is Student's, with the clusters of KL(P, Q).

    Args:
        kl: of the variant from the reference.
        reference, variant: of each from itself.
        level: of its interval, see `level_at_look`.
    """
    value = kl.value - (reference.value + variant.value) / 2
    error = float(np.sqrt(kl.error**2 + (reference.error**2 + variant.error**2) / 4))
    width = _reach(error, kl.freedom, level)
    return replace(
        kl,
        metric="kl_beyond_arithmetic",
        value=value,
        low=value - width,
        high=value + width,
        error=error,
    )


def _reach(error: float, freedom: float, level: float) -> float:
    """Return the half-width of an interval by Student's t."""
    if not freedom > 0:
        return NAN
    return student_quantile(0.5 + level / 2, freedom) * error


def measurement_of(
    estimate: Estimate,
    metric: str,
    model: str,
    reference: str = "",
    group: str = "",
    *,
    looks: int = 1,
) -> Measurement:
    """Write an estimate as a measurement.

    Args:
        looks: the estimate has the level of one of so many; together they have `LEVEL`.
    """
    if not np.isfinite(estimate.low):
        estimate = replace(estimate, low=NAN, high=NAN, level=NAN, interval="", freedom=NAN)
    elif looks > 1:
        estimate = replace(estimate, level=LEVEL, interval="sequence")
    return Measurement(metric, model, reference, group, **asdict(estimate))


def through_anchor(
    rows: Iterable[Measurement], table: TokenTable, anchor: TokenTable
) -> Iterator[Measurement]:
    """Give the levels of a variant by its ratio to an anchor, see `anchored_mean`.

    These are the divergences and the shares of other first choices; other rows stay as they are,
    and all do where there was one look. A variant with as many documents as the anchor is its own.
    """
    if len(anchor) <= len(table):
        anchor = table
    for row in rows:
        if row.group or table.looks == 1:
            yield row
        elif METRICS[row.metric].floor == "divergence" or row.metric in SHARES:
            yield _anchored(row, table, anchor) or row
        elif row.metric == "same_first_choice":
            found = _anchored(row, _turned(table, row.metric), _turned(anchor, row.metric))
            yield (
                row
                if found is None
                else replace(found, value=1 - found.value, low=1 - found.high, high=1 - found.low)
            )
        else:
            yield row


def _turned(table: TokenTable, column: str) -> TokenTable:
    """Return a table with 1 - x in place of a column."""
    return table.with_columns({column: 1 - table.columns[column]})


def _anchored(row: Measurement, table: TokenTable, anchor: TokenTable) -> Measurement | None:
    """Return the row by its ratio to the anchor; None where a sum is 0 or infinite."""
    column = METRICS[row.metric].column
    values, beside = table.columns[column], anchor.columns[column]
    n = len(values)
    if not (np.isfinite(values).all() and np.isfinite(beside).all()):
        return None
    if not min(values.sum(), beside[:n].sum()) > 0:
        return None
    found = anchored_mean(values, beside, anchor.clusters, level=level_at_look(table))
    return measurement_of(found, row.metric, row.model, row.reference, looks=table.looks)


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
        mean = clustered_mean(values, clusters, level=level_at_look(table))
        return measurement_of(mean, metric.id, model, compared, group, looks=table.looks)
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
    estimate = clustered_ratio(sums, totals, level=level_at_look(table))
    return measurement_of(estimate, metric.id, model, reference, group, looks=table.looks)


def _known(sizes: Floats) -> bool:
    return bool((sizes >= 0).all()) and float(sizes.sum()) > 0
