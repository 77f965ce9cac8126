"""Read the tensor table of a GGUF: names, types, shapes and where the numbers lie.

llama.cpp tells a file's most common type only. The table tells which tensors differ between two
files that carry the same label, and the small unquantized tensors tell whether two files hold the
same trained weights.
"""

import hashlib
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from pyengine.errors import ModelFileError

_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_F32 = 0
_DEFAULT_ALIGNMENT = 32


@dataclass(frozen=True)
class TensorInfo:
    """One tensor: ggml's type number, its shape and its offset in the data section."""

    name: str
    type: int
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class TensorTable:
    """All tensors of one file.

    Attributes:
        tensors: by name.
        vectors_sha256: hash over the one-dimensional float32 tensors (norms and biases), which
            quantization leaves as they are; "" where there is none.
    """

    tensors: dict[str, TensorInfo]
    vectors_sha256: str

    @property
    def types(self) -> dict[str, int]:
        """The type number of each tensor."""
        return {name: tensor.type for name, tensor in self.tensors.items()}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.place = 0

    def number(self, form: str) -> int:
        size = struct.calcsize(form)
        value = struct.unpack_from(form, self.data, self.place)[0]
        self.place += size
        return int(value)

    def text(self) -> bytes:
        length = self.number("<Q")
        if self.place + length > len(self.data):
            raise struct.error("a text runs past the end")
        value = self.data[self.place : self.place + length]
        self.place += length
        return value

    def skip_texts(self, count: int) -> None:
        # A vocabulary has some 100,000: attributes are looked up once.
        length, data, place = struct.Struct("<Q").unpack_from, self.data, self.place
        for _ in range(count):
            place += 8 + length(data, place)[0]
        self.place = place

    def skip_value(self, kind: int) -> None:
        if kind == _STRING:
            self.place += 8 + struct.unpack_from("<Q", self.data, self.place)[0]
        elif kind == _ARRAY:
            element, count = self.number("<I"), self.number("<Q")
            if element in _SCALARS:
                self.place += _SCALARS[element] * count
            elif element == _STRING:
                self.skip_texts(count)
            else:
                for _ in range(count):
                    self.skip_value(element)
        else:
            self.place += _SCALARS[kind]


def read_tensor_table(path: str | Path) -> TensorTable:
    """Read the table of one GGUF file; of a split model, that of its first part.

    Raises:
        ModelFileError: the file is not a GGUF of version 2 or 3, or is cut short.
    """
    file = Path(path)
    try:
        with (
            file.open("rb") as handle,
            mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            return _read(_Reader(data))
    except (struct.error, KeyError, ValueError, OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{file}: its tensor table cannot be read ({error})") from error


def _read(reader: _Reader) -> TensorTable:
    if reader.data[:4] != b"GGUF":
        raise ValueError("not a GGUF")
    reader.place = 4
    if reader.number("<I") not in (2, 3):
        raise ValueError("a GGUF version other than 2 and 3")
    n_tensors, n_values = reader.number("<Q"), reader.number("<Q")
    alignment = _DEFAULT_ALIGNMENT
    for _ in range(n_values):
        key, kind = reader.text(), reader.number("<I")
        if key == b"general.alignment":
            alignment = struct.unpack_from("<I", reader.data, reader.place)[0]
        reader.skip_value(kind)
    tensors = [_tensor(reader) for _ in range(n_tensors)]
    begin = -(-reader.place // alignment) * alignment
    return TensorTable({t.name: t for t in tensors}, _hash_vectors(reader.data, begin, tensors))


def _tensor(reader: _Reader) -> TensorInfo:
    name = reader.text().decode()
    n_dimensions = reader.number("<I")
    shape = tuple(reader.number("<Q") for _ in range(n_dimensions))
    return TensorInfo(name, reader.number("<I"), shape, reader.number("<Q"))


def _hash_vectors(data: mmap.mmap, begin: int, tensors: list[TensorInfo]) -> str:
    vectors = [t for t in tensors if t.type == _F32 and len(t.shape) == 1]
    digest = hashlib.sha256()
    for tensor in sorted(vectors, key=lambda t: t.name):
        place = begin + tensor.offset
        content = data[place : place + 4 * tensor.shape[0]]
        if len(content) != 4 * tensor.shape[0]:
            raise ValueError(f"{tensor.name} runs past the end")
        digest.update(tensor.name.encode() + b"\0" + content)
    return digest.hexdigest() if vectors else ""
