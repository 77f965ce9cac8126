"""Weigh `compare` and `sweep` against llama-perplexity: CPU time and memory of whole commands.

    python benchmarks/comparison.py REFERENCE VARIANT… [--llama-perplexity PROGRAM]
                                    [--tokens 4096] [--context 512] [--threads 1]

Every figure is that of a whole command started as a user starts it, all its processes together:
user and system seconds, and the largest sum of proportional set sizes (memory of its own, mapped
weights and rows included, each shared page once), looked at five times a second. The text is the
shipped corpus joined by language, so that windows are full.

llama-perplexity writes its base file from the reference and reads it again for each variant, over
as many whole windows; it scores the second half of each, as `compare` with half-window strides
does. Ratios are per decoded token: the windows of `compare` need not be whole. What `compare`
decodes a second time, 4 % of the scored rows and 128 at least, counts as cost and not as tokens.
`compare` as it is by default, over pieces of the shipped documents, is held against the same for a
scored token.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pyengine.measure.options import CompareOptions
from pyengine.measure.start_tokens import document_prefix
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.text.documents import load_corpus
from pyengine.text.tokens import tokenize
from pyengine.text.windows import WindowOptions, cut_windows


@dataclass(frozen=True)
class Cost:
    """CPU seconds and the largest memory in MiB of some commands, and the tokens they decoded."""

    seconds: float
    peak: float
    tokens: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        tokens = self.tokens + other.tokens
        return Cost(self.seconds + other.seconds, max(self.peak, other.peak), tokens)

    def ratio(self, peer: "Cost") -> float:
        """Return the CPU time of a decoded token, by the peer's."""
        return self.seconds / self.tokens / (peer.seconds / peer.tokens)


