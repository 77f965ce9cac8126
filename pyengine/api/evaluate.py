"""`evaluate`: does the model still write code that works?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pyengine.api.arguments import (
    MIB,
    Named,
    Names,
    Words,
    check_languages,
    usable_spec,
    usable_specs,
    words,
)
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyengine.code.answers import Answer, Progress
    from pyengine.code.options import EvaluationOptions
    from pyengine.code.sandbox import Sandbox
    from pyengine.code.tasks import Task
    from pyengine.run.record import Run

TOKENS_FOR_OWN, TOKENS_FOR_OTHERS = 160, 512
# What decides how saved answers are judged again; nothing else has a use there.
FOR_JUDGING = frozenset(
    ("rejudge", "tasks", "jobs", "cpu_seconds", "wall_seconds", "memory", "progress")
) | {"isolation", "unsafe_local_execution"}


def silent(model: str, done: int, total: int, answers: list[Answer]) -> None:
    """Show no progress."""


def evaluate(
    models: Names = None,
    *,
    reference: Named | None = None,
    tasks: str = "own",
    language: Words = None,
    limit: int | None = None,
    samples: int = 1,
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    seed: int = 0,
    prompt: Literal["auto", "raw", "uncut", "chat", "fim"] = "auto",
    day: str | None = None,
    max_tokens: int | None = None,
    thinking_tokens: int = 2048,
    parallel: int = 16,
    threads: int | None = None,
    gpu_layers: int = 0,
    jobs: int | None = None,
    cpu_seconds: int = 10,
    wall_seconds: float = 15.0,
    memory: int = 1024,
    results: Named | None = None,
    fresh: bool = False,
    likelihoods: bool = True,
    until_decided: bool = False,
    margin: float = 0.1,
    isolation: Literal["auto", "bubblewrap", "namespaces"] = "auto",
    unsafe_local_execution: bool = False,
    rejudge: Run | Named | None = None,
    progress: Progress = silent,
) -> Run:
    """Let models write programs, and run them against tests in a sandbox.

    Args:
        models: one or several models, or folders of them; none: the embedded model.
        reference: the model that all others are compared with, task by task.
        tasks: "own", a set on the hub such as "humaneval" or "mbpp+", "hf:OWNER/REPO:FILE", or a
            file: .toml, .jsonl, .jsonl.gz, .parquet.
        language: only tasks in these languages.
        limit: only so many tasks, drawn by the seed, of every language and level their share.
        samples: continuations of each task; more than one needs a temperature.
        temperature, top_k, top_p, min_p: how tokens are drawn; temperature 0 is greedy.
        seed: of the first sample; the next has the next.
        prompt: "raw", "chat" or "fim"; "uncut" asks as raw and runs all that was written, to the
            last token; "auto" takes the chat template of models that were taught to chat, as their
            files show, else raw.
        day: the day that a chat template is told, YYYY-MM-DD; None for the same in all runs.
        max_tokens: budget of a continuation; None for 160 for own tasks, else 512.
        thinking_tokens: added to it for chat models that think.
        parallel: continuations computed at once, 1 to 256.
        threads: CPU threads of the model; None for the cores less one.
        gpu_layers: layers on the GPU; -1 for all.
        jobs: programs run at once; None for the cores.
        cpu_seconds, wall_seconds: CPU time and time of one program.
        memory: of one program, MiB.
        results: a folder where finished tasks are kept; None for the user's cache.
        fresh: measure again what was measured before.
        likelihoods: also measure how likely each model finds the right solutions, which may take as
            long as its answers.
        until_decided: ask tasks as the seed draws them, and no further once it is known of every
            model whether it solves more or less than the reference, or as much within `margin`.
        margin: by which pass@1 may differ from the reference's and be alike: 0.1 for 10 points.
        isolation: which sandbox.
        unsafe_local_execution: run generated programs as yourself, without a sandbox.
        rejudge: a run of evaluate, or its JSON file, whose answers are read and run again, without
            a model. Besides, only `tasks` may be given, where the record's own are elsewhere now,
            and how programs are run.
        progress: called with the model, tasks done, tasks in all and the finished answers.

    Returns:
        a run whose first model is the reference, where there is one: pass@k and shares from 0 to
        1, log-probabilities in nats per token, bits per byte, times in seconds.

    Raises:
        ModelFileError, ModelKindError: a model cannot be used.
        TaskFileError: the tasks cannot be read.
        InputError: a compiler or a module that they need is not here.
        OptionError: an option is impossible, or no sandbox works here.

    Examples:
        >>> pyengine.evaluate("Q4_K_M.gguf", reference="f16.gguf", limit=20).table("pass_at_1")
    """
    given = locals()
    from pyengine.code.evaluation import Evaluation
    from pyengine.code.options import EvaluationOptions, default_folder
    from pyengine.code.prompting import PromptStyle
    from pyengine.code.sandbox import Limits
    from pyengine.models.chat import DAY
    from pyengine.models.generation import SamplingOptions
    from pyengine.models.options import usable_cores

    options = EvaluationOptions(
        style=None if prompt == "auto" else PromptStyle(prompt),
        limit=limit,
        day=DAY if day is None else _day(day),
        samples=samples,
        max_tokens=max_tokens or (TOKENS_FOR_OWN if tasks == "own" else TOKENS_FOR_OTHERS),
        thinking_tokens=thinking_tokens,
        sampling=SamplingOptions(
            temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, seed=seed
        ),
        parallel=parallel,
        threads=threads,
        gpu_layers=gpu_layers,
        jobs=jobs or usable_cores(),
        limits=Limits(cpu_s=cpu_seconds, wall_s=wall_seconds, memory_bytes=memory * MIB),
        folder=Path(results) if results is not None else default_folder(),
        resume=not fresh,
        likelihoods=likelihoods,
        margin=margin,
        until_decided=until_decided,
    )
    options.check()
    if rejudge is not None:
        return _rejudged(rejudge, given, options)
    if until_decided and reference is None:
        raise OptionError("--until-decided needs a --reference to decide against")
    chosen = find_tasks(tasks, words(language))
    paths = usable_specs(models) or [usable_spec()]
    base = None if reference is None else usable_spec(reference)
    sandbox = _opened(isolation, unsafe_local_execution)
    evaluation = Evaluation(chosen, tasks, options, sandbox, progress=progress)
    return evaluation.run(paths, reference=base)


def _opened(isolation: str, unsafe_local_execution: bool) -> Sandbox:
    """Return the sandbox that was asked for."""
    from pyengine.code.sandbox import Isolation, open_sandbox

    return open_sandbox(
        None if isolation == "auto" else Isolation(isolation),
        unsafe_local_execution=unsafe_local_execution,
    )


def _rejudged(source: Run | Named, given: Mapping[str, Any], options: EvaluationOptions) -> Run:
    """Judge the answers of a record again, with what else was given to `evaluate`.

    Raises OptionError where that would need a model.
    """
    from pyengine.code.rejudging import rejudge
    from pyengine.run.record import Run
    from pyengine.run.storage import load

    known = signature(evaluate).parameters
    for name, value in given.items():
        if name not in FOR_JUDGING and value not in (known[name].default, None, [], ()):
            raise OptionError(
                f"--rejudge judges saved answers: {name} has no use there, leave it out"
            )
    record = source if isinstance(source, Run) else load(source)
    tasks = given["tasks"] if given["tasks"] != "own" else record.options.get("tasks", "own")
    return rejudge(
        record,
        find_tasks(tasks),
        _opened(given["isolation"], given["unsafe_local_execution"]),
        source=tasks,
        limits=options.limits,
        jobs=options.jobs,
        progress=given["progress"],
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise OptionError(f"{text!r} is no day; write it as 2026-01-31") from error


def check_tasks(source: str) -> None:
    """Raise an error where tasks, what they need or a sandbox are not here, before much is done."""
    find_tasks(source)
    _opened("auto", unsafe_local_execution=False)


def find_tasks(source: str, languages: Sequence[str] = ()) -> list[Task]:
    """Return the tasks that a user names: own, a benchmark on the hub, or a file.

    Raises OptionError or TaskFileError where there is none, and InputError where this machine
    lacks a compiler or module that they need.
    """
    from pyengine.code.benchmarks import fetch_tasks, load_tasks
    from pyengine.code.languages import LANGUAGES
    from pyengine.code.libraries import require
    from pyengine.code.tasks import own_tasks

    check_languages([*languages], LANGUAGES)
    if source == "own":
        found = own_tasks(languages or None)
    else:
        path = Path(source)
        named = not source.startswith("hf:") and (path.suffix or path.exists())
        found = load_tasks(path) if named else fetch_tasks(source)
        found = [task for task in found if not languages or task.language in languages]
    if not found:
        raise OptionError(f"{source}: no task in {', '.join(languages)}")
    if source != "own" or languages:  # own tasks are of more languages than machines have
        require(found, source)
    return found
