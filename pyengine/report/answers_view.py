"""What models wrote for a task, what was run of it, and why it failed: of one task or of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import ndiff
from typing import Any, TypeAlias

from pyengine.errors import OptionError
from pyengine.report.document import Block, Choice, Code, Document, Facts, Paragraph, Section
from pyengine.report.tables import Tone
from pyengine.report.words import OUTCOMES, WORDS, facts, say
from pyengine.run.record import ModelInfo, Run

ALL, FAILED = "all", "failed"
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
        known = f"it has {', '.join(list(answers)[:8])}, …" if answers else "it has no answers"
        raise OptionError(f"no task of this record is called {task!r}; {known}")
    return Document(task, tuple(_blocks(run, answers[task])))


def answer_sections(run: Run) -> tuple[Block, ...]:
    """Return a folded section for each task, behind a choice of which are shown."""
    answers = _by_task(run)
    sections = [_section(run, task, of_models) for task, of_models in answers.items()]
    used = {mark for section in sections for mark in section.marks}
    words: dict[str, str] = WORDS["answer-marks"]
    marks = [(mark, words[mark]) for mark in (ALL, FAILED, *SIDES) if mark in used]
    marks += [(code, OUTCOMES[code]) for code in OUTCOMES if code in used]
    title = WORDS["answer-marks"]["title"]
    return (Section(title, (Choice(WORDS["answer-marks"]["show"], tuple(marks)), *sections)),)


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
        return OUTCOMES[outcomes[0]]
    return f"{outcomes.count('passed')} of {len(outcomes)} {OUTCOMES['passed']}"


def _blocks(run: Run, answers: Sequence[tuple[ModelInfo, Answer]]) -> Iterator[Block]:
    """Yield what was asked, what each model made of it, and how two answers differ."""
    titles = WORDS["answer-titles"]
    prompts = dict.fromkeys(answer["prompt"] for _, answer in answers)
    if len(prompts) == 1:
        yield _code(titles["prompt"], next(iter(prompts)))
    for model, answer in answers:
        if len(answers) > 1:
            yield Paragraph(model.id, "strong")
        if len(prompts) > 1:
            yield _code(titles["prompt"], answer["prompt"])
        for sample in answer["samples"]:
            yield _fate(sample)
            yield _code(titles["text"], sample["text"])
            program = sample.get("program", sample["completion"])
            if program.strip() and program != sample["text"]:
                yield _code(titles["program"], program)
    task = answers[0][1]["task"]
    for model in run.models[1:]:
        for parting in run.shown("parting", model.id):
            if parting["task"] == task:
                yield Paragraph(_parting(parting, run.models[0].id, model.id))
    if len(answers) == 2:
        yield from _difference(*answers)


def _parting(parting: Mapping[str, Any], reference: str, model: str) -> str:
    """Say where two greedy answers part."""
    first, second = parting["choices"]
    return say(
        "answers",
        "parting",
        n_same=parting["n_same"],
        before=repr(parting["before"]) if parting["n_same"] else None,
        reference=reference,
        model=model,
        first=_next(first),
        second=_next(second),
        of_first=parting["by_reference"],
        of_second=parting["by_model"],
    )


def _next(choice: str | None) -> str:
    return WORDS["answer-titles"]["end"] if choice is None else repr(choice)


def _fate(sample: Mapping[str, Any]) -> Facts:
    """Say how one sample was read, how its program fared, and what both took."""
    failure = sample.get("failure")
    return facts(
        "sample",
        title="",
        sample=sample,
        outcome=OUTCOMES[sample["outcome"]],
        failure=WORDS["failures"].get(failure) if failure else None,
        form=WORDS["forms"].get(sample["form"], sample["form"]),
        finish=WORDS["finishes"].get(sample["finish"], sample["finish"]),
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
    title = WORDS["answer-titles"]["difference"].format(first=one.id, second=other.id)
    yield Code(title, tuple((line, DIFFERENCE[line[:2]]) for line in lines))


def _code(title: str, text: str) -> Code:
    return Code(title, tuple((line, "plain") for line in text.rstrip("\n").split("\n")))
