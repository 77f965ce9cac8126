"""Decode tokens and read rows of logits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.log import forward_log
from pyengine.models.model import Model
from pyengine.models.options import SessionOptions, used_threads
from pyengine.models.prefix_tree import separate_batch, split_by_size, tree_batch
from pyengine.models.trial import try_where_needed

Logits = npt.NDArray[np.float32]
# Tokens decoded side by side at most where rows are to be those of each sequence alone. From eight
# on llama.cpp's processor kernels multiply K-quants in another order, from 64 on attention too.
FEW_TOKENS = 7


class ScoredTokens(Protocol):
    """Token ids, and rising indices into them after which rows of logits are read."""

    @property
    def ids(self) -> npt.NDArray[np.int32]:
        """The tokens."""

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The indices."""


class Session:
    """Decodes on one model. Independent sessions may run in different threads.

    Every method but `decode` starts from an empty memory, so equal calls give equal bits.

    Attributes:
        context: the compiled context, for layers that need its single steps.
    """

    def __init__(
        self,
        model: Model,
        *,
        options: SessionOptions | None = None,
        settings: Mapping[str, Any] = MappingProxyType({}),
        collector: _core.ImportanceCollector | None = None,
    ) -> None:
        """Create the decoding context.

        Args:
            model: an open model.
            options: how it decodes, but for what the model was opened with.
            settings: fields of the options that count above all.
            collector: sums the activations of every `decode`, which then gives no logits.

        Raises:
            ModelKindError: the model has no weights, or no next-token distribution.
            ModelFileError: llama.cpp dies on a context of this length.
            OptionError: an option is out of range.
        """
        self.model = model
        self.options = replace(model.options.session(options or SessionOptions()), **settings)
        self.threads = used_threads(self.options.threads)
        if self.options.max_rows < 1:
            raise OptionError(f"max_rows must be at least 1, not {self.options.max_rows}")
        # Whether sequences of one token (True), and longer ones, have the same bits beside others.
        self._equal: dict[bool, bool] = {}
        _try_positions(model, self.options.n_ctx)
        try:
            self.context = _core.Context(
                model.core,
                n_ctx=self.options.n_ctx,
                n_batch=self.options.n_batch,
                n_ubatch=self.options.n_ubatch,
                n_seq_max=self.options.n_seq_max,
                n_outputs_max=self.options.max_rows,
                threads=self.threads,
                flash_attention=self.options.flash_attention,
                offload_kqv=self.options.offload_kqv,
                kv_unified=self.options.kv_unified,
                k_type=self.options.k_type,
                v_type=self.options.v_type,
                rope_freq_base=self.options.rope_freq_base,
                rope_freq_scale=self.options.rope_freq_scale,
                collector=collector,
            )
        finally:
            forward_log()

    def logits(self, tokens: Sequence[int] | npt.NDArray[np.int32]) -> Logits:
        """Return the logits after the last of the tokens: float32, (n_vocab,)."""
        ids = _token_array(tokens)
        rows = self.logits_at(ids, [len(ids) - 1])
        return rows.reshape(-1)

    def logits_at(
        self,
        tokens: Sequence[int] | npt.NDArray[np.int32],
        positions: Sequence[int] | npt.NDArray[np.int64],
    ) -> Logits:
        """Return the logits after the tokens at the given positions.

        Args:
            tokens: one sequence of ids.
            positions: rising indices into it.

        Returns:
            float32, (len(positions), n_vocab); row i predicts token positions[i] + 1.
        """
        blocks = [rows.copy() for _, rows in self.iterate_rows(tokens, positions)]
        return np.concatenate(blocks) if len(blocks) != 1 else blocks[0]

    def iterate_rows(
        self,
        tokens: Sequence[int] | npt.NDArray[np.int32],
        positions: Sequence[int] | npt.NDArray[np.int64],
    ) -> Iterator[tuple[npt.NDArray[np.int64], Logits]]:
        """Yield (positions, rows) in blocks, without copying the logits.

        The rows are a view of llama.cpp's buffer: read them before taking the next block.
        """
        ids = _token_array(tokens)
        wanted = np.zeros(len(ids), dtype=np.bool_)
        wanted[_checked_positions(positions, len(ids))] = True
        self.context.clear()
        for start, stop in self.blocks(wanted):
            self.decode(
                ids[start:stop], np.arange(start, stop), [[0]] * (stop - start), wanted[start:stop]
            )
            if wanted[start:stop].any():
                yield start + np.flatnonzero(wanted[start:stop]), self.context.logits

    def batch_logits(self, sequences: Sequence[Sequence[int]]) -> Logits:
        """Return the logits after the last token of each sequence, decoded side by side.

        Shared prefixes are decoded once; a recurrent state belongs to one sequence, so recurrent
        models decode each sequence whole, side by side.

        Returns:
            float32, (len(sequences), n_vocab), in the order given. Matrix products are blocked
            differently in a batch, so a logit differs from one-by-one decoding by rounding, and in
            a quantized file by what rounding becomes there; `rows` gives those of each alone.
        """
        if any(len(tokens) == 0 for tokens in sequences):
            raise OptionError("a sequence has no token: a distribution needs at least one")
        result = np.empty((len(sequences), self.model.n_vocab), dtype=np.float32)
        max_tokens = min(self.context.n_batch, self.context.n_ctx)
        for indices in self._groups(sequences, max_tokens):
            result[indices] = self._side_by_side([sequences[index] for index in indices])
        return result

    def rows(
        self, contexts: Sequence[ScoredTokens]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Logits]]:
        """Yield (places, rows) in blocks over many contexts.

        Each context is decoded from an empty memory. Of contexts with one row each, equal ones are
        decoded once; with room for several sequences, a few are decoded side by side as long as
        that gives the bits that each gives alone.

        Returns:
            places: index of each row, counted through the rows of all contexts, int64.
            rows: may be a view of llama.cpp's buffer: read them before taking the next block.
        """
        if self.options.max_rows > 1 and all(map(_ends_in_its_row, contexts)):
            yield from self._last_rows([context.ids.tolist() for context in contexts])
        else:
            yield from self.rows_in_order(contexts)

    def rows_in_order(
        self, contexts: Iterable[ScoredTokens]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Logits]]:
        """Yield (places, rows), each context decoded alone, whatever the others are; see `rows`."""
        begin = 0
        for context in contexts:
            for _, rows in self.iterate_rows(context.ids, context.rows):
                yield np.arange(begin, begin + len(rows), dtype=np.int64), rows
                begin += len(rows)

    def _last_rows(
        self, sequences: Sequence[Sequence[int]]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Logits]]:
        """Yield the row after each sequence, the same whether decoded alone or beside others.

        Sequences of one token are a case of their own: matrix products with one column take
        other kernels.
        """
        places: dict[tuple[int, ...], list[int]] = {}
        for place, tokens in enumerate(sequences):
            places.setdefault(tuple(tokens), []).append(place)
        for short in (True, False):
            distinct = [tokens for tokens in places if (len(tokens) == 1) is short]
            for indices in self._groups(distinct, FEW_TOKENS):
                group = [distinct[index] for index in indices]
                where = [places[tokens] for tokens in group]
                if len(group) > 1 and self._may_share(group, short=short):
                    yield spread(where, self._side_by_side(group))
                    continue
                for tokens, here in zip(group, where, strict=True):
                    yield spread([here], self._alone(tokens)[None])

    def _may_share(self, group: Sequence[Sequence[int]], *, short: bool) -> bool:
        """Return whether sequences decoded side by side have the bits of each alone.

        The first group of its kind that this session meets is decoded both ways.
        """
        if short not in self._equal:
            beside = self._side_by_side(group).copy()
            alone = [self._alone(tokens) for tokens in group]
            self._equal[short] = np.array_equal(beside, alone)
        return self._equal[short]

    def _alone(self, tokens: Sequence[int]) -> Logits:
        """Return the row after a sequence that is decoded alone.

        The row before it is computed too: a matrix product with one column takes another kernel
        than one with several, and beside others there are several.
        """
        last = len(tokens) - 1
        rows = self.logits_at(tokens, [last - 1, last] if last else [last])
        row: Logits = rows[-1]
        return row

    def _groups(self, sequences: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
        """Return indices of sequences in groups that are decoded side by side."""
        max_sequences = min(self.context.n_seq_max, self.context.n_outputs_max)
        return split_by_size(
            sequences,
            max_sequences=max_sequences,
            max_tokens=max_tokens,
            share=not self.model.is_recurrent,
        )

    def _side_by_side(self, group: Sequence[Sequence[int]]) -> Logits:
        """Return the row after each sequence of a group that fits one batch."""
        if len(group) == 1:
            return self.logits(group[0])[None]
        batch = separate_batch(group) if self.model.is_recurrent else tree_batch(group)
        self.context.clear()
        self.decode(batch.ids, batch.positions, batch.sequences, batch.outputs)
        rows, order = self.context.logits, [row for (row,) in batch.rows]
        return rows if order == list(range(len(group))) else rows[order]

    def decode(
        self,
        ids: npt.ArrayLike,
        positions: npt.ArrayLike,
        sequences: Sequence[Sequence[int]],
        outputs: npt.ArrayLike,
    ) -> None:
        """Decode one batch after what the context holds, and log what llama.cpp says."""
        try:
            self.context.decode(ids, positions, sequences, outputs)
        finally:
            forward_log()

    def blocks(self, wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
        """Cut tokens so that each block fits n_batch and asks for at most max_rows rows."""
        start, rows = 0, 0
        for i, want in enumerate(wanted):
            full = i - start >= self.context.n_batch
            if full or rows + want > self.options.max_rows:
                yield start, i
                start, rows = i, 0
            rows += int(want)
        yield start, len(wanted)


def _try_positions(model: Model, n_ctx: int) -> None:
    """Try a model of an unreviewed architecture again where it is to reach further than before."""
    if model.tried_positions is not None and n_ctx > model.tried_positions:
        # On the CPU: the model itself may fill the GPU by now.
        how = replace(model.options, n_gpu_layers=0)
        model.tried_positions = try_where_needed(model.path, options=how, n_ctx=n_ctx)


def _token_array(tokens: Sequence[int] | npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    ids = np.asarray(tokens)
    if ids.ndim != 1 or len(ids) == 0 or ids.dtype.kind not in "iu":
        raise OptionError("tokens must be one sequence of at least one whole number")
    if ids.min() < 0 or ids.max() > np.iinfo(np.int32).max:
        raise OptionError(f"token id {ids.min() if ids.min() < 0 else ids.max()} is impossible")
    return ids.astype(np.int32)


def _checked_positions(
    positions: Sequence[int] | npt.NDArray[np.int64], length: int
) -> npt.NDArray[np.int64]:
    array = np.asarray(positions, dtype=np.int64)
    rising = array.ndim == 1 and len(array) > 0 and bool(np.all(np.diff(array) > 0))
    if not rising or array[0] < 0 or array[-1] >= length:
        raise OptionError(f"positions must rise within 0 to {length - 1}: {array.tolist()[:8]}")
    return array


def _ends_in_its_row(context: ScoredTokens) -> bool:
    return len(context.rows) == 1 and int(context.rows[0]) == len(context.ids) - 1


def spread(places: Sequence[Sequence[int]], rows: Logits) -> tuple[npt.NDArray[np.int64], Logits]:
    """Give each row to all of its places."""
    counts = [len(here) for here in places]
    spread = np.repeat(rows, counts, axis=0) if max(counts) > 1 else rows
    return np.array([place for here in places for place in here], dtype=np.int64), spread
