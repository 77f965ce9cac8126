"""Keep the positions where a variant departs most from the reference, with both top choices."""

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.comparison.passes import Block
from pyengine.comparison.records import Choice, SpotRecord
from pyengine.comparison.texts import TokenizedText
from pyengine.comparison.windows import Window
from pyengine.engine.model import Vocabulary
from pyengine.statistics import top_k

N_CHOICES = 5
BYTES_BEFORE = 160


@dataclass(frozen=True)
class Spot:
    """One position: where it is and what both models wanted."""

    document: int
    token: int
    target: int
    kl: float
    delta_p: float
    reference: tuple[tuple[int, float], ...]
    variant: tuple[tuple[int, float], ...]


class SpotKeeper:
    """Keeps the n positions of largest KL divergence."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._heap: list[tuple[float, int, Spot]] = []
        self._count = 0

    def offer(self, block: Block, window: Window) -> None:
        """Look at one block of positions."""
        kl = np.nan_to_num(block.records["kl"], nan=-1.0)
        for row in np.argsort(-kl, kind="stable")[: self.n]:
            self._count += 1
            if len(self._heap) == self.n and kl[row] <= self._heap[0][0]:
                return
            entry = (float(kl[row]), -self._count, _spot(block, window, int(row)))
            if len(self._heap) < self.n:
                heapq.heappush(self._heap, entry)
            else:
                heapq.heapreplace(self._heap, entry)

    def best(self) -> list[Spot]:
        """Return the kept positions, largest divergence first."""
        return [spot for _, _, spot in sorted(self._heap, reverse=True, key=lambda e: e[:2])]


def _spot(block: Block, window: Window, row: int) -> Spot:
    record = block.records[row]
    place = block.begin + row
    delta = np.exp(record["log_q_target"]) - np.exp(record["log_p_target"])
    return Spot(
        document=window.document,
        token=int(window.tokens[place]),
        target=int(window.targets[place]),
        kl=float(record["kl"]),
        delta_p=float(delta),
        reference=_choices(block.reference[row], float(record["log_sum_exp_p"])),
        variant=_choices(block.rows[row], float(record["log_sum_exp_q"])),
    )


def _choices(row: npt.NDArray[np.float32], log_sum_exp: float) -> tuple[tuple[int, float], ...]:
    ids = top_k(row[None], N_CHOICES)[0]
    return tuple((int(i), float(np.exp(float(row[i]) - log_sum_exp))) for i in ids)


def spot_record(spot: Spot, document: TokenizedText, vocabulary: Vocabulary) -> SpotRecord:
    """Write out a position with the text around it."""
    offset = None if document.starts is None else max(int(document.starts[spot.token]), 0)
    return SpotRecord(
        document=document.text.name,
        language=document.text.language,
        token_index=spot.token,
        byte_offset=offset,
        before=text_of(document.before(spot.token, BYTES_BEFORE)),
        target=text_of(vocabulary.piece(spot.target)),
        token_class=document.token_class(spot.token),
        kl=spot.kl,
        delta_p=spot.delta_p,
        reference_top=[choice_record(c, vocabulary) for c in spot.reference],
        variant_top=[choice_record(c, vocabulary) for c in spot.variant],
    )


def choice_record(choice: tuple[int, float], vocabulary: Vocabulary) -> Choice:
    """Write out a token and its probability."""
    token, probability = choice
    return Choice(token=token, text=text_of(vocabulary.piece(token)), probability=probability)


def text_of(data: bytes) -> str:
    """Decode bytes for the eye; the record's ids are exact."""
    return data.decode(errors="replace")
