"""Options that several commands have, declared once so that they look and mean the same."""

from collections.abc import Callable, Mapping
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from pyengine.commands.completion import complete_model
from pyengine.errors import OptionError
from pyengine.extras import require_extra
from pyengine.models.options import MOST_THREADS

Options = Mapping[str, Any]
COMPLETE: Options = {"autocompletion": complete_model}


def option(kind: Any, words: str, *names: str, **how: Any) -> Any:  # noqa: ANN401 - an annotation
    """Declare an option: its type, its help, names beside the argument's own, limits."""
    return Annotated[kind, typer.Option(*names, help=words, **how)]


def argument(kind: Any, words: str, **how: Any) -> Any:  # noqa: ANN401 - an annotation
    """Declare what stands without a name: its type and its help; a text names a model."""
    if kind not in (Path, list[Path], list[Path] | None):
        how = {**COMPLETE, **how}
    return Annotated[kind, typer.Argument(help=words, **how)]


Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
Html = Annotated[
    Path | None, typer.Option(help="Also write one self-contained HTML page.", metavar="FILE")
]
Show = Annotated[
    str | None,
    typer.Option(metavar="TASK", help="Show what was written for one task, and what became of it."),
]
THREADS = option(int | None, "CPU threads; default: cores less one.", min=1, max=MOST_THREADS)
GPU_LAYERS = option(int, "Layers on the GPU; -1 for all.")
ONE_AT_A_TIME = option(bool, "Hold one model in memory at a time.", "--one-at-a-time")
REQUANTIZE = option(bool, "Accept a source that is quantized already.", "--requantize")
SENSITIVITY = option(
    Path | None,
    "With --recipe: a record of `pyengine sensitivity --json`. Default: it is measured.",
    show_default=False,
)
MARGIN = option(
    float, "Variants that differ by no more than this part count as alike: 0.1 for 10 %."
)
PRECISION = option(
    float,
    "Stop a variant when its mean KL is known to this part of it, and its neighbours in size are "
    "told apart; 0 to score all tokens.",
    min=0,
)
DOCUMENT_TOKENS = option(
    int, "Scored tokens of each document, at most; 0 for whole documents.", min=0
)
CHAT = option(
    list[Path] | None,
    "In place of a corpus: conversations as JSONL, in the shape of OpenAI's messages, scored where "
    "the assistant speaks.",
    "--chat",
    metavar="FILE",
)
CONDITION_WORDS = (
    "such as 'kl_high > 0.02 or same_first_choice < 95%'. Names: metrics such as kl, with kl_low, "
    "kl_high, kl_99, and size, memory, bits_per_weight."
)
FailIf = option(
    list[str] | None,
    f"Exit with 1 where this holds for a variant, or cannot be known; several at once; "
    f"{CONDITION_WORDS}",
    "--fail-if",
    metavar="CONDITION",
    show_default=False,
)
Baseline = option(
    Path | None,
    "Exit with 1 where a metric got worse than in this record, beyond its interval.",
    "--baseline",
    metavar="RECORD",
    show_default=False,
)
Junit = option(
    Path | None,
    "Write what became of each gate as JUnit XML.",
    "--junit",
    metavar="FILE",
    show_default=False,
)
Badge = option(
    Path | None,
    "Write a badge as a shields.io endpoint (JSON).",
    "--badge",
    metavar="FILE",
    show_default=False,
)
MAX_KL = option(
    float | None,
    "Mean KL divergence, in nats per token, that is accepted, with its whole interval. "
    "Default: 0.02, the end of what is hardly changed.",
    show_default=False,
)
MAX_FLIPS = option(
    float | None,
    "Share of positions that may have another first choice, such as 0.05, with its whole interval.",
    show_default=False,
)
CONTEXT = option(int, "Tokens of context for which memory is forecast.", min=1)
MAX_SIZE = option(str | None, "Size of the file, at most; written as --memory.", show_default=False)
SPEED = option(
    float | None, "Tokens per second that it must generate at least.", show_default=False
)
KEYWORDS = option(
    list[Path] | None, "A keyword table (TOML) that extends or replaces a shipped one."
)
LANGUAGE = option(list[str] | None, "Only these languages, by table name.")


def check_format(*, json: bool, markdown: bool, html: Path | None = None) -> None:
    """Raise an error where two formats were asked for, or a page whose pictures nobody can draw."""
    if json and markdown:
        raise OptionError("--json and --markdown exclude each other")
    if html is not None:
        require_extra("matplotlib", "--html")


def command_of(
    function: Callable[..., object],
    **options: Any,  # noqa: ANN401 - annotations
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of the function in `pyengine.api` that it calls.

    The command takes them as a mapping by the names of that function's arguments, which have the
    defaults; what it declares itself, by keyword, comes behind them.

    Args:
        function: the function.
        options: what `option` or `argument` says of each argument that the command line has.
    """
    known = signature(function).parameters

    def make(command: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:  # noqa: ANN401
            shared = {name: given.pop(name) for name in options}
            command(shared, **given)

        _, *own = signature(command).parameters.values()
        shared = [known[name].replace(annotation=kind) for name, kind in options.items()]
        run.__doc__ = command.__doc__
        vars(run)["__signature__"] = Signature([*shared, *own])
        return run

    return make
