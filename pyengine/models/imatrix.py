"""Importance matrices as files: sums over contexts, merged with earlier ones, kept while they grow.

A file is a GGUF as llama-imatrix writes it: for each weight the sums of squared activations by
column (`NAME.in_sum2`) and over how many tokens they are (`NAME.counts`), by expert where a weight
has experts. Ours says in its metadata of what it was made.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pyengine import _core
from pyengine.errors import InputError, ModelFileError
from pyengine.files import check_absent, write_atomic
from pyengine.models.gguf import TensorEntry
from pyengine.models.making import CONTEXTS_KEY, CORPUS_KEY, SETTINGS_KEY, SOURCE_KEY

# Of a run that is killed, so much is lost at most.
SAVE_SECONDS = 30.0


class Counted(NamedTuple):
    """A weight of which there are sums: how many columns it has, and tokens of each expert."""

    name: str
    columns: int
    counts: tuple[int, ...]


@dataclass
class ImatrixFile:
    """A matrix that is being made.

    Attributes:
        target: where it goes when it is whole.
        settings: SHA-256 of all that decides its sums.
        model: its SHA-256.
        corpus: SHA-256 of the documents; empty where matrices of others are merged.
        n_ctx: tokens of a context.
        dataset: what the text is called in the file.
        collector: holds the sums.
        n_contexts: how many contexts they are over, beside those of matrices that were merged.
        whole: the target is there already.
    """

    target: Path
    settings: str
    model: str
    corpus: str
    n_ctx: int
    dataset: str
    collector: _core.ImportanceCollector
    n_contexts: int = 0
    whole: bool = False
    _saved: float = field(default_factory=time.monotonic)

    @property
    def part(self) -> Path:
        """Where the sums are kept until all contexts were decoded."""
        return self.target.with_name(f"{self.target.name}.part")

    def resume(self, merged: Sequence[Path]) -> None:
        """Take up what an earlier run left; else begin with the matrices that are to be merged.

        Raises:
            InputError: another file is there, or the folder cannot be written to.
            ModelFileError: a matrix cannot be read, or does not fit another.
        """
        if self.target.exists():
            self._require_ours(self.target, "remove it or name another file")
            self.collector.merge(str(self.target))
            self.whole = True
            return
        check_absent(self.target)
        if self.part.exists():
            self._require_ours(self.part, "finish that one, or remove it")
            self.collector.merge(str(self.part))
            self.n_contexts = int(_core.gguf_string(str(self.part), CONTEXTS_KEY) or 0)
            return
        for path in merged:
            self.collector.merge(str(path))

    def keep(self) -> None:
        """Keep the sums over another whole context, on the disk where that was not done lately."""
        self.n_contexts += 1
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            write_atomic(self.part, self._bytes([]), is_ours=self._is_ours)
            self._saved = time.monotonic()

    def finish(self) -> None:
        """Write the matrix, and remove what was kept of it."""
        write_atomic(self.target, self._bytes([self.dataset]), is_ours=lambda _: False)
        self.part.unlink(missing_ok=True)
        self.whole = True

    def counted(self) -> list[Counted]:
        """Return the weights of which there are sums, by name."""
        return counted(self.collector)

    def _bytes(self, datasets: list[str]) -> bytes:
        metadata = [
            (SETTINGS_KEY, self.settings),
            (SOURCE_KEY, self.model),
            *([(CORPUS_KEY, self.corpus)] if self.corpus else []),
            (CONTEXTS_KEY, str(self.n_contexts)),
        ]
        return self.collector.to_bytes(chunk_size=self.n_ctx, datasets=datasets, metadata=metadata)

    def _is_ours(self, path: Path) -> bool:
        try:
            return _core.gguf_string(str(path), SETTINGS_KEY) == self.settings
        except ModelFileError:
            return False

    def _require_ours(self, path: Path, advice: str) -> None:
        if not self._is_ours(path):
            raise InputError(
                f"{path}: exists and is not the importance matrix of this model, text and "
                f"options; {advice}"
            )


def text_sha256(path: Path) -> str | None:
    """Return the hash of all documents that a matrix is of; None where it does not say that.

    Raises:
        ModelFileError: it is no GGUF.
    """
    return _core.gguf_string(str(path), CORPUS_KEY)


def counted(collector: _core.ImportanceCollector) -> list[Counted]:
    """Return the weights of which a collector holds sums, by name."""
    return [
        Counted(name, n_sums // len(counts), tuple(counts.tolist()))
        for name, n_sums, counts in collector.counts()
    ]


def check_fits(path: Path, tensors: Sequence[TensorEntry], model: Path) -> list[Counted]:
    """Return what a matrix holds, after making sure that it can be one of this model.

    Raises:
        ModelFileError: it cannot be read, or names a weight that the model does not have, or has
            with rows of another length.
    """
    matrix = _core.ImportanceCollector()
    matrix.merge(str(path))
    sizes = {t.name: t.shape[0] * math.prod(t.shape[2:]) for t in tensors}
    for name, n_sums, _ in matrix.counts():
        weight, _, view = name.partition(" ")  # llama.cpp names a view "NAME (view)"
        if weight not in sizes or not (view or n_sums == sizes[weight]):
            reason = "has with other rows" if weight in sizes else "does not have"
            raise ModelFileError(f"{path}: holds sums of {name!r}, which {model} {reason}")
    return counted(matrix)
