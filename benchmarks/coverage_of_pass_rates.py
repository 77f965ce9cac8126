"""How often `evaluate`'s 95 % intervals hold the truth, by simulation.

    python benchmarks/coverage_of_pass_rates.py [--trials N]

Four tables in Markdown, as they stand in docs/statistics.md: pass@k of tasks with several samples,
pass@1 of tasks that share ideas, the change of pass@1 with the exact test beside it, and what is
printed where variants were asked until they were decided. A task's
rate, or an idea's, is beta distributed around the mean rate; `a + b` of the distribution says how
much tasks differ: 0.5 where most are solved always or never, 2 where rates are spread evenly.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt

from pyengine.code.task_ratios import corrected
from pyengine.statistics.estimates import Estimate
from pyengine.statistics.looks import look_points
from pyengine.statistics.success import (
    clustered_share,
    clustered_share_change,
    pass_at_k,
    sign_flip_p,
)

Floats = npt.NDArray[np.float64]
RATES = (0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
CHANGES = ((0.02, 0.0), (0.02, 0.02), (0.05, 0.01), (0.1, 0.02), (0.1, 0.1), (0.3, 0.1), (0.5, 0.0))
# Of these the last are on the margin's edge, or beyond it.
STOPPED = ((0.0, 0.0), (0.02, 0.02), (0.1, 0.1), (0.25, 0.25), (0.05, 0.01), (0.1, 0.0), (0.3, 0.1))
MARGIN = 0.1
SPREADS = (0.5, 2.0)
# Simulations in which the bootstrap is tried too: it is slow, and far off.
FEW = 100
# The shipped tasks: ten ideas in eight or nine languages, the others in Python alone.
OWN = np.array([9.0] * 8 + [8.0] * 2 + [1.0] * 33)
SHAPES = {
    "10 tasks": np.ones(10),
    "40 tasks": np.ones(40),
    "164 tasks": np.ones(164),
    "90 tasks of 10 ideas": np.full(10, 9.0),
    "121 tasks of 43 ideas": OWN,
    "492 tasks of 164 ideas": np.full(164, 3.0),
}


def expected_pass_at_k(rate: float, spread: float, k: int) -> float:
    """Return the mean of 1 - (1 - q)^k for a beta distributed q: the truth of pass@k."""
    a, b = rate * spread, (1 - rate) * spread
    missed = math.lgamma(b + k) + math.lgamma(a + b) - math.lgamma(b) - math.lgamma(a + b + k)
    return 1 - math.exp(missed)


def bootstrap_covers(shares: Floats, truth: float) -> bool:
    """Tell whether the percentile interval of 400 resamples of tasks holds the truth."""
    generator = np.random.default_rng(0)
    n = len(shares)
    weights = generator.multinomial(n, np.full(n, 1 / n), size=400)
    low, high = np.quantile(weights @ shares / n, [0.025, 0.975])
    return bool(low <= truth <= high)


def pass_rates(trials: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Yield the coverage of pass@k for tasks with so many samples each."""
    generator = np.random.default_rng(seed)
    for n_tasks in (10, 40, 164):
        for n, k in ((1, 1), (5, 1), (10, 1), (20, 1), (5, 5), (10, 5), (20, 10)):
            chances = np.array([pass_at_k(n, c, k) for c in range(n + 1)])
            shares = []
            for rate in RATES:
                for spread in SPREADS:
                    truth = expected_pass_at_k(rate, spread, k)
                    hits, drawn = 0, []
                    for trial in range(trials):
                        rates = generator.beta(rate * spread, (1 - rate) * spread, n_tasks)
                        solved = chances[generator.binomial(n, rates)]
                        found = clustered_share(solved, np.ones(n_tasks))
                        hits += found.low <= truth <= found.high
                        if trial < FEW:
                            drawn.append(bootstrap_covers(solved, truth))
                    shares.append((hits / trials, np.mean(drawn)))
            ours, bootstrap = np.array(shares).T
            yield str(n_tasks), str(n), f"pass@{k}", _range(ours), _range(bootstrap)


