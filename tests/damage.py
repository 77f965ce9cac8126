"""Thousands of ways to break a GGUF file, and a second reader that knows where its numbers are."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf

ABSURD_64 = (0, 1, 2, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
ABSURD_32 = (0, 1, 2, 3, 5, 7, 255, 256, 513, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
SCALAR_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


@dataclass(frozen=True)
class Field:
    """One number of the file's structure: where it is, how wide, what it says."""

    name: str
    offset: int
    size: int


class StructureReader:
    """Lists the fields of a valid GGUF; a second, slow reader beside the one in C++."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 4
        self.fields: list[Field] = []

    def number(self, name: str, size: int) -> int:
        self.fields.append(Field(name, self.position, size))
        value = int.from_bytes(self.data[self.position : self.position + size], "little")
        self.position += size
        return value

    def string(self, name: str) -> str:
        length = self.number(f"{name}.length", 8)
        text = self.data[self.position : self.position + length]
        self.fields.append(Field(f"{name}.text", self.position, max(1, length)))
        self.position += length
        return text.decode("utf-8", "replace")

    def value(self, name: str, kind: int) -> None:
        if kind == STRING:
            self.string(name)
        elif kind == ARRAY:
            inner = self.number(f"{name}.element_type", 4)
            count = self.number(f"{name}.count", 8)
            for i in range(count):
                self.value(f"{name}[{i}]", inner)
        else:
            self.number(f"{name}.value", SCALAR_SIZES[kind])

    def read(self) -> list[Field]:
        self.number("version", 4)
        n_tensors = self.number("tensor_count", 8)
        n_pairs = self.number("pair_count", 8)
        for _ in range(n_pairs):
            name = self.string("key")
            self.value(name, self.number(f"{name}.type", 4))
        for _ in range(n_tensors):
            name = self.string("tensor")
            for i in range(self.number(f"{name}.n_dims", 4)):
                self.number(f"{name}.dim{i}", 8)
            self.number(f"{name}.type", 4)
            self.number(f"{name}.offset", 8)
        return self.fields


def structure(data: bytes) -> list[Field]:
    return StructureReader(data).read()


@dataclass(frozen=True)
class Sample:
    """A copy to damage, the fields of its structure, and where the structure ends."""

    data: bytearray
    fields: list[Field]
    end: int


def damaged(data: bytes, *, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield `count` damaged copies of a valid file with a description of each."""
    rng = random.Random(seed)
    fields = structure(data)
    scalars = [f for f in fields if "[" not in f.name or rng.random() < 0.02]
    end = fields[-1].offset + fields[-1].size
    ways = (_truncate, _flip, _flip, _absurd, _absurd, _absurd, _text, _blank, _splice)
    for _ in range(count):
        yield rng.choice(ways)(Sample(bytearray(data), scalars, end), rng)


def _truncate(sample: Sample, rng: random.Random) -> tuple[str, bytes]:
    data = sample.data
    at = rng.randrange(sample.end) if rng.random() < 0.7 else rng.randrange(len(data))
    return f"cut at {at}", bytes(data[:at])


def _flip(sample: Sample, rng: random.Random) -> tuple[str, bytes]:
    data = sample.data
    places = [rng.randrange(sample.end) for _ in range(rng.randint(1, 4))]
    for place in places:
        data[place] ^= 1 << rng.randrange(8)
    return f"bits flipped at {places}", bytes(data)


def _absurd(sample: Sample, rng: random.Random) -> tuple[str, bytes]:
    data = sample.data
    numbers = [f for f in sample.fields if f.size in (1, 4, 8) and not f.name.endswith(".text")]
    field = rng.choice(numbers)
    if field.size == 4 and rng.random() < 0.2:
        raw = struct.pack("<f", rng.choice((0.0, -1.0, float("nan"), float("inf"), 1e38)))
    elif field.size == 8:
        raw = rng.choice(ABSURD_64).to_bytes(8, "little")
    else:
        raw = (rng.choice(ABSURD_32) % 256**field.size).to_bytes(field.size, "little")
    data[field.offset : field.offset + field.size] = raw
    return f"{field.name} = {raw.hex()}", bytes(data)


def _text(sample: Sample, rng: random.Random) -> tuple[str, bytes]:
    data = sample.data
    field = rng.choice([f for f in sample.fields if f.name.endswith(".text")])
    place = field.offset + rng.randrange(field.size)
    data[place] = rng.choice(b"\x00\x01 /09AZaz~\x80\xff")
    return f"{field.name} byte {place} = {data[place]:#x}", bytes(data)


def _blank(sample: Sample, rng: random.Random) -> tuple[str, bytes]:
    data = sample.data
    at, length = rng.randrange(sample.end), rng.randint(1, 64)
    filler = rng.choice((b"\x00", b"\xff"))
    data[at : at + length] = filler * length
    return f"{length} bytes {filler.hex()} at {at}", bytes(data)


def _splice(sample: Sample, rng: random.Random) -> tuple[str, bytes]:
    data = sample.data
    at, length = rng.randrange(sample.end), rng.randint(1, 40)
    if rng.random() < 0.5:
        del data[at : at + length]
        return f"{length} bytes removed at {at}", bytes(data)
    data[at:at] = data[at : at + length]
    return f"{length} bytes repeated at {at}", bytes(data)


def fill_tensor(path: Path, name: str, value: float) -> None:
    """Overwrite every number of a float32 tensor."""
    reader = gguf.GGUFReader(path, "r+")
    (tensor,) = [tensor for tensor in reader.tensors if tensor.name == name]
    tensor.data[:] = value
    reader.data.flush()


def with_value(data: bytes, key: str, kind: int, raw: bytes) -> bytes:
    """Return a valid file with one metadata value put in, in place of an earlier one.

    Args:
        data: a GGUF whose data section is aligned to 32 bytes.
        key: the name.
        kind: the type's number.
        raw: the value as the file holds it.
    """
    reader = StructureReader(data)
    for size in (4, 8, 8):
        reader.number("", size)
    n_tensors, n_pairs = (int.from_bytes(data[i : i + 8], "little") for i in (8, 16))
    pairs = []
    for _ in range(n_pairs):
        begin = reader.position
        name = reader.string("key")
        reader.value(name, reader.number("", 4))
        if name != key:
            pairs.append(data[begin : reader.position])
    begin = reader.position
    for _ in range(n_tensors):
        reader.string("tensor")
        for _ in range(reader.number("", 4)):
            reader.number("", 8)
        reader.number("", 4)
        reader.number("", 8)
    pairs.append(struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + raw)
    head = data[:16] + struct.pack("<Q", len(pairs)) + b"".join(pairs)
    head += data[begin : reader.position]
    weights = data[-(-reader.position // 32) * 32 :]
    return head + bytes(-len(head) % 32) + weights
