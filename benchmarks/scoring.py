"""Multiple choice: four answers to each question, shared and one by one, in CPU seconds.

    python benchmarks/scoring.py SmolLM2-135M.gguf [--questions 12] [--shots 5]

With few-shot examples before all questions, and without, in one process. The four answers to a
question take equally long one by one, so one of them is timed for all. How far both ways'
log-probabilities differ is said too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyengine.measure.scoring import Scorer, ScoringOptions
from pyengine.models.model import open_model
from pyengine.text.documents import load_corpus

Pairs = Sequence[tuple[str, str]]
ANSWERS = (" return None", " raise ValueError", " x = 1", " pass")
QUESTION_BYTES = 420


@dataclass(frozen=True)
class Timing:
    """CPU seconds of both ways, and the largest difference of a log-probability per token."""

    alone: float
    shared: float
    difference: float

    @property
    def ratio(self) -> float:
        """How many times as long one by one takes."""
        return self.alone / self.shared


def questions(n: int) -> list[str]:
    """Return beginnings of code, each as long as a question of a benchmark."""
    texts = [document.content.decode() for document in load_corpus().documents]
    long = [text for text in texts if len(text) > QUESTION_BYTES]
    return [text[:QUESTION_BYTES] + "\n# What comes next?\n#" for text in long[:n]]


def compare(alone: Scorer, shared: Scorer, pairs: Pairs) -> Timing:
    """Score pairs both ways; one by one each fourth of them, whose time counts four times."""
    begin = time.process_time()
    one_by_one = [alone.score([pair])[0] for pair in pairs[:: len(ANSWERS)]]
    middle = time.process_time()
    together = shared.score(pairs)
    end = time.process_time()
    apart = [
        np.abs(one.log_probabilities - other.log_probabilities).max()
        for one, other in zip(one_by_one, together[:: len(ANSWERS)], strict=True)
    ]
    return Timing((middle - begin) * len(ANSWERS), end - middle, float(max(apart)))


def main() -> None:
    """Print both ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--shots", type=int, default=5)
    asked = parser.parse_args()
    every = questions(asked.questions + asked.shots)
    examples = "".join(f"{text}{ANSWERS[i % 4]}\n\n" for i, text in enumerate(every[: asked.shots]))
    model = open_model(asked.model)
    alone = Scorer(model, ScoringOptions(threads=1, exact=True))
    shared = Scorer(model, ScoringOptions(threads=1))
    for scorer in (alone, shared):  # what is read for the first time, and buffers
        scorer.score([(examples + every[0], ANSWERS[0])])
    for name, before in (("few-shot prefix", examples), ("no prefix", "")):
        pairs = [(before + text, answer) for text in every[asked.shots :] for answer in ANSWERS]
        n_tokens = len(shared.encode(*pairs[0]).ids)
        found = compare(alone, shared, pairs)
        print(
            f"{name}: {len(pairs)} pairs of some {n_tokens} tokens; one by one "
            f"{found.alone:.1f} s, shared {found.shared:.1f} s, ratio {found.ratio:.1f}; "
            f"log-probabilities differ by {found.difference:.2g} nats at most",
            flush=True,
        )


if __name__ == "__main__":
    main()
