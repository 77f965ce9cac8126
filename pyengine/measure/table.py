"""The token table: one row for each scored position, with its labels and measured columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pyengine.measure.contexts import Context
from pyengine.measure.observers import Columns

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TokenTable:
    """What was measured of every scored position of one variant.

    Attributes:
        clusters: number that is equal within a document; with one document, within a window.
        labels: what groups are made by, such as "language": one text for each row.
        columns: measured numbers by name, float64.
        looks: how often it is looked at while it grows, to stop when enough is known.
        levels_from: number, from 0, of the first of these looks at which levels are asked.
    """

    clusters: npt.NDArray[np.intp]
    labels: Mapping[str, npt.NDArray[np.str_]]
    columns: Columns
    looks: int = 1
    levels_from: int = 0

    def __len__(self) -> int:
        return len(self.clusters)

    def where(self, chosen: npt.NDArray[np.bool_]) -> TokenTable:
        """Return the rows that are chosen."""
        return replace(
            self,
            clusters=self.clusters[chosen],
            labels={name: label[chosen] for name, label in self.labels.items()},
            columns={name: column[chosen] for name, column in self.columns.items()},
        )

    def with_columns(self, columns: Columns) -> TokenTable:
        """Return a table with more columns."""
        return replace(self, columns={**self.columns, **columns})


@dataclass(frozen=True, eq=False)
class Scored:
    """Where the scored positions of some contexts lie, aligned with their rows.

    Attributes:
        document: index of each position's document.
        window: index of its context.
        token: index of the scored token in its document.
        labels: what groups are made by.
        columns: known without any model, such as n_bytes.
        looks, levels_from: of the tables, see `TokenTable`.
    """

    document: npt.NDArray[np.int64]
    window: npt.NDArray[np.int64]
    token: npt.NDArray[np.int64]
    labels: Mapping[str, npt.NDArray[np.str_]]
    columns: Columns
    looks: int = 1
    levels_from: int = 0

    def __len__(self) -> int:
        return len(self.document)

    @property
    def clusters(self) -> npt.NDArray[np.intp]:
        """Numbers that are equal within a document; with one document, within a window."""
        several = len(np.unique(self.document)) > 1
        return (self.document if several else self.window).astype(np.intp)

    def table(
        self, parts: Sequence[Columns], rows: npt.NDArray[np.int64] | None = None
    ) -> TokenTable:
        """Join a variant's columns of all chunks.

        Args:
            parts: the columns of each chunk, in order.
            rows: indices of the positions that they are of; None for the first ones, in order.
        """
        joined = join(parts)
        n = len(next(iter(joined.values()))) if joined else 0
        rows = np.arange(n) if rows is None else rows
        return TokenTable(
            self.clusters[rows],
            {name: label[rows] for name, label in self.labels.items()},
            {**{name: column[rows] for name, column in self.columns.items()}, **joined},
            self.looks,
            self.levels_from,
        )


def join(parts: Sequence[Columns]) -> Columns:
    """Put the columns of chunks one behind the other."""
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def positions(contexts: Iterable[Context]) -> npt.NDArray[np.int64]:
    """Return the index of its context for each row of some contexts."""
    lengths = [len(context) for context in contexts]
    return np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
