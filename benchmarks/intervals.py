"""Check by simulation, on measured tables of real models, that intervals cover and races are right.

    python benchmarks/intervals.py TABLE REFERENCE VARIANT… [--tokens 40000] [--trials 1000]
    python benchmarks/intervals.py TABLE

The first form measures the variants and keeps the divergence of every token in TABLE, an NPZ file,
unless it is there already. Then the measured documents are taken as the population, and runs are
drawn from it: documents with replacement, languages in turn. What is counted:

- how often a 95 % interval holds the population's value: of mean KL and of the share of other first
  choices over so many documents, and of the ratio of neighbours in size; and that of mean KL by
  s/√n, as if tokens were independent;
- the same after a race, by the intervals that are printed when it has stopped, of all variants;
- how often a race says of two neighbours what the population contradicts: told apart the wrong
  way, or within the margin while they are not;
- what a race decodes, of what 20,000 tokens of every model are.

    python benchmarks/intervals.py TABLE REFERENCE VARIANT --orders [--tokens 6000]

measures one variant in twelve orders of computation, as if these were twelve files. None is better
than another, so what is counted is how often a race tells any two of them apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyengine.measure.compare import Means, compare_with
from pyengine.measure.decode import Observation
from pyengine.measure.engine import LocalExecutor, Outcome, Processes, Task, measure_chunk
from pyengine.measure.options import CompareOptions
from pyengine.measure.racing import Race
from pyengine.statistics.estimates import Estimate, clustered_mean
from pyengine.statistics.looks import first_level_look, look_points
from pyengine.statistics.paired import judge_ratios
from pyengine.statistics.ratios import anchored_mean, ratio_of_means
from pyengine.text.documents import load_corpus
from pyengine.text.windows import LEAD, Window, WindowOptions

Floats = npt.NDArray[np.float64]
PRECISIONS = (0.2, 0.1)
MARGIN = 0.1
FIXED = (12, 24, 40, 100)
ORDERS = (8, 12, 16, 24, 32, 48)


@dataclass(frozen=True)
class Table:
    """Every scored token of some variants, document after document in the order of the run.

    Attributes:
        document: number of the document of each token, from 0.
        language: of each document.
        kl, flips: by variant, the smallest file first: divergence, and 1 where another is first.
    """

    document: npt.NDArray[np.intp]
    language: npt.NDArray[np.str_]
    kl: Mapping[str, Floats]
    flips: Mapping[str, Floats]


class Recorder(LocalExecutor):
    """Keeps the columns and the documents of every chunk."""

    def __init__(self, processes: Processes) -> None:
        super().__init__(processes)
        self.kept: list[tuple[Task, dict[str, Outcome]]] = []

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, dict[str, Outcome]]]:
        """Compute tasks, and keep what came out."""
        for task, outcomes in super().run(tasks):
            self.kept.append((task, outcomes))
            yield task, outcomes


class Orders(Recorder):
    """Computes every chunk of one variant in twelve orders, and keeps all of them."""

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, dict[str, Outcome]]]:
        """Compute tasks; the first order stands for the variant itself."""
        for task in tasks:
            (variant,) = (one for one in task.variants if one != task.reference)
            orders = tuple(
                replace(
                    variant,
                    id=f"flash attention {attention}, micro-batch {n}",
                    settings=(("flash_attention", attention), ("n_ubatch", n)),
                )
                for attention in ("on", "off")
                for n in ORDERS
            )
            outcomes = measure_chunk(task.with_variants(orders), self.processes)
            self.kept.append((task, outcomes))
            yield task, {variant.id: next(iter(outcomes.values()))}


def measure(
    paths: Sequence[Path], tokens: int, *, orders: bool = False
) -> dict[str, npt.NDArray[np.generic]]:
    """Measure variants, or orders of one, on so many tokens; returns a table's arrays by name."""
    windows = WindowOptions(max_tokens=tokens)
    options = CompareOptions(windows=windows, precision=0, starts=False, continuations=0, threads=1)
    with Processes() as processes:
        recorder = Orders(processes) if orders else Recorder(processes)
        run = compare_with(paths, load_corpus(), options, Means(processes, recorder))
    by_size = [name for _, name in sorted((m.file_bytes, m.id) for m in run.models[1:])]
    if orders:
        by_size = sorted(recorder.kept[0][1])
    found: dict[str, list[Floats]] = {}
    documents, languages = [], []
    for task, outcomes in recorder.kept:
        for window in task.chunk.contexts:
            assert isinstance(window, Window)
            documents += [window.document] * len(window)
            languages += [window.token_set] * len(window)
        for variant in by_size:
            outcome = outcomes[variant]
            assert isinstance(outcome, Observation)
            for column in ("kl", "same_first_choice"):
                found.setdefault(f"{column}/{variant}", []).append(outcome.columns[column])
    arrays = {name: np.concatenate(parts) for name, parts in found.items()}
    return {
        "document": np.array(documents),
        "language": np.array(languages),
        "by_size": np.array(by_size),
        **arrays,
    }


