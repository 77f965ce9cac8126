"""Decode tokens and read rows of logits."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.log import forward_log
from pyengine.models.model import Model
from pyengine.models.options import SessionOptions, default_threads
from pyengine.models.prefix_tree import separate_batch, split_by_size, tree_batch
from pyengine.models.trial import try_where_needed

Logits = npt.NDArray[np.float32]


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

    def __init__(self, model: Model, *, options: SessionOptions | None = None) -> None:
        """Create the decoding context.

        Raises:
            ModelKindError: the model has no weights, or no next-token distribution.
            ModelFileError: llama.cpp dies on a context of this length.
            OptionError: an option is out of range.
        """
        self.model = model
        self.options = options or SessionOptions()
        self.threads = default_threads() if self.options.threads is None else self.options.threads
        if self.options.max_rows < 1:
            raise OptionError(f"max_rows must be at least 1, not {self.options.max_rows}")
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
        for start, stop in self._blocks(wanted):
            self.decode(
                ids[start:stop], np.arange(start, stop), [[0]] * (stop - start), wanted[start:stop]
            )
            if wanted[start:stop].any():
                yield start + np.flatnonzero(wanted[start:stop]), self.context.logits

    def batch_logits(self, sequences: Sequence[Sequence[int]]) -> Logits:
        """Return the logits after the last token of each sequence.

        Shared prefixes are decoded once; a recurrent state belongs to one sequence, so recurrent
        models decode each sequence whole, side by side.

        Returns:
            float32, (len(sequences), n_vocab), in the order given. Matrix products are blocked
            differently in a batch, so a logit differs from one-by-one decoding by rounding: at
            most 0.005 of the row's largest logit in the tests, most of it from the
            half-precision attention cache.
        """
        result = np.empty((len(sequences), self.model.n_vocab), dtype=np.float32)
        for indices, rows in self.iterate_batches(sequences):
            result[indices] = rows
        return result

    def iterate_batches(
        self, sequences: Sequence[Sequence[int]]
    ) -> Iterator[tuple[list[int], Logits]]:
        """Yield (indices, rows) for groups of sequences that fit one batch.

        The rows may be a view of llama.cpp's buffer: read them before taking the next group.
        """
        if any(len(tokens) == 0 for tokens in sequences):
            raise OptionError("a sequence has no token: a distribution needs at least one")
        max_sequences = min(self.context.n_seq_max, self.context.n_outputs_max)
        max_tokens = min(self.context.n_batch, self.context.n_ctx)
        recurrent = self.model.is_recurrent
        groups = split_by_size(
            sequences, max_sequences=max_sequences, max_tokens=max_tokens, share=not recurrent
        )
        for indices in groups:
            group = [sequences[index] for index in indices]
            if len(group) == 1:
                yield indices, self.logits(group[0])[None]
                continue
            batch = separate_batch(group) if recurrent else tree_batch(group)
            self.context.clear()
            self.decode(batch.ids, batch.positions, batch.sequences, batch.outputs)
            rows = self.context.logits
            in_order = batch.rows == list(range(len(indices)))
            yield indices, rows if in_order else rows[batch.rows]

    def rows(
        self, contexts: Sequence[ScoredTokens]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Logits]]:
        """Yield (places, rows) in blocks over many contexts.

        Each context is decoded from an empty memory. With room for several sequences, contexts
        with one row each are decoded side by side in groups of as many, and a shared prefix once.

        Returns:
            places: index of each row, counted through the rows of all contexts, int64.
            rows: a view of llama.cpp's buffer: read them before taking the next block.
        """
        begin = 0
        if self.options.n_seq_max > 1 and all(len(context.rows) == 1 for context in contexts):
            for begin in range(0, len(contexts), self.options.n_seq_max):
                group = contexts[begin : begin + self.options.n_seq_max]
                for indices, rows in self.iterate_batches([c.ids.tolist() for c in group]):
                    yield begin + np.asarray(indices, dtype=np.int64), rows
            return
        for context in contexts:
            for _, rows in self.iterate_rows(context.ids, context.rows):
                yield np.arange(begin, begin + len(rows), dtype=np.int64), rows
                begin += len(rows)

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

    def _blocks(self, wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
        """Cut a sequence so that each block fits n_batch and asks for at most max_rows rows."""
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
