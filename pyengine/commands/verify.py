"""`pyengine verify`: prove that a file is what its source quantizes to."""

from pathlib import Path

from pyengine.api.verify import verify
from pyengine.commands.options import (
    COMPLETE,
    THREADS,
    Json,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)
from pyengine.errors import ThresholdNotMet


@command_of(
    verify,
    file=argument(str, "The quantized file, anyone's."),
    source=option(
        str, "What it is said to be made of: a file of F16, BF16 or F32.", "--from", **COMPLETE
    ),
    imatrix=option(Path | None, "The importance matrix that it is said to be made with."),
    threads=THREADS,
)
def command(options: Options, *, json: Json = False, markdown: Markdown = False) -> None:
    """Prove that a quantized file is what it says it is.

    Its source is quantized again, tensor by tensor, and nothing is written. Exits with 1 where a
    tensor differs, or metadata that decide what the model computes.
    """
    from pyengine.choose.verification import proven
    from pyengine.commands.output import print_result, reporting
    from pyengine.report.sentences.verification import verdict_sentence
    from pyengine.report.verify_view import verify_document

    check_format(json=json, markdown=markdown)
    with reporting("verify") as progress:
        run = verify(**options, progress=progress)
    print_result(run, verify_document, json=json, markdown=markdown)
    if not proven(run):
        raise ThresholdNotMet(verdict_sentence(run))
