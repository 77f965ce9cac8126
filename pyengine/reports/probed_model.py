"""One model of a probe, as its tables and pictures read it from the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

from pyengine.reports.pieces import visible
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import ModelInfo, Note, Run

Content = Mapping[str, Any]


@dataclass(frozen=True)
class ProbedModel:
    """One model of a run.

    Attributes:
        label: what it is called beside the others.
    """

    run: Run
    info: ModelInfo
    label: str

    @cached_property
    def known(self) -> Mapping[tuple[str, str], Measurement]:
        """The measurements of this model alone, by metric and group."""
        rows = self.run.select(model=self.info.id)
        return {(row.metric, row.group): row for row in rows if row.reference in ("", self.info.id)}

    def row(self, metric: str, **members: str) -> Measurement | None:
        """Return a measurement; None where there is none."""
        return self.known.get((metric, group_of(members)))

    def value(self, metric: str, **members: str) -> float | None:
        """Return a measured number; None where there is none."""
        row = self.row(metric, **members)
        return None if row is None else row.value

    def count(self, metric: str, **members: str) -> int:
        """Return what a measurement is made of; 0 where there is none."""
        row = self.row(metric, **members)
        return 0 if row is None else row.n

    @cached_property
    def starts(self) -> Sequence[Content]:
        """The starts, the first of which is the one that keywords are measured at."""
        return self.run.shown("start", self.info.id)

    @property
    def top(self) -> Sequence[Content]:
        """The most probable first tokens."""
        found: Sequence[Content] = self.starts[0]["top"]
        return found

    @cached_property
    def languages(self) -> Mapping[str, str]:
        """The title of each language."""
        return {table["language"]: table["title"] for table in self.run.shown("keyword-table")}

    @cached_property
    def by_mass(self) -> Sequence[str]:
        """The languages, the one whose keywords hold most first."""
        return sorted(self.languages, key=lambda name: -self.mass(name))

    def mass(self, language: str) -> float:
        """Return what a language's keywords hold in all forms."""
        return self.value("form_mass", language=language, form="any") or 0.0

    @property
    def has_split_words(self) -> bool:
        """Whether every word of several tokens was measured."""
        absent = Note(code="split-words-not-measured", model=self.info.id)
        return absent not in self.run.notes

    def start_value(self, metric: str, start: Content) -> float | None:
        """Return a number of a start."""
        return self.value(metric, start=start["name"])

    def bare_mass(self, start: Content) -> float:
        """Return what the bare keywords of all languages hold after a start."""
        return self.value("form_mass", start=start["name"], form="bare") or 0.0

    def distance(self, start: Content) -> float:
        """Return the Jensen-Shannon divergence, in nats, of a start from the first."""
        against = self.starts[0]["name"]
        return self.value("jensen_shannon", start=start["name"], against=against) or 0.0


def probed_models(run: Run) -> list[ProbedModel]:
    """Return the models of a run, named so that they are told apart."""
    return [
        ProbedModel(run, info, label)
        for info, label in zip(run.models, labels(run.models), strict=True)
    ]


def labels(models: Sequence[ModelInfo]) -> list[str]:
    """Name models by name and type, and by their files too where that tells them apart."""
    names = [f"{model.name} {model.file_type}" for model in models]
    paths = [PurePath(model.path) for model in models]
    by_file = [f"{name} ({path.name})" for name, path in zip(names, paths, strict=True)]
    by_path = [f"{name} ({path})" for name, path in zip(names, paths, strict=True)]
    distinct = (found for found in (names, by_file) if len(set(found)) == len(found))
    return next(distinct, by_path)


def fed(start: Content) -> str:
    """Return the tokens of a start, visible, and their ids."""
    return f"{' '.join(map(visible, start['pieces']))} ({', '.join(map(str, start['ids']))})"


def shown(token: Content) -> str:
    """Return a token as visible text; one without any, such as padding, by its id."""
    piece = bytes.fromhex(token["hex"]) if "hex" in token else token["text"]
    return visible(piece) or f"[id {token['token']}]"
