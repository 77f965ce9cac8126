"""Quantize tensors of a source again, and hold them against those of a file.

ggml ends the process on some damaged numbers: both sides of a child process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pyengine import _core
from pyengine.errors import EngineError, OptionError
from pyengine.models.child import Child
from pyengine.models.quantize import quantizing_child
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.quantize_plan import plan_here


class Compared(NamedTuple):
    """A tensor of a file beside the same of the source, quantized to its type.

    Attributes:
        n_bytes_different: how many bytes differ.
        rounding: relative error of what was quantized again: root of the sum of squares of its
            difference from the source, over that of the source.
        error: the same of the file's.
        between: of the file's from what was quantized again. All three are None where the tensor
            holds no floats, or the file's holds what is no number.
    """

    n_bytes_different: int
    rounding: float | None = None
    error: float | None = None
    between: float | None = None


@dataclass(frozen=True)
class Again:
    """A source that is quantized again, beside a file that is said to be made of it.

    Attributes:
        child: the process that does it.
        imatrix: path of an importance matrix, "" for none.
        threads: CPU threads.
    """

    child: Child
    file: Path
    source: Path
    imatrix: str
    threads: int

    def plan(self, file_type: str) -> QuantizationPlan | None:
        """Return llama.cpp's plan for a type; None where it can make none of this source.

        Raises:
            ModelFileError, ModelKindError: the source or the matrix cannot be used.
        """
        matrix = Path(self.imatrix) if self.imatrix else None
        options = QuantizeOptions(imatrix=matrix, allow_requantize=True)
        try:
            return self.child.call(plan_here, str(self.source), file_type, options)
        except (OptionError, EngineError):  # of an architecture that this llama.cpp does not know
            return None

    def compare(self, name: str) -> Compared:
        """Compare the tensors of a name, which both files must have.

        Raises:
            OptionError: their shapes differ, or ggml makes the type of no tensor without its
                importance.
            ModelKindError: the source's holds no floats.
            ModelFileError: its numbers are none, or ggml ended the process.
        """
        files = (str(self.file), str(self.source), self.imatrix)
        return self.child.call(compare_here, *files, self.threads, name)


@contextmanager
def quantizing_again(
    file: Path, source: Path, *, imatrix: Path | None, threads: int
) -> Iterator[Again]:
    """Yield what quantizes a source again in a process of its own."""
    matrix = "" if imatrix is None else str(imatrix)
    with quantizing_child(source) as child:
        yield Again(child, file, source, matrix, threads)


def compare_here(file: str, source: str, imatrix: str, threads: int, name: str) -> Compared:
    """Compare in this process, which a damaged file may end."""
    n_bytes, own, *sums = _opened(source, imatrix).compare(name, _opened(file, ""), threads)
    if own > 0 and all(map(math.isfinite, sums)):
        return Compared(n_bytes, *(math.sqrt(one / own) for one in sums))
    return Compared(n_bytes)


@cache
def _opened(path: str, imatrix: str) -> _core.Weights:
    return _core.Weights(path, imatrix)
