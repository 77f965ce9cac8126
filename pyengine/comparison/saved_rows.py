"""Whole rows of logits in a folder, only where the user asked for them."""

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyengine.comparison.passes import Block
from pyengine.comparison.windows import Window
from pyengine.files import replacing

MEMBERS = {"ids.npy", "rows.npy", "targets.npy", "logits.npy"}


class RowFolder:
    """Writes one .npz for each window and model: tokens, scored rows, targets, logits.

    The folder must exist. A file there that is none of these is never replaced.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: dict[str, list[npt.NDArray[np.float32]]] = {}

    def write(self, block: Block, window: Window) -> None:
        """Keep a block of rows; write the window when its last block has come."""
        rows = {f"variant{block.variant}": block.rows}
        if block.variant == 0:
            rows["reference"] = block.reference
        for name, part in rows.items():
            waiting = self._waiting.setdefault(name, [])
            waiting.append(part.copy())
            if sum(len(p) for p in waiting) == len(window):
                self._save(f"{name}-window{block.window:06d}.npz", window, waiting)
                del self._waiting[name]

    def _save(self, name: str, window: Window, parts: list[npt.NDArray[np.float32]]) -> None:
        path = self.folder / name
        with replacing(path, is_ours=_is_ours) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                ids=window.ids,
                rows=window.rows,
                targets=window.targets,
                logits=np.concatenate(parts),
            )


def _is_ours(path: Path) -> bool:
    """Return whether a file holds the arrays of a window, as this module writes them."""
    try:
        with zipfile.ZipFile(path) as arrays:
            return set(arrays.namelist()) == MEMBERS
    except (OSError, zipfile.BadZipFile):
        return False
