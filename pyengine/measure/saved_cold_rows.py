"""Keep what a probe decoded in a file, so that every metric can be computed without the model."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from pyengine.errors import ResultFileError
from pyengine.files import replacing
from pyengine.inputs import check_regular
from pyengine.measure.cold_rows import ColdRows
from pyengine.measure.start_tokens import Start
from pyengine.run.record import ModelInfo, Provenance

FORMAT = 3
# What NumPy, zip and JSON raise on files that are damaged or something else.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
    ValidationError,
)


class SavedVocabulary:
    """The pieces and kinds of a vocabulary, read back from a file."""

    def __init__(
        self,
        data: npt.NDArray[np.uint8],
        offsets: npt.NDArray[np.int64],
        kinds: npt.NDArray[np.uint8],
    ) -> None:
        self._data = data
        self._offsets = offsets
        self.kinds = kinds

    @property
    def size(self) -> int:
        """Number of tokens, padding included."""
        return len(self.kinds)

    def piece_arrays(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Return all piece bytes, and the offset of every token in them."""
        return self._data, self._offsets

    def piece(self, id: int) -> bytes:  # noqa: A002 - as in the live vocabulary
        """Return the bytes of one token."""
        return self._data[self._offsets[id] : self._offsets[id + 1]].tobytes()

    def token(self, piece: bytes) -> int | None:
        """Return the token with exactly these bytes, as the live vocabulary does."""
        return self._by_piece.get(piece)

    @cached_property
    def _by_piece(self) -> dict[bytes, int]:
        # Normal and user-defined tokens win over bytes, and those over control and unused tokens.
        text, byte = np.isin(self.kinds, (1, 4)), self.kinds == 6
        order = np.concatenate([np.flatnonzero(m) for m in (text, byte, ~(text | byte))])
        joined, offsets = self._data.tobytes(), self._offsets.tolist()
        index: dict[bytes, int] = {}
        for token in order.tolist():
            piece = joined[offsets[token] : offsets[token + 1]]
            if piece:
                index.setdefault(piece, token)
        return index


def save_rows(path: str | Path, decoded: ColdRows) -> None:
    """Write what was decoded to a NumPy .npz file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    data, offsets = decoded.vocabulary.piece_arrays()
    header = {
        "format": FORMAT,
        "model": decoded.info.model_dump(mode="json"),
        "provenance": decoded.provenance.model_dump(mode="json"),
        "starts": [asdict(start) for start in decoded.starts],
        "strings": dict(decoded.strings),
        "unspellable": sorted(decoded.unspellable),
        "longest": decoded.longest,
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
            logits=decoded.rows,
            piece_bytes=data,
            piece_offsets=offsets,
            kinds=decoded.vocabulary.kinds,
        )


def load_rows(path: str | Path) -> ColdRows:
    """Read a file that `save_rows` wrote.

    Raises:
        ResultFileError: the file is missing, damaged, or of another format.
    """
    check_regular(path, error=ResultFileError)
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            if header["format"] != FORMAT:
                raise ResultFileError(
                    f"{path}: saved logits of format {header['format']}, "
                    f"this version reads format {FORMAT}; save them again"
                )
            decoded = _read(header, arrays)
            fits = _fits(decoded, arrays["piece_bytes"], arrays["piece_offsets"])
    except _DAMAGE as error:
        raise ResultFileError(f"{path}: not a file of saved logits ({error})") from error
    if not fits:
        raise ResultFileError(f"{path}: its arrays do not fit together; save the logits again")
    return decoded


def _read(header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> ColdRows:
    return ColdRows(
        info=ModelInfo.model_validate(header["model"]),
        provenance=Provenance.model_validate(header["provenance"]),
        vocabulary=SavedVocabulary(arrays["piece_bytes"], arrays["piece_offsets"], arrays["kinds"]),
        starts=tuple(Start(s["name"], tuple(s["ids"]), s["reason"]) for s in header["starts"]),
        rows=arrays["logits"],
        strings={str(word): float(log_p) for word, log_p in header["strings"].items()},
        unspellable=frozenset(header["unspellable"]),
        longest=int(header["longest"]),
    )


def _fits(decoded: ColdRows, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> bool:
    """Return whether the arrays describe one vocabulary, and every number is in its range."""
    n = decoded.vocabulary.size
    ids = [i for start in decoded.starts for i in start.ids]
    return (
        decoded.rows.dtype == np.float32
        and decoded.rows.shape == (len(decoded.starts), n)
        and len(decoded.starts) > 0
        and data.dtype == np.uint8
        and offsets.dtype == np.int64
        and offsets.shape == (n + 1,)
        and offsets[0] == 0
        and offsets[-1] == len(data)
        and bool(np.all(np.diff(offsets) >= 0))
        and all(start.ids for start in decoded.starts)
        and all(0 <= i < n for i in ids)
        and all(log_p <= 0 and not math.isnan(log_p) for log_p in decoded.strings.values())
    )