def load(path: Path) -> Table:
    """Read a table."""
    with np.load(path) as arrays:
        _, first, document = np.unique(arrays["document"], return_index=True, return_inverse=True)
        order = np.argsort(np.argsort(first))
        names = arrays["by_size"].tolist()
        return Table(
            order[document].astype(np.intp),
            arrays["language"][np.sort(first)],
            {name: arrays[f"kl/{name}"] for name in names},
            {name: 1 - arrays[f"same_first_choice/{name}"] for name in names},
        )


def drawn(
    table: Table, n: int, generator: np.random.Generator, *, in_turn: bool = False
) -> tuple[Table, Floats]:
    """Draw n documents with replacement: any of all, or languages in turn, as a run does."""
    chosen = generator.integers(len(table.language), size=n).tolist()
    if in_turn:
        languages = generator.permutation(np.unique(table.language))
        chosen = [
            int(generator.choice(np.flatnonzero(table.language == languages[i % len(languages)])))
            for i in range(n)
        ]
    tokens = [np.flatnonzero(table.document == document) for document in chosen]
    rows = np.concatenate(tokens)
    clusters = np.repeat(np.arange(n), [len(one) for one in tokens])
    kl = {name: values[rows] for name, values in table.kl.items()}
    flips = {name: values[rows] for name, values in table.flips.items()}
    sizes = np.array([len(one) for one in tokens], dtype=np.float64)
    return Table(clusters, table.language[chosen], kl, flips), sizes


def population_mean(table: Table, values: Floats, *, in_turn: bool = False) -> float:
    """Return the mean that drawing documents so tends to."""
    if not in_turn:
        return float(values.mean())
    sums = np.bincount(table.document, weights=values)
    sizes = np.bincount(table.document)
    totals = [
        (sums[table.language == name].mean(), sizes[table.language == name].mean())
        for name in np.unique(table.language)
    ]
    return float(sum(s for s, _ in totals) / sum(n for _, n in totals))


def centred(table: Table) -> Table:
    """Return the table with every variant scaled to the same mean, so that none is better."""
    kl = {name: values / population_mean(table, values) for name, values in table.kl.items()}
    return replace(table, kl=kl)


def covers(estimate: Estimate, value: float) -> bool:
    """Tell whether an interval holds a value."""
    return bool(estimate.low <= value <= estimate.high)


