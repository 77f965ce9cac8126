"""What llama-perplexity prints, followed by the exact values from the same logits."""

from __future__ import annotations

from pyengine.report.document import Document, Passage, PassageToken
from pyengine.report.notes import note_sentence
from pyengine.report.origin import provenance_facts
from pyengine.run.record import Run


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
    parts = [note_sentence(note) + "\n" for note in run.notes]
    if base["final_estimate"] is not None:
        parts.append(base["final_estimate"] + "\n")
    for variant in run.shown("emulation"):
        parts.append(
            f"{variant['path']}\n\n{variant['printed']}\n"
            "====== Exact, from the same logits without 16-bit coding ======\n"
            f"Mean KLD                      : {variant['exact_kl']:10.6f}\n"
            f"Mean PPL(base)                : {variant['exact_ppl_reference']:10.6f}\n"
            f"Mean ln(PPL(Q)/PPL(base))     : {variant['exact_log_ppl_ratio']:10.6f}\n"
        )
    return "\n".join(parts)
