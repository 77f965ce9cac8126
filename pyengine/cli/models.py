"""`pyengine models`: the GGUF files that are already on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from pyengine.errors import InputError, OptionError


def command(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders or files to look at besides.", show_default=False),
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """List the GGUF files on this machine, and which are the same bytes.

    Looks into pyengine itself, Ollama's store, LM Studio's folder, the caches of llama.cpp and
    Hugging Face, and the folders given. Files are read whole only where size and samples agree.
    """
    from pyengine.cli.output import print_document, print_json, reporting
    from pyengine.discovery.inventory import list_models
    from pyengine.discovery.places import Places
    from pyengine.reports.models_view import models_document

    if json and markdown:
        raise OptionError("--json and --markdown exclude each other")
    missing = [folder for folder in folders or [] if not folder.exists()]
    if missing:
        raise InputError(f"{missing[0]}: no such folder")
    with reporting() as progress:
        result = list_models(
            Places(), folders or [], progress=lambda name: progress(f"reading {name}", 0.0)
        )
    if json:
        print_json(result)
    else:
        print_document(models_document(result), markdown=markdown)
