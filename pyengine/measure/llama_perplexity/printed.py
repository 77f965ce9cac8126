"""Print what llama-perplexity prints, character by character.

Averages are taken as there: over all tokens, as if they were independent.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
# Sums over n tokens. Those of squares are called after what is squared.
Sums = Mapping[str, float]

MIN_TOKENS = 100
_TABLE_HEAD = (
    "chunk             PPL               ln(PPL(Q)/PPL(base))          KL Divergence"
    "              Δp RMS            Same top p"
)
_KLD_LEVELS = (0.999, 0.99, 0.95, 0.9, 0.5, 0.1, 0.05, 0.01, 0.001)
_DELTA_LEVELS = (0.999, 0.99, 0.95, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001)


def print_final_estimate(losses: Sequence[Float32s]) -> str:
    """Return the last line of a run that writes a base file, from the losses of its chunks."""
    nll = nll2 = 0.0
    for chunk in losses:
        loss = chunk.astype(np.float64)
        nll += float(loss.sum())
        nll2 += float((loss * loss).sum())
    n = sum(len(chunk) for chunk in losses)
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
    sums: dict[str, float] = {}
    lines = [_TABLE_HEAD]
    for number, rows in enumerate(chunks, start=1):
        for name, total in _sums_of(rows).items():
            sums[name] = sums.get(name, 0) + total
        lines.append(_chunk_line(number, sums))
    lines.append("")
    if sums.get("n", 0) >= MIN_TOKENS:
        every = np.concatenate(list(chunks))
        lines += _perplexity_lines(sums)
        lines += _kld_lines(sums, np.sort(every["kld"].astype(np.float32)))
        lines += _delta_lines(sums, np.sort(every["p_diff"]))
    return "\n".join(lines) + "\n"


def _sums_of(rows: npt.NDArray[np.void]) -> dict[str, float]:
    """Sum over some tokens in that program's precision: float products, double sums."""
    nll, base, kld, p_diff = rows["nll"], rows["nll_base"], rows["kld"], rows["p_diff"]
    summed = {
        "nll": nll,
        "nll^2": nll * nll,
        "base": base,
        "base^2": base * base,
        "nll*base": nll * base,
        "kld": kld,
        "kld^2": kld * kld,
        "p_diff": p_diff,
        "p_diff^2": p_diff * p_diff,
        "p_diff^2^2": (p_diff * p_diff).astype(np.float64) ** 2,
        "same_top": rows["same_top"],
    }
    found = {name: float(np.sum(values, dtype=np.float64)) for name, values in summed.items()}
    return {"n": len(rows), **found}


def _mean(t: Sums, name: str) -> tuple[float, float]:
    """Return S/n and sqrt((S2/n - (S/n)^2) / (n-1)); error 0 up to ten tokens."""
    n = t["n"]
    mean = t[name] / n
    spread = t[f"{name}^2"] / n - mean * mean
    return mean, float(np.sqrt(spread / (n - 1))) if spread > 0 and n > 10 else 0.0


def _covariance(t: Sums) -> float:
    """Return (S_ab/n - S_a S_b / n^2) / (n-1) of both losses' means; 0 under ten tokens."""
    n = t["n"]
    if n < 10:
        return 0.0
    return (t["nll*base"] / n - (t["nll"] / n) * (t["base"] / n)) / (n - 1)


def _quantile(ordered: Float32s, fraction: float) -> float:
    """Return a quantile of sorted values, all arithmetic in float32, the index included."""
    one = np.float32(1)
    place = np.float32(fraction) * np.float32(len(ordered) - 1)
    lower = int(place)
    part = place - np.float32(lower)
    upper = min(lower + 1, len(ordered) - 1)
    return float((one - part) * ordered[lower] + part * ordered[upper])


def _median(ordered: Float32s) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    half = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[half])
    return float(np.float32(0.5) * (ordered[half] + ordered[half - 1]))


def _spread(ordered: Float32s, levels: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Yield the name and value of the maximum, of each quantile and of the minimum."""
    yield "Maximum", float(ordered[-1])
    for level in levels:
        if level == 0.5:
            yield "Median", _median(ordered)
        else:
            yield f"{100 * level:4.1f}%", _quantile(ordered, level)
    yield "Minimum", float(ordered[0])


def _number(value: float, width: int, decimals: int) -> str:
    """Format as C does; what 0/0 gives on x86 prints as -nan there."""
    return f"{value:{width}.{decimals}f}" if value == value else f"{'-nan':>{width}}"


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else math.nan


def _ratio(numerator: float, denominator: float) -> float:
    if denominator == 0:
        return math.nan if numerator == 0 else math.copysign(math.inf, numerator)
    return numerator / denominator


def _log_ratio(t: Sums) -> tuple[float, float]:
    (q, q_error), (base, base_error) = _mean(t, "nll"), _mean(t, "base")
    shared = _covariance(t)
    return q - base, _root(q_error * q_error + base_error * base_error - 2.0 * shared)


def _rms(t: Sums) -> tuple[float, float]:
    square, error = _mean(t, "p_diff^2")
    root = math.sqrt(square)
    inverse = _ratio(0.5, root)
    return root, inverse * error if not (math.isinf(inverse) and error == 0) else math.nan


def _same_top(t: Sums) -> tuple[float, float]:
    share = t["same_top"] / t["n"]
    return share, _root(_ratio(share * (1 - share), t["n"] - 1))


def _chunk_line(number: int, t: Sums) -> str:
    nll, error = _mean(t, "nll")
    perplexity = math.exp(nll)
    ratio, ratio_error = _log_ratio(t)
    kld, kld_error = _mean(t, "kld")
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


def _perplexity_lines(t: Sums) -> Iterator[str]:
    (q, q_error), (base, base_error) = _mean(t, "nll"), _mean(t, "base")
    shared = _covariance(t)
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


def _kld_lines(t: Sums, ordered: Float32s) -> Iterator[str]:
    mean, error = _mean(t, "kld")
    yield "====== KL divergence statistics ======"
    yield _line("Mean    KLD", mean, error)
    for name, value in _spread(ordered, _KLD_LEVELS):
        yield f"{name:<8}KLD: {_number(value, 10, 6)}"
    yield ""


def _delta_lines(t: Sums, ordered: Float32s) -> Iterator[str]:
    mean, error = _mean(t, "p_diff")
    rms, rms_error = _rms(t)
    top, top_error = _same_top(t)
    yield "====== Token probability statistics ======"
    yield f"Mean    Δp: {_percent(mean)} ± {_number(100.0 * error, 5, 3)} %"
    for name, value in _spread(ordered, _DELTA_LEVELS):
        yield f"{name:<8}Δp: {_percent(value)}%"
    yield f"RMS Δp    : {_percent(rms)} ± {_number(100.0 * rms_error, 5, 3)} %"
    yield f"Same top p: {_percent(top)} ± {_number(100.0 * top_error, 5, 3)} %"


def _percent(value: float) -> str:
    return _number(100.0 * value, 6, 3)
