"""`pyengine evaluate`: does the model still write code that works?"""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from pyengine.api.evaluate import evaluate
from pyengine.commands.options import (
    COMPLETE,
    GPU_LAYERS,
    THREADS,
    Badge,
    Baseline,
    FailIf,
    Html,
    Json,
    Junit,
    Markdown,
    Options,
    Show,
    argument,
    check_format,
    command_of,
    option,
)
from pyengine.errors import OptionError

FailUnder = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Exit with 1 unless every model's pass@1 is surely this high: the lower end of its "
        "interval.",
    ),
]


@command_of(
    evaluate,
    models=argument(
        list[str] | None,
        "GGUF files or references, with settings (FILE?kv=q8_0); none: the embedded model.",
    ),
    reference=option(
        str | None, "The model that all others are compared with, task by task.", **COMPLETE
    ),
    tasks=option(str, "own, a set on the hub such as humaneval or mbpp+, or a file."),
    language=option(list[str] | None, "Only tasks in this language; several at once."),
    limit=option(
        int | None,
        "Only so many tasks, drawn by the seed, of every language and level their share.",
        min=1,
    ),
    samples=option(int, "Continuations of each task.", min=1),
    temperature=option(float, "Temperature of sampling; 0 for greedy decoding.", min=0.0),
    top_k=option(int, "Sample from so many of the most probable tokens; 0 for all.", min=0),
    top_p=option(
        float, "Sample from the most probable tokens that hold this share together; 1 for all."
    ),
    min_p=option(
        float, "Sample from tokens at least so probable, as a part of the most probable; 0 for all."
    ),
    seed=option(int, "Seed of the first sample; each further one adds 1.", min=0),
    prompt=option(
        Literal["auto", "raw", "uncut", "chat", "fim"],
        "auto: the chat template where the file shows a chat model, else raw. uncut: as raw, and "
        "all that was written is run, to the last token.",
    ),
    day=option(str | None, "The day that a chat template is told: YYYY-MM-DD."),
    max_tokens=option(
        int | None,
        "Tokens of a continuation, at most. Default: 160 for own tasks, else 512.",
        min=1,
    ),
    thinking_tokens=option(int, "Added to --max-tokens for chat models that think.", min=0),
    parallel=option(int, "Continuations computed at once.", min=1, max=256),
    threads=THREADS,
    gpu_layers=GPU_LAYERS,
    jobs=option(int | None, "Programs run at once; default: the cores.", min=1),
    cpu_seconds=option(int, "CPU time of one program.", min=1),
    wall_seconds=option(float, "Time of one program.", min=1.0),
    memory=option(int, "Memory of one program, MiB.", min=64),
    results=option(Path | None, "Where finished tasks are kept. Default: the user's cache folder."),
    fresh=option(bool, "Measure again what was measured before.", "--fresh"),
    likelihoods=option(
        bool,
        "Also measure how likely the right solutions are found, which may take as long as the "
        "answers.",
    ),
    until_decided=option(
        bool,
        "Ask tasks as the seed draws them, only until every model is told from the reference or "
        "shown to be like it.",
        "--until-decided",
    ),
    margin=option(float, "By which pass@1 may differ and be alike: 0.1 for 10 points.", min=0.0),
    isolation=option(Literal["auto", "bubblewrap", "namespaces"], "Which sandbox."),
    unsafe_local_execution=option(
        bool,
        "Run generated programs as yourself, without a sandbox.",
        "--unsafe-local-execution",
    ),
    rejudge=option(
        Path | None,
        "Read and run the answers of a saved record again, without a model.",
        metavar="RECORD",
    ),
)
def command(
    options: Options,
    *,
    show: Show = None,
    fail_under: FailUnder = None,
    fail_if: FailIf = None,
    baseline: Baseline = None,
    junit: Junit = None,
    badge: Badge = None,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Let models write programs, and run them against tests.

    Programs run in a sandbox. Beside pass@k it measures what tiny models and small differences
    show too: whether answers parse, and how likely the model finds the right solution. A run that
    was killed goes on where it was.
    """
    from pyengine.commands.gates import Gated
    from pyengine.commands.output import evaluation_progress, print_result
    from pyengine.report.answers_view import answers_document
    from pyengine.report.evaluate_view import evaluate_document

    check_format(json=json, markdown=markdown, html=html)
    gated = Gated(fail_if, baseline, junit, badge, fail_under=fail_under)
    if show is not None and options["rejudge"] is None:
        _check_asked(options, show)
    with evaluation_progress() as progress:
        run = evaluate(**options, progress=progress)
    view = evaluate_document if show is None else partial(answers_document, task=show)
    print_result(run, view, json=json, markdown=markdown, html=html)
    gated.hold(run, json=json, markdown=markdown)


def _check_asked(options: Options, task: str) -> None:
    """Raise an error where no such task will be asked, or it may be, before any is."""
    if options["until_decided"]:
        raise OptionError("--show needs a task that is asked; --until-decided may leave it out")
    from pyengine.api.evaluate import find_tasks
    from pyengine.code.tasks import asked_of

    found = find_tasks(options["tasks"], options["language"] or ())
    holes = options["prompt"] == "fim"
    asked = asked_of(found, holes=holes, limit=options["limit"], seed=options["seed"])
    if task not in {one.name for one in asked}:
        raise OptionError(f"no task that will be asked is called {task!r}")
