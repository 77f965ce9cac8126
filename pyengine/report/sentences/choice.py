"""What is said of a choice of a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits, Reason, below_floor, fits
from pyengine.report.numbers import size
from pyengine.report.sentences.scored import amount_words
from pyengine.report.words import say
from pyengine.run.record import Run


def choice_sentence(run: Run, candidates: Sequence[Candidate]) -> str:
    """Say which variant to use, and what became of the gate where one was asked for."""
    (choice,), fail_if = run.shown("choice"), run.options["fail_if"]
    if run.options["variant"] is not None:
        code = "judged-good" if choice["qualified"] else "judged-bad"
    elif choice["chosen"] is None:
        code = "none"
    else:
        limits = Limits.of(run.options)
        limited = any(n is not None for n in (limits.memory, limits.size, limits.speed))
        code = "use" if choice["qualified"] else "best-that-fits" if limited else "the-best"
    words = say("chosen", code, name=choice["chosen"] or candidates[0].name)
    return words if fail_if is None else f"{words} {gate_sentence(run)}."


def gate_sentence(run: Run) -> str:
    """Say whether the condition of --fail-if holds for the chosen variant, or cannot be judged."""
    (choice,) = run.shown("choice")
    values = {"condition": run.options["fail_if"], "name": choice["chosen"]}
    return say("gates", choice["gate"], unknown=choice["unknown"], numbers=None, **values)


def unmet_choice_sentence(run: Run) -> str:
    """Say why a choice does not meet what was asked; nothing where it does."""
    (choice,) = run.shown("choice")
    if choice["chosen"] is None:
        return say("gates", "none-fits")
    if choice["failed"]:
        return gate_sentence(run)
    if choice["qualified"] or run.options["fail_if"] is not None:
        return ""
    names = [content["name"] for content in run.shown("candidate") if content["kl_high"] is None]
    code = "no-interval" if choice["chosen"] in names else "unqualified"
    return say("gates", code, name=choice["chosen"], bounds=bounds_words(Limits.of(run.options)))


def reason_sentence(reason: Reason, candidates: Mapping[str, Candidate], limits: Limits) -> str:
    """Say one reason of a choice; `candidates` by their names."""
    code, values = reason["code"], {**reason, "bounds": bounds_words(limits)}
    values["limits"] = _limits(limits)
    if "admits" in reason:
        values["wider"] = " and ".join(say("limits", w, n=n) for w, n in reason["admits"].items())
    if "candidate" in reason:
        values |= _told(candidates[reason["candidate"]], limits)
    if code == "best" and reason["n_tied"]:
        values["n_alike"] = reason["n_tied"] + 1
    if "ruled_out" in reason:
        never = reason["ruled_out"] is None
        ruled = say("ruled-out", "never" if never else "below", ruled_out=reason["ruled_out"])
        values["ruled"] = ruled if code == "nothing" else ruled[0].upper() + ruled[1:]
    if "closest" in reason:
        closest = candidates[reason["closest"]]
        values |= {"closest_named": named_words(closest), "closest_kl": interval_words(closest)}
        code = f"{code}/same" if closest.name == reason["candidate"] else code
    return say("choices", code, **values)


def _told(c: Candidate, limits: Limits) -> dict[str, object]:
    """Return what a sentence may say of a candidate."""
    words = interval_words(c)
    sizes: list[tuple[str, float, float | None]] = [
        ("memory", c.memory, limits.memory),
        ("size", c.size, limits.size),
    ]
    if limits.speed is not None:
        sizes.append(("speed", c.speed, limits.speed))
    return {
        **asdict(c),
        "named": named_words(c),
        "kl_words": words,
        "over": f"{words} over {amount_words(c.n_tokens, c.n_documents)}",
        "why_not": excluded_words(c) if c.excluded else "",
        "needed": " and ".join(say("limits", what, n=n) for what, n, _ in sizes),
        "more": " and ".join(
            say("limits", what, n=n)
            for what, n, limit in sizes
            if limit is not None and (n < limit if what == "speed" else n > limit)
        ),
    }


def excluded_words(candidate: Candidate) -> str:
    """Say why a candidate cannot be chosen."""
    return say(
        "excluded", candidate.excluded, message=candidate.message, n_tokens=candidate.n_infinite
    )


def named_words(candidate: Candidate) -> str:
    """Name a candidate with its size."""
    return f"{candidate.name} ({size(candidate.size)})"


def _limits(limits: Limits) -> str:
    named = (("memory", limits.memory), ("size", limits.size), ("speed", limits.speed))
    return " and ".join(say("limits", what, n=n) for what, n in named if n is not None)


def bounds_words(limits: Limits) -> str:
    """Name the limits of damage."""
    named = (("kl", limits.kl), ("flips", limits.flips))
    return " and ".join(say("limits", what, n=n) for what, n in named if n is not None)


def interval_words(candidate: Candidate) -> str:
    """Say how large a candidate's divergence is, and how sure that is."""
    if candidate.kl == candidate.kl_high == 0:
        code = "zero"
    elif below_floor(candidate):
        code = "noise"
    else:
        code = "known" if math.isfinite(candidate.kl_high) else "unknown"
    return say("divergences", code, low=max(candidate.kl_low, 0.0), **asdict(candidate))


def status_words(run: Run, candidate: Candidate) -> str:
    """Say whether a candidate was chosen or why it could not be; nothing of the others."""
    if candidate.excluded:
        return excluded_words(candidate)
    if candidate.name == run.shown("choice")[0]["chosen"]:
        return say("candidates", "chosen")
    limits = Limits.of(run.options)
    for what in ("memory", "size", "speed"):
        if not fits(candidate, Limits(**{what: getattr(limits, what)})):
            return say("candidates", what)
    return ""


def limit_words(run: Run) -> str:
    """Say where the limit of divergence comes from."""
    return say("candidates", "asked-for" if run.options["max_kl_given"] else "default")


def free_words(run: Run) -> str:
    """Say that a limit of memory is what is free, where nobody asked for one."""
    return say("candidates", "free" if run.options.get("memory_is_free") else "asked-for")


def forecast_words(run: Run) -> str:
    """Say for what context memory was forecast; nothing where it was not."""
    context = run.options.get("context")
    return "" if context is None else say("candidates", "forecast", context=context)


def failing_words(run: Run) -> str:
    """Say whether a choice fails its gate."""
    return say("candidates", "fails" if run.shown("choice")[0]["failed"] else "fails-not")
