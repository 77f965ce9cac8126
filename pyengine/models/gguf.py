"""What a GGUF file says, read and checked without opening it in llama.cpp."""

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pyengine import _core
from pyengine.errors import ModelFileError
from pyengine.inputs import open_regular
from pyengine.models.remembered import Remembered
from pyengine.plain_text import usable_name

# Where a file holds the hash of the recipe that chose its types; empty where there was none.
RECIPE_KEY = "pyengine.recipe_sha256"
# general.file_type -> name; numbers that are missing were given up by llama.cpp.
FILE_TYPES: dict[int, str] = {
    **dict(enumerate(("F32", "F16", "Q4_0", "Q4_1"))),
    **dict(enumerate(("Q8_0", "Q5_0", "Q5_1", "Q2_K"), start=7)),
    **dict(enumerate(("Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M"), start=11)),
    **dict(enumerate(("Q5_K_S", "Q5_K_M", "Q6_K", "IQ2_XXS", "IQ2_XS"), start=16)),
    **dict(enumerate(("Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL"), start=21)),
    **dict(enumerate(("IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M", "IQ4_XS", "IQ1_M", "BF16"), start=26)),
    **dict(enumerate(("TQ1_0", "TQ2_0", "MXFP4_MOE", "NVFP4", "Q1_0"), start=36)),
}
_SHA256 = re.compile("[0-9a-f]{64}")
_GUESSED = 1024
_HASH = re.compile(r"(?:sha256-)?[0-9a-f]{64}")


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


def remember_sha256(parts: Sequence[Path], sha256: str) -> None:
    """Let `known_sha256` know a hash that was just computed."""
    Remembered("sha256", parts).write(sha256)


def read_head(path: str | Path) -> tuple[int, dict[str, str | int]]:
    """Return the number of tensors, and the texts and whole numbers of a file's metadata.

    The tensors themselves may be missing, as from a file that is still being downloaded.

    Raises:
        ModelFileError: the file is no GGUF, or ends within its metadata, or its name is not UTF-8,
            by which no command could be told to use it.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ModelFileError(f"{path}: its name is not UTF-8; give it another") from None
    return _core.gguf_head(str(path))


def trained_context(path: str | Path) -> int:
    """Return with how many tokens of context a model was trained; many where it does not say.

    Raises:
        ModelFileError: the file is no GGUF.
    """
    _, values = read_head(path)
    trained = values.get(f"{values.get('general.architecture')}.context_length")
    return trained if isinstance(trained, int) and trained > 0 else 1 << 40


def file_type_name(number: object, recipe: object = None) -> str | None:
    """Name llama.cpp's file type, such as 15 -> "Q4_K_M"; None for what is no type.

    Args:
        number: what a file says under general.file_type.
        recipe: what it says under `RECIPE_KEY`: types that a recipe chose are not those of the
            name, which is then "Q4_K_M recipe".
    """
    if not isinstance(number, int) or isinstance(number, bool) or number == _GUESSED:
        return None
    name = FILE_TYPES.get(number, f"type {number}")
    return f"{name} recipe" if recipe else name


def short_name(path: Path) -> str:
    """Return a file's name without its ending.

    A store may name a file by its SHA-256: that one goes by its model's name and type.
    """
    if not _HASH.fullmatch(path.stem if path.suffix == ".gguf" else path.name):
        return path.stem
    try:
        _, said = read_head(path)
    except ModelFileError:
        return path.stem[:19]
    name = usable_name(str(said.get("general.name", ""))) or ""
    kind = file_type_name(said.get("general.file_type"), said.get(RECIPE_KEY)) or ""
    words = f"{name} {kind}".split()
    return " ".join(words) or path.stem[:19]


def read_tensor_table(path: str | Path) -> list[TensorEntry]:
    """Return the tensors of a model file, over all parts, in the file's order."""
    return [TensorEntry(*row) for row in _core.gguf_tensors(str(path))]


def vectors_sha256(path: str | Path) -> str:
    """Return a hash over all tensors of one dimension and type F32, over all parts.

    Quantization leaves norms and biases as they are, so equal hashes mean the same trained weights;
    "" where a file has none.
    """
    vectors = dict(_core.gguf_float_vectors(str(path)))
    digest = hashlib.sha256()
    for name, content in sorted(vectors.items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest() if vectors else ""


def bits_per_weight(tensors: Sequence[TensorEntry]) -> float:
    """Return 8 * bytes of all tensors / number of weights."""
    weights = sum(math.prod(tensor.shape) for tensor in tensors)
    return 8 * sum(tensor.n_bytes for tensor in tensors) / weights if weights else math.nan
