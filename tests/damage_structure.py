"""Damage that leaves a GGUF well formed: what it says is wrong, not how it is written."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from damage import ARRAY, SCALAR_SIZES, STRING, StructureReader

UINT32, INT32, FLOAT32, BOOL = 4, 5, 6, 7
INTEGERS = (0, 1, 2, 3, 5, 8, 16, 31, 33, 63, 64, 65, 96, 512, 2**16, 2**24, 2**31 - 1, 2**32 - 1)
FLOATS = (0.0, -1.0, 1e-30, 1e38, float("inf"), float("-inf"), float("nan"))
# Elements in a block and its bytes, of the types that a model may have.
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 14: (256, 210)}
BLOCKS |= {24: (1, 1), 26: (1, 4), 27: (1, 8), 28: (1, 8), 30: (1, 2), 39: (32, 17)}


@dataclass
class Tensor:
    """One entry of the tensor table; the first number of `shape` is the length of a row."""

    name: bytes
    shape: list[int]
    kind: int
    data: bytes

    def fit(self) -> None:
        """Cut the bytes, or repeat them, to what shape and type ask for."""
        elements, size = BLOCKS.get(self.kind, (1, 4))
        count = 1
        for length in self.shape:
            count *= length
        wanted = min(-(-count // elements) * size, 1 << 22)
        repeated = self.data or b"\x3f"
        self.data = (repeated * (wanted // len(repeated) + 1))[:wanted]


@dataclass
class Parts:
    """A GGUF in parts that can be changed and written again."""

    version: int = 3
    pairs: list[tuple[bytes, int, bytes]] = field(default_factory=list)  # name, type, value
    tensors: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes) -> Parts:
        """Read a valid file whose data section is aligned to 32 bytes."""
        reader = StructureReader(data)
        version = reader.number("", 4)
        n_tensors, n_pairs = reader.number("", 8), reader.number("", 8)
        parts = cls(version=version)
        for _ in range(n_pairs):
            name = reader.string("").encode()
            kind = reader.number("", 4)
            begin = reader.position
            reader.value("", kind)
            parts.pairs.append((name, kind, data[begin : reader.position]))
        entries = []
        for _ in range(n_tensors):
            name = reader.string("").encode()
            shape = [reader.number("", 8) for _ in range(reader.number("", 4))]
            entries.append((name, shape, reader.number("", 4), reader.number("", 8)))
        weights = data[-(-reader.position // 32) * 32 :]
        ends = [*(entry[3] for entry in entries[1:]), len(weights)]
        for (name, shape, kind, offset), end in zip(entries, ends, strict=True):
            parts.tensors.append(Tensor(name, shape, kind, weights[offset:end]))
        return parts

    def bytes(self) -> bytes:
        """Write the file: offsets follow from the sizes of the data."""
        head = [b"GGUF", struct.pack("<IQQ", self.version, len(self.tensors), len(self.pairs))]
        for name, kind, raw in self.pairs:
            head += [_string(name), struct.pack("<I", kind), raw]
        data: list[bytes] = []
        offset = 0
        for tensor in self.tensors:
            shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
            head += [_string(tensor.name), shape, struct.pack("<IQ", tensor.kind, offset)]
            padded = tensor.data + bytes(-len(tensor.data) % 32)
            data.append(padded)
            offset += len(padded)
        header = b"".join(head)
        return b"".join([header, bytes(-len(header) % 32), *data])


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _strings(raw: bytes) -> list[bytes]:
    """Return the strings of an array's value."""
    (count,) = struct.unpack_from("<Q", raw, 4)
    texts, at = [], 12
    for _ in range(count):
        (length,) = struct.unpack_from("<Q", raw, at)
        texts.append(raw[at + 8 : at + 8 + length])
        at += 8 + length
    return texts


def _string_array(texts: list[bytes]) -> bytes:
    return struct.pack("<IQ", STRING, len(texts)) + b"".join(map(_string, texts))


