"""Weigh `pyengine imatrix` against llama-imatrix: CPU seconds of whole commands, and the same sums.

    python benchmarks/importance.py MODEL --llama-imatrix PROGRAM [--contexts 4] [--rounds 3]

Both sum over the same contexts of 512 tokens of the shipped programs, joined to one file, on one
thread, one context at a time, without repacked weights and without perplexity (`--no-ppl`). Beside
them stands what a session takes to decode the same contexts for the row of logits at each end. The
programs take turns; the ratios are those of neighbouring turns, and their median is printed with
the least and the largest. Their sums must have the same bits.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import gguf
import numpy as np

from pyengine.measure.contexts import one_batch
from pyengine.models.model import open_model
from pyengine.models.session import Session
from pyengine.text.documents import load_corpus
from pyengine.text.stream import stream_contexts

N_CTX = 512


def cpu_seconds(command: Sequence[str]) -> float:
    """Return the CPU time of a program and its children."""
    before = os.times()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    after = os.times()
    children = after.children_user + after.children_system
    return children - before.children_user - before.children_system


def plain_decode(model: Path, text: Path) -> float:
    """Return the CPU time of decoding the contexts alone, for the last row of each."""
    with open_model(model) as opened:
        contexts = stream_contexts(
            load_corpus([text]), opened.vocabulary, n_ctx=N_CTX, max_tokens=None, seed=0
        )
        session = Session(opened, options=one_batch(N_CTX, max_rows=1, threads=1))
        began = time.process_time()
        for ids in contexts.ids:
            session.logits(ids)
        return time.process_time() - began


def written_text(model: Path, folder: Path, n_contexts: int) -> Path:
    """Write as much of the shipped programs as makes so many contexts, and a few tokens more."""
    with open_model(model) as opened:
        whole = b"".join(document.content for document in load_corpus())
        ids = opened.vocabulary.tokenize(whole)[: n_contexts * N_CTX + N_CTX // 4]
        path = folder / "text.txt"
        path.write_bytes(opened.vocabulary.detokenize(ids))
        return path


def same_sums(ours: Path, theirs: Path) -> bool:
    """Tell whether two matrices have the same tensors, bit for bit."""
    a, b = ({t.name: np.array(t.data) for t in gguf.GGUFReader(p).tensors} for p in (ours, theirs))
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def measure(model: Path, program: Path, n_contexts: int, rounds: int) -> None:
    """Take turns, and print the ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = written_text(model, folder, n_contexts)
        ours, theirs = folder / "ours.gguf", folder / "theirs.gguf"
        mine = [sys.executable, "-m", "pyengine", "imatrix", str(model), "--corpus", str(text)]
        mine += ["--tokens", "0", "--threads", "1", "-o", str(ours)]
        peer = [str(program), "-m", str(model), "-f", str(text), "-o", str(theirs), "-t", "1"]
        peer += ["-c", str(N_CTX), "-b", str(N_CTX), "--no-repack", "--no-ppl"]
        cpu_seconds(mine)  # the file is hashed once, and known then
        turns: list[tuple[float, float, float]] = []
        for _ in range(rounds):
            ours.unlink()
            turns.append((cpu_seconds(mine), cpu_seconds(peer), plain_decode(model, text)))
            print(
                "CPU seconds, ours, llama-imatrix, decoding alone:",
                *map("{:.2f}".format, turns[-1]),
            )
        print("same sums, bit for bit:", same_sums(ours, theirs))
    told: dict[str, Callable[[tuple[float, float, float]], float]] = {
        "ours to llama-imatrix": lambda turn: turn[0] / turn[1],
        "ours to decoding alone": lambda turn: turn[0] / turn[2],
    }
    for what, ratio in told.items():
        ratios = [ratio(turn) for turn in turns]
        print(f"{what}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--llama-imatrix", type=Path, required=True, metavar="PROGRAM")
    parser.add_argument("--contexts", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    measure(given.model, given.llama_imatrix, given.contexts, given.rounds)
