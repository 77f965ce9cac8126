"""Lines of JSON that ask for scores, and lines that answer them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyengine
from pyengine import _core
from pyengine.errors import InputError
from pyengine.measure.scoring import Score, Scorer

FIELDS = ("id", "prompt", "text", "texts")


@dataclass(frozen=True)
class Question:
    """One line of the input.

    Attributes:
        line: its number, from 1.
        sha256: of its bytes without the end of the line, in hexadecimal.
        content: its object.
    """

    line: int
    sha256: str
    content: Mapping[str, Any]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Prompt and text of each score that it asks for."""
        texts = self.content["texts"] if "texts" in self.content else [self.content["text"]]
        return [(self.content.get("prompt", ""), text) for text in texts]

    @property
    def head(self) -> dict[str, Any]:
        """What the answer says of it."""
        named = {"id": self.content["id"]} if "id" in self.content else {}
        return {"line": self.line, "line_sha256": self.sha256, **named}


def read_questions(lines: Iterable[bytes], name: str) -> Iterator[Question]:
    """Yield what the lines ask; empty ones are passed over.

    Raises:
        InputError: a line is none that can be answered; names its number.
    """
    for number, line in enumerate(lines, start=1):
        line = line.rstrip(b"\r\n")
        if line.strip():
            try:
                content = _checked(json.loads(line.decode()))
            except (ValueError, RecursionError) as error:  # JSON's own errors and UTF-8's are these
                raise InputError(f"{name}, line {number}: {_reason(error)}") from error
            yield Question(number, hashlib.sha256(line).hexdigest(), content)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is no JSON: {error.msg} (column {error.colno})"
    if isinstance(error, UnicodeDecodeError):
        return f"is no UTF-8 (byte {error.start + 1})"
    return "is nested too deep" if isinstance(error, RecursionError) else str(error)


def _checked(content: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    if not isinstance(content, dict):
        raise ValueError('is no object; write {"prompt": "…", "text": "…"}')
    unknown = sorted(content.keys() - set(FIELDS))
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; the fields are {', '.join(FIELDS)}")
    if ("text" in content) == ("texts" in content):
        raise ValueError('needs "text", or "texts" with a list of them')
    texts = content["texts"] if "texts" in content else [content["text"]]
    if not isinstance(texts, list) or not texts:
        raise ValueError('"texts" is no list of at least one text')
    for field, text in (("prompt", content.get("prompt", "")), *(("text", one) for one in texts)):
        if not isinstance(text, str) or not (text or field == "prompt"):
            raise ValueError(f"{field!r} is no text, or an empty one: {json.dumps(text)[:40]}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{field!r} holds half a character") from None
    try:
        json.dumps(content, allow_nan=False)
    except ValueError:
        raise ValueError("'id' holds a number that JSON does not have") from None
    return content


def settings(scorer: Scorer, at_once: int) -> dict[str, Any]:
    """Return what an answer depends on beside its question: file, settings and versions."""
    exact = scorer.options.exact
    return {
        "model_sha256": scorer.model.sha256,
        **scorer.settings,
        **({} if exact else {"lines": at_once}),
        "pyengine": pyengine.__version__,
        "llama_cpp": _core.llama_version(),
    }


def answers(
    scorer: Scorer,
    questions: Iterable[Question],
    *,
    at_once: int,
    skip: int,
    told: Mapping[str, Any],
) -> Iterator[list[str]]:
    """Yield lines of answers, in the order of the questions, as many at once as are decoded.

    Args:
        scorer: the model.
        questions: what is asked.
        at_once: questions that share what they have in common.
        skip: how many first questions are answered already. Those of a group that is not whole
            are decoded again, so that its others have the same numbers.
        told: what each line says of the model and of how it was asked.

    Raises:
        NumbersError: a logit is NaN or infinite.
        InputError: a line cannot be answered; names its number.
    """
    source, done = iter(questions), 0
    while group := list(islice(source, at_once)):
        if done + len(group) > skip:
            lines = _answered(scorer, group, told)
            yield lines[max(0, skip - done) :]
        done += len(group)


def _answered(scorer: Scorer, group: Sequence[Question], told: Mapping[str, Any]) -> list[str]:
    scores = iter(scorer.score([pair for question in group for pair in question.pairs]))
    return [
        json.dumps(
            {
                **question.head,
                "scores": [score_content(score) for score in islice(scores, len(question.pairs))],
                "settings": told,
            }
        )
        + "\n"
        for question in group
    ]


def score_content(score: Score) -> dict[str, Any]:
    """Return a score as plain JSON values; docs/score.md lists the fields."""
    top = {
        "top_ids": score.top_ids.tolist(),
        "top_log_probabilities": score.top_log_probabilities.tolist(),
    }
    return {
        "log_probability": score.log_probability,
        "n_tokens": len(score.ids),
        "bits_per_byte": score.bits_per_byte,
        "is_greedy": score.is_greedy,
        "merged": score.merged,
        "n_left_out": score.n_left_out,
        "n_windows": score.n_windows,
        "ids": score.ids.tolist(),
        "offsets": None if score.offsets is None else score.offsets.tolist(),
        "log_probabilities": score.log_probabilities.tolist(),
        "ranks": score.ranks.tolist(),
        **(top if score.top_ids.shape[1] else {}),
    }


def answered_before(
    lines: Iterable[bytes], questions: Iterable[Question], told: Mapping[str, Any], name: str
) -> tuple[int, int]:
    """Return how many first questions are answered by lines, and the bytes of their whole lines.

    A last line that was cut off does not count.

    Raises:
        InputError: a line answers another question, or was made in another way.
    """
    n_bytes, n_lines, source = 0, 0, iter(questions)
    for line in lines:
        question = next(source, None)
        if question is not None and _is_cut_off(line, question):
            break
        try:
            found = json.loads(line)
            same = question is not None and found["line_sha256"] == question.sha256
            alike = found["settings"] == told
        except (ValueError, KeyError, TypeError, RecursionError):
            same = alike = False
        if not same or not alike:
            reason = "was made with other settings" if same else "answers no line of the input"
            raise InputError(f"{name}, line {n_lines + 1}: {reason}; name another file to write to")
        n_bytes, n_lines = n_bytes + len(line), n_lines + 1
    return n_lines, n_bytes


def _is_cut_off(line: bytes, question: Question) -> bool:
    """Tell whether a line is the beginning of the question's answer, and not its end."""
    begin = json.dumps(question.head)[:-1].encode()
    return not line.endswith(b"\n") and (line.startswith(begin) or begin.startswith(line))
