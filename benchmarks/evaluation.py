"""Weigh what an evaluation shares, hides and keeps, as ratios within one run.

    python benchmarks/evaluation.py MODEL [--tasks 24] [--tokens 32] [--parallel 4] [--samples 10]
                                    [--only shared hidden resumed]

On one thread, with the first Python tasks of our own set and raw prompts.

shared   CPU time of many samples of one prompt, to that of one sample each of as many prompts of
         the same length, side by side in both cases; and the prompt tokens that were decoded.
hidden   the share of the time in which programs were judged that lies before the model wrote its
         last token, and what the whole took to the sum of its parts: the time until the last token,
         and that in which programs were judged.
resumed  CPU time of a command that is killed when half of its answers are on disk, and of the same
         command after it, to that of one that nobody kills.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from comparison import cost
from generation import pieces

from pyengine.code.execution import Execution
from pyengine.code.options import EvaluationOptions
from pyengine.code.prompting import PromptStyle, build_prompts
from pyengine.code.reading import Solution
from pyengine.code.sampling import Executor, answer_all, session_for
from pyengine.code.sandbox import open_sandbox
from pyengine.code.tasks import Task, own_tasks
from pyengine.models.generation import (
    GenerationStatistics,
    Generator,
    Request,
    SamplingOptions,
)
from pyengine.models.model import Model, open_model

PROMPT = 128


def shared(model: Model, n: int, tokens: int) -> None:
    """Print what samples of one prompt cost, by those of prompts of their own."""
    options = EvaluationOptions(parallel=n, threads=1, folder=Path())
    prompts = pieces(model, PROMPT)[:n]
    found = []
    for chosen in ([prompts[0]] * n, prompts):
        requests = [
            Request(tokens=ids, max_tokens=tokens, sampling=SamplingOptions(temperature=1, seed=i))
            for i, ids in enumerate(chosen)
        ]
        generator = Generator(session_for(model, requests, options))
        before = time.process_time()
        written = sum(len(one.tokens) for _, one in generator.run(requests))
        seconds = time.process_time() - before
        found.append((seconds, generator.statistics.prompt_tokens))
        print(f"{seconds:.2f} CPU s, {found[-1][1]} prompt tokens decoded, {written} written")
    (one, few), (many, every) = found
    print(f"{n} samples of one prompt / one each of {n}: CPU {one / many:.2f}, prompt tokens "
          f"{few / every:.2f}")  # fmt: skip


class Watched(Executor):
    """An executor that notes when it was at work."""

    spans: list[tuple[float, float]]

    def _execute(self, task: Task, solution: Solution) -> Execution:
        began = time.perf_counter()
        try:
            return super()._execute(task, solution)
        finally:
            self.spans.append((began, time.perf_counter()))


def union(spans: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield the times in which at least one was at work."""
    begin = end = 0.0
    for first, last in sorted(spans):
        if first > end:
            yield begin, end
            begin = first
        end = max(end, last)
    yield begin, end


def hidden(model: Model, n: int, tokens: int, parallel: int) -> None:
    """Print how much of the judging happens while the model writes."""
    prompts = build_prompts(own_tasks(["python"])[:n], model, PromptStyle.RAW)
    options = EvaluationOptions(max_tokens=tokens, parallel=parallel, threads=1, folder=Path())
    last = 0.0

    class Timed(GenerationStatistics):
        """Statistics that know when they were counted up last."""

        def __setattr__(self, name: str, value: float) -> None:
            nonlocal last
            last = time.perf_counter()
            super().__setattr__(name, value)

    with Watched(open_sandbox(), options.limits, options.jobs) as executor:
        executor.spans = []
        began = time.perf_counter()
        for _ in answer_all(model, prompts, options, executor, Timed()):
            pass
        whole = time.perf_counter() - began
        spans = list(union(executor.spans))
    judged = sum(end - begin for begin, end in spans)
    late = sum(end - max(begin, last) for begin, end in spans if end > last)
    written = last - began
    print(f"{len(prompts)} tasks: {written:.1f} s to the last token, {judged:.1f} s of judging, "
          f"{late:.1f} s of that after it, {whole:.1f} s in all")  # fmt: skip
    print(f"judging hidden: {1 - late / judged:.2f}; whole / sum: {whole / (written + judged):.2f}")


def killed(command: Sequence[str], folder: Path, n: int) -> float:
    """Run a command until so many answers are on disk, kill it, and return its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        while len(list(folder.glob("*/*.json"))) < n and running.poll() is None:
            time.sleep(0.1)
        running.send_signal(signal.SIGKILL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def resumed(model: Path, n: int, tokens: int, parallel: int) -> None:
    """Print what it costs to be killed at half."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "pyengine", "evaluate", str(model), "--language", "python"]
        command += ["--limit", str(n), "--max-tokens", str(tokens), "--parallel", str(parallel)]
        command += ["--threads", "1", "--prompt", "raw", "--json", "--results"]
        whole = cost([*command, f"{name}/whole"], output=Path(name, "whole.json"))
        half = killed([*command, f"{name}/killed"], Path(name, "killed"), n // 2)
        kept = len(list(Path(name, "killed").glob("*/*.json")))
        rest = cost([*command, f"{name}/killed"], output=Path(name, "resumed.json"))
        same = sum(
            one == other
            for one, other in zip(
                *(texts(Path(name, f"{run}.json")) for run in ("whole", "resumed")), strict=True
            )
        )
    print(f"{n} tasks: {whole.seconds:.1f} CPU s; killed with {kept} answers on disk "
          f"{half:.1f}, resumed {rest.seconds:.1f}; {same} answers equal")  # fmt: skip
    print(f"killed and resumed / undisturbed: {(half + rest.seconds) / whole.seconds:.2f}")


def texts(record: Path) -> list[str]:
    """Return what was written for each task."""
    shown = json.loads(record.read_text())["exhibits"]
    answers = [one["content"] for one in shown if one["kind"] == "answer"]
    return [answer["samples"][0]["text"] for answer in answers]


def main() -> None:
    """Print all ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--tasks", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--only", nargs="+", default=["shared", "hidden", "resumed"])
    told = parser.parse_args()
    if "resumed" in told.only:
        resumed(told.model, told.tasks, told.tokens, told.parallel)
    with open_model(told.model) as model:
        if "shared" in told.only:
            shared(model, told.samples, told.tokens)
        if "hidden" in told.only:
            hidden(model, told.tasks, told.tokens, told.parallel)


if __name__ == "__main__":
    main()