def clustered_rates(trials: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Yield the coverage of pass@1 for tasks that share ideas, with one sample each."""
    generator = np.random.default_rng(seed)
    for name, sizes in SHAPES.items():
        for spread in SPREADS:
            together, apart = [], []
            for rate in RATES:
                hits = np.zeros(2)
                for _ in range(trials):
                    rates = generator.beta(rate * spread, (1 - rate) * spread, len(sizes))
                    solved = generator.binomial(sizes.astype(np.int64), rates)
                    single = np.repeat([0.0, 1.0], [int(sizes.sum() - solved.sum()), solved.sum()])
                    found = clustered_share(solved.astype(np.float64), sizes)
                    naive = clustered_share(single, np.ones(len(single)))
                    hits += [e.low <= rate <= e.high for e in (found, naive)]
                together.append(hits[0] / trials)
                apart.append(hits[1] / trials)
            yield name, f"{1 / (1 + spread):.2f}", _range(together), _range(apart)


def changes(trials: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Yield the coverage of a change of pass@1, and how often the exact test errs under none."""
    generator = np.random.default_rng(seed)
    for name, sizes in SHAPES.items():
        shares, errors = [], [0.0]
        for lost, gained in CHANGES:
            weights = np.maximum([lost, gained, 1 - lost - gained], 1e-9) * 2
            hits = errs = 0
            for _ in range(trials):
                rates = generator.dirichlet(weights, len(sizes))
                turns = generator.multinomial(sizes.astype(np.int64), rates)
                moved = turns[:, 1] - turns[:, 0]
                found = clustered_share_change(moved.astype(np.float64), sizes)
                hits += found.low <= gained - lost <= found.high
                errs += lost == gained and sign_flip_p(moved.tolist()) < 0.05
            shares.append(hits / trials)
            errors.append(errs / trials)
        yield name, _range(shares), f"{100 * max(errors):.1f}"


def stopped(trials: int, seed: int) -> Iterator[tuple[str, ...]]:
    """Yield how one and three variants fare that are asked until decided, of 164 tasks at most.

    A family errs where a variant is told from the reference on the wrong side, or where none is
    right, or is called alike that is not within the margin.
    """
    points = look_points(164)
    for n_variants, (lost, gained) in product((1, 3), STOPPED):
        generator = np.random.default_rng(seed)
        truth, asked, decided, missed, errs = gained - lost, 0, 0, 0, 0
        for _ in range(trials):
            turns = generator.random((n_variants, 164))
            differences = 1.0 * (turns < gained) - (turns > 1 - lost)
            for n in points:
                changes = [
                    (partial(_change_at, d[:n]), sign_flip_p([round(v) for v in d[:n]]))
                    for d in differences
                ]
                found = corrected("pass_at_1", changes, looks=len(points))
                sides = [np.sign(e.low) if e.low * e.high > 0 else 0 for e in found]
                alike = [max(-e.low, e.high) <= MARGIN for e in found]
                if done := all(map(max, map(abs, sides), alike)):
                    break
            asked, decided = asked + n, decided + done
            missed += sum(not e.low <= truth <= e.high for e in found)
            errs += any(side and side != np.sign(truth) for side in sides) or (
                abs(truth) >= MARGIN and any(alike)
            )
        shares = (100 * count / trials for count in (decided, missed / n_variants, errs))
        name = f"{lost:.0%} and {gained:.0%}"
        yield str(n_variants), name, f"{asked / trials:.0f}", *map("{:.1f}".format, shares)


def _change_at(differences: Floats, level: float) -> Estimate:
    return clustered_share_change(differences, np.ones(len(differences)), level=level)


def _range(shares: npt.ArrayLike) -> str:
    values = 100 * np.asarray(shares, dtype=np.float64)
    return f"{values.min():.1f} to {values.max():.1f}"


def _print(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    print(f"\n| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    how = (options.trials, options.seed)
    _print(("tasks", "samples", "", "used", "bootstrap over tasks"), pass_rates(*how))
    _print(("", "correlation within ideas", "used", "tasks as independent"), clustered_rates(*how))
    _print(("", "change of pass@1", "exact test errs"), changes(*how))
    heads = ("tasks asked", "all decided", "intervals miss", "families err")
    _print(("variants", "lost and gained", *heads), stopped(*how))


if __name__ == "__main__":
    main()
