"""Token-level measures of a variant against slow sums over single probabilities."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tiny_models import Tiny, write_bpe

from pyengine.codegen.token_level import TokenLevelSums
from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.vocabulary.keywords import load_tables

Row = npt.NDArray[np.float32]


def probabilities(row: Row, size: int) -> list[float]:
    """Return softmax over the first `size` tokens, one by one; the rest is padding."""
    values = [math.exp(float(value)) for value in row[:size]]
    total = math.fsum(values)
    return [value / total for value in values]


def kl(first: list[float], second: list[float]) -> float:
    return math.fsum(p * math.log(p / q) for p, q in zip(first, second, strict=True))


def test_measures_equal_sums_over_single_probabilities(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    one, other = (write_bpe(tmp_path / f"{seed}.gguf", Tiny(seed=seed)) for seed in (0, 1))
    with open_model(one) as reference, open_model(other) as variant:
        size, width = Tiny().padding()[0], variant.n_vocab
        assert size < width
        rows = [generator.normal(size=(3, width)).astype(np.float32) for _ in range(4)]
        sums = TokenLevelSums(variant.vocabulary)
        sums.add(rows[0], rows[1], [1, 2, 3], "python")
        sums.add(rows[2], rows[3], [1, 2, 3], "c")
        options = SessionOptions(n_ctx=64, threads=1)
        sessions = [Session(model, options=options) for model in (reference, variant)]
        found = sums.finish(*sessions)

        divergences, changes = [], []
        for language, (first, second) in (("python", rows[:2]), ("c", rows[2:])):
            words = load_tables("reference")[language].words()
            ids = {
                variant.vocabulary.token(form.encode())
                for word in words
                for form in (word, f" {word}")
            }
            assert ids - {None}
            for left, right in zip(first, second, strict=True):
                p, q = probabilities(left, size), probabilities(right, size)
                divergences.append(kl(p, q))
                mass = [math.fsum(row[i] for i in ids if i is not None) for row in (p, q)]
                changes.append(abs(mass[0] - mass[1]))
        assert found.code_kl == pytest.approx(math.fsum(divergences) / 6, rel=1e-6)
        assert found.keyword_mass_change == pytest.approx(math.fsum(changes) / 6, rel=1e-6)

        start = variant.vocabulary.bos
        assert start is not None
        p, q = (probabilities(session.logits([start]), size) for session in sessions)
        middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        shannon = (kl(p, middle) + kl(q, middle)) / 2 / math.log(2)
        assert found.cold_start_js == pytest.approx(shannon, rel=1e-4)
        everything = probabilities(sessions[1].logits([start]), width)
        paper = {word for table in load_tables("paper").values() for word in table.words()}
        tokens = {variant.vocabulary.token(word.encode()) for word in paper} - {None}
        mass_of_paper = math.fsum(everything[token] for token in tokens if token is not None)
        assert found.pkp == pytest.approx(mass_of_paper, rel=1e-5)
