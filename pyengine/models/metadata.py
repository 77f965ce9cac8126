"""Hold the metadata of two model files against each other."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pyengine import _core

Value: TypeAlias = str | int | float | bool
# Of scalars, by ggml's names of their types.
FORMATS = {
    **{"u8": "<B", "i8": "<b", "u16": "<H", "i16": "<h", "u32": "<I", "i32": "<i"},
    **{"u64": "<Q", "i64": "<q", "f32": "<f", "f64": "<d", "bool": "<?"},
}
LONGEST = 80
# What quantizing writes itself, or what says how a file is kept.
OF_THE_FILE = ("general.file_type", "general.quantization_version", "general.alignment")
OF_THE_MAKING = ("pyengine.", "quantize.", "split.")


class MetadataDifference(NamedTuple):
    """A key whose values differ in two files.

    Attributes:
        kind: "tokenizer", "hyperparameters" or "description"; the last decides nothing that a
            model computes.
        first, second: the values; a list is told by its type and length, a long text is cut, and
            None is no value.
    """

    key: str
    kind: str
    first: Value | None
    second: Value | None


def metadata_differences(first: str | Path, second: str | Path) -> list[MetadataDifference]:
    """Return what differs in the metadata of two files, but for what quantizing changes.

    Raises:
        ModelFileError: one of them is no GGUF.
    """
    of_first, of_second = (_core.gguf_metadata(str(path)) for path in (first, second))
    found = []
    for key in sorted({*of_first, *of_second}):
        one, other = of_first.get(key), of_second.get(key)
        if one != other and key not in OF_THE_FILE and not key.startswith(OF_THE_MAKING):
            found.append(MetadataDifference(key, _kind(key), _shown(one), _shown(other)))
    return found


def _kind(key: str) -> str:
    if key.startswith("tokenizer."):
        return "tokenizer"
    described = key.startswith("general.") and key != "general.architecture"
    return "description" if described else "hyperparameters"


def _shown(value: tuple[str, int | None, bytes] | None) -> Value | None:
    if value is None:
        return None
    kind, count, data = value
    if count is not None:
        return f"{kind}[{count}]"
    if kind == "str":
        text = data[8:].decode(errors="replace")  # behind its length
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    (number,) = struct.unpack(FORMATS[kind], data)
    return number  # type: ignore[no-any-return]
