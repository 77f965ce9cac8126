"""A compact copy of the reference's rows on disk: under 3 kB for a token, whatever the vocabulary.

Kept exactly: the logits of the 256 most probable tokens, of the language's keywords and of the
token that followed, and the row's own statistics. Everything else is one number, its mass. Against
a variant, the rest is spread in the variant's own proportions. That makes every divergence the
one between both distributions with the rest taken as a single event, which is never more than the
true one (data-processing inequality): what this plan gives are lower bounds, close where the rest
is small. Log-probabilities, first choices and perplexities stay exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyengine.comparison.passes import Block, Reduction
from pyengine.comparison.windows import Window
from pyengine.files import replacing
from pyengine.statistics import pair_statistics, top_k

N_KEPT = 256
# Taken over from the reference's own rows: filling the rest must not change them.
OWN_FIELDS = ("argmax_p", "rank_p_target", "entropy_p", "top_p", "padding_mass_p")

Logits = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class ReferenceCache:
    """A folder with one file for each window.

    Attributes:
        keywords: for each window index the tokens that are kept besides the most probable.
    """

    folder: Path
    reduction: Reduction
    keywords: Mapping[int, Ids]

    def write(self, index: int, window: Window, rows: Logits) -> None:
        """Keep what matters of one window's rows, all of them at once."""
        own = pair_statistics(
            rows,
            rows,
            window.targets,
            padding=self.reduction.padding,
            threads=self.reduction.threads,
        )
        ids = self._kept_ids(index, window, rows)
        kept = np.take_along_axis(rows, ids, axis=1)
        with replacing(self._path(index)) as temporary, temporary.open("wb") as file:
            np.savez(file, ids=ids, logits=kept, own=own)

    def _kept_ids(self, index: int, window: Window, rows: Logits) -> Ids:
        masked = rows
        if len(self.reduction.padding):
            masked = rows.copy()
            masked[:, self.reduction.padding] = -np.inf
        best = top_k(masked, N_KEPT, threads=self.reduction.threads)
        words = np.broadcast_to(self.keywords[index], (len(rows), len(self.keywords[index])))
        return np.concatenate([best, words, window.targets[:, None]], axis=1).astype(np.int32)

    def block(self, variant: int, index: int, window: Window, begin: int, rows: Logits) -> Block:
        """Compare a block of a variant's rows with what was kept."""
        end = begin + len(rows)
        with np.load(self._path(index)) as kept:
            ids, logits, own = kept["ids"][begin:end], kept["logits"][begin:end], kept["own"]
        own = own[begin:end]
        reference = self._filled(rows, ids, logits, own["log_sum_exp_p"])
        block = self.reduction.block(variant, index, window, begin, reference, rows)
        for name in OWN_FIELDS:
            block.records[name] = own[name]
        return block

    def _filled(
        self, rows: Logits, ids: Ids, logits: Logits, log_sum_exp: npt.NDArray[np.float64]
    ) -> Logits:
        """Return rows that hold the kept logits, and the rest in the variant's proportions."""
        reference = rows.astype(np.float64)
        reference[:, self.reduction.padding] = -np.inf
        np.put_along_axis(reference, ids, -np.inf, axis=1)
        present = np.zeros(rows.shape, dtype=np.float64)
        np.put_along_axis(present, ids, np.exp(logits - log_sum_exp[:, None]), axis=1)
        rest = np.maximum(1.0 - present.sum(axis=1), 0.0)
        top = np.max(reference, axis=1, initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0.0)
        weight = np.exp(reference - top[:, None]).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.log(rest) - np.log(weight) - top + log_sum_exp
        reference += np.where(np.isfinite(shift), shift, -np.inf)[:, None]
        np.put_along_axis(reference, ids, logits.astype(np.float64), axis=1)
        return reference.astype(np.float32)

    def _path(self, index: int) -> Path:
        return self.folder / f"window{index:06d}.npz"
