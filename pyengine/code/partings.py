"""Where the answers of two models to one task part, and what each gave the other's next token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pyengine.code.answers import Answer
from pyengine.measure.subjects import Subject, same_vocabulary
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session
from pyengine.run.record import Exhibit

if TYPE_CHECKING:
    from pyengine.models.model import Vocabulary

BEFORE = 24  # tokens of what both wrote that are shown


@dataclass(frozen=True)
class Parting:
    """The place at which two answers go different ways.

    Attributes:
        context: the prompt and what both wrote.
        n_same: tokens that both wrote.
        choices: the next token of the reference and of the variant; None where one ended.
    """

    task: str
    context: tuple[int, ...]
    n_same: int
    choices: tuple[int | None, int | None]


def parting_of(reference: Answer, variant: Answer) -> Parting | None:
    """Find where the first samples of two answers to the same prompt part.

    None where they do not: they are equal, or one of them was ended from outside, by its budget or
    at the end of its code, where the other goes on.
    """
    first, second = reference["samples"][0], variant["samples"][0]
    one, other = first.get("ids", []), second.get("ids", [])
    if reference["prompt_tokens"] != variant["prompt_tokens"]:
        return None
    pairs = zip(one, other, strict=False)
    n = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    short = first if n == len(one) else second if n == len(other) else None
    if len(one) == len(other) == n or (short and short["finish"] != "end-of-generation"):
        return None
    choices = tuple(ids[n] if n < len(ids) else None for ids in (one, other))
    context = (*reference["prompt_tokens"], *one[:n])
    return Parting(reference["task"], context, n, (choices[0], choices[1]))


def partings(
    series: Sequence[tuple[Subject, Sequence[Answer]]],
    flips: Sequence[Exhibit],
    *,
    threads: int | None,
) -> list[Exhibit]:
    """Show where greedy answers part, of every task that changes sides against the first model.

    Args:
        series: the reference and its variants with their answers; of those with another vocabulary
            nothing is said.
        flips: the exhibits "flips" of the variants.
    """
    (reference, theirs), *variants = series
    changed = {e.model: {*e.content["lost"], *e.content["gained"]} for e in flips}
    found: list[tuple[Subject, list[Parting]]] = []
    for subject, answers in variants:
        if same_vocabulary(reference.info, subject.info):
            pairs = zip(theirs, answers, strict=True)
            both = [(a, b) for a, b in pairs if b["task"] in changed[subject.info.id]]
            found.append((subject, [p for a, b in both if (p := parting_of(a, b))]))
    every = [parting for _, of_subject in found for parting in of_subject]
    by_reference = iter(_probabilities(reference, every, threads))
    exhibits = []
    with open_model(reference.variant.path, options=ModelOptions(vocabulary_only=True)) as model:
        for subject, of_subject in found:
            by_model = _probabilities(subject, of_subject, threads)
            for parting, shares in zip(of_subject, by_model, strict=True):
                content = content_of(parting, model.vocabulary, next(by_reference), shares)
                exhibits.append(Exhibit(kind="parting", model=subject.info.id, content=content))
    return exhibits


def _probabilities(
    subject: Subject, partings: Sequence[Parting], threads: int | None
) -> list[list[float]]:
    if not partings:
        return []
    with open_model(subject.variant.path, options=subject.variant.options) as model:
        return probabilities(model, partings, threads=threads)


def probabilities(
    model: Model, partings: Sequence[Parting], *, threads: int | None
) -> list[list[float]]:
    """Return, for each parting, the probabilities that a model gives to both choices.

    That of an end is the sum over all tokens that end a generation.
    """
    longest = max(len(parting.context) for parting in partings)
    options = SessionOptions(n_ctx=longest, n_batch=min(512, longest), threads=threads)
    session = Session(model, options=options)
    ends = [i for i in range(model.n_vocab) if model.vocabulary.is_end_of_generation(i)]
    found = []
    for parting in partings:
        row = session.logits(parting.context).astype(np.float64)
        weights = np.exp(row - row.max())
        shares = weights / weights.sum()
        ids = [ends if choice is None else [choice] for choice in parting.choices]
        found.append([float(shares[some].sum()) for some in ids])
    return found


def content_of(
    parting: Parting,
    vocabulary: Vocabulary,
    by_reference: Sequence[float],
    by_model: Sequence[float],
) -> dict[str, Any]:
    """Return a parting as a record keeps it."""
    written = parting.context[len(parting.context) - min(parting.n_same, BEFORE) :]
    texts = [None if c is None else _text(vocabulary, [c]) for c in parting.choices]
    return {
        "task": parting.task,
        "n_same": parting.n_same,
        "before": _text(vocabulary, written),
        "choices": texts,
        "by_reference": list(by_reference),
        "by_model": list(by_model),
    }


def _text(vocabulary: Vocabulary, ids: Sequence[int]) -> str:
    return b"".join(vocabulary.piece(token) for token in ids).decode("utf-8", "replace")
