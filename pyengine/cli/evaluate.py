"""`pyengine evaluate`: does the model still write code that works?"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pyengine.errors import OptionError, ThresholdNotMet

if TYPE_CHECKING:
    from pyengine.codegen.evaluation import Progress
    from pyengine.codegen.options import EvaluationOptions
    from pyengine.codegen.records import EvaluationResult, TaskRecord
    from pyengine.codegen.tasks import Task

MIB = 1 << 20
TOKENS_FOR_OWN, TOKENS_FOR_OTHERS = 160, 512


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="GGUF files or references; none: the embedded model."),
    ] = None,
    *,
    reference: Annotated[
        str | None, typer.Option(help="The model that all others are compared with, task by task.")
    ] = None,
    tasks: Annotated[
        str,
        typer.Option(help="own, humaneval, mbpp, or a file: .toml, .jsonl, .jsonl.gz, .parquet."),
    ] = "own",
    language: Annotated[
        list[str] | None, typer.Option(help="Only tasks in this language; several at once.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many tasks.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Continuations of each task.")] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, help="0: greedy decoding.")] = 0.0,
    top_k: Annotated[int, typer.Option(min=0, help="0: all tokens.")] = 0,
    top_p: Annotated[float, typer.Option(help="1: all tokens.")] = 1.0,
    min_p: Annotated[float, typer.Option(help="0: all tokens.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the first sample; then + 1.")] = 0,
    prompt: Annotated[
        Literal["auto", "raw", "chat", "fim"],
        typer.Option(help="auto: the chat template for models named as chat models, else raw."),
    ] = "auto",
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Budget of a continuation. Default: 160 for own tasks, else 512."),
    ] = None,
    thinking_tokens: Annotated[
        int, typer.Option(min=0, help="Added to it for chat models that think.")
    ] = 2048,
    parallel: Annotated[
        int, typer.Option(min=1, max=256, help="Continuations computed at once.")
    ] = 16,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; default: cores less one.")
    ] = None,
    gpu_layers: Annotated[int, typer.Option(help="Layers on the GPU; -1 for all.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Programs run at once; default: the cores.")
    ] = None,
    cpu_seconds: Annotated[int, typer.Option(min=1, help="CPU time of one program.")] = 10,
    wall_seconds: Annotated[float, typer.Option(min=1.0, help="Time of one program.")] = 15.0,
    memory: Annotated[int, typer.Option(min=64, help="Memory of one program, MiB.")] = 1024,
    results: Annotated[
        Path | None,
        typer.Option(help="Where finished tasks are kept. Default: the user's cache folder."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what was measured before.")
    ] = False,
    isolation: Annotated[
        Literal["auto", "bubblewrap", "namespaces"], typer.Option(help="Which sandbox.")
    ] = "auto",
    unsafe_local_execution: Annotated[
        bool,
        typer.Option(
            "--unsafe-local-execution",
            help="Run generated programs as yourself, without a sandbox.",
        ),
    ] = False,
    fail_under: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Exit with 1 where a model's pass@1 is below this."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Also write one self-contained HTML page.", metavar="FILE"),
    ] = None,
) -> None:
    """Let models write programs, and run them against tests in a sandbox.

    Beside pass@k it measures what tiny models and small differences show too: whether answers
    parse, and how likely the model finds the right solution. A killed run goes on where it was.
    """
    from pyengine.cli.model_argument import usable_model
    from pyengine.cli.output import print_document, print_json, write_page
    from pyengine.codegen.evaluation import Evaluation, default_jobs
    from pyengine.codegen.options import EvaluationOptions, default_folder
    from pyengine.codegen.prompting import PromptStyle
    from pyengine.codegen.sandbox import Isolation, Limits, open_sandbox
    from pyengine.engine.generation import SamplingOptions
    from pyengine.reports.evaluate_view import evaluate_document

    if json and markdown:
        raise OptionError("--json and --markdown exclude each other")
    options = EvaluationOptions(
        style=None if prompt == "auto" else PromptStyle(prompt),
        samples=samples,
        max_tokens=max_tokens or token_budget(tasks),
        thinking_tokens=thinking_tokens,
        sampling=SamplingOptions(
            temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, seed=seed
        ),
        parallel=parallel,
        threads=threads,
        gpu_layers=gpu_layers,
        jobs=jobs or default_jobs(),
        limits=Limits(cpu_s=cpu_seconds, wall_s=wall_seconds, memory_bytes=memory * MIB),
        folder=results or default_folder(),
        resume=not fresh,
    )
    options.check()
    chosen = find_tasks(tasks, language, limit)
    paths = [usable_model(model) for model in models] if models else [usable_model()]
    base = usable_model(reference) if reference else None
    sandbox = open_sandbox(
        None if isolation == "auto" else Isolation(isolation),
        unsafe_local_execution=unsafe_local_execution,
    )
    with evaluation_progress() as progress:
        evaluation = Evaluation(chosen, tasks, options, sandbox, progress=progress)
        result = evaluation.run(paths, reference=base)
    if json:
        print_json(result)
    else:
        print_document(evaluate_document(result), markdown=markdown)
    write_page(result, html)
    _hold(result, fail_under)


def token_budget(tasks: str) -> int:
    """Return the default budget of a continuation: our own tasks are short."""
    return TOKENS_FOR_OWN if tasks == "own" else TOKENS_FOR_OTHERS


def evaluation_options(
    tasks: str, *, threads: int | None, gpu_layers: int, folder: Path
) -> "EvaluationOptions":
    """Return the defaults, for commands that evaluate besides something else."""
    from pyengine.codegen.evaluation import default_jobs
    from pyengine.codegen.options import EvaluationOptions

    return EvaluationOptions(
        max_tokens=token_budget(tasks),
        threads=threads,
        gpu_layers=gpu_layers,
        jobs=default_jobs(),
        folder=folder,
    )


def find_tasks(
    source: str, languages: list[str] | None = None, limit: int | None = None
) -> list["Task"]:
    """Return the tasks that a user names: own, a benchmark on the hub, or a file.

    Raises OptionError or TaskFileError where there is none.
    """
    from pyengine.codegen.benchmarks import fetch_tasks, load_tasks
    from pyengine.codegen.languages import LANGUAGES
    from pyengine.codegen.tasks import own_tasks

    for name in languages or ():
        if name not in LANGUAGES:
            raise OptionError(f"unknown language {name!r}; use {', '.join(LANGUAGES)}")
    if source == "own":
        found = own_tasks(languages)
    else:
        path = Path(source)
        found = load_tasks(path) if path.suffix or path.exists() else fetch_tasks(source)
        found = [task for task in found if not languages or task.language in languages]
    if not found:
        raise OptionError(f"{source}: no task in {', '.join(languages or ())}")
    return found[:limit]


@contextmanager
def evaluation_progress() -> Iterator["Progress"]:
    """Yield a progress function that shows a running estimate on a terminal's stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )

    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        shown: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int, records: list["TaskRecord"]) -> None:
            if name not in shown:
                shown[name] = bars.add_task(name, total=total)
            bars.update(shown[name], completed=done, description=estimate(name, records))

        yield show


def estimate(name: str, records: list["TaskRecord"]) -> str:
    """Return the running estimate: tasks solved of those executed, with Wilson's interval."""
    from pyengine.statistics.success import wilson

    executed = [record for record in records if record.executed]
    solved = sum(record.n_passed > 0 for record in executed)
    if not executed:
        return name
    interval = wilson(solved, len(executed))
    return f"{name}: {solved} solved ({100 * interval.low:.0f} to {100 * interval.high:.0f} %)"


def _hold(result: "EvaluationResult", fail_under: float | None) -> None:
    if fail_under is None:
        return
    for model in result.models:
        found = model.total.pass_at.get(1)
        if found is None or found.value < fail_under:
            value = "not measured" if found is None else f"{found.value:.3f}"
            raise ThresholdNotMet(f"{model.model.path}: pass@1 {value}, below {fail_under:g}")
