"""Open, decode and tokenize thousands of damaged models, each in a process that may die.

    python tests/damage_campaign.py [--files 10000] [--seed 1] [--commands 200] [--only NAME]

Half of the damage is to the bytes, half leaves the file well formed and changes what it says. A
child takes the files of one architecture one after the other, through the Python API and, every
fourth, through the command line in its own process; for some a command of its own is started too.
Prints the figures; ends with 1 where a process died, hung or raised an error without a type, or
took more memory than allowed. A part of it is in test_damaged_gguf.py.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import damage
import damage_structure
import tiny_architectures

SECONDS = 60.0
MEMORY = 2 << 30
COMMAND_LINE = 4  # every so many files
PRE_TOKENIZERS = ("gpt-2", "tekken", "default", "deepseek-llm", "superbpe", "qwen2", "llama-bpe")
TEXTS = (b"if (a) {\n\t return \xff}", b"the house \xe4\xb8\xad 1234 <|begin|>", b"\n" * 50)


def damaged_file(data: bytes, architecture: str, seed: int, number: int) -> tuple[str, bytes]:
    """Return one damaged file of a campaign, and what was done to it."""
    rng = random.Random(f"{architecture} {seed} {number}")
    if number % 2:
        return damage_structure.damage_structure(data, rng)
    return next(damage.damaged(data, seed=rng.getrandbits(32), count=1))


def use_api(path: Path) -> str:
    """Open, decode and tokenize; return "usable", or the name of the typed error."""
    from pyengine.errors import PyengineError
    from pyengine.models.model import open_model
    from pyengine.models.options import SessionOptions
    from pyengine.models.session import Session

    options = SessionOptions(n_ctx=64, n_batch=32, n_ubatch=16, n_seq_max=2, max_rows=2, threads=1)
    try:
        with open_model(path) as model:
            vocabulary = model.vocabulary
            if vocabulary.kind != "none":
                vocabulary.pieces()
                for text in TEXTS:
                    with contextlib.suppress(PyengineError):
                        ids = vocabulary.tokenize(text, add_special=True, parse_special=True)
                        vocabulary.detokenize(ids[ids >= 0])
            session = Session(model, options=options)
            session.logits([i % model.n_vocab for i in range(40)])
        return "usable"
    except PyengineError as error:
        return type(error).__name__


def use_command_line(path: Path) -> str:
    """Tokenize and describe the file as commands would; return "" or what went wrong."""
    from pyengine.commands.app import run

    for command, *rest in (["tokenize", "--text", "if (a) return"], ["models"]):
        arguments = [command, str(path), *rest, "--json"]
        said, complaint = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaint):
            code = run(arguments)
        lines = complaint.getvalue().splitlines()
        if code not in (0, 2) or len(lines) > 1:
            return f"{arguments[0]} ended with {code}: {lines[-3:]}"
    return ""


def child(source: Path, architecture: str, seed: int, numbers: Iterator[int], path: Path) -> None:
    """Use the files of one architecture; say what becomes of each."""
    data = source.read_bytes()
    for number in numbers:
        say(f"{number} ")
        path.write_bytes(damaged_file(data, architecture, seed, number)[1])
        try:
            outcome = use_api(path)
            wrong = use_command_line(path) if number // 2 % COMMAND_LINE == 0 else ""
        except BaseException as error:  # noqa: BLE001  # an error without a type is what we look for
            outcome, wrong = "untyped", f"{type(error).__name__}: {error}"
        say(f"{outcome} {wrong!r}\n" if wrong else f"{outcome} \n")


@dataclass
class Figures:
    """What became of the files of a campaign."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    memory: int = 0  # bytes, the most of any process
    commands: int = 0

    def add(self, other: Figures) -> None:
        """Take in the figures of another architecture."""
        self.outcomes += other.outcomes
        self.faults += other.faults
        self.slowest = max(self.slowest, other.slowest)
        self.memory = max(self.memory, other.memory)
        self.commands += other.commands


