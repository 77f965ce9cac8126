"""Whether a model finds the references likelier as a chat's answers or behind bare code.

A check of the style that was chosen: a model that was taught to chat goes on well in a chat's
answer; to one that was not, the template's marks are noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from pyengine.code.likelihood import Scoring, scored_part
from pyengine.code.prompting import PromptStyle, build_prompts
from pyengine.code.tasks import Task
from pyengine.code.thoughts import opened_thought
from pyengine.errors import OptionError, TokenizerError
from pyengine.measure import decode
from pyengine.measure.aggregate import measurement_of
from pyengine.measure.contexts import Chunk, Context
from pyengine.measure.engine import Processes
from pyengine.measure.observers import target_columns
from pyengine.measure.pairs import encode_pair
from pyengine.measure.subjects import Subject
from pyengine.models.model import Model
from pyengine.run.measurement import Measurement
from pyengine.statistics.estimates import Floats, difference_of_ratios

MOST_TASKS = 8
GAIN = "chat_log_probability_gain"


@dataclass(frozen=True, eq=False)
class ChatAnswer:
    """A task's reference as a chat's answer; its tokens are the targets."""

    task: Task
    context: Context


def chat_answers(
    tasks: Sequence[Task], model: Model, *, day: date, longest: int
) -> list[ChatAnswer]:
    """Return some references as answers in the model's template: a fence, the prompt, the rest.

    The tasks are spread over the set. None where the template cannot be used, or begins a thought,
    in which no answer stands.
    """
    some = tasks[:: -(-len(tasks) // MOST_TASKS)]
    try:
        prompts = build_prompts(some, model, PromptStyle.CHAT, day=day)
    except (OptionError, TokenizerError):
        return []
    found = []
    for prompt in prompts:
        task = prompt.task
        begun = f"{prompt.text}```{task.language}\n{task.prompt}"
        pair = encode_pair(model.vocabulary, begun, task.reference, parse_special=True)
        context = scored_part(pair, task.language, longest=longest)
        if context is not None and not opened_thought(prompt.text):
            found.append(ChatAnswer(task, context))
    return found


def chat_gain(
    answers: Sequence[ChatAnswer],
    likely: Mapping[str, Mapping[str, Any]],
    scoring: Scoring,
    subject: Subject,
    processes: Processes,
) -> Measurement | None:
    """Let a model score the answers, and compare them with what it found behind bare code.

    Args:
        likely: by task what it found, see `Scoring.contents`.
        scoring: how that was decoded.

    Returns:
        the difference of both means over tokens, ideas as clusters; None where there is none.

    Raises:
        NumbersError: a logit is not a number.
    """
    answers = [answer for answer in answers if answer.task.name in likely]
    if not answers:
        return None
    chunk = Chunk("chat", tuple(answer.context for answer in answers), scoring.session)
    variant, observers = subject.variant, (target_columns,)
    seen = processes.call(variant, decode.observe, variant, chunk, observers, {}, scoring.padding)
    lengths = np.array([len(answer.context) for answer in answers])
    sums = np.add.reduceat(seen.columns["log_p"], np.r_[0, np.cumsum(lengths)[:-1]])
    bare = [likely[answer.task.name] for answer in answers]
    _, ideas = np.unique([answer.task.cluster for answer in answers], return_inverse=True)

    def summed(values: npt.ArrayLike) -> Floats:
        return np.bincount(ideas, weights=np.asarray(values)).astype(np.float64)

    found = difference_of_ratios(
        (summed(sums), summed(lengths)),
        (summed([b["log_probability"] for b in bare]), summed([b["tokens"] for b in bare])),
    )
    return measurement_of(found, GAIN, subject.info.id)
