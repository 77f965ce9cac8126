"""Where a GGUF file's header ends, and its metadata as bytes, from no more of the file than that.

The core's reader takes a file; this one asks for bytes as it needs them, from a disk or a server.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pyengine.errors import ModelFileError

Read = Callable[[int, int], bytes]

# What a file is that is no model, by general.type or general.architecture.
NOT_MODELS = {
    "mmproj": "projector",
    "clip": "projector",
    "adapter": "adapter-file",
    "imatrix": "imatrix-file",
}
_MAGIC = b"GGUF"
_FIRST, _STEP = 1 << 12, 1 << 14  # bytes asked for at once: at first, and at least later
_MOST = 1 << 28  # a header of more bytes is none
_VALUE_HEAD = 16  # types and length of an array
_LONGEST = 64  # values of more bytes are kept by their hash
# Types of values, as the struct module writes them.
_FORMATS = {**dict(enumerate("BbHhIif?")), **dict(enumerate("Qqd", start=10))}
_STRING, _ARRAY = 8, 9
_F32 = 0
_length = struct.Struct("<Q").unpack_from


class Vector(NamedTuple):
    """A tensor of one dimension and type F32: its name and its bytes' place in the file."""

    name: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What was read of a file's beginning.

    Attributes:
        n_bytes: of the header, to the end of the tensor table.
        start: the bytes that were read, the header and a little more at most.
        values: the bytes of every metadata value with its type, or their SHA-256 where they are
            many; equal bytes mean equal values.
        places: where in `start` each value begins and ends.
        vectors: what quantization leaves as it is.
        kind: what the file is where it is no model: a code; then nothing behind is read.
    """

    n_bytes: int
    start: bytes
    values: dict[str, bytes]
    places: dict[str, tuple[int, int]]
    vectors: tuple[Vector, ...] = ()
    kind: str = ""


def read_header(name: str, n_bytes: int, read: Read, *, like: Header | None = None) -> Header:
    """Read a file's header, asking for bytes as they are needed.

    Args:
        name: of the file, for errors.
        n_bytes: of the whole file.
        read: returns the bytes from one place up to another.
        like: a header that is probably much the same: then the rest is asked for at once, and where
            it has the same lists of texts, they are not looked through.

    Raises:
        ModelFileError: it is no GGUF, or claims more than the file holds.
    """
    scan = _Scan(name, n_bytes, read, like)
    if scan.take(4) != _MAGIC:
        raise ModelFileError(f"{name}: is not a GGUF file")
    scan.take(4)
    n_tensors, n_pairs = scan.number(), scan.number()
    values: dict[str, bytes] = {}
    places: dict[str, tuple[int, int]] = {}
    for _ in range(n_pairs):
        key = scan.text()
        begin = scan.position
        scan.value(key)
        places[key] = begin, scan.position
        value = bytes(scan.data[begin : scan.position])
        values[key] = value if len(value) <= _LONGEST else hashlib.sha256(value).digest()
        if kind := _kind(key, value):
            return Header(scan.position, bytes(scan.data), values, places, kind=kind)
    vectors = [scan.tensor() for _ in range(n_tensors)]
    aligned = values.get("general.alignment", b"")[4:]
    alignment = int.from_bytes(aligned, "little") or 32
    begin = -(-scan.position // alignment) * alignment
    return Header(
        scan.position,
        bytes(scan.data),
        values,
        places,
        tuple(Vector(v.name, begin + v.begin, begin + v.end) for v in vectors if v is not None),
    )


def _kind(key: str, value: bytes) -> str:
    if key not in ("general.type", "general.architecture"):
        return ""
    return NOT_MODELS.get(value[12:].decode("utf-8", errors="replace"), "")


def plain_value(value: bytes) -> str | int | float | None:
    """Return what the bytes of a value in `Header.values` mean; None for a list and a hash."""
    kind = int.from_bytes(value[:4], "little")
    if kind == _STRING and len(value) == 12 + int.from_bytes(value[4:12], "little"):
        return value[12:].decode("utf-8", errors="replace")
    form = f"<{_FORMATS.get(kind, 's')}"
    if kind not in _FORMATS or len(value) != 4 + struct.calcsize(form):
        return None
    plain: int | float = struct.unpack_from(form, value, 4)[0]
    return plain


class _Scan:
    """A place in a file that moves forward, and the bytes up to it and a little farther."""

    def __init__(self, name: str, n_bytes: int, read: Read, like: Header | None) -> None:
        self.name, self.n_bytes, self.read, self.like = name, n_bytes, read, like
        self.data = bytearray()
        self.position = 0

    def take(self, n: int) -> bytes:
        self.need(n)
        begin = self.position
        self.position += n
        return bytes(self.data[begin : self.position])

    def need(self, n: int) -> None:
        """Have at least `n` more bytes at hand."""
        end, here = self.position + n, len(self.data)
        if end > min(self.n_bytes, _MOST):
            raise ModelFileError(
                f"{self.name}: its header claims {end} bytes of a file of {self.n_bytes}"
            )
        if end <= here:
            return
        guess = self.like.n_bytes if self.like is not None and here else 0
        if end > guess:
            guess = max(end, here + (_FIRST if guess or not here else _STEP))
        upto = min(guess, self.n_bytes)
        self.data += self.read(here, upto)

    def number(self, size: int = 8) -> int:
        return int.from_bytes(self.take(size), "little")

    def text(self) -> str:
        return self.take(self.number()).decode("utf-8", errors="replace")

    def value(self, key: str) -> None:
        """Pass over a value, its type first."""
        if self._pass_same(key):
            return
        kind, count = self.number(4), 1
        if kind == _ARRAY:
            kind, count = self.number(4), self.number()
        if kind == _STRING:
            self._pass_strings(count)
        elif kind in _FORMATS:
            self.take(count * struct.calcsize(f"<{_FORMATS[kind]}"))
        else:
            raise ModelFileError(f"{self.name}: its metadata has a value of the type {kind}")

    def _pass_same(self, key: str) -> bool:
        """Pass over a value with the same bytes as in the header that is like this one."""
        if self.like is None or key not in self.like.places:
            return False
        begin, end = self.like.places[key]
        for length in (min(_VALUE_HEAD, end - begin), end - begin):
            if self.position + length > self.n_bytes:
                return False
            self.need(length)
            here = slice(self.position, self.position + length)
            if self.data[here] != self.like.start[begin : begin + length]:
                return False
        self.position += end - begin
        return True

    def _pass_strings(self, count: int) -> None:
        data, position, have = self.data, self.position, len(self.data)
        for left in range(count, 0, -1):
            if position + 8 > have:
                self.position = position
                self.need(8 * left)  # what they take at least, so that few requests do
                have = len(data)
            position += 8 + _length(data, position)[0]
            if position > have:
                self.position = position
                self.need(8 * (left - 1))
                have = len(data)
        self.position = position

    def tensor(self) -> Vector | None:
        """Pass over one entry of the tensor table; return what it says of a vector."""
        name, n_dims = self.text(), self.number(4)
        if n_dims > 4:
            raise ModelFileError(f"{self.name}: its tensor {name!r:.80} has {n_dims} dimensions")
        shape = [self.number() for _ in range(n_dims)]
        kind, offset = self.number(4), self.number()
        if n_dims != 1 or kind != _F32:
            return None
        return Vector(name, offset, offset + 4 * shape[0])
