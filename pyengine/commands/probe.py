"""`pyengine probe`: what a model wants to write when nothing was asked."""

from pathlib import Path

from pyengine.api.probe import probe
from pyengine.commands.options import (
    KEYWORDS,
    LANGUAGE,
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
    probe,
    models=argument(
        list[str] | None,
        "GGUF files, with settings (FILE?kv=q8_0), or .npz files of saved logits; none: the "
        "embedded model.",
        show_default=False,
    ),
    start=option(
        list[str] | None,
        "Where to start: natural, bos, eos, newline, fim, chat, fence:LANGUAGE or "
        "text:TEXT. Several at once; keywords are measured at the first. "
        "Default: the natural start and every other that the model supports.",
        "--start",
        show_default=False,
    ),
    keywords=KEYWORDS,
    language=LANGUAGE,
    split=option(bool, "Measure keywords of several tokens by the chain rule."),
    top=option(int, "Tokens listed for each start.", min=1),
    draws=option(int, "Random word sets for each language.", min=1),
    seed=option(int, "Seed of the random sets and controls.", min=0),
    threads=THREADS,
    gpu_layers=option(int, "Layers on the GPU; -1 for all. Ignored without a GPU."),
    save_logits=option(Path | None, "Keep the rows in a .npz file, to be probed without model."),
)
def command(
    options: Options, *, json: Json = False, markdown: Markdown = False, html: Html = None
) -> None:
    """Show what a model wants to write when nothing was asked.

    The full next-token distribution after the model's natural start, seen through the keywords
    of twelve languages, with controls.
    """
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.probe_view import probe_document

    check_format(json=json, markdown=markdown, html=html)
    with reporting() as progress:
        run = probe(**options, progress=progress)
    print_result(run, probe_document, json=json, markdown=markdown, html=html)
