"""Which files a sweep measures, and what is known of each without opening it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pyengine.engine.gguf import check_gguf, parts_sha256, read_tensor_table
from pyengine.engine.header import read_header, short_name
from pyengine.engine.quantize import file_sha256
from pyengine.errors import InputError, ModelFileError
from pyengine.sweep.quantization import PART_SUFFIX

LATER_PART = "-of-"


@dataclass(frozen=True)
class Variant:
    """A model file of a sweep.

    Attributes:
        name: the file's name without its ending, or its model's where that is a hash; it stands
            in the table.
        sha256: of all its bytes.
        bits_per_weight: 8 * bytes of all tensors / number of weights; None for a damaged file.
        file_type: such as Q4_K_M; where the file does not say, the type that most weights have.
            None for a damaged file and for a vocabulary.
        failure: what is wrong with the file; empty where it can be opened.
    """

    name: str
    path: Path
    sha256: str
    file_bytes: int
    bits_per_weight: float | None
    file_type: str | None
    failure: str = ""


def find_variants(paths: Iterable[Path]) -> list[Path]:
    """Return the GGUF files that files and folders name, each once, in order of their names.

    Of a split model only the first part counts.

    Raises:
        InputError: a path does not exist, or a folder holds no GGUF.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [
                p for p in sorted(path.glob("*.gguf")) if _is_first_part(p) and not p.is_dir()
            ]
            if not inside:
                raise InputError(f"{path}: holds no GGUF file")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path}: no such file")
    return list(dict.fromkeys(found))


def describe_variant(path: Path) -> Variant:
    """Hash a file and read its tensor table; a damaged one is described as far as it goes."""
    name = PART_SUFFIX.sub("", short_name(path))
    try:
        if path.exists() and not path.is_file():
            raise ModelFileError(f"{path}: is not a file that can be read again and again")
        table = read_tensor_table(path)
        weights = {row.name: _count(row.shape) for row in table}
        by_type: dict[str, int] = {}
        for row in table:
            by_type[row.type] = by_type.get(row.type, 0) + weights[row.name]
        return Variant(
            name=name,
            path=path,
            sha256=file_sha256(path),
            file_bytes=check_gguf(path).n_bytes,
            bits_per_weight=8 * sum(row.n_bytes for row in table) / max(1, sum(weights.values())),
            file_type=_file_type(path, by_type),
        )
    except (ModelFileError, OSError) as error:
        sha256, file_bytes = _hash_damaged(path)
        return Variant(
            name=name,
            path=path,
            sha256=sha256,
            file_bytes=file_bytes,
            bits_per_weight=None,
            file_type=None,
            failure=_reason(error).removeprefix(f"{path}: "),
        )


def _file_type(path: Path, weights: dict[str, int]) -> str | None:
    """Name a file's type, given how many weights it has of each."""
    most = max(weights, key=lambda kind: weights[kind], default=None)
    return most and (read_header(path).file_type or most)


def _hash_damaged(path: Path) -> tuple[str, int]:
    """Return the SHA-256 and size of a file; of no bytes where it cannot be read."""
    with suppress(OSError):
        if path.is_file():
            return parts_sha256([path]), path.stat().st_size
    return parts_sha256([]), 0


def _reason(error: ModelFileError | OSError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _is_first_part(path: Path) -> bool:
    return LATER_PART not in path.stem or PART_SUFFIX.search(path.stem) is not None


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count
