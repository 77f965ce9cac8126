"""The raw material of a probe: one row of logits per start, and the chains of split keywords."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pyengine.engine.model import Model
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session
from pyengine.engine.vocabulary_hash import vocabulary_sha256
from pyengine.errors import ModelKindError, OptionError
from pyengine.probes.keyword_forms import Split, split_word
from pyengine.probes.starts import Start
from pyengine.results import (
    ModelRecord,
    Note,
    Provenance,
    context_notes,
    model_record,
    provenance,
)
from pyengine.vocabulary.token_sets import TokenSets
from pyengine.vocabulary.tokens import VocabularyLike

Progress = Callable[[str, float], object]
_MAX_CONTEXT = 4096
_MAX_SEQUENCES = 64


class VocabularyView(VocabularyLike, Protocol):
    """What the metrics need of a vocabulary, live or read back from a file."""

    def piece(self, id: int) -> bytes:  # noqa: A002 - the name of the core's argument
        """Return the bytes of one token."""


@dataclass(frozen=True)
class Chain:
    """A word of several tokens after the first start, by the chain rule.

    Attributes:
        log_probabilities: natural logarithm of p(piece i | start, pieces before i).
    """

    word: str
    ids: tuple[int, ...]
    log_probabilities: tuple[float, ...]

    @property
    def log_probability(self) -> float:
        """log p(word) = sum of log p(piece i | start, pieces before i)."""
        return sum(self.log_probabilities)


@dataclass(frozen=True)
class Measurement:
    """All that a probe reads from a model; every metric is computed from this alone.

    Attributes:
        starts: the contexts; the first is the one that keywords are measured at.
        rows: float32 (len(starts), n_vocab), the logits after each start.
        chains: split keywords by word.
        unspellable: keywords for which the tokenizer has no sequence of tokens. A word that is
            neither one token nor in these two was not asked for.
        notes: what a reader must know of how the model was used.
    """

    model: ModelRecord
    provenance: Provenance
    vocabulary: VocabularyView
    starts: tuple[Start, ...]
    rows: npt.NDArray[np.float32]
    chains: Mapping[str, Chain]
    unspellable: frozenset[str] = frozenset()
    notes: tuple[Note, ...] = ()


def measure(
    model: Model,
    starts: Sequence[Start],
    words: Iterable[str],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Decode the starts, and the prefixes of all words that are not one token.

    Args:
        model: opened with its weights and vocabulary.
        starts: at least one; the words follow the first.
        words: keywords; those that are one token need no decoding of their own.
        threads: CPU threads; None as for sessions.
        progress: called with what is being done and a fraction from 0 to 1.

    Raises:
        ModelKindError: the model has no vocabulary.
        NumbersError: its logits are NaN or infinite.
        OptionError: a start is longer than a probe decodes.
    """
    vocabulary = model.vocabulary
    if vocabulary.kind == "none":
        raise ModelKindError(f"{model.path}: has no vocabulary: nothing can be said about words")
    several = [w for w in dict.fromkeys(words) if vocabulary.token(w.encode()) is None]
    splits = [split for word in several if (split := split_word(vocabulary, word))]
    contexts = _contexts(starts[0], splits)
    session = _session(model, starts, contexts, threads)
    rows = np.stack([session.logits(start.ids) for start in starts])
    chains = _chains(session, starts[0], splits, contexts, rows[0], progress)
    if progress is not None:
        model.hash_bytes(partial(progress, "hash the file"))
    return Measurement(
        model=model_record(model, vocabulary_sha256=vocabulary_sha256(vocabulary)),
        provenance=provenance(threads=session.threads, devices=model.devices),
        vocabulary=vocabulary,
        starts=tuple(starts),
        rows=rows,
        chains=chains,
        unspellable=frozenset(several) - chains.keys(),
        notes=tuple(context_notes(model)),
    )


def _contexts(start: Start, splits: Sequence[Split]) -> list[tuple[int, ...]]:
    """List every distinct proper prefix of a split word, after the start."""
    prefixes = {split.ids[:n] for split in splits for n in range(1, len(split.ids))}
    return [start.ids + prefix for prefix in sorted(prefixes)]


def _session(
    model: Model, starts: Sequence[Start], contexts: Sequence[tuple[int, ...]], threads: int | None
) -> Session:
    """Size a context for what will be decoded, and no larger: its buffers are the memory peak."""
    longest = max(len(ids) for ids in (*(start.ids for start in starts), *contexts))
    if longest > _MAX_CONTEXT:
        raise OptionError(
            f"a start with the longest keyword has {longest} tokens, and a probe decodes at most "
            f"{_MAX_CONTEXT}; give a shorter text"
        )
    sequences = max(1, min(_MAX_SEQUENCES, len(contexts)))
    tokens = max(longest, min(256, 4 * sequences) if contexts else 1)
    options = SessionOptions(
        n_ctx=tokens,
        n_batch=min(tokens, 512),
        n_ubatch=min(tokens, 512),
        n_seq_max=sequences,
        max_rows=sequences,
        threads=threads,
    )
    return Session(model, options=options)


def _chains(
    session: Session,
    start: Start,
    splits: Sequence[Split],
    contexts: Sequence[tuple[int, ...]],
    first_row: npt.NDArray[np.float32],
    progress: Progress | None,
) -> dict[str, Chain]:
    """Read log p(next piece | context) at every step of every split word."""
    needed: dict[tuple[int, ...], set[int]] = {start.ids: set()}
    for split in splits:
        for n in range(len(split.ids)):
            needed.setdefault(start.ids + split.ids[:n], set()).add(split.ids[n])
    known = {start.ids: _log_probabilities(first_row, needed[start.ids])}
    for indices, rows in session.iterate_batches(contexts):
        for index, row in zip(indices, rows, strict=True):
            known[contexts[index]] = _log_probabilities(row, needed[contexts[index]])
        if progress is not None:
            progress("split keywords", len(known) / len(needed))
    return {
        split.word: Chain(
            word=split.word,
            ids=split.ids,
            log_probabilities=tuple(
                known[start.ids + split.ids[:n]][split.ids[n]] for n in range(len(split.ids))
            ),
        )
        for split in splits
    }


def _log_probabilities(row: npt.NDArray[np.float32], ids: set[int]) -> dict[int, float]:
    lookup = TokenSets(len(row), {"next": sorted(ids)}).look_up(row).sets["next"]
    return dict(zip(sorted(ids), lookup.log_probability[0].tolist(), strict=True))
