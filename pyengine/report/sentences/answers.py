"""What is said of single answers: how they were asked for, and where two of them part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyengine.report.sentences.code import words_of
from pyengine.report.words import say
from pyengine.run.record import ModelInfo, Run


def style_words(model: ModelInfo) -> str | None:
    """Say why a model is asked as it is; None where its record does not."""
    reason = model.settings.get("style_reason")
    return words_of("style-reasons", str(reason)) if reason else None


def difference_title(first: str, second: str) -> str:
    """Say whose lines are marked how in the difference of two programs."""
    return say("answer-titles", "difference", first=first, second=second)


def parting_sentence(parting: Mapping[str, Any], reference: str, model: str) -> str:
    """Say where two greedy answers part, and what both models gave either next token."""
    first, second = map(_next, parting["choices"])
    return say(
        "evaluation",
        "parting",
        n_same=parting["n_same"],
        before=repr(parting["before"]) if parting["n_same"] else None,
        reference=reference,
        model=model,
        first=first,
        second=second,
        of_first=parting["by_reference"],
        of_second=parting["by_model"],
    )


def _next(choice: str | None) -> str:
    return say("answer-titles", "end") if choice is None else repr(choice)


def flip_agreement_sentences(run: Run) -> list[str]:
    """Say how divergence on references and lost tasks go along, where that has an interval."""
    rows = [row for row in run.select("flip_agreement") if math.isfinite(row.low)]
    return [say("evaluation", "flip-agreement", row=row) for row in rows]
