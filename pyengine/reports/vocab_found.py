"""The run of `pyengine vocab` as its tables read it: numbers and lists of one tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import ModelInfo, Run

UNION = "union, each word once"


class Found:
    """What was found in one tokenizer.

    Attributes:
        collection: the keyword collection that the report is about, the first of the run.
    """

    def __init__(self, run: Run, model: ModelInfo) -> None:
        self.run = run
        self.model = model
        self.collection: str = run.options["collections"][0]
        self._rows = {
            (row.metric, row.group): row
            for row in run.measurements
            if row.model == model.id and not row.reference
        }
        (self.identity,) = run.shown("tokenizer", model.id)

    def row(self, metric: str, members: Mapping[str, str] | None = None) -> Measurement | None:
        """Return one measurement; None where there is none."""
        return self._rows.get((metric, group_of(members or {})))

    def value(self, metric: str, members: Mapping[str, str] | None = None) -> float | None:
        """Return the value of one measurement; None where there is none."""
        row = self.row(metric, members)
        return None if row is None else row.value

    def n(self, metric: str, members: Mapping[str, str] | None = None) -> int:
        """Return of how many things a measurement is made."""
        row = self.row(metric, members)
        return 0 if row is None else row.n

    def count(self, metric: str, members: Mapping[str, str] | None = None) -> int:
        """Return how many of its n things a share is."""
        row = self.row(metric, members)
        return round(row.value * row.n) if row is not None and row.n else 0

    def members(self, metric: str, dimension: str) -> list[str]:
        """Return the members of a dimension for which there is a number, in their order."""
        found = (row.members for (name, _), row in self._rows.items() if name == metric)
        return [members[dimension] for members in found if set(members) == {dimension}]

    def notes(self, code: str) -> list[dict[str, Any]]:
        """Return the values of the notes of a code."""
        return [n.values for n in self.run.notes if n.code == code and n.model == self.model.id]

    def exhibit(self, kind: str, **keys: str) -> dict[str, Any] | None:
        """Return the exhibit of a kind whose content has these entries; None without one."""
        for content in self.run.shown(kind, self.model.id):
            if all(content[key] == value for key, value in keys.items()):
                return content
        return None

    def languages(self) -> list[Part]:
        """Return the coverage of each language of the collection."""
        return [
            Part(
                self, table["title"], {"collection": self.collection, "language": table["language"]}
            )
            for table in self.run.shown("keyword_table")
            if table["collection"] == self.collection
        ]

    @property
    def union(self) -> Part:
        """The coverage of all words of the collection."""
        return Part(self, UNION, {"collection": self.collection})

    def texts(self) -> list[Text]:
        """Return what code costs, by language."""
        titles = {table["language"]: table["title"] for table in self.run.shown("keyword_table")}
        return [
            Text(self, titles.get(name, name), {"language": name})
            for name in self.members("tokens_per_1000_bytes", "language")
        ]


@dataclass(frozen=True, slots=True)
class Part:
    """The coverage of some words by one tokenizer: of a language, a class of its words, or all."""

    found: Found
    title: str
    members: Mapping[str, str]

    @property
    def words(self) -> int:
        """Number of words."""
        return self.found.n("coverage", {**self.members, "form": "bare"})

    def form(self, form: str) -> int:
        """Return how many words have a token in a form: bare, space, line or any."""
        return self.found.count("coverage", {**self.members, "form": form})

    @property
    def bare(self) -> int:
        """Number of words that are one bare token."""
        return self.form("bare")

    def value(self, metric: str) -> float | None:
        """Return a number about the ids of the bare tokens; None where there is none."""
        return self.found.value(metric, self.members)

    def of_class(self, name: str) -> Part | None:
        """Return the words of one class; None where the language has no such class."""
        part = Part(self.found, self.title, {**self.members, "class": name})
        return part if self.found.row("coverage", {**part.members, "form": "bare"}) else None


@dataclass(frozen=True, slots=True)
class Text:
    """What the text of one language costs in one tokenizer."""

    found: Found
    title: str
    members: Mapping[str, str]

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return self.found.n("bytes_per_token", self.members)

    @property
    def n_bytes(self) -> int:
        """Number of bytes in the documents that it could take."""
        return self.found.n("tokens_per_1000_bytes", self.members)

    @property
    def refused(self) -> int:
        """Number of documents that it could not take."""
        return int(self.value("refused_documents") or 0)

    @property
    def documents(self) -> int:
        """Number of documents that it could take."""
        return self.found.n("refused_documents", self.members) - self.refused

    def value(self, metric: str) -> float | None:
        """Return a number; None where there is none."""
        return self.found.value(metric, self.members)

    def of_class(self, metric: str, name: str) -> float | None:
        """Return a number of one syntactic class."""
        return self.found.value(metric, {**self.members, "class": name})


def found_of(run: Run) -> list[Found]:
    """Return what was found in each tokenizer of a run."""
    return [Found(run, model) for model in run.models]
