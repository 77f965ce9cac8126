"""Weigh measuring until enough is known against llama-perplexity's passes, and check what it says.

    python benchmarks/racing.py TABLE REFERENCE VARIANT… --llama-perplexity PROGRAM
                                [--precision 0.2] [--chunks 4 12] [--records FOLDER]

`compare` runs as it is by default, with starts and continuations left out, on one thread. Its CPU
time, of the whole command, is held against llama-perplexity's pass over the reference and over
each variant at 20,480 scored tokens, 80 chunks of 512 of which it scores half. These passes are
timed at two smaller numbers of chunks, and the line through both gives their time at 80.

TABLE is one that `benchmarks/intervals.py` wrote: all tokens of the same models, which are taken as
the truth. A verdict is contradicted where two variants are told apart and the truth's own interval
says the opposite, or where they are said to be alike and that interval lies outside the margin.
Runs that are in FOLDER already are checked and not measured again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import combinations
from pathlib import Path

from comparison import Cost, cost, write_texts
from intervals import MARGIN, Table, load

import pyengine
from pyengine.run.record import Run
from pyengine.statistics.estimates import Estimate
from pyengine.statistics.paired import judge_ratios
from pyengine.statistics.ratios import anchored_mean, ratio_of_means

SCORED = 20_480
CONTEXT = 512


def peer_cost(program: Path, models: list[Path], text: Path, chunks: list[int]) -> float:
    """Return the CPU seconds of llama-perplexity's passes at `SCORED` tokens, from two shorter."""
    found: list[Cost] = []
    with tempfile.TemporaryDirectory() as name:
        for n in chunks:
            usual = ["-f", text, "-c", CONTEXT, "-b", CONTEXT, "--chunks", n, "-t", 1]
            usual += ["--no-repack", "--kl-divergence-base", Path(name) / "base.kld"]
            whole = cost([program, "-m", models[0], *usual])
            for variant in models[1:]:
                whole += cost([program, "-m", variant, *usual, "--kl-divergence"])
            found.append(whole)
            print(f"llama-perplexity, {n} chunks: {whole.seconds:.1f} s", flush=True)
    few, many = found
    each = (many.seconds - few.seconds) / (chunks[1] - chunks[0])
    return many.seconds + each * (2 * SCORED // CONTEXT - chunks[1])


def race(models: list[Path], precision: float, folder: Path) -> tuple[Run, Cost]:
    """Return the run of `compare` and what it cost, which is nothing where it is there already."""
    record = folder / f"race-{precision:g}.json"
    if record.exists():
        return pyengine.load(record), Cost(0, 0)
    words = ["compare", *models, "--precision", precision, "--no-starts", "--continuations", 0]
    command = [sys.executable, "-m", "pyengine", *words, "--threads", 1, "--json"]
    unfinished = record.with_suffix(".part")
    found = cost(command, output=unfinished)
    unfinished.rename(record)
    return pyengine.load(record), found


def estimate_of(run: Run, metric: str, model: str, against: str = "") -> Estimate:
    """Return a number of the run as an estimate."""
    row = run.find(metric, model, **({"against": against} if against else {}))
    assert row is not None, (metric, model, against)
    return Estimate(
        row.value, row.low, row.high, row.level, row.error, row.n, row.n_clusters, "t", row.freedom
    )


def check(run: Run, table: Table) -> None:
    """Print what the run says beside what the table says."""
    assert run.population is not None
    names = list(table.kl)
    pairs = list(combinations(names, 2))
    ratios = []
    for first, second in pairs:
        turned = run.find("kl_ratio", first, against=second) is None
        found = estimate_of(run, "kl_ratio", *((second, first) if turned else (first, second)))
        if turned:
            error = found.error / found.value**2
            found = Estimate(1 / found.value, error=error, n_clusters=found.n_clusters,
                             freedom=found.freedom)  # fmt: skip
        ratios.append(found)
    said = judge_ratios(ratios, margin=MARGIN, looks=run.population.looks)
    truths = [ratio_of_means(table.kl[a], table.kl[b], table.document) for a, b in pairs]
    wrong = outside = undecided = 0
    for pair, verdict, truth in zip(pairs, said, truths, strict=True):
        if verdict.verdict == "different":
            bad = truth.high < 1 if verdict.low > 1 else truth.low > 1
        else:
            bad = verdict.verdict == "alike" and not (truth.low <= 1.1 and truth.high >= 1 / 1.1)
            undecided += verdict.verdict == "undecided"
        outside += not (verdict.low <= truth.value <= verdict.high)
        wrong += bad
        if bad:
            print(f"  contradicted: {pair} {verdict} {truth}")
    print(f"  {len(pairs)} pairs: {wrong} contradicted, {undecided} undecided, "
          f"{outside} ratios outside their interval")  # fmt: skip
    for name in names:
        level = estimate_of(run, "kl", name)
        truth = anchored_mean(table.kl[name], table.kl[name], table.document)
        mark = "" if level.low <= truth.high and truth.low <= level.high else "  APART"
        print(f"  {name:28} {level.value:.5f} ({level.low:.5f} to {level.high:.5f}) of "
              f"{level.n_clusters} documents; all {truth.value:.5f} ({truth.low:.5f} to "
              f"{truth.high:.5f}){mark}")  # fmt: skip


def main() -> None:
    """Print costs, their ratio, and the verdicts beside the truth."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--llama-perplexity", type=Path)
    parser.add_argument("--precision", type=float, nargs="+", default=[0.2, 0.1])
    parser.add_argument("--chunks", type=int, nargs=2, default=[4, 12])
    parser.add_argument("--records", type=Path)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peer = None
        if told.llama_perplexity is not None:
            write_texts(folder)
            peer = peer_cost(told.llama_perplexity, told.models, folder / "text", told.chunks)
            print(f"llama-perplexity, {SCORED} scored tokens of each: {peer:.0f} s")
        for precision in told.precision:
            run, spent = race(told.models, precision, told.records or folder)
            print(f"compare, levels to {precision:g}: {spent.seconds:.0f} s", flush=True)
            if peer is not None and spent.seconds:
                print(f"  llama-perplexity / compare: {peer / spent.seconds:.2f}")
            check(run, load(told.table))


if __name__ == "__main__":
    main()
