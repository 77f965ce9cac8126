"""From any record to its document: the text view, and the page with pictures around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from pyengine.errors import InputError
from pyengine.report.document import Block, Document, Facts, Paragraph, Picture, Section
from pyengine.report.origin import closing
from pyengine.report.sentences.hand_over import next_values
from pyengine.report.words import facts
from pyengine.run.record import Run

# The functions that show a record of a command, its document and its pictures, as
# `module:function` in this package.
VIEWS: dict[str, tuple[str, ...]] = {
    "probe": ("probe_view:probe_document", "probe_pictures:probe_pictures"),
    "tokenize": ("tokenize_view:tokenize_document",),
    "vocab": ("vocab_view:vocab_document", "vocab_pictures:vocab_pictures"),
    "paper": ("paper_view:paper_document", "paper_pictures:paper_pictures"),
    "compare": ("compare_view:compare_document", "comparison_pictures:comparison_pictures"),
    "sweep": ("sweep_view:sweep_document", "comparison_pictures:comparison_pictures"),
    "speed": ("sweep_view:speed_document",),
    "emulation": ("emulation_view:emulation_document",),
    "imatrix": ("imatrix_view:imatrix_document",),
    "sensitivity": (
        "sensitivity_view:sensitivity_document",
        "sensitivity_pictures:sensitivity_pictures",
    ),
    "quantize": ("quantize_view:quantize_document",),
    "recipe": ("recipe_view:recipe_document", "recipe_view:recipe_pictures"),
    "verify": ("verify_view:verify_document",),
    "pick": ("pick_view:pick_document", "comparison_pictures:comparison_pictures"),
    "recommend": ("recommend_view:recommend_document",),
    "models": ("models_view:models_document",),
    "doctor": ("doctor_view:doctor_document",),
    "evaluate": (
        "evaluate_view:evaluate_document",
        "evaluate_pictures:evaluate_pictures",
        "answers_view:answer_sections",
    ),
}


def document_of(result: Run) -> Document:
    """Return the text document of a record: answer, tables, method."""
    document: Document = _function(VIEWS[_view(result)][0])(result)
    return document


def _view(result: Run) -> str:
    """Return the name of the view: the command, or that of an emulation.

    Raises:
        InputError: the command is not known here.
    """
    emulated = "emulate" in result.options
    name = "emulation" if emulated else result.command
    if name not in VIEWS:
        raise InputError(f"a record of the unknown command {name!r:.40} cannot be shown")
    return name


def card_of(result: Run, document: Document) -> Document:
    """Return the table for a model card where the record compares variants, else its document."""
    if _view(result) in ("compare", "sweep"):
        card: Document = _function("compare_view:model_card")(result)
        return card
    return document


def illustrations_of(result: Run) -> tuple[Block, ...]:
    """Return the pictures and passages of a record; none where its kind has none."""
    names = VIEWS[_view(result)][1:]
    return tuple(block for name in names for block in _function(name)(result))


def pictures_of(result: Run) -> tuple[Picture, ...]:
    """Return the pictures of a record alone."""
    return Document("", illustrations_of(result)).pictures()


def documents_of(results: Sequence[Run]) -> list[tuple[Run, Document]]:
    """Return the text document of each record; a sweep takes in the timings of its files."""
    from pyengine.report.sweep_view import belong_together, sweep_document

    sweeps = [run for run in results if run.command == "sweep"]
    timings = [run for run in results if run.command == "speed"]
    shown: list[tuple[Run, Document]] = []
    for result in results:
        if result.command == "sweep":
            its = next((timing for timing in timings if belong_together(result, timing)), None)
            shown.append((result, sweep_document(result, its)))
        elif not any(
            result.command == "speed" and belong_together(sweep, result) for sweep in sweeps
        ):
            shown.append((result, document_of(result)))
    return shown


def page_of(results: Sequence[Run]) -> Document:
    """Return the document of a page over one or several records."""
    shown = documents_of(results)
    if len(shown) == 1:
        return page_document(*shown[0])
    pages = [page_document(*both, number=number) for number, both in enumerate(shown, start=1)]
    sections = tuple(Section(page.title, page.blocks) for page in pages)
    return Document(f"{len(pages)} results of pyengine", sections)


def page_document(result: Run, document: Document, *, number: int = 0) -> Document:
    """Put pictures after the opening answer; what is folded, how to cite and repeat at the end.

    A number tells the pictures of several results on one page apart.
    """
    opening, rest = _split(document.blocks)
    illustrations = [
        replace(block, name=f"{block.name}-{number}")
        if number and isinstance(block, Picture)
        else block
        for block in illustrations_of(result)
    ]
    folded = [block for block in illustrations if isinstance(block, Section)]
    shown = [block for block in illustrations if not isinstance(block, Section)]
    return Document(document.title, (*opening, *shown, *rest, *folded, closing(result)))


def next_facts(run: Run, folder: str | None = None) -> Facts | None:
    """Return the command lines that follow on a result, see `next_values`."""
    values = next_values(run, folder)
    several = "s" if run.command == "probe" and len(run.models) > 1 else ""
    name = f"next-{run.command}{several}"
    return None if values is None else facts(name, title="Next", **values)


def _split(blocks: Sequence[Block]) -> tuple[Sequence[Block], Sequence[Block]]:
    """Split after the leading paragraphs: the answer in words."""
    end = next(
        (i for i, block in enumerate(blocks) if not isinstance(block, Paragraph)), len(blocks)
    )
    return blocks[:end], blocks[end:]


def _function(name: str) -> Callable[[Any], Any]:
    module, _, function = name.partition(":")
    found: Callable[[Any], Any] = getattr(import_module(f"pyengine.report.{module}"), function)
    return found
