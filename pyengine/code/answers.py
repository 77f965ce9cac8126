"""What models answered, as plain JSON: kept while an evaluation runs, and shown in its record."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias

from typing_extensions import NotRequired, TypedDict


class Outcome(str, Enum):
    """How a completion fared. SKIPPED, where the toolchain is missing, counts for nothing."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong-answer"
    EXCEPTION = "exception"
    SYNTAX_ERROR = "syntax-error"
    TIMED_OUT = "timed-out"
    MEMORY = "memory"
    KILLED = "killed"
    NO_CODE = "no-code"
    SKIPPED = "skipped"


class Form(str, Enum):
    """How a model's text was read: what held the code, and what the code was."""

    CONTINUATION = "continuation"
    FENCED_WHOLE = "fenced-whole"
    FENCED_BODY = "fenced-body"
    TEXT_WHOLE = "text-whole"
    TEXT_BODY = "text-body"
    NOTHING = "nothing"


class Judged(TypedDict):
    """How one continuation was read, and how its program fared.

    Attributes:
        form: how it was read, a code, see `Form`.
        completion: what was executed after the prompt, or instead of it where `whole`.
        program: the source that was run, less the tests; empty where there was no code.
        thinking: what was removed as thinking.
        open_thought: the text ends within a thought.
        trimmed: an unfinished tail, cut off by the token budget, was dropped.
        outcome: a code, see `Outcome`.
        reason: why the outcome is this one, a code, see `docs/records.md`.
        detail: what the program or its judge said last.
        assertion: the line of the tests that failed, where that is known.
        values: what it compared, or what the solution answered last.
        wall_s, cpu_s: what the program took.
        edit_similarity: to the reference, 1 - Levenshtein / longer.
    """

    form: str
    completion: str
    whole: bool
    thinking: str
    trimmed: bool
    outcome: str
    reason: str
    detail: str
    wall_s: float
    cpu_s: float
    parses: bool
    error_nodes: int
    leaves: int
    edit_similarity: float
    open_thought: NotRequired[bool]
    program: NotRequired[str]
    assertion: NotRequired[str]
    values: NotRequired[str]


class Sample(Judged):
    """One continuation of one task and how it fared.

    Attributes:
        text: what the model wrote, all of it.
        finish: why the model stopped, see `pyengine.models.generation.Finish`.
        log_probabilities: of the first tokens, nats, before filters and temperature.
        repetition: share of 4-grams of tokens that had occurred before.
        thought_tokens: how many of the tokens thoughts took, as if these came first.
        ids: the tokens, less the one that ended the answer.
        failure: why it failed, a code, see `pyengine.code.failures`; empty where it did not.
        loop, wasted: period of the loop in which the answer ends, and its tokens after the first
            time round; 0 where it ends in none.
    """

    seed: int
    text: str
    finish: str
    tokens: int
    log_probabilities: list[float]
    repetition: float
    thought_tokens: NotRequired[int]
    ids: NotRequired[list[int]]
    failure: NotRequired[str]
    loop: NotRequired[int]
    wasted: NotRequired[int]


class Answer(TypedDict):
    """One task with what was sent and its samples.

    Attributes:
        idea: what tasks share that ask for the same; else the task's name.
        prompt_tokens: ids sent; the text may hide special tokens, these do not.
        reference: how likely the reference is, see `likelihood.Scoring.contents`; not kept.
    """

    task: str
    language: str
    level: int
    idea: str
    style: str
    prompt: str
    prompt_tokens: list[int]
    samples: list[Sample]
    reference: NotRequired[dict[str, Any] | None]


# Called with a model's name, tasks done, tasks in all, and the finished answers.
Progress: TypeAlias = Callable[[str, int, int, list[Answer]], object]


def executed(answer: Answer) -> list[Sample]:
    """Return the samples that count: those that were not skipped for want of a toolchain."""
    return [sample for sample in answer["samples"] if sample["outcome"] != Outcome.SKIPPED]


def n_passed(answer: Answer) -> int:
    """Return how many samples passed."""
    return sum(sample["outcome"] == Outcome.PASSED for sample in answer["samples"])


def cut_in_thought(sample: Sample) -> bool:
    """Return whether the token budget ended a sample within a thought."""
    return sample["finish"] == "length" and sample.get("open_thought", False)


def solved(answer: Answer) -> bool:
    """Return whether at least half of the executed samples pass."""
    return 2 * n_passed(answer) >= len(executed(answer))
