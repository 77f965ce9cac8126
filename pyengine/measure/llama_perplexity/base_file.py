"""The base file of llama-perplexity: read with every size checked, written whole or not at all.

Layout, in the machine's byte order: the 8 bytes `_logits_`; uint32 n_ctx; int32 n_vocab; int32
n_chunk; int32 tokens (n_chunk * n_ctx); then for each scored position of each chunk a row of
16-bit words: float32 scale, float32 lowest log-probability, n_vocab values (one more if odd).
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pyengine.errors import OptionError, ResultFileError
from pyengine.files import replacing
from pyengine.inputs import check_regular

MAGIC = b"_logits_"
_HEADER = struct.Struct("=8sIii")

Words = npt.NDArray[np.uint16]
Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class BaseHeader:
    """What stands before the rows.

    Attributes:
        tokens: int32 (n_chunk, n_ctx), as the tokenizer gave them.
    """

    n_ctx: int
    n_vocab: int
    tokens: Ids

    @property
    def n_chunk(self) -> int:
        """Number of chunks."""
        return len(self.tokens)

    @property
    def first(self) -> int:
        """First position of a chunk whose row is scored."""
        return self.n_ctx // 2

    @property
    def n_scored(self) -> int:
        """Scored positions of one chunk."""
        return self.n_ctx - 1 - self.first

    @property
    def row_words(self) -> int:
        """16-bit words of one row."""
        return 2 * ((self.n_vocab + 1) // 2) + 4

    @property
    def rows_offset(self) -> int:
        """Bytes before the first row."""
        return _HEADER.size + 4 * self.tokens.size

    @property
    def file_bytes(self) -> int:
        """Size that the whole file must have."""
        return self.rows_offset + 2 * self.n_chunk * self.n_scored * self.row_words


@dataclass(frozen=True)
class BaseFile:
    """An open base file; its rows are mapped, not read."""

    path: Path
    header: BaseHeader
    rows: Words

    def chunk(self, index: int) -> Words:
        """Return the coded rows of one chunk: uint16 (n_scored, row_words)."""
        return np.asarray(self.rows[index])

    def log_probabilities(self, index: int) -> npt.NDArray[np.float32]:
        """Decode the rows of one chunk: float32 (n_scored, n_vocab)."""
        words = np.ascontiguousarray(self.chunk(index))
        header = words[:, :4].copy().view(np.float32)
        values = words[:, 4 : 4 + self.header.n_vocab].astype(np.float32)
        return np.asarray(header[:, :1] * values + header[:, 1:2], dtype=np.float32)


def read_base_file(path: str | Path) -> BaseFile:
    """Open a base file.

    Raises:
        ResultFileError: it is missing, no base file, or not of the size that its header says.
    """
    file = Path(path)
    check_regular(file, error=ResultFileError)
    try:
        with file.open("rb") as handle:
            header = _read_header(handle, file)
        size = file.stat().st_size
    except OSError as error:
        raise ResultFileError(f"{file}: cannot be read ({error.strerror or error})") from error
    if size != header.file_bytes:
        raise ResultFileError(
            f"{file}: has {size:,} bytes, but {header.n_chunk} chunks of {header.n_ctx} tokens "
            f"over {header.n_vocab:,} entries take {header.file_bytes:,}; it is damaged"
        )
    shape = (header.n_chunk, header.n_scored, header.row_words)
    rows = np.memmap(file, dtype=np.uint16, mode="r", offset=header.rows_offset, shape=shape)
    return BaseFile(file, header, rows)


def _read_header(handle: BinaryIO, file: Path) -> BaseHeader:
    start = handle.read(_HEADER.size)
    if len(start) < _HEADER.size or not start.startswith(MAGIC):
        raise ResultFileError(f"{file}: is not a base file of llama-perplexity")
    _, n_ctx, n_vocab, n_chunk = _HEADER.unpack(start)
    if n_ctx < 4 or n_vocab < 1 or n_chunk < 1 or n_ctx * n_chunk > 1 << 40:
        raise ResultFileError(
            f"{file}: impossible header: context {n_ctx}, vocabulary {n_vocab}, chunks {n_chunk}"
        )
    n_tokens = n_ctx * n_chunk
    left = file.stat().st_size - _HEADER.size
    if left < 4 * n_tokens:
        raise ResultFileError(f"{file}: is cut short: {left:,} bytes for {n_tokens:,} tokens")
    tokens = np.frombuffer(handle.read(4 * n_tokens), dtype=np.int32).reshape(n_chunk, n_ctx)
    if tokens.min() < 0 or tokens.max() >= n_vocab:
        raise ResultFileError(f"{file}: holds tokens outside its vocabulary of {n_vocab:,}")
    return BaseHeader(n_ctx, n_vocab, tokens)


class BaseWriter:
    """Takes the coded rows of one chunk after another."""

    def __init__(self, handle: BinaryIO, header: BaseHeader) -> None:
        self.header = header
        self._handle = handle
        self._chunks = 0
        handle.write(_HEADER.pack(MAGIC, header.n_ctx, header.n_vocab, header.n_chunk))
        handle.write(np.ascontiguousarray(header.tokens, dtype=np.int32).tobytes())

    def write(self, rows: Words) -> None:
        """Write the rows of the next chunk."""
        expected = (self.header.n_scored, self.header.row_words)
        if rows.shape != expected or self._chunks == self.header.n_chunk:
            raise OptionError(f"rows of shape {rows.shape} do not belong into this base file")
        self._handle.write(np.ascontiguousarray(rows).tobytes())
        self._chunks += 1

    def complete(self) -> bool:
        """Tell whether all chunks were written."""
        return self._chunks == self.header.n_chunk


@contextmanager
def writing_base_file(path: str | Path, header: BaseHeader) -> Iterator[BaseWriter]:
    """Yield a writer; the file appears when all chunks were written.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    with replacing(path) as temporary, temporary.open("wb") as handle:
        writer = BaseWriter(handle, header)
        yield writer
        if not writer.complete():
            raise OptionError(f"{path}: not all chunks were written")
