"""Carry plain values between judge and solver as JSON; other objects stay where they are."""

import json
import os
import struct
from collections.abc import Callable
from typing import Any

LARGEST = 16 << 20
DEEPEST = 200


class WireError(Exception):
    """A value that cannot cross, or a message that does not follow the protocol."""


def plain_kind(value: Any) -> Any:
    """Return the plain type that `value` is of, or is derived from: a Counter crosses as a dict."""
    kind = type(value)
    for plain in (list, dict, tuple, set, frozenset, bool, str, int, float):
        if issubclass(kind, plain):
            return plain
    return kind


def encode(value: Any, keep: Callable[[Any], int] | None, depth: int = 0) -> Any:
    """Return `value` as JSON-ready data; `keep` takes what is not plain and returns its number."""
    if depth > DEEPEST:
        raise WireError("value nested too deeply")
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()  # a scalar, which tests compare as a number
    kind = plain_kind(value)
    if kind in (bool, type(None)):
        return value
    if kind is str:
        return str.__str__(value)
    if kind is range:
        return {"range": [hex(end) for end in (value.start, value.stop, value.step)]}
    if kind is int:
        value = int.__int__(value)
        return value if -(2**53) < value < 2**53 else {"int": hex(value)}
    if kind is float:
        return {"float": float.hex(value)}
    if kind is complex:
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if kind in (bytes, bytearray):
        return {kind.__name__: value.hex()}
    if kind is list:
        return [encode(item, keep, depth + 1) for item in list.__iter__(value)]
    if kind in (tuple, set, frozenset):
        return {kind.__name__: [encode(item, keep, depth + 1) for item in kind.__iter__(value)]}
    if kind is dict:
        pairs = dict.items(value)
        return {"dict": [[encode(item, keep, depth + 1) for item in pair] for pair in pairs]}
    if keep is None:
        raise WireError(f"a {kind.__name__} cannot be given to the solution")
    return {"object": keep(value)}


def decode(data: Any, fetch: Callable[[int], Any]) -> Any:
    """Return the value that `encode` described; `fetch` turns a number into a stand-in."""
    if isinstance(data, list):
        return [decode(item, fetch) for item in data]
    if not isinstance(data, dict):
        return data
    (name, content), *rest = data.items()
    if rest:
        raise WireError("two names in one value")
    if name == "int":
        return int(content, 16)
    if name == "range":
        return range(*(int(end, 16) for end in content))
    if name == "float":
        return float.fromhex(content)
    if name == "complex":
        return complex(*map(float.fromhex, content))
    if name in ("bytes", "bytearray"):
        return (bytes if name == "bytes" else bytearray).fromhex(content)
    if name in ("tuple", "set", "frozenset"):
        kinds: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}
        return kinds[name](decode(item, fetch) for item in content)
    if name == "dict":
        return {decode(k, fetch): decode(v, fetch) for k, v in content}
    if name == "object":
        return fetch(int(content))
    raise WireError(f"unknown kind of value {name!r}")


class Channel:
    """Length-prefixed JSON messages over two pipes."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd

    def send(self, message: Any) -> None:
        data = json.dumps(message).encode("utf-8", "surrogatepass")
        if len(data) > LARGEST:
            raise WireError("value too large to cross")
        data = struct.pack("!I", len(data)) + data
        while data:
            data = data[os.write(self._write_fd, data) :]

    def receive(self) -> Any:
        """Return the next message. Raises EOFError when the other side is gone."""
        (length,) = struct.unpack("!I", self._exactly(4))
        if length > LARGEST:
            raise WireError("message too large")
        return json.loads(self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = os.read(self._read_fd, min(count - len(data), 65536))
            if not part:
                raise EOFError
            data += part
        return data
