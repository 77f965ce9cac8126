"""`pyengine models`: the GGUF files that are already on this machine."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pyengine.commands.options import Json, Markdown, check_format
from pyengine.inputs import check_regular

Folders = Annotated[
    list[Path] | None,
    typer.Argument(help="Folders or files to look at besides.", show_default=False),
]


def command(
    folders: Folders = None,
    *,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """List the GGUF files on this machine.

    Says which of them are the same bytes. Looks into pyengine itself, Ollama's store, LM Studio's
    folder, the caches of llama.cpp and Hugging Face, and the folders given. Files are read whole
    only where size and samples agree.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.measure.local_models import list_models
    from pyengine.models.places import Places
    from pyengine.report.models_view import models_document

    check_format(json=json, markdown=markdown)
    for folder in folders or []:
        if not os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises where it may not look
            check_regular(folder)
    with reporting() as progress:
        run = list_models(
            Places(), folders or [], progress=lambda name: progress(f"reading {name}", 0.0)
        )
    print_result(run, models_document, json=json, markdown=markdown)
