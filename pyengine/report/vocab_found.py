"""The run of `pyengine vocab` as its tables read it: numbers and lists of one tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from pyengine.report.measured import Numbers, Part
from pyengine.run.record import ModelInfo, Run

UNION = "union, each word once"


class Words(Part):
    """The numbers of one tokenizer within a group: words of a language or class, or a text."""

    @property
    def title(self) -> str:
        """What the group is called."""
        found: str = self["title"]
        return found

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
        return self.count("coverage", form=form)

    @property
    def bare(self) -> int:
        """Number of words that are one bare token."""
        return self.form("bare")

    def of_class(self, name: str) -> Words | None:
        """Return the words of one class; None where the language has no such class."""
        part = self.titled(self.title, **self.members, **{"class": name})
        return part if part.row("coverage", form="bare") else None

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

    def titled(self, title: str, **members: str) -> Words:
        """Return a group of this tokenizer."""
        return Words(self.numbers, self.model, members, title=title)

    def telling(self, **told: object) -> Part:
        """Return a row of a table about this group."""
        return Part(self.numbers, self.model, self.members, title=self.title, **told)


class Found(Words):
    """What was found in one tokenizer.

    Attributes:
        collection: the keyword collection that the report is about, the first of the run.
    """

    def __init__(self, run: Run, info: ModelInfo) -> None:
        super().__init__(Numbers(run), info.id)
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

    def of(self, dimension: str, member: str) -> int:
        """Return how many tokens of the vocabulary are of a group."""
        return self.count("token_share", **{dimension: member})

    def notes(self, code: str) -> list[dict[str, Any]]:
        """Return the values of the notes of a code."""
        return [n.values for n in self.run.notes if n.code == code and n.model == self.model]

    def exhibit(self, kind: str, **keys: str) -> dict[str, Any] | None:
        """Return the exhibit of a kind whose content has these entries; None without one."""
        for content in self.run.shown(kind, self.model):
            if all(content[key] == value for key, value in keys.items()):
                return content
        return None

    def languages(self) -> list[Words]:
        """Return the coverage of each language of the collection."""
        return [
            self.titled(title, collection=self.collection, language=language)
            for language, title in self._titles(self.collection).items()
        ]

    @property
    def union(self) -> Words:
        """The coverage of all words of the collection."""
        return self.titled(UNION, collection=self.collection)

    @property
    def parts(self) -> list[Words]:
        """The coverage of each language, then of all words."""
        return [*self.languages(), self.union]

    def texts(self) -> list[Words]:
        """Return what code costs, by language."""
        titles = self._titles()
        return [
            self.titled(titles.get(name, name), language=name)
            for name in self.names("tokens_per_1000_bytes", "language")
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


def found_of(run: Run) -> list[Found]:
    """Return what was found in each tokenizer of a run."""
    return [Found(run, model) for model in run.models]


def labels(models: Sequence[Found]) -> list[str]:
    """Return a letter for every model."""
    return [f"{ascii_uppercase[i % 26]}{i // 26 or ''}" for i in range(len(models))]
