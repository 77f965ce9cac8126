"""Decode windows with the reference and its variants, and reduce each pair of rows at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.comparison.windows import Window
from pyengine.engine.session import Session
from pyengine.statistics import pair_statistics

Logits = npt.NDArray[np.float32]
# A window's rows in the blocks that they came in.
KeptRows = list[Logits]
# Windows with their indices.
Group = list[tuple[int, Window]]


@dataclass(frozen=True)
class Block:
    """Rows of one variant beside the reference's, for some positions of one window.

    Attributes:
        variant: index of the variant.
        window: index of the window.
        begin: index, within the window's scored rows, of the first one here.
        reference: float32 (rows, n_vocab), valid until the next block only.
        rows: the variant's.
        records: `pair_statistics` of both.
    """

    variant: int
    window: int
    begin: int
    reference: Logits
    rows: Logits
    records: npt.NDArray[np.void]


@dataclass(frozen=True)
class Reduction:
    """How rows are compared."""

    padding: npt.NDArray[np.int32]
    threads: int

    def block(
        self, variant: int, index: int, window: Window, begin: int, reference: Logits, rows: Logits
    ) -> Block:
        """Compare two blocks of rows."""
        targets = window.targets[begin : begin + len(rows)]
        records = pair_statistics(
            reference, rows, targets, padding=self.padding, threads=self.threads
        )
        return Block(variant, index, begin, reference, rows, records)


def live_window(
    reference: Session,
    variants: Sequence[Session],
    index: int,
    window: Window,
    reduction: Reduction,
    *,
    control: Session | None = None,
) -> Iterator[Block]:
    """Decode one window with all models side by side; no row is ever copied.

    All sessions must have the same n_batch and max_rows, so that their blocks are the same. The
    control, which may have a smaller max_rows, computes so many of the first rows and comes as the
    variant after the last.
    """
    streams = [session.iterate_rows(window.ids, window.rows) for session in (reference, *variants)]
    begin = 0
    for (_, reference_rows), *others in zip(*streams, strict=True):
        for variant, (_, rows) in enumerate(others):
            yield reduction.block(variant, index, window, begin, reference_rows, rows)
        if control is not None and begin == 0:
            yield control_block(control, len(variants), index, window, reference_rows, reduction)
        begin += len(reference_rows)


def control_block(
    control: Session,
    variant: int,
    index: int,
    window: Window,
    reference: Logits,
    reduction: Reduction,
) -> Block:
    """Compute a window's first rows again, beside those that the reference computed at once."""
    part = window.up_to(min(control.options.max_rows, len(reference)))
    rows = next(control.iterate_rows(part.ids, part.rows))[1]
    return reduction.block(variant, index, window, 0, reference[: len(rows)], rows)


def keep_rows(session: Session, windows: Group) -> list[KeptRows]:
    """Decode windows and return copies of their rows, in the blocks that they came in."""
    return [
        [rows.copy() for _, rows in session.iterate_rows(window.ids, window.rows)]
        for _, window in windows
    ]


def beside_kept(
    kept: Sequence[KeptRows], variant: int, session: Session, windows: Group, reduction: Reduction
) -> Iterator[Block]:
    """Decode windows with one model and compare it with the kept rows of the reference.

    The session must have the n_batch and max_rows of the one that decoded the reference.
    """
    for (index, window), reference_blocks in zip(windows, kept, strict=True):
        begin = 0
        stream = session.iterate_rows(window.ids, window.rows)
        for reference_rows, (_, rows) in zip(reference_blocks, stream, strict=True):
            yield reduction.block(variant, index, window, begin, reference_rows, rows)
            begin += len(rows)


def blocks_of(windows: Sequence[Window], n_vocab: int, cap_bytes: int) -> list[Group]:
    """Group windows so that the reference's rows of a group fit the cap; at least one each."""
    limit = max(1, cap_bytes // (4 * n_vocab))
    groups: list[Group] = []
    rows = limit + 1
    for index, window in enumerate(windows):
        if rows + len(window) > limit:
            groups.append([])
            rows = 0
        groups[-1].append((index, window))
        rows += len(window)
    return groups
