"""What llama-perplexity prints, character by character, then exact values from the same logits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pyengine.report.document import Document, Passage, PassageToken
from pyengine.report.origin import provenance_facts
from pyengine.report.sentences import notes
from pyengine.run.record import Run

# A number with its error; JSON holds what is not finite as a word.
Pair: TypeAlias = Sequence[float | str]

_TABLE_HEAD = (
    "chunk             PPL               ln(PPL(Q)/PPL(base))          KL Divergence"
    "              Δp RMS            Same top p"
)
_LEVELS = {1: "Maximum", 0.5: "Median ", 0: "Minimum"}


def emulation_document(run: Run) -> Document:
    """Lay an emulation out line by line."""
    lines = emulation_text(run).splitlines()
    tokens = tuple(PassageToken(line, ends_line=True) for line in lines)
    return Document(
        "What llama-perplexity prints", (Passage("", tokens), provenance_facts(run.provenance))
    )


def emulation_text(run: Run) -> str:
    """Return what is printed, digit for digit, after what a reader must know."""
    (base,) = run.shown("base-run")
    parts = [f"{sentence}\n" for sentence in notes.note_sentences(run.notes)]
    if base["final_estimate"] is not None:
        parts.append(printed_estimate(base["final_estimate"]) + "\n")
    for variant in run.shown("emulation"):
        parts.append(
            f"{variant['path']}\n\n{printed_comparison(variant)}\n"
            "====== Exact, from the same logits without 16-bit coding ======\n"
            f"Mean KLD                      : {variant['exact_kl']:10.6f}\n"
            f"Mean PPL(base)                : {variant['exact_ppl_reference']:10.6f}\n"
            f"Mean ln(PPL(Q)/PPL(base))     : {variant['exact_log_ppl_ratio']:10.6f}\n"
        )
    return "\n".join(parts)


def printed_estimate(estimate: Sequence[float | None]) -> str:
    """Return the last line of a run that writes a base file."""
    perplexity, error = estimate
    if error is None:
        return "Unexpected negative standard deviation of log(prob)"
    return f"Final estimate: PPL = {perplexity:.4f} +/- {error:.5f}"


def printed_comparison(found: Mapping[str, Any]) -> str:
    """Return everything that a comparison prints: a line for each chunk, then the statistics."""
    lines = [_TABLE_HEAD]
    for number, chunk in enumerate(found["chunks"], start=1):
        columns = (
            _pair(chunk["ppl"], 9, 4),
            _pair(chunk["log_ppl_ratio"], 10, 5),
            _pair(chunk["kl"], 10, 5),
            _pair(chunk["delta_p_rms"], 6, 3, scale=100) + " %",
            _pair(chunk["same_first_choice"], 6, 3, scale=100) + " %",
        )
        lines.append("    ".join((f"{number:4d}", *columns)))
    lines.append("")
    if found["statistics"] is not None:
        lines += _statistics(found["statistics"])
    return "\n".join(lines) + "\n"


def _statistics(s: Mapping[str, Any]) -> Iterator[str]:
    yield "====== Perplexity statistics ======"
    yield f"Mean PPL(Q)                   : {_pair(s['ppl'], 10, 6)}"
    yield f"Mean PPL(base)                : {_pair(s['ppl_reference'], 10, 6)}"
    yield f"Cor(ln(PPL(Q)), ln(PPL(base))): {_number(s['correlation'], 6, 2)}%"
    yield f"Mean ln(PPL(Q)/PPL(base))     : {_pair(s['log_ppl_ratio'], 10, 6)}"
    yield f"Mean PPL(Q)/PPL(base)         : {_pair(s['ppl_ratio'], 10, 6)}"
    yield f"Mean PPL(Q)-PPL(base)         : {_pair(s['ppl_difference'], 10, 6)}"
    yield ""
    yield "====== KL divergence statistics ======"
    yield f"Mean    KLD: {_pair(s['kl'], 10, 6)}"
    for level, value in s["kl_quantiles"]:
        yield f"{_level(level)} KLD: {_number(value, 10, 6)}"
    yield ""
    yield "====== Token probability statistics ======"
    yield f"Mean    Δp: {_percent(s['delta_p'])}"
    for level, value in s["delta_p_quantiles"]:
        yield f"{_level(level)} Δp: {_number(value, 6, 3, scale=100)}%"
    yield f"RMS Δp    : {_percent(s['delta_p_rms'])}"
    yield f"Same top p: {_percent(s['same_first_choice'])}"


def _level(level: float) -> str:
    return _LEVELS.get(level) or f"{100 * level:4.1f}%  "


def _pair(pair: Pair, width: int, decimals: int, *, scale: float = 1.0) -> str:
    return " ± ".join(_number(value, width, decimals, scale=scale) for value in pair)


def _percent(pair: Pair) -> str:
    value, error = pair
    return f"{_number(value, 6, 3, scale=100)} ± {_number(error, 5, 3, scale=100)} %"


def _number(value: float | str, width: int, decimals: int, *, scale: float = 1.0) -> str:
    """Format as C does; what 0/0 gives on x86 prints as -nan there."""
    number = scale * float(value)
    return f"{number:{width}.{decimals}f}" if number == number else f"{'-nan':>{width}}"