def truths(table: Table, *, in_turn: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Return the population's mean KL and share of other first choices of every variant."""
    kl, flips = (
        {name: population_mean(table, values, in_turn=in_turn) for name, values in column.items()}
        for column in (table.kl, table.flips)
    )
    return kl, flips


def fixed_coverage(table: Table, trials: int, *, in_turn: bool) -> Iterator[tuple[str, int, float]]:
    """Yield how often ordinary intervals over so many documents hold the population's value."""
    generator = np.random.default_rng(1)
    truth, flips = truths(table, in_turn=in_turn)
    for n in FIXED:
        hits: dict[str, list[bool]] = {}
        for _ in range(trials):
            run, _ = drawn(table, n, generator, in_turn=in_turn)
            for name, values in run.kl.items():
                found = anchored_mean(values, values, run.document)
                hits.setdefault("mean KL, in logarithms", []).append(covers(found, truth[name]))
                found = clustered_mean(values, run.document)
                hits.setdefault("mean KL", []).append(covers(found, truth[name]))
                found = clustered_mean(values, np.arange(len(values)))
                hits.setdefault("the same by tokens", []).append(covers(found, truth[name]))
                found = clustered_mean(run.flips[name], run.document)
                hits.setdefault("other first choices", []).append(covers(found, flips[name]))
            for first, second in pairwise(run.kl):
                found = ratio_of_means(run.kl[first], run.kl[second], run.document)
                expected = truth[first] / truth[second]
                hits.setdefault("ratio of neighbours", []).append(covers(found, expected))
                found = clustered_mean(run.kl[first] - run.kl[second], run.document)
                expected = truth[first] - truth[second]
                hits.setdefault("paired difference", []).append(covers(found, expected))
        for what, held in hits.items():
            yield what, n, float(np.mean(held))


@dataclass
class Raced:
    """What came of some races: hits of intervals, verdicts, documents and tokens decoded."""

    levels: list[bool]
    flips: list[bool]
    any_wrong: list[bool]
    any_different: list[bool]
    undecided: list[int]
    decoded: list[float]
    documents: list[int]


def raced(
    table: Table, trials: int, precision: float, most: int, *, in_turn: bool = False
) -> Raced:
    """Run races over drawn documents, at most so many, and compare them with the population."""
    generator = np.random.default_rng(2)
    truth, flips = truths(table, in_turn=in_turn)
    names = list(table.kl)
    looks = look_points(most)
    found = Raced([], [], [], [], [], [], [])
    for _ in range(trials):
        run, sizes = drawn(table, most, generator, in_turn=in_turn)
        ends = np.cumsum([0, *sizes]).astype(int)
        first = first_level_look(precision, len(looks))
        race = Race(names, run.document, precision, MARGIN, len(looks), first)
        documents = dict.fromkeys(names, 0)
        going_on = set(names)
        for look in looks:
            documents |= dict.fromkeys(going_on, look)
            kl = {name: run.kl[name][: ends[documents[name]]] for name in names}
            going_on = race.undecided(kl)
            if not going_on:
                break
        for name in names:
            for column, true, hits in (
                (run.kl, truth[name], found.levels),
                (run.flips, flips[name], found.flips),
            ):
                n, beside = (ends[documents[m]] for m in (name, race.anchor))
                other = race.anchor if beside > n else name
                level = anchored_mean(
                    column[name][:n],
                    column[other][: max(n, beside)],
                    run.document[: max(n, beside)],
                    level=race.level,
                )
                hits.append(covers(level, true))
        wrong, different, undecided = judged(kl, truth, race)
        found.any_wrong.append(wrong)
        found.any_different.append(different)
        found.undecided.append(undecided)
        lead = LEAD * sum(documents.values())
        longest = max(documents.values())
        tokens = sum(int(ends[n]) for n in documents.values()) + int(ends[longest])
        found.decoded.append(tokens + lead + LEAD * longest)
        found.documents.append(sum(documents.values()) + longest)
    return found


def judged(
    kl: Mapping[str, Floats], truth: Mapping[str, float], race: Race
) -> tuple[bool, bool, int]:
    """Tell whether any verdict is contradicted, whether any pair is told apart, and how many
    neighbours are neither that nor alike."""
    pairs = list(combinations(race.smallest_first, 2))
    ratios = []
    for first, second in pairs:
        n = min(len(kl[first]), len(kl[second]))
        ratios.append(ratio_of_means(kl[first][:n], kl[second][:n], race.clusters[:n]))
    verdicts = judge_ratios(ratios, margin=race.margin, looks=race.looks)
    wrong = different = False
    undecided = 0
    neighbours = set(pairwise(race.smallest_first))
    for pair, verdict in zip(pairs, verdicts, strict=True):
        ratio = truth[pair[0]] / truth[pair[1]]
        if verdict.verdict == "different":
            different = True
            wrong |= (verdict.low > 1) != (ratio > 1)
        elif verdict.verdict == "alike":
            wrong |= not 1 / (1 + race.margin) <= ratio <= 1 + race.margin
        else:
            undecided += pair in neighbours
    return wrong, different, undecided


def main() -> None:
    """Measure where there is no table yet, and print what the simulations say."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--tokens", type=int, default=40_000)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--orders", action="store_true")
    options = parser.parse_args()
    if not options.table.exists():
        if len(options.models) < 2:
            parser.error(f"{options.table} is not there; name a reference and variants to measure")
        arrays = measure(options.models, options.tokens, orders=options.orders)
        np.savez_compressed(options.table, **arrays)
    table = load(options.table)
    n_documents = len(table.language)
    print(f"{n_documents} documents, {len(table.document)} tokens, {len(table.kl)} variants")
    if options.orders:
        found = raced(centred(table), options.trials, PRECISIONS[0], 96)
        print(f"runs that tell any two apart: {100 * np.mean(found.any_different):.1f} %")
        return
    for in_turn in (False, True):
        print("languages in turn" if in_turn else "documents at random")
        report(table, options.trials, in_turn=in_turn)


def report(table: Table, trials: int, *, in_turn: bool) -> None:
    """Print coverage over a fixed number of documents, and what races give."""
    for what, n, share in fixed_coverage(table, trials, in_turn=in_turn):
        print(f"  {what:24} {n:4} documents: {100 * share:5.1f} % of 95 % intervals cover")
    whole = (len(table.kl) + 1) * 2 * 20_480
    for precision in PRECISIONS:
        most = max(len(table.language), 192)
        found = raced(table, trials, precision, most, in_turn=in_turn)
        decoded = np.mean(found.decoded)
        print(
            f"  race to {precision:g}: levels covered {100 * np.mean(found.levels):.1f} %, other "
            f"first choices {100 * np.mean(found.flips):.1f} %, runs with a wrong verdict "
            f"{100 * np.mean(found.any_wrong):.1f} %, undecided neighbours "
            f"{np.mean(found.undecided):.2f}, documents {np.mean(found.documents):.0f}, decoded "
            f"{decoded:.0f} tokens, {whole / decoded:.1f} times fewer than llama-perplexity's"
        )


if __name__ == "__main__":
    main()
