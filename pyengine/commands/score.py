"""`pyengine score`: log-probabilities of texts, from lines of JSON to lines of JSON."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO, cast

import typer

from pyengine.commands.completion import complete_model
from pyengine.commands.options import GPU_LAYERS, THREADS
from pyengine.errors import InputError, OptionError
from pyengine.startup import FinishingFirst

if TYPE_CHECKING:
    from pyengine.measure.score_lines import Question

STANDARD = Path("-")
FLASH_ATTENTION = ("auto", "on", "off")
Model = Annotated[
    str, typer.Argument(help="A GGUF file or a reference.", autocompletion=complete_model)
]
Questions = Annotated[
    Path, typer.Argument(metavar="FILE", help="Lines of JSON; - for standard input.")
]
Output = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Where answers go; - for standard output. A file that holds the "
        "first answers is continued.",
    ),
]
Top = Annotated[int, typer.Option(min=0, help="Most probable tokens to list at each place.")]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Decode each text alone, in one order: slower, and no number depends on other texts.",
    ),
]
Context = Annotated[
    int | None,
    typer.Option(
        min=1, help="Tokens that the model sees at most; default: what it was trained with."
    ),
]
FlashAttention = Annotated[str, typer.Option(help="Attention in one pass: auto, on or off.")]
Ubatch = Annotated[int, typer.Option(min=1, help="Tokens that are computed at once.")]
Special = Annotated[
    bool, typer.Option("--special", help="Read control tokens such as <|im_end|> as such.")
]
Lines = Annotated[
    int,
    typer.Option(
        min=1,
        max=2**31 - 1,
        help="Lines that are decoded together and share what is common to them.",
    ),
]
Skip = Annotated[
    int,
    typer.Option(min=0, help="Lines to leave out at the start: those that are answered already."),
]


def command(
    model: Model,
    questions: Questions = STANDARD,
    *,
    output: Output = STANDARD,
    top: Top = 0,
    exact: Exact = False,
    context: Context = None,
    flash_attention: FlashAttention = "auto",
    ubatch: Ubatch = 512,
    special: Special = False,
    lines: Lines = 256,
    skip: Skip = 0,
    threads: THREADS = None,
    gpu_layers: GPU_LAYERS = 0,
) -> None:
    """Score texts: lines of JSON in, lines of JSON out.

    A line asks {"prompt": "2 + 2 =", "texts": [" 4", " 5"]} or {"text": "..."}; an "id" comes back.
    Its answer holds the log-probability of each text, and that of each token with its rank.
    """
    from pyengine.api.open import open as open_model
    from pyengine.measure.score_lines import answers, settings
    from pyengine.measure.scoring import Scorer, ScoringOptions

    if flash_attention not in FLASH_ATTENTION:
        raise OptionError(f"--flash-attention must be auto, on or off, not {flash_attention}")
    if output != STANDARD and skip:
        raise OptionError("--skip goes with standard output; a file says itself how far it is")
    if questions != STANDARD:
        for _ in _asked(questions):  # what is wrong is said before anything is computed
            pass
    with open_model(model, threads=threads, gpu_layers=gpu_layers) as opened:
        options = ScoringOptions(
            top=top,
            exact=exact,
            context=context,
            flash_attention=cast(Literal["auto", "on", "off"], flash_attention),
            n_ubatch=ubatch,
            parse_special=special,
            threads=threads,
        )
        scorer = Scorer(opened.model, options)
        told = settings(scorer, lines)
        with _sink(output, questions, told, skip) as (sink, skip):
            for group in answers(scorer, _asked(questions), at_once=lines, skip=skip, told=told):
                for line in group:
                    with FinishingFirst():
                        sink.write(line)
                        sink.flush()


def _asked(questions: Path) -> "Iterator[Question]":
    """Yield what a file or standard input asks."""
    from pyengine.inputs import open_regular
    from pyengine.measure.score_lines import read_questions

    if questions == STANDARD:
        yield from read_questions(sys.stdin.buffer, "standard input")
        return
    with open_regular(questions) as raw, os.fdopen(os.dup(raw.fileno()), "rb") as file:
        yield from read_questions(file, str(questions))


@contextmanager
def _sink(
    output: Path, questions: Path, told: Mapping[str, Any], skip: int
) -> Iterator[tuple[TextIO, int]]:
    """Yield where answers are written, and how many questions are answered there already."""
    from pyengine.inputs import open_regular
    from pyengine.measure.score_lines import answered_before

    if output == STANDARD:
        yield sys.stdout, skip
        return
    n_bytes = 0
    if os.path.lexists(output):
        if questions == STANDARD:
            raise InputError(
                f"{output}: is there already, and standard input cannot be read twice; name "
                "another file, or ask from one"
            )
        with open_regular(output) as raw, os.fdopen(os.dup(raw.fileno()), "rb") as file:
            skip, n_bytes = answered_before(file, _asked(questions), told, str(output))
    try:
        with output.open("ab") as end:
            end.truncate(n_bytes)
        with output.open("a", encoding="utf-8") as file:
            yield file, skip
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror or error}") from error