def campaign(
    architecture: str, folder: Path, *, seed: int, files: int, commands: int = 0
) -> Figures:
    """Damage one architecture.

    Args:
        architecture: one of tiny_architectures.ARCHITECTURES.
        folder: for the files.
        seed: which damage.
        files: how many of them.
        commands: for how many of them a command is started as a process of its own.
    """
    pre = random.Random(architecture).choice(PRE_TOKENIZERS)
    bpe = architecture not in tiny_architectures.TOKENIZERS and architecture != "mamba"
    source = folder / f"{architecture}.gguf"
    tiny_architectures.write(source, architecture, pre=pre if bpe else None)
    data = source.read_bytes()
    figures = Figures()
    done = 0
    while done < files:
        last = _run_child(source, architecture, seed, range(done, min(files, done + 100)), figures)
        done = last + 1
    for number in range(commands):
        number = number * files // commands
        way, content = damaged_file(data, architecture, seed, number)
        _run_command(folder / "command.gguf", content, f"{architecture} {number} ({way})", figures)
    return figures


def _run_child(source: Path, architecture: str, seed: int, numbers: range, figures: Figures) -> int:
    """Start a child on some files; return the last that it came to."""
    data = source.read_bytes()
    path = source.with_name("damaged.gguf")
    command = [sys.executable, __file__, "--child", str(source), architecture, str(seed)]
    command += [str(numbers.start), str(numbers.stop), str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(source.parent)}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
        current, hung = _listen(process, architecture, numbers.start, figures)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = code = os.waitstatus_to_exitcode(status)
        figures.memory = max(figures.memory, usage.ru_maxrss * 1024)
        if code == 0:
            return numbers.stop - 1
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    way, _ = damaged_file(data, architecture, seed, current)
    what = "hung" if hung else f"died with {code}"
    figures.outcomes[what.split(" ")[0]] += 1
    figures.faults.append(f"{architecture} {current} ({way}): {what}: {lines[:1]}")
    return current


def _listen(
    process: subprocess.Popen[bytes], name: str, first: int, figures: Figures
) -> tuple[int, bool]:
    """Read what a child says; return the file it is at when it ends, and whether it hung."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    current, rest, begun = first, b"", time.monotonic()
    with selectors.DefaultSelector() as selector, process.stdout:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=SECONDS):
                process.kill()
                return current, True
            block = os.read(descriptor, 1 << 16)
            if not block:
                return current, False
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                number, outcome, wrong = line.decode().split(" ", 2)
                figures.outcomes[outcome] += 1
                if wrong:
                    figures.faults.append(f"{name} {number}: {wrong}")
                figures.slowest = max(figures.slowest, time.monotonic() - begun)
                begun = time.monotonic()
            current = int(rest.split(b" ")[0] or current + 1)


def _run_command(path: Path, content: bytes, name: str, figures: Figures) -> None:
    path.write_bytes(content)
    command = [sys.executable, "-m", "pyengine", "compare", str(path), str(path), "--tokens", "200"]
    figures.commands += 1
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        figures.faults.append(f"{name}: compare hung")
        return
    if done.returncode not in (0, 2) or b"Traceback" in done.stderr:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-2:]
        figures.faults.append(f"{name}: compare ended with {done.returncode}: {said}")


def main() -> int:
    """Run a campaign over all architectures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=int, default=200)
    parser.add_argument("--only", choices=sorted(tiny_architectures.ARCHITECTURES))
    asked = parser.parse_args()
    names = [asked.only] if asked.only else list(tiny_architectures.ARCHITECTURES)
    total, begun = Figures(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            each = -(-asked.files // len(names))
            figures = campaign(
                name,
                Path(folder),
                seed=asked.seed,
                files=each,
                commands=asked.commands // len(names),
            )
            report(name, figures)
            total.add(figures)
    report("all", total)
    say(f"{time.monotonic() - begun:.0f} s\n")
    return int(bool(total.faults) or total.memory > MEMORY)


def report(name: str, figures: Figures) -> None:
    """Print the figures of one architecture, or of all."""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in figures.outcomes.most_common())
    say(f"{name}: {figures.outcomes.total()} files: {outcomes}; {figures.commands} processes;\n")
    say(f"  slowest {figures.slowest:.1f} s, most memory {figures.memory >> 20} MiB\n")
    say("".join(f"  {fault}\n" for fault in figures.faults))


def say(text: str) -> None:
    """Write to standard output at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        source, architecture, seed, first, end, target = sys.argv[2:]
        child(
            Path(source), architecture, int(seed), iter(range(int(first), int(end))), Path(target)
        )
        raise SystemExit(0)
    raise SystemExit(main())
