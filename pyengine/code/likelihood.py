"""How likely models find the reference solutions, and what variants do to their tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pyengine.code.references import ReferenceText
from pyengine.measure import decode
from pyengine.measure.aggregate import aggregate, by_label
from pyengine.measure.contexts import Chunk, after, grouped
from pyengine.measure.decode import Observation
from pyengine.measure.engine import LocalExecutor, Processes, Series, Work, measure
from pyengine.measure.observers import (
    Observer,
    pair_columns,
    set_columns,
    target_columns,
    target_rank,
)
from pyengine.measure.starts import keyword_sets
from pyengine.measure.subjects import Subject
from pyengine.measure.table import TokenTable, join, positions
from pyengine.models.model import Vocabulary
from pyengine.models.options import SessionOptions
from pyengine.run.measurement import Measurement, group_of
from pyengine.vocabulary.keywords import load_tables

PAPER: Final = "paper"
START = "start"
# Rows of the reference that lie in a file at a time.
CHUNK_BYTES = 512 << 20
ALONE: tuple[Observer, ...] = (target_columns, target_rank)
PAIR = ("kl", "same_first_choice", "keyword_mass_shift")


@dataclass(frozen=True, eq=False)
class Scoring:
    """What is scored by models with one vocabulary.

    Attributes:
        texts: the references that are short enough.
        labels: of each text, by dimension, such as its language.
        start: the cold start.
        sets: the keywords of each language and of the paper, see `token_sets`.
        session: how all is decoded.
    """

    texts: Sequence[ReferenceText]
    labels: Mapping[str, Sequence[str]]
    start: Sequence[int]
    sets: Mapping[str, npt.NDArray[np.int32]]
    padding: npt.NDArray[np.int32]
    session: SessionOptions
    n_vocab: int

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """The references, as many at a time as the rows of one model may take."""
        lengths = [len(text.context) for text in self.texts]
        groups = grouped(lengths, max(1, CHUNK_BYTES // (4 * self.n_vocab)))
        return tuple(
            Chunk(f"references {n}", tuple(self.texts[i].context for i in group), self.session)
            for n, group in enumerate(groups)
        )

    def contents(self, observations: Sequence[Observation]) -> dict[str, dict[str, Any]]:
        """Return by task what a model's numbers say of its reference.

        Each holds log_probability (the sum over its scored tokens, nats), how many tokens and
        bytes these are, and keyword_ranks: for each keyword of the reference the place of its
        first token in the model's order.
        """
        columns = join([seen.columns for seen in observations])
        found, begin = {}, 0
        for text in self.texts:
            rows = slice(begin, begin + len(text.context))
            begin = rows.stop
            found[text.task] = {
                "log_probability": float(np.sum(columns["log_p"][rows])),
                "tokens": len(text.context),
                "bytes": sum(text.sizes),
                "keyword_ranks": [int(columns["rank"][rows][i]) for i in text.keywords],
            }
        return found

    def table(self, observations: Sequence[Observation]) -> TokenTable:
        """Return the tokens of all references with a variant's columns; clusters are tasks."""
        columns = join([seen.columns for seen in observations])
        places = positions(text.context for text in self.texts)
        shift = {"keyword_mass_shift": np.abs(columns["keyword_mass_change"])}
        labels = {name: np.array(values)[places] for name, values in self.labels.items()}
        return TokenTable(places.astype(np.intp), labels, columns | shift)


def score_alone(scoring: Scoring, subject: Subject, processes: Processes) -> list[Observation]:
    """Let one model score all references.

    Raises:
        ModelFileError: a logit is not a number.
        WorkerError: llama.cpp ended the process.
    """
    variant = subject.variant
    return [
        processes.call(variant, decode.observe, variant, chunk, ALONE, {}, scoring.padding)
        for chunk in scoring.chunks
    ]


def score_beside(
    scoring: Scoring,
    reference: Subject,
    subjects: Sequence[Subject],
    processes: Processes,
) -> dict[str, Series]:
    """Let variants score all references, and a cold start behind them, beside the reference.

    Raises:
        PyengineError: the reference failed.
    """
    work = Work(
        reference=reference.variant,
        variants=tuple(subject.variant for subject in subjects),
        chunks=(*scoring.chunks, Chunk(START, (after(scoring.start, PAPER),), scoring.session)),
        observers=(pair_columns, partial(set_columns, scoring.sets), *ALONE),
        keepers={},
        padding=scoring.padding,
        fingerprint="",
    )
    return measure(work, LocalExecutor(processes))


def token_sets(
    vocabulary: Vocabulary, padding: npt.NDArray[np.int32]
) -> dict[str, npt.NDArray[np.int32]]:
    """Return each language's keywords, and as "paper" those of its tables that are a bare token."""
    words = {word for table in load_tables(PAPER).values() for word in table.words()}
    bare = {token for word in words if (token := vocabulary.token(word.encode())) is not None}
    return keyword_sets(vocabulary, padding) | {PAPER: np.array(sorted(bare), dtype=np.int32)}


def pair_measurements(
    scoring: Scoring, seen: Sequence[Observation], *, model: str, reference: str
) -> Iterator[Measurement]:
    """Yield what a variant does to the references' tokens, and to the cold start behind them."""
    if scoring.texts:
        table = scoring.table(seen[:-1])
        yield from aggregate(table, model=model, reference=reference, metrics=PAIR)
        for label in table.labels:
            yield from by_label(table, label, model=model, reference=reference, metrics=PAIR)
    columns, group = seen[-1].columns, group_of({START: "cold"})
    shannon = float(columns["jensen_shannon"][0])
    yield Measurement("jensen_shannon", model, reference, group, shannon, n=1, n_clusters=1)
    # As published, of all rows of the model, those that stand for no token included.
    mass = float(columns["keyword_mass"][0] * (1.0 - columns["padding_mass"][0]))
    if math.isfinite(mass):
        yield Measurement("pkp", model, "", group, mass, n=1, n_clusters=1)
