"""How likely references are, and what a variant does to their tokens, against slow sums."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tiny_models import Tiny, write_bpe

from pyengine.code.likelihood import (
    PAPER,
    ReferenceText,
    Scoring,
    pair_measurements,
    reference_text,
    score_alone,
    score_beside,
    token_sets,
)
from pyengine.code.tasks import own_tasks
from pyengine.measure.engine import Processes
from pyengine.measure.observers import Block, target_rank
from pyengine.measure.subjects import Subject, identify, open_subject, padding_ids
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.session import Session
from pyengine.vocabulary.keywords import load_tables

OPTIONS = SessionOptions(n_ctx=512, threads=1)
TASKS = [*own_tasks(["python"])[24:26], *(t for t in own_tasks(["c"]) if t.name == "c/gcd")]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two models with random weights and one vocabulary, and what they score."""

    models: tuple[Model, Model]
    subjects: tuple[Subject, Subject]
    scoring: Scoring


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes() as found:
        yield found


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, processes: Processes) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    one, other = (write_bpe(folder / f"{seed}.gguf", Tiny(seed=seed)) for seed in (0, 1))
    with open_model(one) as first, open_model(other) as second:
        vocabulary = first.vocabulary
        padding = padding_ids(vocabulary, first.n_vocab)
        texts = [reference_text(task, vocabulary, longest=512) for task in TASKS]
        scoring = Scoring(
            [text for text in texts if text is not None],
            [int(vocabulary.bos or 0)],
            token_sets(vocabulary, padding),
            padding,
            OPTIONS,
            first.n_vocab,
        )
        subjects = tuple(
            open_subject(identify(path.stem, path, ModelOptions()), processes)
            for path in (one, other)
        )
        yield Pair((first, second), (subjects[0], subjects[1]), scoring)


def probabilities(row: npt.NDArray[np.float32], size: int) -> list[float]:
    """Return softmax over the first `size` tokens, one by one; the rest is padding."""
    values = [math.exp(float(value)) for value in row[:size]]
    total = math.fsum(values)
    return [value / total for value in values]


def kl(first: list[float], second: list[float]) -> float:
    return math.fsum(p * math.log(p / q) for p, q in zip(first, second, strict=True))


def rows_of(model: Model, text: ReferenceText) -> npt.NDArray[np.float32]:
    context = text.context
    return Session(model, options=OPTIONS).logits_at(context.ids, context.rows)


def test_a_reference_is_scored_as_one_token_at_a_time(pair: Pair, processes: Processes) -> None:
    found = pair.scoring.contents(score_alone(pair.scoring, pair.subjects[0], processes))
    size = Tiny().padding()[0]
    assert size < pair.models[0].n_vocab
    assert list(found) == [task.name for task in TASKS]
    for task, text in zip(TASKS, pair.scoring.texts, strict=True):
        rows, targets = rows_of(pair.models[0], text), text.context.targets.tolist()
        exact = [
            math.log(probabilities(row, size)[t]) for row, t in zip(rows, targets, strict=True)
        ]
        content = found[task.name]
        assert content["log_probability"] == pytest.approx(math.fsum(exact), rel=1e-6)
        assert content["tokens"] == len(targets)
        written = b"".join(pair.models[0].vocabulary.piece(token) for token in targets)
        assert content["bytes"] == len(written)
        assert (task.prompt + task.reference).encode().endswith(written)
        places = [int((rows[i] > rows[i][targets[i]]).sum()) + 1 for i in text.keywords]
        assert content["keyword_ranks"] == places
        assert places


