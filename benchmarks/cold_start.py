"""Time a cold start against llama_cpp.Llama doing the same, as ratios within one run.

    python benchmarks/cold_start.py [MODEL.gguf] [--vocabulary VOCAB.gguf] [--rounds N]
                                    [--types BF16 Q4_0]

Without a model, one of Qwen2.5-0.5B's shape with random weights is written to a temporary
folder for each type: by default BF16, in which those weights are published, and Q4_0. Every figure
is the least of all rounds, since whatever else a machine does only adds; ours and the peer's take
turns, each in a process of its own.

How much a batch gains is decided by llama.cpp's matrix products: much where one token waits for
the weights to come from memory, little where the arithmetic of a quantized type is the limit. So
the same contexts are decoded through its C API too (bare_llama.py): its ratio is what ours can be.
The set look-ups are timed twice: again and again on one row, and each straight after a decode,
which leaves nothing of ours in the caches.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from random_model import FILE_TYPES, write_model

SEQUENCES = 256


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--vocabulary", type=Path)
    parser.add_argument("--types", nargs="+", choices=sorted(FILE_TYPES), default=["BF16", "Q4_0"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker", choices=sorted(WORKERS))
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker](str(arguments.model))))
        return
    if arguments.model:
        report(arguments.model, arguments.rounds)
        return
    for file_type in arguments.types:
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / f"random-0.5b-{file_type}.gguf"
            write_model(model, arguments.vocabulary, file_type=file_type)
            report(model, arguments.rounds)


def report(model: Path, rounds: int) -> None:
    """Measure and print medians and ratios."""
    figures: dict[str, list[float]] = {}
    for _ in range(rounds):
        for worker in ("once", "peer"):
            started = time.perf_counter()
            for name, value in run_worker(worker, model).items():
                figures.setdefault(name, []).append(value)
            figures.setdefault(f"{worker}: process", []).append(time.perf_counter() - started)
        for name, value in run_worker("ours", model).items():
            figures.setdefault(name, []).append(value)
    for worker in ("batch", "bare", "memory"):
        for name, value in run_worker(worker, model).items():
            figures.setdefault(name, []).append(value)
    least = {name: min(values) for name, values in figures.items()}
    print(f"{model.name}, {model.stat().st_size / 2**20:,.0f} MiB, {rounds} rounds")
    for name, value in sorted(least.items()):
        unit = "MB" if "memory" in name else "ms"
        print(f"{name:44} {value * (1 if unit == 'MB' else 1000):10.2f} {unit}")
    print()
    for what, value, target in ratios(least):
        print(f"{what:60} {value:8.3f}   target {target}")


def ratios(m: dict[str, float]) -> list[tuple[str, float, str]]:
    """Return what is claimed: description, figure, target."""
    return [
        (
            "first open + cold start + sets, ours / Llama",
            m["ours: first"] / m["peer: first"],
            "<= 0.5",
        ),
        (
            "in a sweep (vocabulary known), ours / Llama",
            m["ours: sweep"] / m["peer: first"],
            "<= 0.3",
        ),
        (
            "process start to result, ours / Llama",
            m["once: process"] / m["peer: process"],
            "(reported)",
        ),
        ("set look-ups / bare decode", m["ours: look-up"] / m["ours: decode"], "<= 0.01"),
        (
            "set look-ups straight after a decode / bare decode",
            m["ours: look-up after decode"] / m["ours: decode"],
            "(reported)",
        ),
        (f"{SEQUENCES} contexts one by one / batched", m["one by one"] / m["batched"], ">= 5"),
        (
            f"{SEQUENCES} contexts one by one / batched, llama.cpp's C API alone",
            m["bare: one by one"] / m["bare: batched"],
            "(reported)",
        ),
        ("peak memory beyond mapped pages [MB]", m["memory: beyond mapped pages"], "<= 64"),
    ]


def run_worker(worker: str, model: Path) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, __file__, str(model), "--worker", worker]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    return figures


def keyword_sets(vocabulary: object) -> dict[str, list[int]]:
    """Return the variant sets of all languages."""
    from pyengine.vocabulary.coverage import variant_sets
    from pyengine.vocabulary.keywords import load_tables

    sets = {}
    for language, table in load_tables("reference").items():
        for variant, ids in variant_sets(vocabulary, table.words()).items():  # type: ignore[arg-type]
            sets[f"{language} {variant}"] = ids
    return sets


def once(path: str) -> dict[str, float]:
    """Do what `peer` does and look all keyword sets up, and nothing more."""
    from pyengine.models.model import open_model
    from pyengine.models.options import SessionOptions
    from pyengine.models.session import Session
    from pyengine.vocabulary.token_sets import TokenSets

    model = open_model(path)
    session = Session(model, options=SessionOptions(n_ctx=1, n_batch=1, n_ubatch=1, max_rows=1))
    sets = TokenSets(model.n_vocab, keyword_sets(model.vocabulary))
    sets.look_up(session.logits([model.vocabulary.bos or 0]), top=20)
    return {}


def ours(path: str) -> dict[str, float]:
    """Open, decode one token, look all keyword sets up; then again knowing the vocabulary."""
    from pyengine.models.model import open_model
    from pyengine.models.options import ModelOptions, SessionOptions
    from pyengine.models.session import Session
    from pyengine.vocabulary import coverage  # noqa: F401 - as the peer, imported beforehand
    from pyengine.vocabulary.token_sets import TokenSets

    one_token = SessionOptions(n_ctx=1, n_batch=1, n_ubatch=1, max_rows=1)
    started = time.perf_counter()
    model = open_model(path)
    start = model.vocabulary.bos or 0
    sets = TokenSets(model.n_vocab, keyword_sets(model.vocabulary))
    session = Session(model, options=one_token)
    row = session.logits([start])
    sets.look_up(row, top=20)
    first = time.perf_counter() - started

    decode = timed(lambda: session.logits([start]))
    look_up = timed(lambda: sets.look_up(row, top=20))
    after_decode = []
    for _ in range(7):
        fresh = session.logits([start])
        started = time.perf_counter()
        sets.look_up(fresh, top=20)
        after_decode.append(time.perf_counter() - started)
    started = time.perf_counter()
    again = open_model(path, options=ModelOptions(skip_vocabulary=True))
    sets.look_up(Session(again, options=one_token).logits([start]), top=20)
    return {
        "ours: first": first,
        "ours: sweep": time.perf_counter() - started,
        "ours: decode": decode,
        "ours: look-up": look_up,
        "ours: look-up after decode": statistics.median(after_decode),
    }


def peer(path: str) -> dict[str, float]:
    """Open with llama_cpp.Llama, decode one token and read the scores."""
    from llama_cpp import Llama

    from pyengine.models.options import default_threads

    threads = default_threads()
    started = time.perf_counter()
    llama = Llama(path, n_ctx=8, n_threads=threads, n_threads_batch=threads, verbose=False)
    llama.eval([max(llama.token_bos(), 0)])
    llama.scores[0].copy()
    return {"peer: first": time.perf_counter() - started}


def batch(path: str) -> dict[str, float]:
    """Decode many one-token contexts one by one and in one batch."""
    from pyengine.models.model import open_model
    from pyengine.models.options import SessionOptions
    from pyengine.models.session import Session

    model = open_model(path)
    contexts = [[token] for token in range(100, 100 + SEQUENCES)]
    one = Session(model, options=SessionOptions(n_ctx=1, n_batch=1, n_ubatch=1, max_rows=1))
    many = Session(
        model,
        options=SessionOptions(
            n_ctx=SEQUENCES,
            n_batch=SEQUENCES,
            n_ubatch=SEQUENCES,
            n_seq_max=SEQUENCES,
            max_rows=SEQUENCES,
        ),
    )
    one.logits(contexts[0])
    many.batch_logits(contexts)
    return {
        "one by one": timed(lambda: [one.logits(ids) for ids in contexts], repeats=1),
        "batched": timed(lambda: many.batch_logits(contexts), repeats=3),
    }


def bare(path: str) -> dict[str, float]:
    """Do the same as `batch` through llama.cpp's C API, with as many threads."""
    from bare_llama import BareContext

    from pyengine.models.options import default_threads

    tokens = list(range(100, 100 + SEQUENCES))
    one = BareContext(path, 1, default_threads())
    many = BareContext(path, SEQUENCES, default_threads())
    one.decode(tokens[:1])
    many.decode(tokens)
    return {
        "bare: one by one": sum(one.decode([token]) for token in tokens),
        "bare: batched": statistics.median(many.decode(tokens) for _ in range(3)),
    }


