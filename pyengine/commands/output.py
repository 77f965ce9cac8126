"""How every command prints: a report, JSON or Markdown on stdout, everything else on stderr."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pyengine.plain_text import safe
from pyengine.report.document import Document
from pyengine.report.markdown import render_markdown
from pyengine.report.terminal import render_terminal
from pyengine.run.record import Run, to_json

PIPED_WIDTH = 80


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
) -> None:
    """Write a record to stdout in the format asked for, and as a page where a path was given."""
    if json:
        print_json(result)
    else:
        print_document(document_of(result), markdown=markdown)
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


class Reporter:
    """Shows what is being done on stderr, where stderr is a terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[str, int] = {}

    def __call__(self, what: str, fraction: float) -> None:
        """Show that `what` is done to a fraction from 0 to 1."""
        if self._progress is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(safe(what), total=1.0)
        self._progress.update(self._tasks[what], completed=fraction)  # type: ignore[arg-type]


@contextmanager
def reporting() -> Iterator[Reporter]:
    """Yield a reporter whose progress bars vanish at the end."""
    if not sys.stderr.isatty():
        yield Reporter(None)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Reporter(progress)
