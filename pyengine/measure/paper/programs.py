"""D.6 to D.8 and C: what the paper says of programs, files and settings, beside finished runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pyengine.measure.paper.lines import Line
from pyengine.measure.paper.published import FULL, Programs, is_model, programs
from pyengine.run.record import ModelInfo, Run

# Settings of HumanEval in the paper (C), by the options of a record of `evaluate`.
SETTINGS: dict[str, float] = {"n_tasks": 164, "samples": 1, "max_tokens": 512, "temperature": 0.0}
HUMANEVAL = 164


@dataclass(frozen=True)
class Evaluated:
    """One model of a record of `evaluate`."""

    run: Run
    info: ModelInfo

    @property
    def passed(self) -> tuple[int, int]:
        """How many tasks were solved, of how many; a task counts by its first sample."""
        row = self.run.find("pass_at_1", self.info.id)
        return (round(row.value * row.n), row.n) if row is not None else (0, 0)

    def is_row(self, row: Programs) -> bool:
        """Tell whether it has the type that a row of the paper is of."""
        full = row.file_type in FULL
        return self.info.file_type in FULL if full else self.info.file_type == row.file_type


def evaluated(records: Sequence[Run]) -> list[Evaluated]:
    """Return the models of records that have a pass rate, each once."""
    found: dict[tuple[str, str], Evaluated] = {}
    for run in records:
        for info in run.models:
            one = Evaluated(run, info)
            if one.passed[1]:
                found.setdefault((info.identity, str(run.options.get("tasks_sha256"))), one)
    return list(found.values())


def program_lines(models: Sequence[Evaluated]) -> Iterator[Line]:
    """Yield D.6 and D.7, row by row, and under D.6 what no row is of."""
    told = set[str]()
    for row in programs():
        line = Line(
            table=row.table,
            quantity="pass_at_1" if row.table == "D.6" else "exit_zero",
            about=f"{row.model} {row.file_type}" + (f" {row.language}" * (row.table == "D.7")),
            unit="share",
            paper=row.passed / row.tasks,
        )
        if row.table == "D.7":
            yield line.unless("unpublished-tasks")
            continue
        same = [one for one in models if is_model(one.info, row.model)]
        if not same:
            yield line.unless("no-record")
        for one in same:
            told.add(one.info.identity)
            yield _beside(line, row, one)
    for one in models:
        if one.info.identity not in told:
            line = Line(table="D.6", quantity="pass_at_1", about=one.info.name, model=one.info.id)
            yield replace(line.share_of((0, 1), one.passed), paper=None).unless("no-such-row")


def _beside(line: Line, row: Programs, one: Evaluated) -> Line:
    """Hold a pass rate of ours against the paper's, which another harness made."""
    found = replace(line, model=one.info.id).share_of((row.passed, row.tasks), one.passed)
    if found.agrees == "no":
        found = replace(found, reason="other-harness")
    other_tasks = "" if one.run.options.get("n_in_set") == HUMANEVAL else "other-tasks"
    return found.unless(other_tasks, "" if one.is_row(row) else "other-type")


def setting_lines(models: Sequence[Evaluated]) -> Iterator[Line]:
    """Yield how the paper asked (C), beside how the records did."""
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
        here = str(one.info.settings.get("style"))
        yield replace(prompt, model=one.info.id, here=here).exact()
    yield Line(table="C", quantity="whole_text", paper="512").unless("no-such-harness")


def file_lines(models: Sequence[ModelInfo]) -> Iterator[Line]:
    """Yield D.8: sizes, of which the paper has none."""
    for info in models:
        line = Line(table="D.8", quantity="size", model=info.id, unit="size")
        yield replace(line, about=info.file_type, here=info.file_bytes).unless("not-in-paper")
