"""Time the fused pair kernel against NumPy, on rows of 151,936 logits.

    python benchmarks/row_kernels.py [--rows 32] [--threads 2]

Ours: every statistic of `pair_statistics` (KL both ways, Jensen-Shannon, total variation,
Hellinger, entropies, target, ranks, top-50 overlaps, Kendall's tau). NumPy: the formulas of KL,
Jensen-Shannon and total variation alone, a row at a time so that temporaries stay in cache.

The target is 8 times NumPy on the same two cores. In float64 NumPy is as exact as ours, so that
ratio is the one of equal work; in float32 it is faster and its small divergences are noise, which
the last column shows on nearly equal rows. NumPy as it is called computes on one core; its rows are
also spread over as many threads as ours have.

NumPy makes arrays for what lies between. Where the C library gives freed memory back, these are
mapped page by page again, which costs more than the arithmetic. Whether glibc does so depends on
the largest block that was freed before: here, with 32 rows, it does. So all is measured a second
time with glibc told to keep what was freed, which leaves NumPy's arithmetic alone.
"""

import argparse
import ctypes
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import numpy.typing as npt

from pyengine.statistics.rows import kernel_names, pair_statistics

N_VOCAB = 151_936
Rows = npt.NDArray[np.floating]


def numpy_formulas(p: Rows, q: Rows) -> tuple[float, float, float]:
    """Return KL, Jensen-Shannon and total variation of one pair of rows."""
    a = p - p.max()
    a -= np.log(np.exp(a).sum())
    b = q - q.max()
    b -= np.log(np.exp(b).sum())
    p, q = np.exp(a), np.exp(b)
    middle = (p + q) / 2
    log_middle = np.log(middle)
    kl = (p * (a - b)).sum()
    js = ((p * (a - log_middle)).sum() + (q * (b - log_middle)).sum()) / 2
    return float(kl), float(js), float(np.abs(p - q).sum() / 2)


def numpy_rows(
    p: npt.NDArray[np.float32], q: npt.NDArray[np.float32], dtype: str, threads: int
) -> list[float]:
    """Return the KL divergences of all rows."""

    def one(x: Rows, y: Rows) -> float:
        return numpy_formulas(x.astype(dtype), y.astype(dtype))[0]

    if threads == 1:
        return list(map(one, p, q))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, p, q))


def keep_freed_memory() -> None:
    """Tell glibc not to give freed memory back to the kernel."""
    if not sys.platform.startswith("linux"):
        return
    trim_threshold, mmap_threshold = -1, -3  # of malloc.h
    library = ctypes.CDLL(None)
    for threshold in (trim_threshold, mmap_threshold):
        library.mallopt(threshold, 1 << 30)


def best_of(work: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    """Return the shortest of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        begin = clock()
        work()
        times.append(clock() - begin)
    return min(times)


def main() -> None:
    """Measure twice: with NumPy's page faults and without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print("Memory as a program finds it")
    measure(arguments.rows, arguments.threads, arguments.repeats)
    keep_freed_memory()
    print("\nFreed memory kept")
    measure(arguments.rows, arguments.threads, arguments.repeats)


def measure(n_rows: int, n_threads: int, repeats: int) -> None:
    """Time every way of computing, and print ours beside NumPy's."""
    generator = np.random.default_rng(0)
    shape = (n_rows, N_VOCAB)
    p = (3 * generator.standard_normal(shape)).astype(np.float32)
    q = p + generator.standard_normal(shape).astype(np.float32) * np.float32(0.3)
    close = p[:1] + generator.standard_normal((1, N_VOCAB)).astype(np.float32) * np.float32(1e-4)
    exact = float(pair_statistics(p[:1], close, [0])["kl"][0])
    targets = np.zeros(n_rows, dtype=np.int32)

    def line(name: str, work: Callable[[], object], error: float) -> tuple[float, float]:
        wall = best_of(work, repeats, time.perf_counter) / n_rows
        cpu = best_of(work, repeats, time.process_time) / n_rows
        print(f"{name:28} {1e3 * wall:8.3f} {1e3 * cpu:8.3f}    {error:.1e}")
        return wall, cpu

    print(f"{'milliseconds for a pair':28} {'wall':>8} {'CPU':>8}    error of a KL of {exact:.1e}")
    times = {}
    for dtype in ("float64", "float32"):
        found = numpy_formulas(p[0].astype(dtype), close[0].astype(dtype))[0]
        for threads in sorted({1, n_threads}):
            times[dtype, threads] = line(
                f"NumPy, {dtype}, {threads} threads",
                partial(numpy_rows, p, q, dtype, threads),
                abs(found / exact - 1),
            )
    for kernels in kernel_names():
        for threads in sorted({1, n_threads}):
            found = float(pair_statistics(p[:1], close, [0], kernels=kernels)["kl"][0])
            ours = line(
                f"ours, {kernels}, {threads} threads",
                lambda k=kernels, t=threads: pair_statistics(p, q, targets, threads=t, kernels=k),
                abs(found / exact - 1),
            )
    for (dtype, threads), (wall, cpu) in times.items():
        print(
            f"ours, {n_threads} threads, to NumPy, {dtype}, {threads} threads: "
            f"{wall / ours[0]:.1f} times as fast in wall time, {cpu / ours[1]:.1f} in CPU time"
        )


if __name__ == "__main__":
    main()
