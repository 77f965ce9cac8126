"""Why a sample failed: the kinds of failure, which change before the score moves."""

from __future__ import annotations

import re
from enum import Enum

from pyengine.code.answers import Form, Outcome, Sample, cut_in_thought


class Failure(str, Enum):
    """What went wrong, first of all: the form of the answer, or what its program does."""

    NO_CODE = "no-code"
    LOOP = "loop"
    CUT_OFF_THINKING = "cut-off-thinking"
    CUT_OFF = "cut-off"
    SYNTAX = "syntax"
    NAME = "name"
    TYPE = "type"
    ERROR = "error"
    ASSERTION = "assertion"
    TIME = "time"
    LIMIT = "limit"


# Failures before the program could do anything: the answer has no form that runs.
OF_FORM = frozenset(
    (Failure.NO_CODE, Failure.LOOP, Failure.CUT_OFF_THINKING, Failure.CUT_OFF, Failure.SYNTAX)
)
WHOLE = frozenset((Form.FENCED_WHOLE, Form.TEXT_WHOLE))
BY_OUTCOME = {
    Outcome.NO_CODE: Failure.NO_CODE,
    Outcome.SYNTAX_ERROR: Failure.SYNTAX,
    Outcome.WRONG_ANSWER: Failure.ASSERTION,
    Outcome.TIMED_OUT: Failure.TIME,
    Outcome.MEMORY: Failure.LIMIT,
    Outcome.KILLED: Failure.LIMIT,
}
# How an interpreter's message begins, and what compilers say.
NAME_ERRORS = re.compile(
    r"(NameError|UnboundLocalError|ReferenceError|ImportError|ModuleNotFoundError)\b"
)
TYPE_ERRORS = re.compile(r"(TypeError|AttributeError|ClassCastException|NoMethodError)\b")
NAMES = re.compile(
    r"was not declared|undeclared|undefined|cannot find|not found in this scope|has no member"
)
TYPES = re.compile(
    r"mismatched types|cannot convert|incompatible types|invalid conversion|no matching function"
)


def failure_of(sample: Sample) -> Failure | None:
    """Return why a sample failed; None where it passed, or was not executed.

    A loop or a budget that ended comes before what the torn program then did. A compiler's
    complaint of a name or a type is one of these, as an interpreter's exception is.
    """
    outcome = Outcome(sample["outcome"])
    if outcome in (Outcome.PASSED, Outcome.SKIPPED):
        return None
    if sample["finish"] == "length":
        if sample.get("loop"):
            return Failure.LOOP
        if cut_in_thought(sample):
            return Failure.CUT_OFF_THINKING
        # What is left of a whole answer is whole: its function fails by itself.
        whole = sample.get("form") in WHOLE
        broken = outcome in (Outcome.NO_CODE, Outcome.SYNTAX_ERROR)
        if not whole if sample["trimmed"] else broken:
            return Failure.CUT_OFF
    said = sample["detail"]
    if outcome is Outcome.EXCEPTION:
        kinds = ((NAME_ERRORS, Failure.NAME), (TYPE_ERRORS, Failure.TYPE))
    elif outcome is Outcome.SYNTAX_ERROR:
        kinds = ((NAMES, Failure.NAME), (TYPES, Failure.TYPE))
    else:
        return BY_OUTCOME[outcome]
    other = BY_OUTCOME.get(outcome, Failure.ERROR)
    return next((failure for words, failure in kinds if words.search(said)), other)


def explained(sample: Sample) -> Sample:
    """Return a sample with the code of why it failed."""
    failure = failure_of(sample)
    return {**sample, "failure": failure.value if failure else ""}
