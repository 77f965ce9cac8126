"""What is kept of rows of logits: columns of the token table, and examples worth showing.

An observer sees each block of a variant's rows beside the reference's, once. Heavy work is a
kernel of the compiled core; an observer is a thin name for it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from pyengine.statistics.rows import (
    OVERLAP_SIZES,
    pair_statistics,
    ranks,
    restricted_statistics,
    row_statistics,
    top_k,
)

Logits: TypeAlias = npt.NDArray[np.float32]
Columns: TypeAlias = dict[str, npt.NDArray[Any]]
N_CHOICES = 5
PASSAGE_LENGTH = 32
# Above it a first choice is more probable than all other tokens together.
SURE = 0.5


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows of a variant, beside the reference's where there is one.

    Attributes:
        places: index of each row in its chunk.
        rows, reference: float32 (n, n_vocab), valid until the next block only.
        targets: the token that followed each row; -1 where none did.
        token_sets: name of the token set that is observed at each row.
        padding: entries of a row that belong to no token.
        threads: that kernels may use.
        variant: id of the variant whose rows these are.
    """

    places: npt.NDArray[np.int64]
    rows: Logits
    reference: Logits | None
    targets: npt.NDArray[np.int32]
    token_sets: npt.NDArray[np.str_]
    padding: npt.NDArray[np.int32]
    threads: int
    variant: str = ""

    @cached_property
    def pairs(self) -> npt.NDArray[np.void]:
        """`pair_statistics` of both models' rows."""
        assert self.reference is not None, "a pair needs a reference"
        return pair_statistics(
            self.reference, self.rows, self.targets, padding=self.padding, threads=self.threads
        )

    @cached_property
    def alone(self) -> npt.NDArray[np.void]:
        """`row_statistics` of the variant's rows."""
        return row_statistics(self.rows, padding=self.padding, threads=self.threads)


# Turns a block into one value for each of its rows, by column name.
Observer: TypeAlias = Callable[[Block], Columns]


class Keeper(Protocol):
    """Keeps examples; what it keeps of several chunks can be joined."""

    def offer(self, block: Block) -> None:
        """Look at one block."""

    def best(self) -> list[dict[str, Any]]:
        """Return what is kept as plain JSON values, the most telling first."""


def pair_columns(block: Block) -> Columns:
    """Return all that `pair_statistics` says of two models' rows.

    Columns of the pair: kl, kl_reverse, jensen_shannon, total_variation, hellinger, delta_p,
    log_ppl_ratio, entropy_change, rank_correlation, rank_change, same_first_choice, overlap_K,
    outside_first_five, clear_change. Of the variant: log_p, entropy, padding_mass. Of the
    reference: the same after `reference_`, and reference_top, the probability of its first choice.
    Nats.
    """
    pairs = block.pairs
    p, q = pairs["log_p_target"], pairs["log_q_target"]
    divergences = ("kl", "kl_reverse", "jensen_shannon", "total_variation", "hellinger")
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Columns = {
            **{name: pairs[name] for name in (*divergences, "rank_correlation")},
            "delta_p": np.exp(q) - np.exp(p),
            "log_ppl_ratio": p - q,
            "entropy_change": pairs["entropy_q"] - pairs["entropy_p"],
            "rank_change": np.log(pairs["rank_q_target"] / pairs["rank_p_target"]),
            "same_first_choice": pairs["argmax_p"] == pairs["argmax_q"],
            "outside_first_five": pairs["above_choice"] >= 5,
            "clear_change": (pairs["argmax_p"] != pairs["argmax_q"]) & (pairs["top_p"] > SURE),
            "log_p": q,
            "entropy": pairs["entropy_q"],
            "padding_mass": pairs["padding_mass_q"],
            "reference_log_p": p,
            "reference_entropy": pairs["entropy_p"],
            "reference_padding_mass": pairs["padding_mass_p"],
            "reference_top": pairs["top_p"],
        }
    for i, k in enumerate(OVERLAP_SIZES):
        found[f"overlap_{k}"] = pairs["overlap"][:, i]
    return {name: column.astype(np.float64) for name, column in found.items()}


