"""How likely models find the reference solutions, and what variants do to their tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pyengine.code.aggregate import labels_of
from pyengine.code.parsing import is_keyword, leaves
from pyengine.code.tasks import Task
from pyengine.measure import decode
from pyengine.measure.aggregate import aggregate, by_label
from pyengine.measure.contexts import Chunk, Context, after, grouped
from pyengine.measure.decode import Observation
from pyengine.measure.engine import LocalExecutor, Processes, Series, Work, measure
from pyengine.measure.observers import (
    Observer,
    pair_columns,
    set_columns,
    target_columns,
    target_rank,
)
from pyengine.measure.pairs import EncodedPair, encode_pair
from pyengine.measure.scoring import windows
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
class ReferenceText:
    """The prompt and reference of a task as one context.

    Attributes:
        context: prompt + reference, tokenized as one text; its targets are scored.
        n_bytes: of the scored tokens' pieces.
        keywords: indices of the scored tokens in which a keyword of the reference begins.
    """

    task: Task
    context: Context
    n_bytes: int
    keywords: tuple[int, ...]


def reference_text(task: Task, vocabulary: Vocabulary, *, longest: int) -> ReferenceText | None:
    """Tokenize the reference of `task`; None where it is longer than `longest` tokens, or empty.

    Scored are the tokens after those that the whole shares with the prompt's own tokenization, so
    that bits per byte is over exactly their bytes.
    """
    pair = encode_pair(vocabulary, task.prompt, task.reference)
    context = scored_part(pair, task.language, longest=longest)
    if context is None:
        return None
    n_bytes = sum(len(vocabulary.piece(token)) for token in context.targets.tolist())
    offsets = pair.offsets(vocabulary, task.prompt, task.reference)
    keywords = () if offsets is None else _keyword_tokens(task, offsets)
    return ReferenceText(task, context, n_bytes, tuple(keywords))


def scored_part(pair: EncodedPair, language: str, *, longest: int) -> Context | None:
    """Return the context in which a continuation's tokens are scored.

    None where both are longer than `longest` tokens, or nothing is scored.
    """
    if len(pair.ids) > longest:
        return None
    context = next(windows(pair.ids, pair.first, longest), None)
    return None if context is None else replace(context, token_set=language)


def _keyword_tokens(task: Task, offsets: npt.NDArray[np.int64]) -> Iterator[int]:
    """Yield the indices of the scored tokens in which the reference's keywords begin."""
    prompt = len(task.prompt.encode())
    for leaf in leaves((task.prompt + task.reference).encode(), task.language):
        if is_keyword(leaf) and leaf.start_byte >= prompt:
            # The last token that begins at the keyword or before it.
            index = int(np.searchsorted(offsets, leaf.start_byte - prompt, side="right")) - 1
            if 0 <= index < len(offsets) - 1:
                yield index


@dataclass(frozen=True, eq=False)
class Scoring:
    """What is scored by models with one vocabulary.

    Attributes:
        texts: the references that are short enough.
        start: the cold start.
        sets: the keywords of each language and of the paper, see `token_sets`.
        session: how all is decoded.
    """

    texts: Sequence[ReferenceText]
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
        first token in the model's order; of a variant also kl, the mean over these tokens of its
        divergence from the reference, nats.
        """
        columns = join([seen.columns for seen in observations])
        found, begin = {}, 0
        for text in self.texts:
            rows = slice(begin, begin + len(text.context))
            begin = rows.stop
            found[text.task.name] = {
                "log_probability": float(np.sum(columns["log_p"][rows])),
                "tokens": len(text.context),
                "bytes": text.n_bytes,
                "keyword_ranks": [int(columns["rank"][rows][i]) for i in text.keywords],
                **({"kl": float(np.mean(columns["kl"][rows]))} if "kl" in columns else {}),
            }
        return found

    def table(self, observations: Sequence[Observation]) -> TokenTable:
        """Return the tokens of all references with a variant's columns; clusters are ideas."""
        columns = join([seen.columns for seen in observations])
        places = positions(text.context for text in self.texts)
        shift = {"keyword_mass_shift": np.abs(columns["keyword_mass_change"])}
        tasks = labels_of([(text.task.language, text.task.level) for text in self.texts])
        labels = {name: np.array(values)[places] for name, values in tasks.items()}
        _, ideas = np.unique([text.task.cluster for text in self.texts], return_inverse=True)
        return TokenTable(ideas[places].astype(np.intp), labels, columns | shift)


def score_alone(
    scoring: Scoring,
    subject: Subject,
    processes: Processes,
    progress: Callable[[float], object] = lambda _: None,
) -> list[Observation]:
    """Let one model score all references; `progress` is called with the part that is done.

    Raises:
        ModelFileError: a logit is not a number.
        WorkerError: llama.cpp ended the process.
    """
    variant = subject.variant
    found = []
    for number, chunk in enumerate(scoring.chunks):
        progress(number / len(scoring.chunks))
        found.append(
            processes.call(variant, decode.observe, variant, chunk, ALONE, {}, scoring.padding)
        )
    progress(1.0)
    return found


def score_beside(
    scoring: Scoring,
    reference: Subject,
    subjects: Sequence[Subject],
    processes: Processes,
    progress: Callable[[float], object] = lambda _: None,
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
    return measure(work, LocalExecutor(processes), progress=lambda _, part: progress(part))


def token_sets(
    vocabulary: Vocabulary, padding: npt.NDArray[np.int32]
) -> dict[str, npt.NDArray[np.int32]]:
    """Return each language's keywords, and as "paper" those of its tables that are a bare token."""
    words = {word for table in load_tables(PAPER).values() for word in table.words()}
    bare = {token for word in words if (token := vocabulary.token(word.encode())) is not None}
    return keyword_sets(vocabulary, padding) | {PAPER: np.array(sorted(bare), dtype=np.int32)}


def pair_measurements(
    scoring: Scoring, seen: Sequence[Observation], *, model: str, reference: str, looks: int = 1
) -> Iterator[Measurement]:
    """Yield what a variant does to the references' tokens, and to the cold start behind them.

    Intervals over the references hold at so many looks together.
    """
    if scoring.texts:
        table = replace(scoring.table(seen[:-1]), looks=looks)
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