def descendants(pid: int) -> list[int]:
    """Return a process and all that it has started, directly or not."""
    found = [pid]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def memory(pid: int) -> float:
    """Return the proportional set size of a process and its descendants, in MiB."""
    total = 0
    for process in descendants(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def cost(command: Sequence[str | Path], tokens: int = 0, output: Path | None = None) -> Cost:
    """Run a command and return what it cost; what it prints goes into the file, if there is one."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak, done = 0.0, threading.Event()
    words = [str(word) for word in command]
    with (
        Path(os.devnull if output is None else output).open("wb") as target,
        subprocess.Popen(words, stdout=target) as running,
    ):

        def watch() -> None:
            nonlocal peak
            while not done.wait(2.0):
                peak = max(peak, memory(running.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        code = running.wait()
        done.set()
        watcher.join()
    if code != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {code}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(used, peak, tokens)


@dataclass(frozen=True)
class Bench:
    """What all commands of one run share: models, text, and how it is cut."""

    reference: Path
    variants: list[Path]
    folder: Path
    context: int
    tokens: int
    threads: int

    def compare(self, variants: Sequence[Path], *extra: str) -> Cost:
        """Return the cost of `compare` with some of the variants."""
        usual = ["--continuations", "0", "--threads", str(self.threads), *self._text()]
        command = ["compare", self.reference, *variants, *usual, *extra]
        return self._run(command, (1 + len(variants)) * self.decoded())

    def default(self) -> Cost:
        """Return the cost of `compare` with one variant at its defaults, for the scored tokens."""
        usual = ["--no-starts", "--continuations", "0", "--threads", str(self.threads), "--json"]
        command = [
            "compare",
            self.reference,
            self.variants[0],
            "--tokens",
            str(self.tokens),
            "--precision",
            "0",
            *usual,
        ]
        found = self._run(command, 1)
        with open_model(self.reference, options=ModelOptions(vocabulary_only=True)) as model:
            documents = tokenize(load_corpus().documents, model.vocabulary)
            windows = cut_windows(
                documents,
                document_prefix(model.vocabulary),
                WindowOptions(max_tokens=self.tokens),
                seed=CompareOptions().seed,
            )
        return replace(found, tokens=2 * sum(map(len, windows)))

    def sweep(self) -> Cost:
        """Return the cost of `sweep` with all variants, timings left out."""
        command = ["sweep", self.reference]
        for variant in self.variants:
            command += ["--variants", variant]
        command += ["--output-dir", self.folder / "sweep", "--no-speed", "--workers", "1"]
        command += ["--threads", str(self.threads), *self._text()]
        return self._run(command, (1 + len(self.variants)) * self.decoded())

    def emulation(self, chunks: int) -> Cost:
        """Return the cost of repeating llama-perplexity with one variant."""
        usual = ["--corpus", self.folder / "text", "--context", str(self.context)]
        usual += ["--windows", str(chunks), "--threads", str(self.threads)]
        usual += ["--emulate", "llama-perplexity", "--base-file", self.folder / "ours.kld"]
        command = ["compare", self.reference, self.variants[0], *usual]
        return self._run(command, 2 * chunks * self.context)

    def peer(self, program: Path, variants: Sequence[Path], chunks: int) -> Cost:
        """Return the cost of llama-perplexity's pass over the reference and over each variant."""
        usual = ["-f", self.folder / "text", "-c", self.context, "-b", self.context]
        usual += ["--chunks", chunks, "-t", self.threads, "--no-repack"]
        usual += ["--kl-divergence-base", self.folder / "base.kld"]
        tokens = chunks * self.context
        total = cost([program, "-m", self.reference, *usual], tokens)
        for variant in variants:
            total += cost([program, "-m", variant, *usual, "--kl-divergence"], tokens)
        return total

    def decoded(self) -> int:
        """Return how many tokens each model decodes for `compare`."""
        how = WindowOptions(n_ctx=self.context, document_tokens=None, max_tokens=self.tokens)
        with open_model(self.reference, options=ModelOptions(vocabulary_only=True)) as model:
            documents = tokenize(load_corpus([self.folder / "corpus"]).documents, model.vocabulary)
            prefix = document_prefix(model.vocabulary)
        windows = cut_windows(documents, prefix, how, seed=CompareOptions().seed)
        return sum(len(window.ids) for window in windows)

    def _text(self) -> list[str | Path]:
        corpus: list[str | Path] = ["--corpus", self.folder / "corpus"]
        whole = ["--document-tokens", "0", "--precision", "0"]
        return [*corpus, *whole, "--context", str(self.context), "--tokens", str(self.tokens)]

    def _run(self, command: Sequence[str | Path], tokens: int) -> Cost:
        return cost([sys.executable, "-m", "pyengine", *command], tokens)


def write_texts(folder: Path) -> None:
    """Write the shipped corpus as one file for each language, and twice as one text."""
    (folder / "corpus").mkdir()
    everything = b""
    for language, documents in load_corpus().by_language().items():
        text = b"\n".join(document.content for document in documents)
        everything += text
        (folder / "corpus" / language).with_suffix(Path(documents[0].name).suffix).write_bytes(text)
    (folder / "text").write_bytes(everything * 2)


def main() -> None:
    """Print what each command costs, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", type=Path)
    parser.add_argument("variants", type=Path, nargs="+")
    parser.add_argument("--llama-perplexity", type=Path)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_texts(folder)
        bench = Bench(
            told.reference, told.variants, folder, told.context, told.tokens, told.threads
        )
        run(bench, told.llama_perplexity)


def run(bench: Bench, program: Path | None) -> None:
    """Run every command once, peers beside ours."""
    all_of_them = f"{len(bench.variants)} variants"
    found: dict[str, Cost] = {}

    def show(name: str, one: Cost) -> None:
        found[name] = one
        each = 1000 * one.seconds / one.tokens
        print(
            f"{name:36} {one.seconds:8.1f} s {each:7.2f} ms a token {one.peak:7.0f} MiB", flush=True
        )

    chunks = max(1, bench.decoded() // bench.context)
    show("compare, one variant", bench.compare(bench.variants[:1], "--no-starts"))
    if program is not None:
        peer = bench.peer(program, bench.variants[:1], chunks)
        show("llama-perplexity, one variant", peer)
        default = bench.default()
        show("compare by default, per scored token", default)
        scored = replace(peer, tokens=chunks * bench.context)  # the second half of each window
        ratio = default.ratio(scored)
        print(f"compare by default / llama-perplexity: {ratio:.3f} CPU, for a scored token")
        show("emulation, one variant", bench.emulation(chunks))
    show(f"compare, {all_of_them}", bench.compare(bench.variants, "--no-starts"))
    if program is not None:
        show(f"llama-perplexity, {all_of_them}", bench.peer(program, bench.variants, chunks))
    for names, what in ((bench.variants[:1], "one variant"), (bench.variants, all_of_them)):
        alone = bench.compare(names, "--no-starts", "--one-at-a-time")
        show(f"compare one at a time, {what}", alone)
    show(f"compare with starts, {all_of_them}", bench.compare(bench.variants))
    show(f"sweep with starts, {all_of_them}", bench.sweep())
    for ours, peer in (
        ("compare, one variant", "llama-perplexity, one variant"),
        (f"compare, {all_of_them}", f"llama-perplexity, {all_of_them}"),
        (f"compare one at a time, {all_of_them}", f"llama-perplexity, {all_of_them}"),
        ("emulation, one variant", "llama-perplexity, one variant"),
        (f"sweep with starts, {all_of_them}", f"compare with starts, {all_of_them}"),
    ):
        if peer in found:
            print(f"{ours} / {peer}: {found[ours].ratio(found[peer]):.3f} CPU, for as many tokens")


if __name__ == "__main__":
    main()
