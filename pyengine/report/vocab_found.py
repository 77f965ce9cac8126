"""The run of `pyengine vocab` as its tables read it: numbers and lists of one tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from pyengine.report.measured import ModelNumbers
from pyengine.run.record import ModelInfo, Run

UNION = "union, each word once"


class Found(ModelNumbers):
    """What was found in one tokenizer.

    Attributes:
        collection: the keyword collection that the report is about, the first of the run.
    """

    def __init__(self, run: Run, info: ModelInfo) -> None:
        super().__init__(run, info)
        self.collection: str = run.options["collections"][0]
        (self.identity,) = run.shown("tokenizer", info.id)

    @property
    def tokenizer(self) -> str:
        """The kind of tokenizer and its pre-tokenizer."""
        return f"{self.info.tokenizer} {self.info.pre_tokenizer}".strip()

    @property
    def text_origin(self) -> str:
        """Which text was tokenized."""
        return self.run.population.origin if self.run.population else ""

    def tokens(self, dimension: str, member: str) -> int:
        """Return how many tokens of the vocabulary are of a group."""
        return self.count("token_share", **{dimension: member})

    def notes(self, code: str) -> list[dict[str, Any]]:
        """Return the values of the notes of a code."""
        return [n.values for n in self.run.notes if n.code == code and n.model == self.info.id]

    def exhibit(self, kind: str, **keys: str) -> dict[str, Any] | None:
        """Return the exhibit of a kind whose content has these entries; None without one."""
        for content in self.run.shown(kind, self.info.id):
            if all(content[key] == value for key, value in keys.items()):
                return content
        return None

    def languages(self) -> list[Part]:
        """Return the coverage of each language of the collection."""
        return [
            Part(self, title, {"collection": self.collection, "language": language})
            for language, title in self._titles(self.collection).items()
        ]

    @property
    def union(self) -> Part:
        """The coverage of all words of the collection."""
        return Part(self, UNION, {"collection": self.collection})

    def texts(self) -> list[Part]:
        """Return what code costs, by language."""
        titles = self._titles()
        return [
            Part(self, titles.get(name, name), {"language": name})
            for name in self.members("tokens_per_1000_bytes", "language")
        ]

    def spent(self) -> tuple[int, int]:
        """Return the tokens spent on all texts, and the bytes of these."""
        texts = self.texts()
        return sum(text.tokens for text in texts), sum(text.n_bytes for text in texts)

    def _titles(self, collection: str | None = None) -> dict[str, str]:
        return {
            table["language"]: table["title"]
            for table in self.run.shown("keyword-table")
            if collection in (None, table["collection"])
        }


@dataclass(frozen=True, slots=True)
class Part:
    """The numbers of one tokenizer within a group: words of a language or class, or a text."""

    found: Found
    title: str
    members: Mapping[str, str]

    def value(self, metric: str, **more: str) -> float | None:
        """Return a number; None where there is none."""
        return self.found.value(metric, **self.members, **more)

    def n(self, metric: str, **more: str) -> int:
        """Return of how many things a number is made."""
        return self.found.n(metric, **self.members, **more)

    @property
    def is_union(self) -> bool:
        """Whether these are the words of all languages."""
        return self.title == UNION

    @property
    def words(self) -> int:
        """Number of words."""
        return self.n("coverage", form="bare")

    def form(self, form: str) -> int:
        """Return how many words have a token in a form: bare, space, line or any."""
        return self.found.count("coverage", **self.members, form=form)

    @property
    def bare(self) -> int:
        """Number of words that are one bare token."""
        return self.form("bare")

    def of_class(self, name: str) -> Part | None:
        """Return the words of one class; None where the language has no such class."""
        part = Part(self.found, self.title, {**self.members, "class": name})
        return part if self.found.row("coverage", **part.members, form="bare") else None

    @property
    def tokens(self) -> int:
        """Number of tokens of the text."""
        return self.n("bytes_per_token")

    @property
    def n_bytes(self) -> int:
        """Number of bytes in the documents that the tokenizer could take."""
        return self.n("tokens_per_1000_bytes")

    @property
    def refused(self) -> int:
        """Number of documents that it could not take."""
        return int(self.value("refused_documents") or 0)


def found_of(run: Run) -> list[Found]:
    """Return what was found in each tokenizer of a run."""
    return [Found(run, model) for model in run.models]


def labels(models: Sequence[Found]) -> list[str]:
    """Return a letter for every model."""
    return [f"{ascii_uppercase[i % 26]}{i // 26 or ''}" for i in range(len(models))]
