"""Time a whole comparison against the bare forward passes of its two models.

    python benchmarks/comparison.py [--model FILE] [--windows 24] [--threads 2]
                                    [--llama-perplexity PROGRAM]

Without --model, a random model with the shape of Qwen2.5-0.5B is written first. The variant is the
same file: the cost is that of any variant of this size. Forward: every window of the corpus
decoded by both models, rows read, nothing computed from them; once before the comparison and once
after it, and the mean is taken, because a machine's speed drifts. Comparison: `compare` over the
same windows, null control, breakdowns and bootstrap included, without starts and continuations.
With --llama-perplexity: its base run and its KL run over as many tokens, to a whole chunk of 512,
started as a program.
"""

import argparse
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from random_model import write_model

from pyengine.comparison import CompareOptions, WindowOptions, compare
from pyengine.comparison.setting import document_prefix
from pyengine.comparison.texts import tokenize
from pyengine.comparison.windows import Window, cut_windows
from pyengine.corpus import Corpus, Document, load_corpus
from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.statistics import pair_statistics

N_CTX = 512


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds of one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def long_documents(corpus: Corpus) -> Corpus:
    """Join the documents of each language, so that windows are full."""
    joined = [
        Document(language, language, b"\n".join(d.content for d in found))
        for language, found in corpus.by_language().items()
    ]
    return Corpus(tuple(joined), "shipped, joined by language")


def forward(sessions: list[Session], windows: list[Window]) -> None:
    """Decode every window with every session."""
    for window in windows:
        for session in sessions:
            for _ in session.iterate_rows(window.ids, window.rows):
                pass


def statistics_only(session: Session, windows: list[Window], threads: int) -> tuple[float, float]:
    """Return the time of the fused kernel over the rows of one window, for all windows."""
    window = max(windows, key=len)
    rows = session.logits_at(window.ids, window.rows)
    wall, cpu = timed(lambda: pair_statistics(rows, rows, window.targets, threads=threads))
    scale = sum(len(w) for w in windows) / len(window)
    return wall * scale, cpu * scale


def children_cpu() -> float:
    """Return the CPU seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peer(program: Path, model: Path, text: bytes, chunks: int, threads: int) -> tuple[float, float]:
    """Return wall and CPU seconds of both passes of llama-perplexity."""
    with tempfile.TemporaryDirectory() as folder:
        source, base = Path(folder, "text"), Path(folder, "base")
        source.write_bytes(text)
        usual = [str(program), "-m", str(model), "-f", str(source), "-c", str(N_CTX), "-b"]
        usual += [str(N_CTX), "--chunks", str(chunks), "-t", str(threads), "--no-repack"]
        usual += ["--kl-divergence-base", str(base)]
        wall, cpu = time.perf_counter(), children_cpu()
        for more in ([], ["--kl-divergence"]):
            subprocess.run([*usual, *more], check=True, capture_output=True)
        print(f"  base file: {base.stat().st_size / 2**20:,.0f} MiB; ours: none")
        return time.perf_counter() - wall, children_cpu() - cpu


def main() -> None:
    """Print the times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--windows", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--llama-perplexity", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or Path(folder, "model.gguf")
        if arguments.model is None:
            write_model(model, None)
        run(model, arguments.windows, arguments.threads, arguments.llama_perplexity)


def run(path: Path, n_windows: int, threads: int, program: Path | None) -> None:
    """Measure one model."""
    corpus = long_documents(load_corpus())
    how = WindowOptions(n_ctx=N_CTX, max_windows=n_windows, max_tokens=None)
    options = CompareOptions(windows=how, threads=threads, starts=False, greedy=0)
    with open_model(path) as model:
        documents = tokenize(corpus.documents, model.vocabulary)
        windows = cut_windows(documents, document_prefix(model), how, seed=options.seed)
        decoding = SessionOptions(n_ctx=N_CTX, n_batch=N_CTX, max_rows=N_CTX, threads=threads)
        sessions = [Session(model, options=decoding) for _ in range(2)]
        forward(sessions, windows[:1])
        before = timed(lambda: forward(sessions, windows))
        whole = timed(lambda: compare(path, [path], corpus=corpus, options=options))
        after = timed(lambda: forward(sessions, windows))
        bare = ((before[0] + after[0]) / 2, (before[1] + after[1]) / 2)
        kernel = statistics_only(sessions[0], windows, threads)
    n_tokens = sum(len(window) for window in windows)
    print(f"{len(windows)} windows, {n_tokens} scored tokens, {threads} threads: wall, CPU seconds")
    for name, (wall, cpu) in (("two forward passes", bare), ("comparison", whole)):
        print(f"  {name:20} {wall:8.2f} {cpu:8.2f}")
    print(f"  {'fused kernel':20} {kernel[0]:8.2f} {kernel[1]:8.2f}")
    print(f"comparison / forward: {whole[0] / bare[0]:.3f} wall, {whole[1] / bare[1]:.3f} CPU")
    print(f"kernel's share: {kernel[0] / whole[0]:.1%} wall, {kernel[1] / whole[1]:.1%} CPU")
    if program is not None:
        chunks = sum(len(window.ids) for window in windows) // N_CTX
        text = b"\n".join(document.content for document in corpus) * 2
        wall, cpu = peer(program, path, text, chunks, threads)
        print(f"  {'llama-perplexity':20} {wall:8.2f} {cpu:8.2f}    {chunks} chunks, both passes")
        share = chunks * N_CTX / sum(len(window.ids) for window in windows)
        print(
            f"comparison / llama-perplexity: {whole[0] / wall * share:.3f} wall, "
            f"{whole[1] / cpu * share:.3f} CPU, for as many tokens"
        )


if __name__ == "__main__":
    main()
