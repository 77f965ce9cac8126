"""The base file of llama-perplexity: read with every size checked, written whole or not at all.

Layout, in the machine's byte order: the 8 bytes `_logits_`; uint32 n_ctx; int32 n_vocab; int32
n_chunk; int32 tokens (n_chunk * n_ctx); then for each scored position of each chunk a row of
16-bit words: float32 scale, float32 lowest log-probability, n_vocab values (one more if odd).
"""

import struct
from collections.abc import Callable, Iterator
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


def read_base_file(path: str | Path) -> tuple[BaseHeader, Words]:
    """Open a base file; its coded rows, (n_chunk, n_scored, row_words), are mapped, not read.

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
    return header, rows


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


@contextmanager
def writing_base_file(path: str | Path, header: BaseHeader) -> Iterator[Callable[[Words], None]]:
    """Yield what writes the coded rows of the next chunk; the file appears when all were written.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    written = 0
    with replacing(path) as temporary, temporary.open("wb") as handle:
        handle.write(_HEADER.pack(MAGIC, header.n_ctx, header.n_vocab, header.n_chunk))
        handle.write(np.ascontiguousarray(header.tokens, dtype=np.int32).tobytes())

        def write(rows: Words) -> None:
            nonlocal written
            expected = (header.n_scored, header.row_words)
            if rows.shape != expected or written == header.n_chunk:
                raise OptionError(f"rows of shape {rows.shape} do not belong into this base file")
            handle.write(np.ascontiguousarray(rows).tobytes())
            written += 1

        yield write
        if written < header.n_chunk:
            raise OptionError(f"{path}: not all chunks were written")
