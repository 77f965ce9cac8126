"""`pyengine paper`: whether what arXiv 2601.02563 says holds for a file."""

from pathlib import Path

from pyengine.api.paper import paper
from pyengine.commands.options import (
    GPU_LAYERS,
    THREADS,
    Html,
    Json,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)


@command_of(
    paper,
    models=argument(
        list[str] | None,
        "GGUF files, with or without weights; none: the embedded model.",
        show_default=False,
    ),
    reference=option(
        str | None, "The file that the others are held against: full precision, base, or parent."
    ),
    record=option(
        list[Path] | None,
        "A record of `pyengine evaluate --json`, for what the paper says of programs; may be "
        "given again.",
        show_default=False,
    ),
    threads=THREADS,
    gpu_layers=GPU_LAYERS,
)
def command(
    options: Options, *, json: Json = False, markdown: Markdown = False, html: Html = None
) -> None:
    """Hold every statement of arXiv 2601.02563 against files.

    Each table of the paper, line by line: what it says, what is found here, the interval, and
    whether the two agree, or why that cannot be said; and what answers each of its weaknesses.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.paper_view import paper_document

    check_format(json=json, markdown=markdown, html=html)
    with reporting() as progress:
        run = paper(**options, progress=progress)
    print_result(run, paper_document, json=json, markdown=markdown, html=html)
