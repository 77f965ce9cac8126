"""`pyengine evaluate`: does the model still write code that works?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pyengine.cli.options import GpuLayers, Html, Json, Markdown, Threads, check_format
from pyengine.errors import ThresholdNotMet

if TYPE_CHECKING:
    from pyengine.run.record import Run

MIB = 1 << 20

Models = Annotated[
    list[str] | None, typer.Argument(help="GGUF files or references; none: the embedded model.")
]
Reference = Annotated[
    str | None, typer.Option(help="The model that all others are compared with, task by task.")
]
Tasks = Annotated[
    str, typer.Option(help="own, humaneval, mbpp, or a file: .toml, .jsonl, .jsonl.gz, .parquet.")
]
TaskLanguages = Annotated[
    list[str] | None, typer.Option(help="Only tasks in this language; several at once.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many tasks.")]
Prompt = Annotated[
    Literal["auto", "raw", "chat", "fim"],
    typer.Option(help="auto: the chat template for models named as chat models, else raw."),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Budget of a continuation. Default: 160 for own tasks, else 512."),
]
ThinkingTokens = Annotated[int, typer.Option(min=0, help="Added to it for chat models that think.")]
Parallel = Annotated[int, typer.Option(min=1, max=256, help="Continuations computed at once.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Programs run at once; default: the cores.")]
Results = Annotated[
    Path | None,
    typer.Option(help="Where finished tasks are kept. Default: the user's cache folder."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Measure again what was measured before.")]
WhichSandbox = Annotated[
    Literal["auto", "bubblewrap", "namespaces"], typer.Option(help="Which sandbox.")
]
Unsafe = Annotated[
    bool,
    typer.Option(
        "--unsafe-local-execution",
        help="Run generated programs as yourself, without a sandbox.",
    ),
]
FailUnder = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="Exit with 1 where a model's pass@1 is below this."),
]


def command(
    models: Models = None,
    *,
    reference: Reference = None,
    tasks: Tasks = "own",
    language: TaskLanguages = None,
    limit: Limit = None,
    samples: Annotated[int, typer.Option(min=1, help="Continuations of each task.")] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, help="0: greedy decoding.")] = 0.0,
    top_k: Annotated[int, typer.Option(min=0, help="0: all tokens.")] = 0,
    top_p: Annotated[float, typer.Option(help="1: all tokens.")] = 1.0,
    min_p: Annotated[float, typer.Option(help="0: all tokens.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the first sample; then + 1.")] = 0,
    prompt: Prompt = "auto",
    max_tokens: MaxTokens = None,
    thinking_tokens: ThinkingTokens = 2048,
    parallel: Parallel = 16,
    threads: Threads = None,
    gpu_layers: GpuLayers = 0,
    jobs: Jobs = None,
    cpu_seconds: Annotated[int, typer.Option(min=1, help="CPU time of one program.")] = 10,
    wall_seconds: Annotated[float, typer.Option(min=1.0, help="Time of one program.")] = 15.0,
    memory: Annotated[int, typer.Option(min=64, help="Memory of one program, MiB.")] = 1024,
    results: Results = None,
    fresh: Fresh = False,
    isolation: WhichSandbox = "auto",
    unsafe_local_execution: Unsafe = False,
    fail_under: FailUnder = None,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Let models write programs, and run them against tests in a sandbox.

    Beside pass@k it measures what tiny models and small differences show too: whether answers
    parse, and how likely the model finds the right solution. A killed run goes on where it was.
    """
    from pyengine.cli.evaluation import evaluation_progress, find_tasks, token_budget
    from pyengine.cli.model_argument import usable_model
    from pyengine.cli.output import print_result
    from pyengine.codegen.evaluation import Evaluation, default_jobs
    from pyengine.codegen.options import EvaluationOptions, default_folder
    from pyengine.codegen.prompting import PromptStyle
    from pyengine.codegen.sandbox import Isolation, Limits, open_sandbox
    from pyengine.engine.generation import SamplingOptions
    from pyengine.reports.evaluate_view import evaluate_document

    check_format(json=json, markdown=markdown)
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
    print_result(result, evaluate_document, json=json, markdown=markdown, html=html)
    _hold(result, fail_under)


def _hold(run: "Run", fail_under: float | None) -> None:
    if fail_under is None:
        return
    for model in run.models:
        found = run.find("pass_at_1", model.id)
        if found is None or found.value < fail_under:
            value = "not measured" if found is None else f"{found.value:.3f}"
            raise ThresholdNotMet(f"{model.path}: pass@1 {value}, below {fail_under:g}")
