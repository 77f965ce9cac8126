"""How every command prints: a report, JSON or Markdown on stdout, everything else on stderr."""

import math
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pyengine.asked import asked
from pyengine.errors import PickInterrupted
from pyengine.plain_text import safe
from pyengine.report.document import Document
from pyengine.report.markdown import render_markdown
from pyengine.report.numbers import counted, significant
from pyengine.report.sentences.hand_over import resume_sentence
from pyengine.report.terminal import render_terminal
from pyengine.report.views import next_facts
from pyengine.run.record import Run, to_json
from pyengine.statistics.looks import FEWEST_DOCUMENTS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pyengine.code.answers import Answer
    from pyengine.code.answers import Progress as EvaluationProgress
    from pyengine.measure.racing import Known

Lines: TypeAlias = dict[str, Callable[[], str]]
PIPED_WIDTH = 80
REFRESHES = 2  # a second
FIRST_GUESS = 5.0  # seconds after which one step says how long the others take


def print_json(result: Run) -> None:
    """Write a record to stdout as indented JSON and nothing else."""
    sys.stdout.write(to_json(result))


def write_text(path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all; `-` is stdout."""
    from pyengine.files import write_atomic

    if path == Path("-"):
        sys.stdout.write(text)
    else:
        write_atomic(path, text)


def print_document(document: Document, *, markdown: bool = False) -> None:
    """Write a document to stdout: Markdown, or text as wide as the terminal, 80 when piped."""
    if markdown:
        sys.stdout.write(render_markdown(document))
        return
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((PIPED_WIDTH, 24)).columns if terminal else PIPED_WIDTH
    sys.stdout.write(render_terminal(document, width=width, color=_wants_color()))


def print_result(
    result: Run,
    document_of: Callable[[Run], Document],
    *,
    json: bool,
    markdown: bool,
    html: Path | None = None,
    folder: str | None = None,
) -> None:
    """Write a record to stdout in the format asked for, and as a page where a path was given.

    As text, what a person needs next stands at the end; `folder` is where a sweep keeps it.
    """
    if json:
        print_json(result)
    else:
        document = document_of(result)
        if not markdown and (follows := next_facts(result, folder)):
            document = replace(document, blocks=(*document.blocks, follows))
        print_document(document, markdown=markdown)
    if html is not None:
        _write_page(result, document_of(result), html)


def _write_page(result: Run, document: Document, path: Path) -> None:
    from pyengine.files import write_atomic
    from pyengine.report.html import render_html
    from pyengine.report.views import page_document

    write_atomic(path, render_html(page_document(result, document)))


def _wants_color() -> bool:
    """Return whether stdout is a terminal that shows colour and the user did not forbid it."""
    return Console(file=sys.stdout).color_system is not None and sys.stdout.isatty()


class BarOnly(ProgressColumn):
    """Shows a column beside bars, and nothing beside lines that have none."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self.column = column

    def render(self, task: Task) -> "RenderableType":
        """Return what stands in the column."""
        return "" if task.total is None else self.column(task)


class AtMost(TimeRemainingColumn):
    """Shows how long it takes at most: measuring ends as soon as enough is known."""

    def render(self, task: Task) -> Text:
        """Return the time that is left; nothing before that is known, and at the end."""
        known = task.time_remaining and not task.finished
        if known:
            return Text("at most ").append(super().render(task))
        done, spent = task.percentage / 100, task.elapsed or 0.0
        if task.finished or not done or spent < FIRST_GUESS:
            return Text()
        return Text(f"about {timedelta(seconds=round(spent / done - spent))}")


@contextmanager
def progress_bars(*columns: ProgressColumn) -> Iterator[Callable[..., None] | None]:
    """Yield a function that shows bars on stderr until the end; None where it is no terminal.

    The function takes the bar's key, its description, how much is done, and how much there is;
    None for a line without a bar.
    """
    if not sys.stderr.isatty():
        yield None
        return
    beside = [BarOnly(column) for column in (BarColumn(), *columns, TimeElapsedColumn())]
    shown = (TextColumn("{task.description}", markup=False), *beside)
    # Models compute meanwhile: drawing ten times a second takes some of a core from them.
    drawing = Progress(
        *shown, console=Console(stderr=True), transient=True, refresh_per_second=REFRESHES
    )
    with drawing as bars:
        tasks: dict[str, TaskID] = {}

        def show(key: str, description: str, done: float, total: float | None) -> None:
            if key not in tasks:
                tasks[key] = bars.add_task(safe(description), total=total)
            bars.update(tasks[key], completed=done, description=safe(description))

        yield show


class Display:
    """Shows what is being done, and in a line for each model what is known of it so far."""

    def __init__(self, show: Callable[..., None] | None, known: Lines | None = None) -> None:
        self._show = show
        self._known = {} if known is None else known
        self._begun: list[str] = []

    def __call__(self, what: str, fraction: float) -> None:
        """Show what is being done, and the part of it from 0 to 1; what went before is done."""
        if self._show is None:
            return
        if what not in self._begun:
            for earlier in self._begun:
                self._show(earlier, earlier, 1.0, 1.0)
            self._begun.append(what)
        self._show(what, what, fraction, 1.0)

    def watch(self, model: str, known: "Known") -> None:
        """Show what is known of a model."""
        self._known[model] = partial(known_words, model, known)
        if self._show is not None:
            self._show(f"{model}:", known_words(model, known), 0.0, None)


def known_words(model: str, known: "Known") -> str:
    """Write what is known of a model's divergence; an arrow marks the best answer so far."""
    if not known.n_documents:
        return f"  {model}"
    words = f"{'→' if known.leads else ' '} {model}: KL {significant(known.kl)}"
    if known.n_documents >= FEWEST_DOCUMENTS:  # of fewer an interval says nothing
        words += f" ({significant(max(known.low, 0.0))} to {significant(known.high)})"
    return f"{words}, {counted(known.n_documents, 'document')}"


@contextmanager
def reporting(command: str = "") -> Iterator[Display]:
    """Yield what shows progress on stderr: a function for what is done, and `watch` for models."""
    with _going_on_later(command) as known, progress_bars(AtMost()) as show:
        yield Display(show, known)


@contextmanager
def _going_on_later(command: str) -> Iterator[Lines]:
    """Yield a place for the latest line of each model; Ctrl-C prints them, and how to resume."""
    known: Lines = {}
    try:
        yield known
    except PickInterrupted:  # whose answer so far is printed whole
        raise
    except KeyboardInterrupt:
        told = [line() for line in known.values()]
        told.append(resume_sentence(command, fresh="--fresh" in asked.get()))
        sys.stderr.write("".join(f"{safe(line)}\n" for line in told if line))
        raise


@contextmanager
def evaluation_progress() -> Iterator["EvaluationProgress"]:
    """Yield a progress function of `evaluate` that shows a running estimate for each model."""
    columns = (MofNCompleteColumn(), AtMost())
    with _going_on_later("evaluate") as known, progress_bars(*columns) as show:

        def report(model: str, done: int, total: int, answers: list["Answer"]) -> None:
            if answers:
                known[model] = partial(estimate, model, answers)
            if show is not None:
                show(model, estimate(model, answers), done, total)

        yield report


def estimate(name: str, answers: list["Answer"]) -> str:
    """Return the running estimate: pass@1 over the tasks executed so far, with its interval."""
    from pyengine.code.aggregate import passes
    from pyengine.code.answers import executed

    found = next(passes([answer for answer in answers if executed(answer)], model=name), None)
    if found is None:
        return name
    told = f"{name}: pass@1 {100 * found.value:.0f} %"
    known = math.isfinite(found.low)
    return f"{told} ({100 * found.low:.0f} to {100 * found.high:.0f} %)" if known else told
