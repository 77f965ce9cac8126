"""From any record to its document: the text view, and the page with pictures around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from pyengine.errors import InputError
from pyengine.reports.closing import closing
from pyengine.reports.loading import Saved, command_of
from pyengine.reports.tables import Block, Document, Paragraph, Picture, Section
from pyengine.run.record import Run


@dataclass(frozen=True, slots=True)
class View:
    """Name the functions that show a kind of record, as `module:function` in this package."""

    document: str
    pictures: str | None = None


VIEWS: dict[str, View] = {
    "probe": View("probe_view:probe_document", "probe_pictures:probe_pictures"),
    "tokenize": View("tokenize_view:tokenize_document"),
    "vocab": View("vocab_view:vocab_document", "vocab_pictures:vocab_pictures"),
    "compare": View("compare_view:compare_document", "comparison_pictures:comparison_pictures"),
    "sweep": View("sweep_view:sweep_document", "comparison_pictures:comparison_pictures"),
    "speed": View("sweep_view:speed_document"),
    "emulation": View("emulation_view:emulation_document"),
    "quantize": View("quantize_view:quantize_document"),
    "recommend": View("recommend_view:recommend_document"),
    "models": View("models_view:models_document"),
    "doctor": View("doctor_view:doctor_document"),
    "evaluate": View("evaluate_view:evaluate_document", "evaluate_pictures:evaluate_pictures"),
}


def document_of(result: Saved) -> Document:
    """Return the text document of a record: answer, tables, method."""
    document: Document = _function(VIEWS[_view(result)].document)(result)
    return document


def _view(result: Saved) -> str:
    """Return the name of the view: the command, or that of an emulation.

    Raises:
        InputError: the command is not known here.
    """
    emulated = isinstance(result, Run) and "emulate" in result.options
    name = "emulation" if emulated else command_of(result)
    if name not in VIEWS:
        raise InputError(f"a record of the unknown command {name!r:.40} cannot be shown")
    return name


def card_of(result: Saved, document: Document) -> Document:
    """Return the table for a model card where the record compares variants, else its document."""
    if _view(result) in ("compare", "sweep"):
        card: Document = _function("model_card:model_card")(result)
        return card
    return document


def illustrations_of(result: Saved) -> tuple[Block, ...]:
    """Return the pictures and passages of a record; none where its kind has none."""
    name = VIEWS[_view(result)].pictures
    return () if name is None else tuple(_function(name)(result))


def pictures_of(result: Saved) -> tuple[Picture, ...]:
    """Return the pictures of a record alone."""
    return Document("", illustrations_of(result)).pictures()


def documents_of(results: Sequence[Saved]) -> list[tuple[Saved, Document]]:
    """Return the text document of each record; a sweep takes in the timings of its files."""
    from pyengine.reports.sweep_view import belong_together, sweep_document

    runs = [result for result in results if isinstance(result, Run)]
    sweeps = [run for run in runs if run.command == "sweep"]
    timings = [run for run in runs if run.command == "speed"]
    shown: list[tuple[Saved, Document]] = []
    for result in results:
        if isinstance(result, Run) and result.command == "sweep":
            its = next((timing for timing in timings if belong_together(result, timing)), None)
            shown.append((result, sweep_document(result, its)))
        elif not isinstance(result, Run) or not any(
            result.command == "speed" and belong_together(sweep, result) for sweep in sweeps
        ):
            shown.append((result, document_of(result)))
    return shown


def page_of(results: Sequence[Saved]) -> Document:
    """Return the document of a page over one or several records."""
    shown = documents_of(results)
    if len(shown) == 1:
        return page_document(*shown[0])
    pages = [page_document(*both, number=number) for number, both in enumerate(shown, start=1)]
    sections = tuple(Section(page.title, page.blocks) for page in pages)
    return Document(f"{len(pages)} results of pyengine", sections)


def page_document(result: Saved, document: Document, *, number: int = 0) -> Document:
    """Put the pictures after the opening answer, and how to cite and repeat at the end.

    A number tells the pictures of several results on one page apart.
    """
    opening, rest = _split(document.blocks)
    illustrations = [
        replace(block, name=f"{block.name}-{number}")
        if number and isinstance(block, Picture)
        else block
        for block in illustrations_of(result)
    ]
    return Document(document.title, (*opening, *illustrations, *rest, closing(result)))


def _split(blocks: Sequence[Block]) -> tuple[Sequence[Block], Sequence[Block]]:
    """Split after the leading paragraphs: the answer in words."""
    end = next(
        (i for i, block in enumerate(blocks) if not isinstance(block, Paragraph)), len(blocks)
    )
    return blocks[:end], blocks[end:]


def _function(name: str) -> Callable[[Any], Any]:
    module, _, function = name.partition(":")
    found: Callable[[Any], Any] = getattr(import_module(f"pyengine.reports.{module}"), function)
    return found