def test_a_pair_equals_sums_over_single_probabilities(pair: Pair, processes: Processes) -> None:
    reference, variant = pair.models
    series = score_beside(pair.scoring, pair.subjects[0], pair.subjects[1:], processes)["1"]
    found = {
        (row.metric, row.group): row
        for row in pair_measurements(pair.scoring, series.observations, model="1", reference="0")
    }
    size = Tiny().padding()[0]
    divergences, shifts = [], []
    for task, text in zip(TASKS, pair.scoring.texts, strict=True):
        ids = pair.scoring.sets[task.language].tolist()
        assert ids
        pairs = zip(rows_of(reference, text), rows_of(variant, text), strict=True)
        for left, right in pairs:
            p, q = probabilities(left, size), probabilities(right, size)
            divergences.append(kl(p, q))
            mass = [math.fsum(row[i] for i in ids) for row in (p, q)]
            shifts.append(abs(mass[0] - mass[1]))
    n = len(divergences)
    assert found["kl", ""].value == pytest.approx(math.fsum(divergences) / n, rel=1e-6)
    assert (found["kl", ""].n, found["kl", ""].n_clusters) == (n, len(TASKS))
    shift = found["keyword_mass_shift", ""]
    assert shift.value == pytest.approx(math.fsum(shifts) / n, rel=1e-6)
    assert {group for metric, group in found if metric == "kl"} >= {"language=c", "language=python"}
    alone = pair.scoring.contents(series.observations[:-1])
    again = score_alone(pair.scoring, pair.subjects[1], processes)
    means = [content.pop("kl") for content in alone.values()]
    assert alone == pair.scoring.contents(again)
    sizes = [content["tokens"] for content in alone.values()]
    assert np.average(means, weights=sizes) == pytest.approx(found["kl", ""].value)

    start = pair.scoring.start
    rows = [Session(model, options=OPTIONS).logits(start) for model in pair.models]
    p, q = (probabilities(row, size) for row in rows)
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    shannon = (kl(p, middle) + kl(q, middle)) / 2
    assert found["jensen_shannon", "start=cold"].value == pytest.approx(shannon, rel=1e-4)
    everything = probabilities(rows[1], variant.n_vocab)
    paper = {word for table in load_tables(PAPER).values() for word in table.words()}
    tokens = {variant.vocabulary.token(word.encode()) for word in paper} - {None}
    mass_of_paper = math.fsum(everything[token] for token in tokens if token is not None)
    assert found["pkp", "start=cold"].value == pytest.approx(mass_of_paper, rel=1e-5)


def test_ranks_are_places_from_one() -> None:
    rows = np.array([[3.0, 2.0, 1.0], [0.0, 5.0, 1.0], [1.0, 2.0, 3.0]], dtype=np.float32)
    targets = np.array([1, 1, -1], dtype=np.int32)
    none = np.empty(0, dtype=np.int32)
    block = Block(np.arange(3), rows, None, targets, np.array(["", "", ""]), none, 1)
    places = target_rank(block)["rank"]
    assert places[:2].tolist() == [2.0, 1.0]
    assert np.isnan(places[2])


def log_probability(path: Path) -> float:
    """Return the mean log-probability of a token of all our reference solutions."""
    total = n = 0.0
    with open_model(path) as model:
        session = Session(model, options=OPTIONS)
        padding = padding_ids(model.vocabulary, model.n_vocab)
        for task in own_tasks():
            text = reference_text(task, model.vocabulary, longest=512)
            assert text is not None
            rows = session.logits_at(text.context.ids, text.context.rows).astype(np.float64)
            rows[:, padding] = -np.inf
            chosen = rows[np.arange(len(rows)), text.context.targets]
            total += float(np.sum(chosen - np.logaddexp.reduce(rows, axis=1)))
            n += len(rows)
    return total / n


def test_two_bits_are_worse_than_eight(embedded: Path, tmp_path: Path) -> None:
    """By the sensitive measure, over all tasks: those solved are too few to tell."""
    found = {}
    for name in ("Q2_K", "Q8_0"):
        path = tmp_path / f"{name}.gguf"
        (plan,) = plan_quantization(embedded, [name])
        quantize_file(embedded, path, plan, source_sha256=file_sha256(embedded))
        found[name] = log_probability(path)
    assert found["Q2_K"] < found["Q8_0"]
    assert found["Q8_0"] == pytest.approx(log_probability(embedded), abs=0.01)