def target_columns(block: Block) -> Columns:
    """Return what one model alone gives the token that followed: log_p, entropy, padding_mass."""
    alone = block.alone
    chosen = block.rows[np.arange(len(block.rows)), block.targets].astype(np.float64)
    return {
        "log_p": np.where(block.targets < 0, np.nan, chosen - alone["log_sum_exp"]),
        "entropy": alone["entropy"].astype(np.float64),
        "padding_mass": alone["padding_mass"].astype(np.float64),
    }


def target_rank(block: Block) -> Columns:
    """Return rank: the place, from 1, of the token that followed; NaN where none did."""
    places = [
        ranks(block.rows[i : i + 1], [target])[0, 0] if target >= 0 else np.nan
        for i, target in enumerate(block.targets.tolist())
    ]
    return {"rank": np.array(places, dtype=np.float64)}


def top_columns(k: int, block: Block) -> Columns:
    """Return top_ids, int32 (rows, k), of the most probable tokens, and top_log_p, in nats."""
    ids = top_k(block.rows, k)
    logits = np.take_along_axis(block.rows, ids.astype(np.intp), axis=1).astype(np.float64)
    return {"top_ids": ids, "top_log_p": logits - block.alone["log_sum_exp"][:, None]}


def first_choice(block: Block) -> Columns:
    """Return first_choice: the id of the variant's most probable token, padding left out."""
    return {"first_choice": block.alone["argmax"].astype(np.int64)}


def set_columns(sets: Mapping[str, npt.NDArray[np.int32]], block: Block) -> Columns:
    """Return how much a named set of tokens holds at each row, in both models.

    Columns: keyword_mass, reference_keyword_mass, keyword_mass_change, and keyword_kl, the KL
    divergence of both distributions cut down to the set. NaN where the row observes no set.

    Args:
        sets: ids by name; what a context calls its token set.
    """
    assert block.reference is not None, "a pair needs a reference"
    names = ("reference_keyword_mass", "keyword_mass", "keyword_kl")
    found: Columns = {name: np.full(len(block.rows), np.nan) for name in names}
    for name in dict.fromkeys(block.token_sets.tolist()):
        ids = sets.get(name)
        if ids is None or len(ids) == 0:
            continue
        rows = np.flatnonzero(block.token_sets == name)
        whole = len(rows) == len(block.rows)  # then nothing is copied
        pairs, mass_p, mass_q = restricted_statistics(
            block.reference if whole else block.reference[rows],
            block.rows if whole else block.rows[rows],
            block.targets[rows],
            ids,
            block.pairs[rows],
            threads=block.threads,
        )
        found["reference_keyword_mass"][rows] = mass_p
        found["keyword_mass"][rows] = mass_q
        found["keyword_kl"][rows] = pairs["kl"]
    found["keyword_mass_change"] = found["keyword_mass"] - found["reference_keyword_mass"]
    return found


def top_tokens(
    rows: Logits, log_sum_exp: npt.NDArray[np.float64], k: int
) -> list[list[tuple[int, float]]]:
    """Return the ids and probabilities of each row's k most probable tokens."""
    ids = top_k(rows, min(k, rows.shape[1]))
    logits = np.take_along_axis(rows, ids.astype(np.intp), axis=1).astype(np.float64)
    probabilities = np.exp(logits - np.asarray(log_sum_exp, dtype=np.float64)[:, None])
    return [
        list(zip(some.tolist(), values.tolist(), strict=True))
        for some, values in zip(ids, probabilities, strict=True)
    ]


