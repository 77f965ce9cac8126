"""The kernels behind llama-perplexity's base files: rows of logits as 16-bit log-probabilities."""

import numpy as np
import numpy.typing as npt

from pyengine import _core
from pyengine.statistics.rows import Ids, Logits, Records


def encode_base_rows(
    rows: Logits, targets: Ids, *, threads: int = 1
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.float32]]:
    """Return each row as llama-perplexity stores it, and its loss at the target, float32, nats."""
    return _core.encode_kld_rows(rows, targets, threads=threads)


def compare_base_rows(
    rows: Logits, targets: Ids, base: npt.NDArray[np.uint16], *, threads: int = 1
) -> Records:
    """Compare rows with stored ones, with llama-perplexity's own rounding and clipping."""
    return _core.compare_kld_rows(rows, targets, base, threads=threads)
