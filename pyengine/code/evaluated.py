"""A model in an evaluation: how it is asked, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyengine.code.answers import Answer
from pyengine.code.likelihood import Scoring
from pyengine.code.prompting import Prompt
from pyengine.code.style_check import ChatAnswer, chat_gain
from pyengine.errors import NumbersError, failure_values
from pyengine.measure.engine import Processes
from pyengine.measure.subjects import Subject
from pyengine.run.record import ModelInfo, Note, Run


@dataclass(eq=False)
class Evaluated:
    """A model, how it is asked, what its references are, and what came of it so far.

    Attributes:
        asked: in which style, and the code that says why; the day that its template was told.
        in_chat: some references as a chat's answers, where the style was chosen by evidence.
        likely: by task how likely its reference is; see `Scoring.contents`.
        failure: why the model is left out.
    """

    subject: Subject
    prompts: Sequence[Prompt]
    asked: Mapping[str, str]
    scoring: Scoring
    in_chat: Sequence[ChatAnswer] = ()
    likely: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def id(self) -> str:
        """The name by which the run means it."""
        return self.subject.info.id

    @property
    def info(self) -> ModelInfo:
        """What its file says, and how it was asked."""
        info = self.subject.info
        return info.model_copy(update={"settings": {**info.settings, **self.asked}})


def check_styles(
    models: Sequence[Evaluated], base: Evaluated | None, processes: Processes, run: Run
) -> None:
    """Measure beside each model's chosen style how it takes the references in a chat."""
    for model in models:
        if model.failure is not None:
            continue
        try:
            found = chat_gain(model.in_chat, model.likely, model.scoring, model.subject, processes)
        except NumbersError as error:
            leave_out(model, error, base, run)
            continue
        if found is not None:
            run.measurements.append(found)


def leave_out(model: Evaluated, error: Exception, base: Evaluated | None, run: Run) -> None:
    """Note why a model has no numbers; raise the error where it is the reference."""
    if model is base:
        raise error
    model.failure = error
    values = failure_values(error, model.subject.variant.path)
    run.notes.append(Note(code="model-failed", model=model.id, values=values))
