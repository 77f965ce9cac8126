"""Hold the forecast of memory against what a process then takes.

    python benchmarks/memory_forecast.py FOLDER [--models FILE ...] [--only ARCHITECTURE ...]
        [--contexts 2048 8192 32768] [--k-type q8_0 --v-type q8_0] [--whole]

Writes a model of some hundred megabytes of each architecture into FOLDER, unless it is there, and
forecasts its memory from a copy of its header alone. Then a process of its own opens the file,
fills the whole context, generates some tokens and says the most that it held (VmHWM).

The context is filled by short texts, each a sequence of its own, so that every cell is in use and
no token reads 32,000 others; `--whole` decodes one text instead, which takes hours.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyengine import _core
from pyengine.models.memory import forecast, memory_of_process

MIB = 1 << 20
UBATCH = 512
GENERATED = 8


def main() -> None:
    """Print a row for each model and context."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=Path, nargs="*", default=[])
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--contexts", type=int, nargs="*", default=[2048, 8192, 32768])
    parser.add_argument("--k-type", default="f16")
    parser.add_argument("--v-type", default="f16")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--take", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.take is not None:
        options = (asked.k_type, asked.v_type, asked.whole)
        sys.stdout.write(f"{take(asked.folder, asked.take, *options)}\n")
        return
    print(
        "| model | context | weights | cache | states | compute | process | forecast | taken "
        "| off by |\n|" + " --- |" * 10
    )
    for path in asked.models:
        report(path, asked)
    for path in random_models(asked.folder, asked.only):
        report(path, asked)


def random_models(folder: Path, only: list[str] | None) -> Iterator[Path]:
    """Write a model of each architecture, of some hundred megabytes, unless it is there.

    Most of it is vocabulary, and attention has one wide head: that costs a decoded token little.
    """
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import tiny_architectures  # not in the process that is measured

    sizes = tiny_architectures.Sizes(
        n_vocab=100_000,
        n_embd=256,
        n_ff=64,
        n_head=1,
        n_head_kv=1,
        n_context=1 << 15,
        window=1024,
        rank=256,
    )
    names = [*tiny_architectures.ARCHITECTURES, *tiny_architectures.HYBRIDS]
    for architecture in names if only is None else only:
        path = folder / f"{architecture}.gguf"
        if not path.exists():
            # One layer of six of gemma3 has no window.
            n_layer = 6 if architecture == "gemma3" else sizes.n_layer
            tiny_architectures.write(path, architecture, sizes=replace(sizes, n_layer=n_layer))
        yield path


def report(path: Path, asked: argparse.Namespace) -> None:
    """Print the rows of one model, in MiB."""
    for context in asked.contexts:
        with tempfile.TemporaryDirectory() as folder:
            head = copy_of_head(path, Path(folder))
            types = {"k_type": asked.k_type, "v_type": asked.v_type}
            said = forecast(head, context, ubatch=UBATCH, sequences=sequences(context), **types)
        words = [sys.executable, __file__, str(path), "--take", str(context)]
        words += ["--k-type", asked.k_type, "--v-type", asked.v_type]
        words += ["--whole"] if asked.whole else []
        taken = int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        share = said.shares[0]
        parts = (share.weights, share.cache, share.recurrent, share.compute, share.process)
        sizes = " | ".join(f"{n / MIB:.0f}" for n in (*parts, share.total, taken))
        off = share.total - taken
        print(
            f"| {path.stem} | {context} | {sizes} | {off / MIB:+.1f} ({100 * off / taken:+.1f} %) |"
        )
        sys.stdout.flush()


def copy_of_head(path: Path, folder: Path) -> Path:
    """Copy what stands before the weights, as a range request would fetch it."""
    tensors = _core.gguf_tensors(str(path))
    begin = path.stat().st_size - sum((n_bytes + 31) // 32 * 32 for *_, n_bytes in tensors)
    head = folder / path.name
    with path.open("rb") as file:
        head.write_bytes(file.read(begin))
    return head


def has_window(path: Path) -> bool:
    """Tell whether the model forgets what lies behind a window: no cell of a text is to be kept."""
    _, said = _core.gguf_head(str(path))
    return bool(said.get(f"{said['general.architecture']}.attention.sliding_window"))


def sequences(n_ctx: int) -> int:
    """Return how many short texts fill a context."""
    return -(-n_ctx // UBATCH)


def take(path: Path, n_ctx: int, k_type: str, v_type: str, whole: bool) -> int:
    """Run a model in this process; return the most that it held, in bytes."""
    model = _core.Model(str(path))
    model.vocabulary.tokenize("a")
    context = _core.Context(
        model,
        n_ctx=n_ctx,
        n_batch=UBATCH,
        n_ubatch=UBATCH,
        n_seq_max=sequences(n_ctx),
        n_outputs_max=sequences(n_ctx),
        threads=1,
        k_type=k_type,
        v_type=v_type,
        full_windows=False,
    )
    whole = whole or has_window(path)
    ids = np.arange(UBATCH) % model.n_vocab
    done = position = sequence = 0
    while done < n_ctx - GENERATED:
        n = min(UBATCH, n_ctx - GENERATED - done)
        if not whole:
            sequence, position = done // UBATCH, 0
        wanted = np.arange(n) == n - 1
        context.decode(ids[:n], np.arange(position, position + n), [[sequence]] * n, wanted)
        done, position = done + n, position + n
    for place in range(position, position + GENERATED):
        token = int(context.logits[0].argmax())
        context.decode([token], [place], [[sequence]], [True])
    return memory_of_process(peak=True)


if __name__ == "__main__":
    main()
