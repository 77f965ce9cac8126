"""Whole rows of logits in a folder, only where the user asked for them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyengine.files import replacing
from pyengine.measure.contexts import Chunk, Context
from pyengine.measure.observers import Block, Logits

MEMBERS = {"ids.npy", "rows.npy", "targets.npy", "logits.npy"}


@dataclass(eq=False)
class SaveRows:
    """Writes one .npz for each window and model: ids, rows, targets, logits.

    The first variant's process writes the reference's rows too. Nothing is kept in the record. A
    file in the folder that is none of these is never replaced.

    Attributes:
        folder: where they go, as `variantN-windowNNNNNN.npz` and `reference-windowNNNNNN.npz`.
        contexts: the windows of the chunk.
        first: number of the first of them among all windows.
        variants: the number of each variant by its id; others are not saved.
    """

    folder: str
    contexts: Sequence[Context]
    first: int
    variants: Mapping[str, int]
    _open: dict[tuple[str, int], tuple[Logits, int]] = field(default_factory=dict)

    def offer(self, block: Block) -> None:
        """Keep a block of rows; write a window when its last row has come."""
        number = self.variants.get(block.variant)
        if number is None:
            return
        self._take(f"variant{number}", block, block.rows)
        if number == 0:
            assert block.reference is not None, "a pair needs a reference"
            self._take("reference", block, block.reference)

    def best(self) -> list[dict[str, Any]]:
        """Return nothing: the rows are in their folder."""
        return []

    def _take(self, name: str, block: Block, rows: Logits) -> None:
        begins = np.cumsum([0, *(len(context) for context in self.contexts)])
        windows = np.searchsorted(begins, block.places, side="right") - 1
        for window in np.unique(windows).tolist():
            inside = windows == window
            context = self.contexts[window]
            empty = np.empty((len(context), rows.shape[1]), np.float32), 0
            logits, n = self._open.get((name, window), empty)
            logits[block.places[inside] - begins[window]] = rows[inside]
            n += int(inside.sum())
            self._open[name, window] = logits, n
            if n == len(context):
                del self._open[name, window]
                self._write(f"{name}-window{self.first + window:06d}.npz", context, logits)

    def _write(self, name: str, context: Context, logits: Logits) -> None:
        path = Path(self.folder) / name
        with replacing(path, is_ours=_is_ours) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                ids=context.ids,
                rows=context.rows,
                targets=context.targets,
                logits=logits,
            )


def row_savers(
    folder: Path, chunks: Sequence[Chunk], variants: Sequence[str]
) -> dict[str, SaveRows]:
    """Return the keeper of each chunk by the chunk's name; the folder must be there."""
    numbers = {variant: number for number, variant in enumerate(variants)}
    found, first = {}, 0
    for chunk in chunks:
        found[chunk.name] = SaveRows(str(folder.resolve()), chunk.contexts, first, numbers)
        first += len(chunk.contexts)
    return found


def _is_ours(path: Path) -> bool:
    """Return whether a file holds the arrays of a window, as this module writes them."""
    try:
        with zipfile.ZipFile(path) as arrays:
            return set(arrays.namelist()) == MEMBERS
    except (OSError, zipfile.BadZipFile):
        return False
