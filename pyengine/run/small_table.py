"""A table that fits on a screen: as text, in a notebook, and for pandas."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pyengine.extras import import_extra
from pyengine.plain_text import safe_line

# Nothing shows itself longer than this, whatever a file is called.
LONGEST = 2000


class SmallTable(ABC):
    """Base of the tables that a run gives."""

    @abstractmethod
    def lines(self) -> list[list[str]]:
        """Return the texts of the head and of each row."""

    @abstractmethod
    def columns_of_values(self) -> tuple[Sequence[str], Mapping[str, Sequence[Any]]]:
        """Return the names of the rows, and the values of each column."""

    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame, which need not be installed
        """Return the values as a pandas.DataFrame, one row for each of the table.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        index, columns = self.columns_of_values()
        return data_frame(columns, index=index)

    def __str__(self) -> str:
        return text_table(self.lines())

    def __repr__(self) -> str:
        return shortened(str(self))

    def _repr_html_(self) -> str:
        return html_table(self.lines())


def data_frame(
    columns: Mapping[str, Sequence[Any]],
    *,
    index: Sequence[str] | None = None,
) -> Any:  # noqa: ANN401 - a pandas.DataFrame, which need not be installed
    """Return columns as a pandas.DataFrame.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = import_extra("pandas", "to_pandas")
    return pandas.DataFrame(dict(columns), index=None if index is None else list(index))


def text_table(lines: Sequence[Sequence[str]]) -> str:
    """Write lines of cells: the first column to the left, the others to the right."""
    safe = [[safe_line(text) for text in line] for line in lines]
    widths = [max(len(line[i]) for line in safe) for i in range(len(safe[0]))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in safe
    )


def html_table(lines: Sequence[Sequence[str]]) -> str:
    """Write lines of cells as an HTML table, whose first line and first column are heads."""
    head, *rows = [[escape(safe_line(text)) for text in line] for line in lines]
    top = "".join(f"<th>{text}</th>" for text in head)
    body = "".join(
        f"<tr><th>{name}</th>" + "".join(f"<td>{text}</td>" for text in cells) + "</tr>"
        for name, *cells in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def shortened(text: str) -> str:
    """Cut a text that would fill more than a screen, where possible at the end of a line."""
    if len(text) < LONGEST:
        return text
    kept = text[: LONGEST - 100]
    return (kept.rpartition("\n")[0] or kept) + "\n…"
