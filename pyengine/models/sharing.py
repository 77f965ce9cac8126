"""Decode what many contexts have in common once, and keep it from one group to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pyengine.models.model import Model
from pyengine.models.options import SessionOptions
from pyengine.models.prefix_tree import common_prefix, tree_batch
from pyengine.models.session import Logits, ScoredTokens, Session, spread


class SharingSession(Session):
    """A session whose rows of many contexts take the tokens of their prefix tree, each once.

    Contexts are decoded in sorted order, as many side by side as there are sequences and as fit
    one batch. What the next group has in common with the last context stays in memory.
    """

    def __init__(self, model: Model, *, options: SessionOptions, share: bool = True) -> None:
        """Create the decoding context.

        Args:
            model: an open model.
            options: how it decodes; n_ctx holds the longest context and one batch besides.
            share: False to decode each context alone, in the order given. A recurrent state has
                no parts that could be shared.

        Raises:
            ModelKindError: the model has no weights, or no next-token distribution.
            OptionError: an option is out of range.
        """
        super().__init__(model, options=options)
        self.share = share and not model.is_recurrent and options.n_seq_max > 1

    def rows(
        self, contexts: Sequence[ScoredTokens]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Logits]]:
        """Yield (places, rows) in blocks over many contexts, places in no certain order.

        Batches move logits by rounding, and those of quantized files by more: equal calls give
        equal bits, and a context the same in other company may not.

        Returns:
            places: index of each row, counted through the rows of all contexts, int64.
            rows: may be a view of llama.cpp's buffer: read them before taking the next block.
        """
        if not self.share:
            yield from self.rows_in_order(contexts)
            return
        ids = [context.ids.tolist() for context in contexts]
        wanted = [context.rows.tolist() for context in contexts]
        offsets = np.cumsum([0, *map(len, wanted)]).tolist()
        order = sorted(range(len(ids)), key=ids.__getitem__)
        sorted_ids = [ids[index] for index in order]
        # What each has in common with the one before it.
        shared = [0, *map(common_prefix, sorted_ids, sorted_ids[1:])]
        self.context.clear()
        at, holder = 0, 0
        while at < len(order):
            held = self._group(sorted_ids, [wanted[i][0] for i in order], shared, at)
            group = order[at : at + len(held)]
            sequences = self._take_over(holder, held)
            if sequences is None:  # this memory cannot be cut there: nothing is kept
                self.context.clear()
                shared[at] = 0
                continue
            owners = [range(offsets[index], offsets[index + 1]) for index in group]
            yield from self._decode_tree(
                [ids[i] for i in group], [wanted[i] for i in group], held, sequences, owners
            )
            at += len(group)
            holder = sequences[-1]

    def _group(
        self,
        ids: Sequence[Sequence[int]],
        first_rows: Sequence[int],
        shared: Sequence[int],
        begin: int,
    ) -> list[int]:
        """Return how many tokens are held of each context of the next group, from `begin` on.

        The context before is in memory. A token after which a row is read is decoded again.
        """
        held: list[int] = []
        used, common = 0, shared[begin]
        for at in range(begin, min(begin + self.context.n_seq_max, len(ids))):
            common = min(common, shared[at])
            known = min(common, first_rows[at])
            # Only those that begin with equally many held tokens are merged.
            beside = shared[at] if held and held[-1] == known else 0
            new = len(ids[at]) - max(known, beside)
            if held and used + new > self.context.n_batch:
                break
            held.append(known)
            used += new
        return held

    def _take_over(self, holder: int, held: Sequence[int]) -> list[int] | None:
        """Let a sequence for each context hold its first tokens, and all others nothing.

        Returns:
            the sequences, the first of which is the one that held them; None where that failed.
        """
        free = [number for number in range(self.context.n_seq_max) if number != holder]
        sequences = [holder, *free[: len(held) - 1]]
        for number in free:
            n_tokens = held[sequences.index(number)] if number in sequences else 0
            if not self.context.take_over(holder, number, n_tokens) and n_tokens:
                return None
        whole = self.context.take_over(holder, holder, held[0]) or not held[0]
        return sequences if whole else None

    def _decode_tree(
        self,
        ids: Sequence[Sequence[int]],
        wanted: Sequence[Sequence[int]],
        held: Sequence[int],
        sequences: Sequence[int],
        owners: Sequence[range],
    ) -> Iterator[tuple[npt.NDArray[np.int64], Logits]]:
        batch = tree_batch(ids, held=held, wanted=wanted)
        places: list[list[int]] = [[] for _ in range(sum(batch.outputs))]
        for rows, own in zip(batch.rows, owners, strict=True):
            for row, place in zip(rows, own, strict=True):
                places[row].append(place)
        through = [[sequences[number] for number in numbers] for numbers in batch.sequences]
        outputs = np.array(batch.outputs)
        done = 0
        for start, stop in self.blocks(outputs):
            part = slice(start, stop)
            self.decode(batch.ids[part], batch.positions[part], through[part], outputs[part])
            n_rows = int(np.count_nonzero(outputs[part]))
            if n_rows:
                yield spread(places[done : done + n_rows], self.context.logits)
            done += n_rows