def damage_structure(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Change a valid file once or twice; return what was done and the file."""
    parts = Parts.of(data)
    done = [rng.choice(WAYS)(parts, rng) for _ in range(rng.choice((1, 1, 2)))]
    return "; ".join(done), parts.bytes()


def _value(rng: random.Random) -> tuple[int, bytes]:
    """Return a value of a random type and its bytes."""
    kind = rng.choice((UINT32, UINT32, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, 10))
    if kind == FLOAT32:
        return kind, struct.pack("<f", rng.choice(FLOATS))
    if kind == STRING:
        text = rng.choice((b"", b"llama", b"gpt2", b"none", b"yarn", b"\xff\x00", b"x" * 300))
        return kind, _string(text)
    if kind == ARRAY:
        numbers = [rng.choice(INTEGERS) for _ in range(rng.choice((0, 1, 2, 3, 600)))]
        return kind, struct.pack(f"<IQ{len(numbers)}I", UINT32, len(numbers), *numbers)
    size = SCALAR_SIZES[kind]
    return kind, (rng.choice(INTEGERS) % 256**size).to_bytes(size, "little")


def _set_value(parts: Parts, rng: random.Random) -> str:
    at = rng.randrange(len(parts.pairs))
    name, kind, raw = parts.pairs[at]
    if kind in (UINT32, INT32) and rng.random() < 0.6:
        raw = struct.pack("<I", rng.choice(INTEGERS))
    elif kind == FLOAT32 and rng.random() < 0.6:
        raw = struct.pack("<f", rng.choice(FLOATS))
    else:
        kind, raw = _value(rng)
    parts.pairs[at] = (name, kind, raw)
    return f"{name!r} = {raw[:16].hex()} of type {kind}"


def _remove_value(parts: Parts, rng: random.Random) -> str:
    name, _, _ = parts.pairs.pop(rng.randrange(len(parts.pairs)))
    return f"{name!r} removed"


def _rename_value(parts: Parts, rng: random.Random) -> str:
    """Give one key's value to another, or to one that nobody knows."""
    a, b = rng.randrange(len(parts.pairs)), rng.randrange(len(parts.pairs))
    (name, _, _), (other, kind, raw) = parts.pairs[a], parts.pairs[b]
    parts.pairs[a] = (name, kind, raw)
    return f"{name!r} has the value of {other!r}"


def _swap_tensors(parts: Parts, rng: random.Random) -> str:
    a, b = rng.choice(parts.tensors), rng.choice(parts.tensors)
    a.name, b.name = b.name, a.name
    return f"{a.name!r} and {b.name!r} swapped"


def _remove_tensor(parts: Parts, rng: random.Random) -> str:
    return f"{parts.tensors.pop(rng.randrange(len(parts.tensors))).name!r} removed"


def _rename_tensor(parts: Parts, rng: random.Random) -> str:
    tensor = rng.choice(parts.tensors)
    old = tensor.name
    tensor.name = rng.choice(
        (b"output.weight", b"rope_freqs.weight", old + b"s", old[:-1], b"blk.7" + old[5:], b"\xff")
    )
    return f"{old!r} is {tensor.name!r}"


def _reshape(parts: Parts, rng: random.Random) -> str:
    tensor = rng.choice(parts.tensors)
    old = list(tensor.shape)
    at = rng.randrange(len(old) + 1)
    length = rng.choice((0, 1, 2, 3, 7, 8, 31, 33, 64, 128, 256, 383, 385))
    if at == len(old):
        tensor.shape = [*old, length] if rng.random() < 0.5 else old[::-1]
    else:
        tensor.shape[at] = length
    tensor.fit()
    return f"{tensor.name!r} has the shape {tensor.shape}, was {old}"


def _retype(parts: Parts, rng: random.Random) -> str:
    tensor = rng.choice(parts.tensors)
    tensor.kind = rng.choice(tuple(BLOCKS))
    tensor.fit()
    return f"{tensor.name!r} has the type {tensor.kind}"


def _spoil_weights(parts: Parts, rng: random.Random) -> str:
    tensor = rng.choice(parts.tensors)
    number = struct.pack("<f", rng.choice(FLOATS))
    tensor.data = number * (len(tensor.data) // 4)
    return f"{tensor.name!r} is full of {number.hex()}"


def _list_of(parts: Parts, rng: random.Random) -> int | None:
    """Return the place of an array of strings; None where there is none."""
    places = [
        i for i, (_, kind, raw) in enumerate(parts.pairs) if kind == ARRAY and raw[:1] == b"\x08"
    ]
    return rng.choice(places) if places else None


def _spoil_strings(parts: Parts, rng: random.Random) -> str:
    """Damage the tokens or the merges: cut, emptied, repeated, joined, broken."""
    at = _list_of(parts, rng)
    if at is None:
        return _remove_value(parts, rng)
    name, kind, raw = parts.pairs[at]
    texts = _strings(raw)
    way = rng.choice(("cut", "none", "empty", "all empty", "same", "long", "shuffled", "odd"))
    some = rng.sample(range(len(texts)), min(len(texts), rng.choice((1, 2, 20))))
    changes: dict[str, Callable[[bytes], bytes]] = {
        "empty": lambda _: b"",
        "same": lambda _: texts[0],
        "long": lambda text: (text or b"a") * rng.choice((100, 20_000)),
        "odd": lambda text: rng.choice((b"\xff", b"\x00", b"a b c", b" ", b"\n", b"\\x", text[:1])),
    }
    if way == "cut":
        texts = texts[: rng.randrange(len(texts) + 1)]
    elif way == "none":
        texts = []
    elif way == "all empty":
        texts = [b""] * len(texts)
    elif way == "shuffled":
        rng.shuffle(texts)
    else:
        for i in some:
            texts[i] = changes[way](texts[i])
    parts.pairs[at] = (name, kind, _string_array(texts))
    return f"{name!r}: {way}"


def _spoil_numbers(parts: Parts, rng: random.Random) -> str:
    """Damage the tokens' types or scores."""
    names = (b"tokenizer.ggml.token_type", b"tokenizer.ggml.scores")
    places = [i for i, (name, kind, _) in enumerate(parts.pairs) if name in names and kind == ARRAY]
    if not places:  # none, or an earlier damage has put something else in its place
        return _remove_value(parts, rng)
    at = rng.choice(places)
    name, kind, raw = parts.pairs[at]
    inner, count = struct.unpack_from("<IQ", raw)
    numbers = [raw[12 + 4 * i : 16 + 4 * i] for i in range(count)]
    way = rng.choice(("all", "some", "short"))
    if way == "short":
        numbers = numbers[: rng.randrange(count + 1)]
    else:
        wrong = struct.pack("<f", rng.choice(FLOATS)) if inner == FLOAT32 else None
        raw_number = wrong or struct.pack("<I", rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 2**31)))
        for i in range(len(numbers)):
            numbers[i] = raw_number if way == "all" or rng.random() < 0.1 else numbers[i]
    parts.pairs[at] = (name, kind, struct.pack("<IQ", inner, len(numbers)) + b"".join(numbers))
    return f"{name!r}: {way}"


