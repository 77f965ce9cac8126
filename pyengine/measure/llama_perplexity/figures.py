"""The numbers that llama-perplexity prints; `pyengine.report` writes them as it does."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.measure.llama_perplexity.totals import (
    Float32s,
    Totals,
    covariance,
    mean_and_error,
    median,
    quantile,
)

MIN_TOKENS = 100
KL_LEVELS = (1, 0.999, 0.99, 0.95, 0.9, 0.5, 0.1, 0.05, 0.01, 0.001, 0)
DELTA_LEVELS = (1, 0.999, 0.99, 0.95, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001, 0)


def final_estimate(losses: Sequence[Float32s]) -> tuple[float, float | None]:
    """Return perplexity and its error from the losses of chunks; None where no spread is left."""
    nll = nll2 = 0.0
    for chunk in losses:
        loss = chunk.astype(np.float64)
        nll += float(loss.sum())
        nll2 += float((loss * loss).sum())
    n = sum(len(chunk) for chunk in losses)
    mean = nll / n
    spread = nll2 / n - mean * mean
    perplexity = math.exp(mean)
    return perplexity, math.sqrt(spread / (n - 1)) * perplexity if spread > 0 else None


def figures(chunks: Sequence[npt.NDArray[np.void]]) -> dict[str, Any]:
    """Return the numbers of a comparison: after each chunk, and the statistics of all tokens.

    A number with an error is a pair. Under a hundred tokens the statistics are None, as there.
    """
    totals, after = Totals(), []
    for rows in chunks:
        totals.add(rows)
        after.append(_running(totals))
    enough = totals.n >= MIN_TOKENS
    return {
        "chunks": after,
        "statistics": _statistics(totals, np.concatenate(list(chunks))) if enough else None,
    }


def _running(t: Totals) -> dict[str, Any]:
    nll, error = mean_and_error(t.nll, t.nll2, t.n)
    return {
        "ppl": (math.exp(nll), math.exp(nll) * error),
        "log_ppl_ratio": _log_ratio(t),
        "kl": mean_and_error(t.kld, t.kld2, t.n),
        "delta_p_rms": _rms(t),
        "same_first_choice": _same_top(t),
    }


def _statistics(t: Totals, every: npt.NDArray[np.void]) -> dict[str, Any]:
    q, q_error = mean_and_error(t.nll, t.nll2, t.n)
    base, base_error = mean_and_error(t.nll_base, t.nll_base2, t.n)
    shared = covariance(t.nll, t.nll_base, t.nll_nll_base, t.n)
    ppl, ppl_base = math.exp(q), math.exp(base)
    ppl_error, base_ppl_error = ppl * q_error, ppl_base * base_error
    ratio, ratio_error = _log_ratio(t)
    spread = ppl_error * ppl_error + base_ppl_error * base_ppl_error
    difference_error = _root(spread - 2.0 * (ppl * ppl_base * shared))
    return {
        **_running(t),
        "ppl_reference": (ppl_base, base_ppl_error),
        "correlation": 100.0 * _ratio(shared, q_error * base_error),
        "ppl_ratio": (math.exp(ratio), math.exp(ratio) * ratio_error),
        "ppl_difference": (ppl - ppl_base, difference_error),
        "kl_quantiles": _quantiles(np.sort(every["kld"].astype(np.float32)), KL_LEVELS),
        "delta_p": mean_and_error(t.p_diff, t.p_diff2, t.n),
        "delta_p_quantiles": _quantiles(np.sort(every["p_diff"]), DELTA_LEVELS),
    }


def _quantiles(ordered: Float32s, levels: Sequence[float]) -> list[tuple[float, float]]:
    return [
        (level, median(ordered) if level == 0.5 else quantile(ordered, level)) for level in levels
    ]


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else math.nan


def _ratio(numerator: float, denominator: float) -> float:
    if denominator == 0:
        return math.nan if numerator == 0 else math.copysign(math.inf, numerator)
    return numerator / denominator


def _log_ratio(t: Totals) -> tuple[float, float]:
    q, q_error = mean_and_error(t.nll, t.nll2, t.n)
    base, base_error = mean_and_error(t.nll_base, t.nll_base2, t.n)
    shared = covariance(t.nll, t.nll_base, t.nll_nll_base, t.n)
    return q - base, _root(q_error * q_error + base_error * base_error - 2.0 * shared)


def _rms(t: Totals) -> tuple[float, float]:
    square, error = mean_and_error(t.p_diff2, t.p_diff4, t.n)
    root = math.sqrt(square)
    inverse = _ratio(0.5, root)
    return root, inverse * error if not (math.isinf(inverse) and error == 0) else math.nan


def _same_top(t: Totals) -> tuple[float, float]:
    share = t.same_top / t.n
    return share, _root(_ratio(share * (1 - share), t.n - 1))