@dataclass
class LargestDivergence:
    """Keeps the n stretches of some rows with the largest mean KL divergence.

    Blocks are cut into stretches one after another, so that no two overlap; of equal ones the
    earlier counts. Each is kept as worth (its mean KL divergence, nats), places (of its rows in
    the chunk), and for each row kl, delta_p, and the reference's and the variant's top_tokens.

    Attributes:
        n: how many are kept.
        length: rows of a stretch.
    """

    n: int
    length: int = 1
    _heap: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    _count: int = 0

    def offer(self, block: Block) -> None:
        """Look at one block of rows."""
        kl = np.nan_to_num(block.pairs["kl"].astype(np.float64), nan=-1.0)
        n = len(kl) // self.length
        means = kl[: n * self.length].reshape(n, self.length).mean(axis=1)
        for i in np.argsort(-means, kind="stable")[: self.n]:
            self._count += 1
            full = len(self._heap) == self.n
            if full and means[i] <= self._heap[0][0]:
                return
            stretch = slice(int(i) * self.length, (int(i) + 1) * self.length)
            entry = (float(means[i]), -self._count, _stretch(block, stretch))
            if full:
                heapq.heapreplace(self._heap, entry)
            else:
                heapq.heappush(self._heap, entry)

    def best(self) -> list[dict[str, Any]]:
        """Return the kept stretches, the most changed first."""
        ordered = sorted(self._heap, reverse=True, key=lambda entry: entry[:2])
        return [{"worth": worth, **content} for worth, _, content in ordered]


def _stretch(block: Block, stretch: slice) -> dict[str, Any]:
    assert block.reference is not None, "a pair needs a reference"
    pairs = block.pairs[stretch]
    delta = np.exp(pairs["log_q_target"]) - np.exp(pairs["log_p_target"])
    return {
        "places": block.places[stretch].tolist(),
        "kl": pairs["kl"].astype(np.float64).tolist(),
        "delta_p": np.asarray(delta, dtype=np.float64).tolist(),
        "reference": top_tokens(block.reference[stretch], pairs["log_sum_exp_p"], N_CHOICES),
        "variant": top_tokens(block.rows[stretch], pairs["log_sum_exp_q"], N_CHOICES),
    }


@dataclass
class FirstTokens:
    """Keeps the k most probable tokens of one row, such as that of a cold start.

    Padding counts, as it does in the model. Kept as reference and variant, each top_tokens.

    Attributes:
        place: of the row in its chunk.
    """

    place: int
    k: int
    _kept: list[dict[str, Any]] = field(default_factory=list)

    def offer(self, block: Block) -> None:
        """Look at one block of rows."""
        for i in np.flatnonzero(block.places == self.place):
            assert block.reference is not None, "a pair needs a reference"
            self._kept = [
                {
                    "reference": self._top(block.reference[i : i + 1]),
                    "variant": self._top(block.rows[i : i + 1]),
                }
            ]

    def best(self) -> list[dict[str, Any]]:
        """Return what is kept of the row; nothing before it came."""
        return self._kept

    def _top(self, rows: Logits) -> list[tuple[int, float]]:
        return top_tokens(rows, row_statistics(rows)["log_sum_exp"], self.k)[0]


@dataclass
class NextTokens:
    """Keeps ln p of named tokens at each row: the factors of chains. Kept as place and log_p.

    Attributes:
        wanted: ids by place of a row in its chunk.
    """

    wanted: Mapping[int, Sequence[int]]
    _kept: list[dict[str, Any]] = field(default_factory=list)

    def offer(self, block: Block) -> None:
        """Look at one block of rows."""
        for place, row, total in zip(
            block.places.tolist(), block.rows, block.alone["log_sum_exp"], strict=True
        ):
            log_p = log_probabilities(row, float(total), self.wanted[place])
            self._kept.append({"place": place, "log_p": log_p})

    def best(self) -> list[dict[str, Any]]:
        """Return what is kept of all rows."""
        return self._kept


def log_probabilities(row: Logits, log_sum_exp: float, ids: Sequence[int]) -> dict[int, float]:
    """Return ln p of some tokens of one row: logit - log sum exp, in float64."""
    chosen = row[np.asarray(ids, dtype=np.intp)].astype(np.float64) - log_sum_exp
    return dict(zip(ids, chosen.tolist(), strict=True))
