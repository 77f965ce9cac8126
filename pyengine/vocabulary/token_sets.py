"""Named sets of tokens, looked up in rows of logits by the compiled core."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from pyengine import _core

Ids = Sequence[int] | npt.NDArray[np.integer]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


class SetLookup(NamedTuple):
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


class _SetLookups(Mapping[str, SetLookup]):
    """What was found of every set: views of the arrays over all sets, made when they are read.

    Callers read a few of many sets, and the views of all would cost a third of the look-up again.
    """

    def __init__(
        self, members: Mapping[str, tuple[int, slice, Ints]], arrays: dict[str, Doubles | Ints]
    ) -> None:
        self._members = members
        self._mass = cast(Doubles, arrays["mass"])
        self._best_rank = cast(Ints, arrays["best_rank"])
        self._median_rank = cast(Doubles, arrays["median_rank"])
        self._log_probability = cast(Doubles, arrays["log_probability"])

    def __getitem__(self, name: str) -> SetLookup:
        number, inside, ids = self._members[name]
        return SetLookup(
            ids,
            self._mass[:, number],
            self._best_rank[:, number],
            self._median_rank[:, number],
            self._log_probability[:, inside],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


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
        bounds, members = self._core.offsets.tolist(), self._core.members
        members.flags.writeable = False  # every look-up shares them
        insides = [slice(*pair) for pair in itertools.pairwise(bounds)]
        self._members = {
            name: (number, inside, members[inside])
            for number, (name, inside) in enumerate(zip(self.names, insides, strict=True))
        }

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
        return RowLookup(
            log_sum_exp=cast(Doubles, arrays["log_sum_exp"]),
            entropy=cast(Doubles, arrays["entropy"]),
            padding_mass=cast(Doubles, arrays["padding_mass"]),
            top=cast(Ints, arrays["top"]),
            sets=_SetLookups(self._members, arrays),
        )


def _id_list(ids: Ids) -> list[int]:
    return [int(i) for i in ids]
