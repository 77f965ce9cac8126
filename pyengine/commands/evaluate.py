"""`pyengine evaluate`: does the model still write code that works?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pyengine.api.evaluate import evaluate
from pyengine.commands.options import (
    GpuLayers,
    Html,
    Json,
    Markdown,
    Threads,
    check_format,
    defaults_of,
)
from pyengine.errors import ThresholdNotMet

if TYPE_CHECKING:
    from pyengine.run.record import Run

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


@defaults_of(evaluate)
def command(
    models: Models = None,
    *,
    reference: Reference,
    tasks: Tasks,
    language: TaskLanguages,
    limit: Limit,
    samples: Annotated[int, typer.Option(min=1, help="Continuations of each task.")],
    temperature: Annotated[float, typer.Option(min=0.0, help="0: greedy decoding.")],
    top_k: Annotated[int, typer.Option(min=0, help="0: all tokens.")],
    top_p: Annotated[float, typer.Option(help="1: all tokens.")],
    min_p: Annotated[float, typer.Option(help="0: all tokens.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the first sample; then + 1.")],
    prompt: Prompt,
    max_tokens: MaxTokens,
    thinking_tokens: ThinkingTokens,
    parallel: Parallel,
    threads: Threads,
    gpu_layers: GpuLayers,
    jobs: Jobs,
    cpu_seconds: Annotated[int, typer.Option(min=1, help="CPU time of one program.")],
    wall_seconds: Annotated[float, typer.Option(min=1.0, help="Time of one program.")],
    memory: Annotated[int, typer.Option(min=64, help="Memory of one program, MiB.")],
    results: Results,
    fresh: Fresh,
    isolation: WhichSandbox,
    unsafe_local_execution: Unsafe,
    fail_under: FailUnder = None,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Let models write programs, and run them against tests in a sandbox.

    Beside pass@k it measures what tiny models and small differences show too: whether answers
    parse, and how likely the model finds the right solution. A killed run goes on where it was.
    """
    from pyengine.commands.evaluation import evaluation_progress
    from pyengine.commands.output import print_result
    from pyengine.report.evaluate_view import evaluate_document

    check_format(json=json, markdown=markdown, html=html)
    with evaluation_progress() as progress:
        run = evaluate(
            models,
            reference=reference,
            tasks=tasks,
            language=language,
            limit=limit,
            samples=samples,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            seed=seed,
            prompt=prompt,
            max_tokens=max_tokens,
            thinking_tokens=thinking_tokens,
            parallel=parallel,
            threads=threads,
            gpu_layers=gpu_layers,
            jobs=jobs,
            cpu_seconds=cpu_seconds,
            wall_seconds=wall_seconds,
            memory=memory,
            results=results,
            fresh=fresh,
            isolation=isolation,
            unsafe_local_execution=unsafe_local_execution,
            progress=progress,
        )
    print_result(run, evaluate_document, json=json, markdown=markdown, html=html)
    _hold(run, fail_under)


def _hold(run: "Run", fail_under: float | None) -> None:
    if fail_under is None:
        return
    for model in run.models:
        found = run.find("pass_at_1", model.id)
        if found is None or found.value < fail_under:
            value = "not measured" if found is None else f"{found.value:.3f}"
            raise ThresholdNotMet(f"{model.path}: pass@1 {value}, below {fail_under:g}")
