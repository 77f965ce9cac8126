"""Print what llama-perplexity prints, character by character."""

import math
from collections.abc import Iterator, Sequence

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
_TABLE_HEAD = (
    "chunk             PPL               ln(PPL(Q)/PPL(base))          KL Divergence"
    "              Δp RMS            Same top p"
)
_KLD_LEVELS = (
    ("99.9%   KLD", 0.999),
    ("99.0%   KLD", 0.99),
    ("95.0%   KLD", 0.95),
    ("90.0%   KLD", 0.9),
    ("Median  KLD", None),
    ("10.0%   KLD", 0.1),
    (" 5.0%   KLD", 0.05),
    (" 1.0%   KLD", 0.01),
    (" 0.1%   KLD", 0.001),
)
_DELTA_LEVELS = (
    ("99.9%   Δp", 0.999),
    ("99.0%   Δp", 0.99),
    ("95.0%   Δp", 0.95),
    ("90.0%   Δp", 0.9),
    ("75.0%   Δp", 0.75),
    ("Median  Δp", None),
    ("25.0%   Δp", 0.25),
    ("10.0%   Δp", 0.1),
    (" 5.0%   Δp", 0.05),
    (" 1.0%   Δp", 0.01),
    (" 0.1%   Δp", 0.001),
)


def print_final_estimate(nll: float, nll2: float, n: int) -> str:
    """Return the last line of a run that writes a base file, from sums over n tokens."""
    mean = nll / n
    spread = nll2 / n - mean * mean
    if spread <= 0:
        return "Unexpected negative standard deviation of log(prob)"
    perplexity = math.exp(mean)
    error = math.sqrt(spread / (n - 1)) * perplexity
    return f"Final estimate: PPL = {perplexity:.4f} +/- {error:.5f}"


def print_comparison(chunks: Sequence[npt.NDArray[np.void]]) -> str:
    """Return everything that a comparison prints: a line for each chunk, then the statistics.

    Under a hundred tokens there are no statistics, as there.
    """
    totals = Totals()
    lines = [_TABLE_HEAD]
    for number, rows in enumerate(chunks, start=1):
        totals.add(rows)
        lines.append(_chunk_line(number, totals))
    lines.append("")
    if totals.n >= MIN_TOKENS:
        every = np.concatenate(list(chunks))
        lines += _perplexity_lines(totals)
        lines += _kld_lines(totals, np.sort(every["kld"].astype(np.float32)))
        lines += _delta_lines(totals, np.sort(every["p_diff"]))
    return "\n".join(lines) + "\n"


def _number(value: float, width: int, decimals: int) -> str:
    """Format as C does; what 0/0 gives on x86 prints as -nan there."""
    return f"{value:{width}.{decimals}f}" if value == value else f"{'-nan':>{width}}"


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


def _chunk_line(number: int, t: Totals) -> str:
    nll, error = mean_and_error(t.nll, t.nll2, t.n)
    perplexity = math.exp(nll)
    ratio, ratio_error = _log_ratio(t)
    kld, kld_error = mean_and_error(t.kld, t.kld2, t.n)
    rms, rms_error = _rms(t)
    top, top_error = _same_top(t)
    return (
        f"{number:4d}"
        f"    {_number(perplexity, 9, 4)} ± {_number(perplexity * error, 9, 4)}"
        f"    {_number(ratio, 10, 5)} ± {_number(ratio_error, 10, 5)}"
        f"    {_number(kld, 10, 5)} ± {_number(kld_error, 10, 5)}"
        f"    {_number(100 * rms, 6, 3)} ± {_number(100 * rms_error, 6, 3)} %"
        f"    {_number(100 * top, 6, 3)} ± {_number(100 * top_error, 6, 3)} %"
    )


def _perplexity_lines(t: Totals) -> Iterator[str]:
    q, q_error = mean_and_error(t.nll, t.nll2, t.n)
    base, base_error = mean_and_error(t.nll_base, t.nll_base2, t.n)
    shared = covariance(t.nll, t.nll_base, t.nll_nll_base, t.n)
    ppl, ppl_base = math.exp(q), math.exp(base)
    ppl_error, base_ppl_error = ppl * q_error, ppl_base * base_error
    ratio, ratio_error = _log_ratio(t)
    spread = ppl_error * ppl_error + base_ppl_error * base_ppl_error
    difference_error = _root(spread - 2.0 * (ppl * ppl_base * shared))
    correlation = 100.0 * _ratio(shared, q_error * base_error)
    yield "====== Perplexity statistics ======"
    yield _line("Mean PPL(Q)                   ", ppl, ppl_error)
    yield _line("Mean PPL(base)                ", ppl_base, base_ppl_error)
    yield f"Cor(ln(PPL(Q)), ln(PPL(base))): {_number(correlation, 6, 2)}%"
    yield _line("Mean ln(PPL(Q)/PPL(base))     ", ratio, ratio_error)
    yield _line("Mean PPL(Q)/PPL(base)         ", math.exp(ratio), math.exp(ratio) * ratio_error)
    yield _line("Mean PPL(Q)-PPL(base)         ", ppl - ppl_base, difference_error)
    yield ""


def _line(name: str, value: float, error: float) -> str:
    return f"{name}: {_number(value, 10, 6)} ± {_number(error, 10, 6)}"


def _kld_lines(t: Totals, ordered: Float32s) -> Iterator[str]:
    mean, error = mean_and_error(t.kld, t.kld2, t.n)
    yield "====== KL divergence statistics ======"
    yield _line("Mean    KLD", mean, error)
    yield f"Maximum KLD: {_number(float(ordered[-1]), 10, 6)}"
    for name, level in _KLD_LEVELS:
        value = median(ordered) if level is None else quantile(ordered, level)
        yield f"{name}: {_number(value, 10, 6)}"
    yield f"Minimum KLD: {_number(float(ordered[0]), 10, 6)}"
    yield ""


def _delta_lines(t: Totals, ordered: Float32s) -> Iterator[str]:
    mean, error = mean_and_error(t.p_diff, t.p_diff2, t.n)
    rms, rms_error = _rms(t)
    top, top_error = _same_top(t)
    yield "====== Token probability statistics ======"
    yield f"Mean    Δp: {_percent(mean)} ± {_number(100.0 * error, 5, 3)} %"
    yield f"Maximum Δp: {_percent(float(ordered[-1]))}%"
    for name, level in _DELTA_LEVELS:
        value = median(ordered) if level is None else quantile(ordered, level)
        yield f"{name}: {_percent(value)}%"
    yield f"Minimum Δp: {_percent(float(ordered[0]))}%"
    yield f"RMS Δp    : {_percent(rms)} ± {_number(100.0 * rms_error, 5, 3)} %"
    yield f"Same top p: {_percent(top)} ± {_number(100.0 * top_error, 5, 3)} %"


def _percent(value: float) -> str:
    return _number(100.0 * value, 6, 3)
