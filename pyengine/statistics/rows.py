"""The compiled kernels over rows of logits, with their arguments checked.

Every function takes float32 logits of the shape (rows, n_vocab) and sums in float64. `padding` are
the ids of entries that belong to no token: they are left out, and their mass is reported.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyengine import _core

Logits: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = Sequence[int] | npt.NDArray[np.int32]
Records: TypeAlias = npt.NDArray[np.void]

NO_TARGET = -1
OVERLAP_SIZES = (1, 5, 10, 50)


def kernel_names() -> list[str]:
    """Return the kernels that this processor can run, slowest first."""
    return _core.kernel_names()


def row_statistics(
    rows: Logits, *, padding: Ids = (), threads: int = 1, kernels: str = ""
) -> Records:
    """Summarise each row.

    Fields: ``max``, ``argmax`` (the first of equal maxima), ``log_sum_exp``, ``entropy``
    (-sum p ln p, nats), ``padding_mass`` (what the padding would hold if it were left in).
    A row with NaN, +inf or nothing above -inf gives NaN.
    """
    return _core.row_statistics(rows, padding=_ids(padding), threads=threads, kernels=kernels)


def pair_statistics(
    reference: Logits,
    variant: Logits,
    targets: Ids,
    *,
    padding: Ids = (),
    threads: int = 1,
    kernels: str = "",
) -> Records:
    """Compare two models' distributions row by row; P is the reference, Q the variant.

    Fields, one record for each row (nats where not said otherwise):
        kl: sum P ln(P/Q); infinite where Q = 0 < P (Kullback and Leibler 1951).
        kl_reverse: sum Q ln(Q/P).
        jensen_shannon: (KL(P, M) + KL(Q, M)) / 2, M = (P+Q)/2; at most ln 2 (Lin 1991).
        total_variation: sum |P-Q| / 2.
        hellinger: sqrt(sum (sqrt P - sqrt Q)^2 / 2).
        log_sum_exp_p, log_sum_exp_q: over the entries that are not padding.
        entropy_p, entropy_q: -sum p ln p.
        log_p_target, log_q_target: log-probability of the token that followed.
        top_p: probability of the reference's first choice.
        overlap: shares of P's k most probable tokens that are among Q's, k = 1, 5, 10, 50.
        rank_correlation: Kendall's tau-b over P's 50 most probable tokens; NaN where either
            model gives them all one value (Kendall 1945).
        padding_mass_p, padding_mass_q, argmax_p, argmax_q.
        rank_p_target, rank_q_target: from 1; the lower id first among equals.
        above_choice: tokens more probable in P than Q's first choice; 50 at most.

    Args:
        reference: float32 (rows, n_vocab).
        variant: the same shape.
        targets: one id for each row, -1 where none followed.
    """
    return _core.pair_statistics(
        reference,
        variant,
        _ids(targets),
        padding=_ids(padding),
        threads=threads,
        kernels=kernels,
    )


def restricted_statistics(
    reference: Logits,
    variant: Logits,
    targets: Ids,
    token_set: Ids,
    whole: Records,
    *,
    threads: int = 1,
) -> tuple[Records, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compare both distributions cut down to a set of tokens and renormalised.

    Args:
        token_set: distinct ids, none of them padding.
        whole: `pair_statistics` of the whole rows, for the mass that the set holds in them.

    Returns:
        `pair_statistics` within the set, in which token ids count its members from 0 and a target
        outside the set counts as none; and what the set held of each row of P and of Q.

    Raises:
        ValueError: the set is empty or leaves the vocabulary.
    """
    ids = np.asarray(token_set, dtype=np.intp)
    if len(ids) == 0 or ids.min() < 0 or ids.max() >= reference.shape[1]:
        raise ValueError(f"a token set of {len(ids)} ids is empty or leaves the vocabulary")
    place = {int(token): i for i, token in enumerate(ids)}
    local = [place.get(int(target), NO_TARGET) for target in _ids(targets)]
    pairs = pair_statistics(reference[:, ids], variant[:, ids], local, threads=threads)
    with np.errstate(invalid="ignore"):
        mass_p = np.exp(pairs["log_sum_exp_p"] - whole["log_sum_exp_p"])
        mass_q = np.exp(pairs["log_sum_exp_q"] - whole["log_sum_exp_q"])
    return pairs, mass_p, mass_q


def top_k(rows: Logits, k: int, *, threads: int = 1) -> npt.NDArray[np.int32]:
    """Return the ids of each row's k largest entries, largest first, lower id first in ties."""
    return _core.top_k(rows, k, threads=threads)


def ranks(rows: Logits, ids: Ids, *, threads: int = 1, kernels: str = "") -> npt.NDArray[np.int32]:
    """Return the places, from 1, of the ids in each row's order: (rows, len(ids))."""
    return _core.ranks(rows, _ids(ids), threads=threads, kernels=kernels)


def _ids(ids: Ids) -> npt.NDArray[np.int32]:
    return np.asarray(ids, dtype=np.int32)
