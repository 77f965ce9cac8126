"""Keep the stretches of text that a variant changed most, token by token."""

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.comparison.passes import Block
from pyengine.comparison.records import PassageRecord, PassageToken
from pyengine.comparison.spots import N_CHOICES, choice_record, text_of
from pyengine.comparison.texts import TokenizedText
from pyengine.comparison.windows import Window
from pyengine.engine.model import Vocabulary
from pyengine.statistics import top_k

LENGTH = 32


@dataclass(frozen=True)
class TopTokens:
    """The most probable tokens of some rows: ids and probabilities, both (rows, N_CHOICES)."""

    ids: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Passage:
    """Consecutive scored tokens, what each was worth, and what both models wanted there."""

    document: int
    tokens: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    kl: npt.NDArray[np.float64]
    reference: TopTokens
    variant: TopTokens


class PassageKeeper:
    """Keeps the n stretches of LENGTH tokens with the largest mean KL divergence.

    Blocks are cut into stretches one after the other, so that no two overlap.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._heap: list[tuple[float, int, Passage]] = []
        self._count = 0

    def offer(self, block: Block, window: Window) -> None:
        """Look at one block of positions."""
        kl = block.records["kl"].astype(np.float64)
        for begin in range(0, len(kl) - LENGTH + 1, LENGTH):
            mean = float(kl[begin : begin + LENGTH].mean())
            self._count += 1
            full = len(self._heap) == self.n
            if self.n == 0 or np.isnan(mean) or (full and mean <= self._heap[0][0]):
                continue
            push = heapq.heapreplace if full else heapq.heappush
            push(self._heap, (mean, -self._count, _passage(block, window, begin)))

    def best(self) -> list[Passage]:
        """Return the kept stretches, the most changed first."""
        return [kept for _, _, kept in sorted(self._heap, reverse=True, key=lambda e: e[:2])]


def _passage(block: Block, window: Window, begin: int) -> Passage:
    rows = slice(begin, begin + LENGTH)
    places = slice(block.begin + begin, block.begin + begin + LENGTH)
    records = block.records[rows]
    return Passage(
        document=window.document,
        tokens=window.tokens[places].copy(),
        targets=window.targets[places].copy(),
        kl=records["kl"].astype(np.float64),
        reference=_top_tokens(block.reference[rows], records["log_sum_exp_p"]),
        variant=_top_tokens(block.rows[rows], records["log_sum_exp_q"]),
    )


def _top_tokens(rows: npt.NDArray[np.float32], log_sum_exp: npt.NDArray[np.float64]) -> TopTokens:
    ids = top_k(rows, min(N_CHOICES, rows.shape[1]))
    logits = np.take_along_axis(rows, ids.astype(np.intp), axis=1).astype(np.float64)
    return TopTokens(ids, np.exp(logits - log_sum_exp.astype(np.float64)[:, None]))


def passage_record(
    passage: Passage, document: TokenizedText, vocabulary: Vocabulary
) -> PassageRecord:
    """Write out a stretch with its text."""
    return PassageRecord(
        document=document.text.name,
        language=document.text.language,
        token_index=int(passage.tokens[0]),
        mean_kl=float(passage.kl.mean()),
        tokens=[_token(passage, row, vocabulary) for row in range(len(passage.kl))],
    )


def _token(passage: Passage, row: int, vocabulary: Vocabulary) -> PassageToken:
    reference, variant = (
        [
            choice_record((int(i), float(p)), vocabulary)
            for i, p in zip(top.ids[row], top.probabilities[row], strict=True)
        ]
        for top in (passage.reference, passage.variant)
    )
    return PassageToken(
        text=text_of(vocabulary.piece(int(passage.targets[row]))),
        kl=float(passage.kl[row]),
        reference_top=reference,
        variant_top=variant,
    )