def memory(path: str) -> dict[str, float]:
    """Return the peak of resident memory that is not pages of the model file, in MB."""
    from pyengine.models.model import open_model
    from pyengine.models.options import SessionOptions
    from pyengine.models.session import Session
    from pyengine.vocabulary.token_sets import TokenSets

    before = resident()
    model = open_model(path)
    vocabulary = resident() - before - mapped_pages(path)
    session = Session(model, options=SessionOptions(n_ctx=1, n_batch=1, n_ubatch=1, max_rows=1))
    sets = TokenSets(model.n_vocab, keyword_sets(model.vocabulary))
    sets.look_up(session.logits([model.vocabulary.bos or 0]), top=20)
    mapped = mapped_pages(path)
    return {
        "memory: model file's pages": mapped,
        "memory: Python and libraries before": before,
        "memory: the tokenizer in llama.cpp": vocabulary,
        "memory: beyond mapped pages": resident("VmHWM") - mapped - before,
    }


def resident(field: str = "VmRSS") -> float:
    """Return a line of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {field}")


def mapped_pages(path: str) -> float:
    """Return how much of a file is mapped and resident, in MB."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0] and not line.split()[0].endswith(":"):
            inside = line.endswith(str(Path(path).resolve()))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total / 1024


def timed(work: object, *, repeats: int = 7) -> float:
    """Return the median seconds of a call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()  # type: ignore[operator]
        times.append(time.perf_counter() - started)
    return statistics.median(times)


WORKERS = {"once": once, "ours": ours, "peer": peer, "batch": batch, "bare": bare, "memory": memory}

if __name__ == "__main__":
    main()
