"""Named sets of tokens, looked up in rows of logits by the compiled core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine import _core

Ids = Sequence[int] | npt.NDArray[np.integer]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class SetLookup:
    """One set in each row of logits.

    Attributes:
        ids: the members, int32 (n_members,).
        mass: summed probability, float64 (n_rows,).
        best_rank: smallest rank of a member among all tokens, from 1, the lower id first where
            logits are equal; 0 for an empty set. int32 (n_rows,).
        median_rank: median rank of the members; 0 for an empty set. float64 (n_rows,).
        log_probability: natural logarithm, float64 (n_rows, n_members).
    """

    ids: Ints
    mass: Doubles
    best_rank: Ints
    median_rank: Doubles
    log_probability: Doubles


@dataclass(frozen=True)
class RowLookup:
    """What rows of logits say about the vocabulary as a whole, and about every set.

    Attributes:
        log_sum_exp: log sum exp of the logits, padding left out, float64 (n_rows,).
        entropy: Shannon entropy in nats, float64 (n_rows,).
        padding_mass: probability of the padding if it had been left in, float64 (n_rows,).
        top: ids of the most probable tokens, most probable first, int32 (n_rows, top).
        sets: by name.
    """

    log_sum_exp: Doubles
    entropy: Doubles
    padding_mass: Doubles
    top: Ints
    sets: Mapping[str, SetLookup]


class TokenSets:
    """Any number of named sets of token ids, compiled once for one vocabulary."""

    def __init__(self, n_vocab: int, sets: Mapping[str, Ids], *, padding: Ids = ()) -> None:
        """Compile the sets.

        Args:
            n_vocab: length of the rows of logits.
            sets: ids by name; a set may be empty, and sets may overlap.
            padding: ids that take no part in any probability.

        Raises:
            OptionError: an id outside the vocabulary, or twice in one set.
        """
        self._core = _core.TokenSets(
            n_vocab, [_id_list(ids) for ids in sets.values()], padding=_id_list(padding)
        )
        self.names = tuple(sets)

    def look_up(self, logits: npt.ArrayLike, *, top: int = 0, threads: int = 1) -> RowLookup:
        """Look every set up in rows of logits.

        Probabilities are softmax at temperature 1 over the vocabulary without padding: float32
        logits, float64 sums. Top tokens are found without sorting the vocabulary.

        Args:
            logits: float32 (n_rows, n_vocab), or one row (n_vocab,).
            top: how many of the most probable tokens to list.
            threads: rows are shared among that many threads.
        """
        rows = np.atleast_2d(np.asarray(logits, dtype=np.float32))
        arrays = self._core.summarize(rows, top=top, threads=threads)
        bounds = self._core.offsets
        members = self._core.members
        sets = {}
        for i, name in enumerate(self.names):
            inside = slice(int(bounds[i]), int(bounds[i + 1]))
            sets[name] = SetLookup(
                ids=members[inside],
                mass=arrays["mass"][:, i].astype(np.float64, copy=False),
                best_rank=arrays["best_rank"][:, i].astype(np.int32, copy=False),
                median_rank=arrays["median_rank"][:, i].astype(np.float64, copy=False),
                log_probability=arrays["log_probability"][:, inside].astype(np.float64, copy=False),
            )
        return RowLookup(
            log_sum_exp=arrays["log_sum_exp"].astype(np.float64, copy=False),
            entropy=arrays["entropy"].astype(np.float64, copy=False),
            padding_mass=arrays["padding_mass"].astype(np.float64, copy=False),
            top=arrays["top"].astype(np.int32, copy=False),
            sets=sets,
        )


def _id_list(ids: Ids) -> list[int]:
    return [int(i) for i in ids]
