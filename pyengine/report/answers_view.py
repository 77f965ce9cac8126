"""What models wrote for a task, what was run of it, and why it failed: of one task or of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import ndiff
from typing import Any, TypeAlias

from pyengine.errors import OptionError
from pyengine.report.document import Block, Choice, Code, Document, Facts, Paragraph, Section
from pyengine.report.sentences.answers import difference_title, parting_sentence
from pyengine.report.sentences.code import words_of
from pyengine.report.sentences.notes import outcome_words
from pyengine.report.tables import Tone
from pyengine.report.words import OUTCOMES, facts
from pyengine.run.record import ModelInfo, Run

ALL, FAILED = "all", "failed"
MOST_NAMES = 8
# An exhibit "answer" of a record.
Answer: TypeAlias = Mapping[str, Any]
SIDES = ("lost", "gained")
DIFFERENCE: dict[str, Tone] = {"- ": "bad", "+ ": "good", "  ": "plain"}


def answers_document(run: Run, task: str) -> Document:
    """Show what every model of a run wrote for one task, and what became of it.

    Raises:
        OptionError: no such task was asked.
    """
    answers = _by_task(run)
    if task not in answers:
        more = ", …" if len(answers) > MOST_NAMES else ""
        named = ", ".join(list(answers)[:MOST_NAMES])
        known = f"it has {named}{more}" if answers else "it has no answers"
        raise OptionError(f"no task of this record is called {task!r}; {known}")
    return Document(task, tuple(_blocks(run, answers[task])))


def answer_sections(run: Run) -> tuple[Block, ...]:
    """Return a folded section for each task, behind a choice of which are shown."""
    answers = _by_task(run)
    sections = [_section(run, task, of_models) for task, of_models in answers.items()]
    used = {mark for section in sections for mark in section.marks}
    shown = (ALL, FAILED, *SIDES)
    marks = [(mark, words_of("answer-marks", mark)) for mark in shown if mark in used]
    marks += [(code, outcome_words(code)) for code in OUTCOMES if code in used]
    return (Section("Answers", (Choice("Show", tuple(marks)), *sections)),)


def _by_task(run: Run) -> dict[str, list[tuple[ModelInfo, Answer]]]:
    found: dict[str, list[tuple[ModelInfo, Answer]]] = {}
    for model in run.models:
        for shown in run.shown("answer", model.id):
            found.setdefault(shown["task"], []).append((model, shown))
    return found


def _section(run: Run, task: str, answers: Sequence[tuple[ModelInfo, Answer]]) -> Section:
    outcomes = [[sample["outcome"] for sample in answer["samples"]] for _, answer in answers]
    flat = [outcome for some in outcomes for outcome in some]
    failed = (FAILED,) if any(outcome not in ("passed", "skipped") for outcome in flat) else ()
    sides = [side for side in SIDES for flip in run.shown("flips") if task in flip[side]]
    told = " · ".join(_counted(some) for some in outcomes)
    marks = tuple(dict.fromkeys((ALL, *failed, *sides, *flat)))
    return Section(f"{task}: {told}", tuple(_blocks(run, answers)), folded=True, marks=marks)


def _counted(outcomes: Sequence[str]) -> str:
    """Name the outcomes of one answer's samples."""
    if len(outcomes) == 1:
        return outcome_words(outcomes[0])
    return f"{outcomes.count('passed')} of {len(outcomes)} {outcome_words('passed')}"


def _blocks(run: Run, answers: Sequence[tuple[ModelInfo, Answer]]) -> Iterator[Block]:
    """Yield what was asked, what each model made of it, and how two answers differ."""
    prompts = dict.fromkeys(answer["prompt"] for _, answer in answers)
    if len(prompts) == 1:
        yield _code(words_of("answer-titles", "prompt"), next(iter(prompts)))
    for model, answer in answers:
        if len(answers) > 1:
            yield Paragraph(model.id, "strong")
        if len(prompts) > 1:
            yield _code(words_of("answer-titles", "prompt"), answer["prompt"])
        for sample in answer["samples"]:
            yield sample_facts(sample)
            text = sample.get("text")  # older records keep none
            if text is not None:
                yield _code(words_of("answer-titles", "text"), text)
            program = sample.get("program", sample["completion"])
            if program.strip() and program != text:
                yield _code(words_of("answer-titles", "program"), program)
    task = answers[0][1]["task"]
    for model in run.models[1:]:
        for parting in run.shown("parting", model.id):
            if parting["task"] == task:
                yield Paragraph(parting_sentence(parting, run.models[0].id, model.id))
    if len(answers) == 2:
        yield from _difference(*answers)


def sample_facts(sample: Mapping[str, Any]) -> Facts:
    """Say how one sample was read, how its program fared, and what both took."""
    failure = sample.get("failure")
    return facts(
        "sample",
        title="",
        sample=sample,
        outcome=outcome_words(sample["outcome"]),
        failure=words_of("failures", failure) if failure else None,
        form=words_of("forms", sample["form"]) if "form" in sample else None,
        finish=words_of("finishes", sample["finish"]),
        detail=sample["detail"],
        assertion=sample.get("assertion"),
        values=sample.get("values"),
        loop=sample.get("loop") or None,
        wasted=sample.get("wasted"),
        seed=sample["seed"] or None,
    )


def _difference(
    first: tuple[ModelInfo, Answer], second: tuple[ModelInfo, Answer]
) -> Iterator[Code]:
    """Yield what is only in the first model's program and only in the second's, line by line."""
    (one, before), (other, after) = first, second
    old, new = (answer["samples"][0]["completion"].splitlines() for answer in (before, after))
    if old == new:
        return
    lines = [line for line in ndiff(old, new) if line[:2] in DIFFERENCE]
    yield Code(
        difference_title(one.id, other.id), tuple((line, DIFFERENCE[line[:2]]) for line in lines)
    )


def _code(title: str, text: str) -> Code:
    return Code(title, tuple((line, "plain") for line in text.rstrip("\n").split("\n")))
