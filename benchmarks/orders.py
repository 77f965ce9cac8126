"""Average orders of computation on a real ladder, and hold what is left against its forecast.

    python benchmarks/orders.py REFERENCE VARIANT… [--documents 12] [--tokens 64]

docs/statistics.md, "Arithmetic and damage": with N the mean divergence of two orders of one file
and D that of the centres, the divergence from the reference is D + N/2, and D + N/2K where the
log-probabilities of K orders are averaged first. D + N/2 and N are measured here over six orders
(flash attention on and off, micro-batches of 8, 16 and 32), and the forecast for K = 6 is set
beside what averaging gives.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

import pyengine
from pyengine.models.options import SessionOptions
from pyengine.statistics.rows import NO_TARGET, pair_statistics
from pyengine.text.documents import load_corpus

LEAD = 28
ORDERS = tuple((attention, batch) for attention in ("on", "off") for batch in (8, 16, 32))
Logits = npt.NDArray[np.float32]


def contexts(path: Path, documents: int, tokens: int) -> list[npt.NDArray[np.int32]]:
    """Return the beginnings of documents of different languages, as long as asked."""
    with pyengine.open_model(path) as model:
        texts = [model.vocabulary.tokenize(one.content) for one in load_corpus().documents]
    long = [ids[: LEAD + tokens] for ids in texts if len(ids) >= LEAD + tokens]
    return long[:: max(1, len(long) // documents)][:documents]


def log_probabilities(
    path: Path, texts: Sequence[npt.NDArray[np.int32]], orders: Sequence[tuple[str, int]]
) -> list[Logits]:
    """Return normalized rows of all texts, one array for each order."""
    found: list[Logits] = []
    for attention, batch in orders:
        options = SessionOptions(
            n_ctx=max(map(len, texts)),
            n_batch=512,
            n_ubatch=batch,
            flash_attention=attention,  # type: ignore[arg-type]
            threads=1,
        )
        with pyengine.open_model(path) as model:
            session = pyengine.Session(model, options=options)
            rows = [session.logits_at(ids, range(LEAD, len(ids))) for ids in texts]
        logits = np.concatenate(rows).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        found.append(logits.astype(np.float32))
    return found


def divergence(first: Logits, second: Logits) -> float:
    """Return the mean KL divergence of two arrays of rows."""
    return float(pair_statistics(first, second, [NO_TARGET] * len(first))["kl"].mean())


def main() -> None:
    """Print a line for each variant."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("variants", type=Path, nargs="+")
    parser.add_argument("--documents", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=48)
    told = parser.parse_args()
    texts = contexts(told.reference, told.documents, told.tokens)
    print(f"{len(texts)} documents, {sum(len(t) - LEAD for t in texts)} positions")
    base = log_probabilities(told.reference, texts, ORDERS[:1])[0]
    for path in told.variants:
        rows = log_probabilities(path, texts, ORDERS)
        single = float(np.mean([divergence(base, one) for one in rows]))
        itself = float(np.mean([divergence(a, b) for a, b in combinations(rows, 2)]))
        mean = np.array(np.mean(rows, axis=0, dtype=np.float64), dtype=np.float32)
        averaged = divergence(base, mean)
        left = single - itself / 2 + itself / (2 * len(rows))
        print(f"{path.stem:24} {single:.6f}, N {itself:.6f}: six averaged {averaged:.6f}, "
              f"forecast {left:.6f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
