"""`pyengine report`: results as a page, tables, rows or pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyengine.commands.options import Badge, Baseline, FailIf, Junit, Show
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.report.document import Picture
    from pyengine.run import Run

    Drawn = tuple[Path | None, str, Callable[[Picture], str | bytes]]

Records = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Records that commands wrote with --json, or folders of them.", show_default=False
    ),
]
Page = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write one self-contained HTML page; - for stdout.", metavar="FILE"
    ),
]
Card = Annotated[bool, typer.Option("--markdown", help="Print Markdown, ready for a model card.")]
Csv = Annotated[
    Path | None,
    typer.Option(help="Write one row per measurement as CSV; - for stdout.", metavar="FILE"),
]
Parquet = Annotated[
    Path | None, typer.Option(help="Write one row per measurement as Parquet.", metavar="FILE")
]
Svg = Annotated[Path | None, typer.Option(help="Write each picture as SVG.", metavar="FOLDER")]
Png = Annotated[Path | None, typer.Option(help="Write each picture as PNG.", metavar="FOLDER")]
Index = Annotated[
    bool,
    typer.Option(
        "--model-index",
        help="Print a model card's metadata as YAML; with --markdown above the card.",
    ),
]
Results = Annotated[
    bool,
    typer.Option("--eval-results", help="Print pass@1 as YAML for a model's folder .eval_results."),
]
Schema = Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a record.")]


def command(
    results: Records = None,
    *,
    output: Page = None,
    markdown: Card = False,
    csv: Csv = None,
    parquet: Parquet = None,
    svg: Svg = None,
    png: Png = None,
    model_index: Index = False,
    eval_results: Results = False,
    show: Show = None,
    fail_if: FailIf = None,
    baseline: Baseline = None,
    junit: Junit = None,
    badge: Badge = None,
    schema: Schema = False,
) -> None:
    """Show saved results as a page, tables, rows or pictures.

    Without an option the text report is printed. Gates (--fail-if, --baseline) hold a result too.
    """
    from pyengine.commands.gates import Gated
    from pyengine.commands.output import print_document
    from pyengine.files import check_outputs
    from pyengine.report.answers_view import answers_document
    from pyengine.report.views import card_of, documents_of
    from pyengine.run.storage import load, record_files, values_that_fit

    if schema:
        _print_schema()
        return
    if not results:
        raise OptionError("name at least one record, as a command wrote it with --json")
    if eval_results and (model_index or markdown):
        raise OptionError("--eval-results is a file of its own; leave out the other form")
    gated = Gated(fail_if, baseline, junit, badge)
    results = record_files(results)
    check_outputs([output, csv, parquet, junit, badge], [*results, baseline])
    records = [load(path) for path in results]
    with values_that_fit(results):
        if output is not None:
            _write_page(records, output)
        _write_rows(records, csv, parquet)
        _write_pictures(records, svg, png)
        hub = model_index or eval_results
        if hub:
            _print_for_the_hub(_of_variants(records), index=model_index, card=markdown)
        if show is not None:
            for record in records:
                print_document(answers_document(record, show), markdown=markdown)
        elif markdown or not any((output, csv, parquet, svg, png, hub, gated.asked)):
            for record, document in documents_of(records):
                shown = card_of(record, document) if markdown else document
                print_document(shown, markdown=markdown)
        if gated.asked:
            timings = next((record for record in records if record.command == "speed"), None)
            gated.hold(_of_variants(records), markdown=markdown, timings=timings)


def _of_variants(records: Sequence["Run"]) -> "Run":
    """Return the only record beside a sweep's timings."""
    found = [record for record in records if record.command != "speed"]
    if len(found) != 1:
        raise OptionError(f"gates and model cards are of one record, not of {len(found)}")
    return found[0]


def _print_for_the_hub(record: "Run", *, index: bool, card: bool) -> None:
    import sys

    from pyengine.report import hub_files

    if index and card:
        sys.stdout.write(f"---\n{hub_files.model_index(record)}---\n\n")
    else:
        sys.stdout.write((hub_files.model_index if index else hub_files.eval_results)(record))


def _write_page(records: Sequence["Run"], path: Path) -> None:
    from pyengine.commands.output import write_text
    from pyengine.report.html import render_html
    from pyengine.report.views import page_of

    write_text(path, render_html(page_of(records)))


def _write_rows(records: Sequence["Run"], csv: Path | None, parquet: Path | None) -> None:
    from pyengine.commands.output import write_text
    from pyengine.files import replacing
    from pyengine.report.comma_separated import measurements_csv, measurements_of, write_parquet

    if csv is None and parquet is None:
        return
    rows = measurements_of(records)
    if csv is not None:
        write_text(csv, measurements_csv(rows))
    if parquet is not None:
        with replacing(parquet) as temporary:
            write_parquet(rows, temporary)


def _write_pictures(records: Sequence["Run"], svg: Path | None, png: Path | None) -> None:
    from pyengine.files import making_folder, write_atomic
    from pyengine.report.plots import draw_png, draw_svg, is_picture_of_ours
    from pyengine.report.views import pictures_of

    if svg is None and png is None:
        return
    for number, record in enumerate(records, start=1):
        prefix = f"{number}-" if len(records) > 1 else ""
        for picture in pictures_of(record):
            name = f"{prefix}{record.command}-{picture.name}"
            drawn: tuple[Drawn, ...] = ((svg, "svg", draw_svg), (png, "png", draw_png))
            for folder, suffix, draw in drawn:
                if folder is not None:
                    with making_folder(folder):
                        path = folder / f"{name}.{suffix}"
                        write_atomic(path, draw(picture), is_ours=is_picture_of_ours)


def _print_schema() -> None:
    import json
    import sys

    from pyengine.run import storage

    sys.stdout.write(json.dumps(storage.schema(), indent=2, ensure_ascii=False) + "\n")
