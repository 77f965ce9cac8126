"""What a GGUF file says, read and checked without opening it in llama.cpp."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pyengine import _core
from pyengine.errors import ModelFileError
from pyengine.inputs import open_regular
from pyengine.models.remembered import Remembered

_SHA256 = re.compile("[0-9a-f]{64}")


class TensorEntry(NamedTuple):
    """One row of a tensor table; the first number of `shape` is the length of a row."""

    name: str
    type: str
    shape: tuple[int, ...]
    n_bytes: int


def check_gguf(path: str | Path, *, vocabulary: bool = True) -> _core.GgufSummary:
    """Check a model file; of a split model, all parts.

    Args:
        path: the file.
        vocabulary: check the tokenizer too, which is what takes time.

    Returns:
        `parts`, see `model_parts`; GGUF `version`, 2 or 3; `architecture`; `n_vocab`, tokens of its
        tokenizer, 0 where it has none; `n_positions`, rows of its table of learned positions, 0
        where positions are computed; `n_tensors` over all parts, 0 for a vocabulary-only file;
        `n_bytes` of all parts; `reviewed`: every way in which llama.cpp aborts on this architecture
        and tokenizer was looked for, and where False, a first opening belongs in a child process;
        `tokenizer_reviewed`: the same for opening its vocabulary alone.

    Raises:
        ModelFileError: it is missing, truncated, corrupt, or says something on which llama.cpp
            would abort the process.
    """
    return _core.check_gguf(str(path), vocabulary=vocabulary)


def model_parts(path: str | Path) -> tuple[Path, ...]:
    """Return the file, or all parts of a split model in order; raises as `check_gguf` does."""
    return tuple(map(Path, check_gguf(path).parts))


def parts_sha256(
    parts: Sequence[Path], *, progress: Callable[[float], object] | None = None
) -> str:
    """Return the SHA-256 of the bytes of all parts, one after the other, in hexadecimal.

    Args:
        parts: the file, or all parts of a split model in order.
        progress: called with a fraction from 0 to 1.
    """
    digest = hashlib.sha256()
    n_bytes, done = sum(part.stat().st_size for part in parts), 0
    for part in parts:
        with open_regular(part, error=ModelFileError) as file:
            while block := file.read(1 << 20):
                digest.update(block)
                done += len(block)
                if progress is not None:
                    progress(done / n_bytes)
    return digest.hexdigest()


def known_sha256(
    parts: Sequence[Path], *, progress: Callable[[float], object] | None = None
) -> str:
    """Return `parts_sha256`, from memory where these files were read before and did not change."""
    memory = Remembered("sha256", parts)
    known = memory.read()
    if known is None or not _SHA256.fullmatch(known):
        known = parts_sha256(parts, progress=progress)
        memory.write(known)
    return known


def read_tensor_table(path: str | Path) -> list[TensorEntry]:
    """Return the tensors of a model file, over all parts, in the file's order."""
    return [TensorEntry(*row) for row in _core.gguf_tensors(str(path))]


def read_float_vectors(path: str | Path) -> dict[str, bytes]:
    """Return the bytes of all tensors of one dimension and type F32, over all parts."""
    return dict(_core.gguf_float_vectors(str(path)))


def check_extent(path: str | Path) -> None:
    """Raise ModelFileError unless one file is a whole GGUF: every tensor lies within it."""
    _core.gguf_string(str(path), "general.architecture")


def read_metadata_string(path: str | Path, key: str) -> str | None:
    """Return one string of a file's metadata; None where it has none of that name."""
    return _core.gguf_string(str(path), key)
