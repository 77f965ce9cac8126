"""What is said of code that models wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyengine.choose.evaluation import Standing, agreement, standings, stopping
from pyengine.report.sentences.notes import note_sentences
from pyengine.report.words import has_words, say
from pyengine.run.measurement import Measurement
from pyengine.run.record import ModelInfo, Run

# Notes on what a model answered; they stand with that model.
OF_ANSWERS = (
    *("template-unused", "request-hidden", "none-solved"),
    *("ended-in-thinking", "ended-by-budget"),
)
MOST_NAMES = 12


def answer_sentence(run: Run, model: ModelInfo) -> str:
    """Say how many tasks a model solves, or that none could be executed."""
    found, solved = run.find("pass_at_1", model.id), run.find("tasks_solved", model.id)
    if found is None or solved is None:
        return say("evaluation", "none")
    names = [
        shown["task"]
        for shown in run.shown("answer", model.id)
        if any(sample["outcome"] == "passed" for sample in shown["samples"])
    ]
    repeated = run.options["samples"] > 1
    return say(
        "evaluation",
        "answer",
        label=model.id,
        solved=solved,
        ideas=ideas(solved),
        n_in_set=in_set(run),
        found=found,
        low=found.low if math.isfinite(found.low) else None,
        high=found.high,
        repeatedly=say("evaluation", "at-least-once") if repeated else None,
        names=listed(names),
    )


def in_set(run: Run) -> int | None:
    """Return of how many tasks those of the run are a sample; None where they are all."""
    n: int = run.options.get("n_in_set", 0)
    return n if n > run.options["n_tasks"] else None


def listed(names: Sequence[str]) -> str:
    """List names, and count those beyond the first."""
    more = max(len(names) - MOST_NAMES, 0) or None
    return say("evaluation", "names", names=names[:MOST_NAMES], more=more) if names else ""


def ideas(row: Measurement) -> int | None:
    """Return how many ideas tasks have; None where every task has its own."""
    return row.n_clusters if row.n_clusters < row.n else None


def clustered(run: Run) -> str:
    """Name what intervals are over: tasks, or the ideas that some of them share."""
    solved = run.find("tasks_solved", run.models[0].id)
    return "idea" if solved is not None and ideas(solved) else "task"


def interval_of_shares(run: Run) -> str:
    """Say how the intervals of shares were made."""
    return say("evaluation", "interval", cluster=clustered(run))


def several(n: int) -> int | None:
    """Return a number of variants; None where there is one and nothing to correct for."""
    return n if n > 1 else None


def agreement_words(row: Measurement) -> str:
    """Say whether two measures go along with each other, as far as their interval tells."""
    return say("agreement", agreement(row))


def words_of(topic: str, name: str) -> str:
    """Name something by its code; one that has no words, as of a later version, by the code."""
    return say(topic, name) if has_words(topic, name) else name


def decoding_words(options: Mapping[str, Any]) -> str:
    """Say how tokens were chosen."""
    return say("evaluation", "greedy" if options["temperature"] == 0 else "sampled", o=options)


def compared_words(run: Run) -> str:
    """Name what stands beside each other in the pictures: models, or the languages of one."""
    return say("evaluation", "each-model" if len(run.models) > 1 else "each-language")


def warnings_of(run: Run, model: ModelInfo) -> list[str]:
    """Return what a reader should know before believing a model's numbers."""
    return note_sentences([note for note in run.notes if note.model == model.id], OF_ANSWERS)


def warnings(run: Run) -> list[str]:
    """Return the warnings that stand at the top: those of the first model, and general ones."""
    first = run.models[0]
    found = [f"{first.id}: {text}" for text in warnings_of(run, first)]
    others = [model.id for model in run.models[1:] if warnings_of(run, model)]
    if others:
        found.append(say("evaluation", "others", names=listed(others)))
    found += note_sentences(run.notes, ["language-skipped"])
    if run.options["isolation"] == "none":
        found.append(say("evaluation", "no-sandbox"))
    told = (*OF_ANSWERS, "language-skipped")
    return found + note_sentences(note for note in run.notes if note.code not in told)


def stopping_sentences(run: Run) -> list[str]:
    """Say after how many tasks asking stopped, where it was to stop when enough is known."""
    code = stopping(run)
    return [] if code is None else [say("evaluation", code, options=run.options)]


def looks_words(run: Run) -> str | None:
    """Say how often the answers may have been looked at; None where that is once."""
    looks = several(run.options.get("looks", 1))
    if looks is None:
        return None
    return say("evaluation", "looks", looks=looks, clusters=f"{clustered(run)}s")


def thinking_sentences(run: Run, model: ModelInfo) -> list[str]:
    """Say how many tokens a model's thoughts and answers take, where it thinks."""
    thoughts, rest = (run.find(f"{of}_tokens", model.id) for of in ("thought", "answer"))
    if thoughts is None or rest is None or not thoughts.value:
        return []
    share = run.find("thought_cut_share", model.id)
    n = round(share.value * share.n) if share is not None else 0
    cut = replace(share, value=n) if share is not None and n else None
    known = math.isfinite(thoughts.low)
    ends = {"low": thoughts.low if known else None, "high": thoughts.high}
    return [say("evaluation", "thinks", thoughts=thoughts, rest=rest, cut=cut, **ends)]


def below_sentence(model: str, code: str, values: Mapping[str, Any], fail_under: float) -> str:
    """Say why a model does not surely solve as much as asked for."""
    return f"{model}: {say('below', code, fail_under=fail_under, **values)}"


def side_sentences(run: Run) -> list[str]:
    """Say how each variant stands to the reference."""
    reference = run.models[0].id
    return [side_sentence(standing, name, reference) for name, standing in standings(run).items()]


def side_sentence(standing: Standing, model: str, reference: str) -> str:
    """Say how a variant stands to the reference, with the numbers that say so."""
    change, lost = standing.change, standing.lost
    counts = say(
        "sides",
        "counts",
        lost=lost,
        gained=standing.gained,
        ideas=ideas(lost),
        p=standing.p_holm,
        variants=several(standing.n_variants),
        looks=several(standing.looks),
    )
    return say(
        "sides",
        standing.side,
        model=model,
        reference=reference,
        counts=counts,
        change=change and say("sides", "change", change=change),
        clusters="ideas" if ideas(lost) else "tasks",
        points=f"{100 * standing.margin:g}",
    )
