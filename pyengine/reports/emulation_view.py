"""What llama-perplexity prints, followed by the exact values from the same logits."""

from pyengine.comparison.llama_perplexity.run import EmulationResult
from pyengine.reports.notes import note_words


def emulation_text(result: EmulationResult) -> str:
    """Return the text of an emulation."""
    parts = [note_words(note) + "\n" for note in result.notes]
    if result.final_estimate is not None:
        parts.append(result.final_estimate + "\n")
    for variant in result.variants:
        parts.append(
            f"{variant.path}\n\n{variant.printed}\n"
            "====== Exact, from the same logits without 16-bit coding ======\n"
            f"Mean KLD                      : {variant.exact_kl:10.6f}\n"
            f"Mean PPL(base)                : {variant.exact_ppl_reference:10.6f}\n"
            f"Mean ln(PPL(Q)/PPL(base))     : {variant.exact_log_ppl_ratio:10.6f}\n"
        )
    return "\n".join(parts)
