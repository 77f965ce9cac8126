"""The run of `pyengine probe` as its tables and sentences read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any

from pyengine.report.measured import Numbers, Part
from pyengine.report.pieces import visible
from pyengine.run.record import ModelInfo, Run


class ProbedModel(Part):
    """One model of a run; `label` is what it is called beside the others."""

    def __init__(self, numbers: Numbers, model: str, label: str) -> None:
        super().__init__(numbers, model)
        self.label = label
        self.starts = self.run.shown("start", model)
        self.top: Sequence[Mapping[str, Any]] = self.starts[0]["top"]
        self.languages: Mapping[str, str] = {
            table["language"]: table["title"] for table in self.run.shown("keyword-table")
        }

    @cached_property
    def by_mass(self) -> Sequence[str]:
        """The languages, the one whose keywords hold most first."""
        return sorted(self.languages, key=lambda name: -self.mass(name))

    def mass(self, language: str) -> float:
        """Return what a language's keywords hold in all forms."""
        return self.value("form_mass", language=language, form="any") or 0.0

    def of_start(self, metric: str, start: Mapping[str, Any], **members: str) -> float:
        """Return a number of a start; 0 where there is none."""
        return self.value(metric, start=start["name"], **members) or 0.0

    def parts(self, languages: Sequence[str]) -> list[Part]:
        """Return a row for each language."""
        return [
            Part(self.numbers, self.model, {"language": name}, language=self.languages[name])
            for name in languages
        ]


def probed_models(run: Run) -> list[ProbedModel]:
    """Return the models of a run, named so that they are told apart."""
    numbers = Numbers(run)
    return [
        ProbedModel(numbers, info.id, label)
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


def fed(start: Mapping[str, Any]) -> str:
    """Return the tokens of a start, visible, and their ids."""
    return f"{' '.join(map(visible, start['pieces']))} ({', '.join(map(str, start['ids']))})"


def shown(token: Mapping[str, Any]) -> str:
    """Return a token as visible text; one without any, such as padding, by its id."""
    piece = bytes.fromhex(token["hex"]) if "hex" in token else token["text"]
    return visible(piece) or f"[id {token['token']}]"
