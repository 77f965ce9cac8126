"""D.6 to D.8 and C: what the paper says of programs, files and settings, beside finished runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pyengine.measure.paper.lines import Line, shares_interval
from pyengine.measure.paper.published import FULL, Programs, is_model, programs
from pyengine.run.measurement import Measurement
from pyengine.run.record import ModelInfo, Run

# Settings of HumanEval in the paper (C), by the options of a record of `evaluate`.
SETTINGS: dict[str, float] = {"n_tasks": 164, "samples": 1, "max_tokens": 512, "temperature": 0.0}
HUMANEVAL = 164
# The style of `evaluate` that is the paper's harness: bare code, no stop, the whole text run.
UNCUT = "uncut"


@dataclass(frozen=True)
class Evaluated:
    """One model of a record of `evaluate`."""

    run: Run
    info: ModelInfo
    rate: Measurement

    @property
    def passed(self) -> tuple[int, int]:
        """How many tasks were solved, of how many."""
        return round(self.rate.value * self.rate.n), self.rate.n

    @property
    def style(self) -> str:
        """How it was asked, and what of its answers counted."""
        return str(self.info.settings.get("style"))

    def is_row(self, row: Programs) -> bool:
        """Tell whether it has the type that a row of the paper is of."""
        full = row.file_type in FULL
        return self.info.file_type in FULL if full else self.info.file_type == row.file_type


def evaluated(records: Sequence[Run]) -> list[Evaluated]:
    """Return the models of records that have a pass rate, once for each way they were asked.

    Those asked as the paper did (UNCUT) come last.
    """
    found: dict[tuple[str, str, str], Evaluated] = {}
    for run in records:
        for info in run.models:
            rate = run.find("pass_at_1", info.id)
            if rate is not None and rate.n:
                tasks = str(run.options.get("tasks_sha256"))
                one = Evaluated(run, info, rate)
                found.setdefault((info.identity, tasks, one.style), one)
    return sorted(found.values(), key=lambda one: one.style == UNCUT)


def program_lines(models: Sequence[Evaluated]) -> Iterator[Line]:
    """Yield D.6 and D.7, row by row, and under D.6 what no row is of."""
    told = set[str]()
    for row in programs():
        low, high = shares_interval(row.passed, row.tasks)
        line = Line(
            table=row.table,
            quantity="pass_at_1" if row.table == "D.6" else "exit_zero",
            about=f"{row.model} {row.file_type if row.table == 'D.6' else row.language}",
            unit="share",
            paper=row.passed / row.tasks,
            paper_low=low,
            paper_high=high,
        )
        if row.table == "D.7":
            yield line.unless("unpublished-tasks")
            continue
        same = [one for one in models if is_model(one.info, row.model)]
        if not same:
            yield line.unless("other-model" if models else "no-record")
        for one in same:
            told.add(one.info.identity)
            yield _beside(line, row, one)
    for one in models:
        if one.info.identity not in told:
            line = Line(table="D.6", quantity="pass_at_1", about=one.info.id, model=one.info.id)
            yield _rated(line, one).unless("no-such-row")


def _beside(line: Line, row: Programs, one: Evaluated) -> Line:
    """Hold a pass rate of ours against the paper's, where another harness than its made it too."""
    found = replace(line, model=one.info.id).share_of((row.passed, row.tasks), one.passed)
    found = _rated(found, one)
    if found.agrees == "no" and one.style != UNCUT:
        found = replace(found, reason="other-harness")
    asked = one.run.options
    is_plus = str(asked.get("tasks")).endswith("+")  # the same tasks, with more tests
    same_tasks = asked.get("n_in_set") == HUMANEVAL and not is_plus
    reasons = ("" if same_tasks else "other-tasks", "" if one.is_row(row) else "other-type")
    return found.unless(*reasons)


def _rated(line: Line, one: Evaluated) -> Line:
    """Put a model's pass rate into a line, with the interval that its record has."""
    ours = replace(line, unit="share", interval="wilson", here=one.rate.value)
    return replace(ours, low=one.rate.low, high=one.rate.high)


def setting_lines(models: Sequence[Evaluated]) -> Iterator[Line]:
    """Yield how the paper asked (C), beside how the records did.

    A record that was made otherwise contradicts nothing.
    """
    for line in _settings(models):
        yield line.unless("other-settings" if line.agrees == "no" else "")


def _settings(models: Sequence[Evaluated]) -> Iterator[Line]:
    for name, paper in SETTINGS.items():
        line = Line(table="C", quantity=name, unit="count", paper=paper)
        if not models:
            yield line.unless("no-record")
        for run in {id(one.run): one.run for one in models}.values():
            ids = ", ".join(info.id for info in run.models)
            yield replace(line, about=ids, here=run.options.get(name)).exact()
    prompt = Line(table="C", quantity="prompt", paper="raw")
    if not models:
        yield prompt.unless("no-record")
    for one in models:
        here = "raw" if one.style == UNCUT else one.style
        yield replace(prompt, model=one.info.id, here=here).exact()
    whole = Line(table="C", quantity="whole_text", paper="yes")
    if not models:
        yield whole.unless("no-record")
    for one in models:
        here = "yes" if one.style == UNCUT else "cut"
        yield replace(whole, model=one.info.id, here=here).exact()


def file_lines(models: Sequence[ModelInfo]) -> Iterator[Line]:
    """Yield D.8: sizes, of which the paper has none."""
    for info in models:
        line = Line(table="D.8", quantity="size", model=info.id, unit="size")
        yield replace(line, about=info.file_type, here=info.file_bytes).unless("not-in-paper")
