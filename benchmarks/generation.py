"""Weigh generation against llama-batched-bench: tokens per second at equal parallelism.

    python benchmarks/generation.py MODEL --llama-batched-bench PROGRAM [--parallel 1 8 16]
                                    [--prompt 64] [--tokens 32] [--rounds 3] [--shared]

Both continue as many sequences as asked for, side by side on one thread and without repacked
weights. Ours follow stretches of the shipped corpus, each sequence with a prompt of its own (one
prompt for all where `--shared`), and draw every token, by greedy choice, with the probability that
a record keeps; the peer is given random tokens and reads no logits. Prompts are left out: counted
is what lies between the first token of all sequences and the last. Prompts after which the model
ends before the last token are replaced.

The programs take turns. Of each turn there are two figures: tokens per CPU second, which others on
the same machine disturb little, and tokens per second. The ratios are those of neighbouring turns;
their median is printed with the least and the largest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyengine.code.options import EvaluationOptions
from pyengine.code.sampling import session_for
from pyengine.models.generation import Generator, Request
from pyengine.models.model import Model, open_model
from pyengine.text.documents import load_corpus
from pyengine.text.tokens import tokenize

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Shape:
    """What both programs are asked for: sequences, tokens of each prompt, and new ones of each."""

    parallel: int
    prompt: int
    tokens: int
    shared: bool


@dataclass(frozen=True)
class Speed:
    """Tokens generated per CPU second, and per second."""

    cpu: float
    wall: float


class Clock:
    """Takes the time at the first tokens of all sequences, and at each token after them."""

    def __init__(self, parallel: int) -> None:
        self._missing = parallel
        self._first = self._last = (0.0, 0.0)

    def __call__(self, _: bytes) -> bool:
        """Take the time; False, for a stop rule that never stops."""
        self._last = time.perf_counter(), time.process_time()
        self._missing -= 1
        if self._missing == 0:
            self._first = self._last
        return False

    def speed(self, tokens: int) -> Speed:
        """Return how fast so many tokens were written after the first ones."""
        wall, cpu = (last - first for last, first in zip(self._last, self._first, strict=True))
        return Speed(tokens / cpu, tokens / wall)


class Ours:
    """Generation as `evaluate` does it, with no stop rule."""

    def __init__(self, model: Model, shape: Shape) -> None:
        """Open a session, and take the first prompts."""
        longest = [Request(tokens=[0] * shape.prompt, max_tokens=shape.tokens)] * shape.parallel
        options = EvaluationOptions(parallel=shape.parallel, threads=1, folder=Path())
        self._shape = shape
        self._session = session_for(model, longest, options)
        self._waiting = pieces(model, shape.prompt)
        self._prompts: list[list[int]] = []

    def measure(self) -> Speed:
        """Return the speed of one turn; prompts after which the model ends early are replaced."""
        n, tokens = self._shape.parallel, self._shape.tokens
        while True:
            more = 1 if self._shape.shared else n
            while len(self._prompts) < more:
                self._prompts.append(self._waiting.pop(0))
            clock = Clock(n)
            requests = [
                Request(tokens=self._prompts[at % more], max_tokens=tokens, stop=clock)
                for at in range(n)
            ]
            written = list(Generator(self._session).run(requests))
            ended = {at % more for at, one in written if one.finish != "length"}
            if not ended:
                return clock.speed(n * (tokens - 1))
            self._prompts = [ids for at, ids in enumerate(self._prompts) if at not in ended]


def pieces(model: Model, length: int) -> list[list[int]]:
    """Return stretches of the shipped corpus's first documents, one from each in turn."""
    documents = tokenize(load_corpus().documents[:32], model.vocabulary)
    found = [document.ids.tolist() for document in documents]
    starts = range(0, max(map(len, found)) - length, length)
    return [ids[at : at + length] for at in starts for ids in found if at + length <= len(ids)]


def peer(program: Path, model: Path, shape: Shape) -> Speed:
    """Return the speed of one turn of llama-batched-bench."""
    sequences, tokens = shape.parallel, shape.tokens
    prompts = shape.prompt * (1 if shape.shared else sequences)
    words = [program, "-m", model, "-t", 1, "--no-repack", "-b", max(prompts, 512), "-ub", 512]
    words += ["-c", sequences * (shape.prompt + tokens), "--output-format", "jsonl"]
    words += ["-npp", shape.prompt, "-ntg", tokens, "-npl", sequences]
    words += ["-pps"] if shape.shared else []
    seen: list[tuple[float, float]] = []
    with subprocess.Popen(
        [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                seen.append((time.perf_counter(), cpu_seconds(running.pid)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert running.stdout is not None
        said = next(json.loads(line) for line in running.stdout if line.startswith("{"))
        ended = time.perf_counter(), cpu_seconds(running.pid)
        done.set()
        watcher.join()
    begun = max(cpu for at, cpu in seen if at <= ended[0] - said["t_tg"])
    generated = sequences * tokens
    return Speed(generated / (ended[1] - begun), generated / said["t_tg"])


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def spread(values: Sequence[float]) -> str:
    """Return the median of some values, with the least and the largest."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """Print the speeds and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--llama-batched-bench", type=Path, required=True)
    parser.add_argument("--parallel", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--prompt", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shared", action="store_true")
    told = parser.parse_args()
    with open_model(told.model) as model:
        for parallel in told.parallel:
            shape = Shape(parallel, told.prompt, told.tokens, told.shared)
            ours, ratios = Ours(model, shape), []
            for _ in range(told.rounds):
                theirs = peer(told.llama_batched_bench, told.model, shape)
                mine = ours.measure()
                ratios.append((mine.cpu / theirs.cpu, mine.wall / theirs.wall))
                print(f"{parallel} at once: {mine.cpu:.1f} tokens per CPU second, peer "
                      f"{theirs.cpu:.1f}; {mine.wall:.1f} per second, peer {theirs.wall:.1f}",
                      flush=True)  # fmt: skip
            cpu, wall = (spread([pair[at] for pair in ratios]) for at in (0, 1))
            print(f"{parallel} at once, ours / peer: CPU {cpu}, wall {wall}", flush=True)


if __name__ == "__main__":
    main()