def _other_name(parts: Parts, rng: random.Random) -> str:
    """Say another architecture, tokenizer or pre-tokenizer."""
    names = {
        b"general.architecture": (b"llama", b"mamba", b"rwkv7", b"bert", b"t5", b"gemma2", b"x"),
        b"tokenizer.ggml.model": (
            b"llama",
            b"gpt2",
            b"rwkv",
            b"bert",
            b"t5",
            b"plamo2",
            b"no_vocab",
        ),
        b"tokenizer.ggml.pre": (b"default", b"tekken", b"qwen2", b"superbpe", b"gemma4", b"x"),
    }
    places = [i for i, (name, _, _) in enumerate(parts.pairs) if name in names]
    at = rng.choice(places)
    name = parts.pairs[at][0]
    text = rng.choice(names[name])
    parts.pairs[at] = (name, STRING, _string(text))
    return f"{name!r} = {text!r}"


WAYS: tuple[Callable[[Parts, random.Random], str], ...] = (
    _set_value,
    _set_value,
    _set_value,
    _remove_value,
    _rename_value,
    _swap_tensors,
    _remove_tensor,
    _rename_tensor,
    _reshape,
    _reshape,
    _retype,
    _retype,
    _spoil_weights,
    _spoil_strings,
    _spoil_strings,
    _spoil_numbers,
    _other_name,
)
