"""What is said of a file that was quantized again: whether it is that, and why it may not be."""

from __future__ import annotations

from pyengine.choose.verification import deciding_metadata, proven, reasons, share_different
from pyengine.report.words import NAMED, say
from pyengine.run.record import Run

OUTPUT = "output.weight"


def verdict_sentence(run: Run) -> str:
    """Say whether the file is what the source quantizes to, and how much of it is not."""
    (file,), (source,) = run.shown("verified"), run.shown("source")
    different, alone = run.shown("tensor-difference"), run.shown("tensor-alone")
    code = "metadata" if not different and not alone else "differs" if different else "alone"
    keys = deciding_metadata(run)
    return say(
        "verification",
        "proven" if proven(run) else code,
        file=file["path"],
        source=source["path"],
        matrix=next((told["path"] for told in run.shown("importance")), None),
        n=file["n_tensors"],
        n_bytes=sum(told["n_bytes"] for told in run.shown("type-verified")),
        different=len(different),
        share=share_different(run) or None,
        alone=len(alone) or None,
        n_keys=len(keys),
        keys=keys[:NAMED],
    )


def reason_sentences(run: Run) -> list[str]:
    """Say what the file may differ for and what would settle it, and which tensors one lacks."""
    told = [say("verification-reasons", code, **values) for code, values in reasons(run)]
    for of, kind in (("file", "verified"), ("source", "source")):
        names = [one["name"] for one in run.shown("tensor-alone") if one["of"] == of]
        if not names:
            continue
        (has,) = run.shown(kind)
        more = len(names[NAMED:]) or None
        told.append(
            say("verification", "lacking", path=has["path"], names=names[:NAMED], more=more)
        )
        if OUTPUT in names:
            told.append(say("verification", "tied", path=has["path"]))
    return told
