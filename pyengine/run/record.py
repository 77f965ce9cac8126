"""The one record that every measuring command makes, and that is saved, merged and shown."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

import pyengine
from pyengine.errors import OptionError
from pyengine.files import IsOurs, write_atomic
from pyengine.plain_text import escape_json, safe_line
from pyengine.run.measurement import COLUMNS, Measurement, from_columns, group_of, to_columns
from pyengine.run.pivot import Pivot, pivot
from pyengine.run.small_table import SmallTable, data_frame, html_table, shortened

SCHEMA_VERSION = 3
# Of these a run shows when it prints itself.
MOST_MODELS, MOST_METRICS = 8, 6
Setting: TypeAlias = str | int | float | bool | None


class Part(BaseModel):
    """Base of all parts of a record: immutable, and unknown fields are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="strings", protected_namespaces=()
    )


class Provenance(Part):
    """With what a run was computed. Holds no time of day: equal runs give equal bytes.

    Attributes:
        cpu, cores: of the machine that wrote the record.
        devices: the devices that computed, by llama.cpp's names; empty where no model did.
        words: the words after `pyengine` that asked for it, less those that only say where and
            how the result goes. Empty where Python asked.
    """

    pyengine: str
    llama_cpp: str
    llama_cpp_python: str
    python: str
    platform: str
    cpu: str
    cores: int
    threads: int
    devices: list[str]
    seed: int | None = None
    words: list[str] = []


class ModelInfo(Part):
    """One variant: a model file and the settings that it was computed with.

    Attributes:
        id: the name by which measurements mean this variant; unique in the run.
        path: as the user gave it.
        sha256, file_bytes: of the file, of all parts where the model is split.
        file_type: as the file says: "Q4_K_M", or "Q4_K_M recipe" where a recipe chose types.
        vocabulary_sha256: of all pieces and kinds in id order; equal for equal tokenizers.
        n_ctx_train: context in tokens that the model was trained with.
        settings: what the file does not say and the numbers depend on, such as `n_ubatch`.
        variant: the settings of its model string, such as "?kv=q8_0"; empty for the file alone.
    """

    id: str
    path: str
    name: str
    sha256: str
    architecture: str
    file_type: str
    n_params: int
    n_bytes: int
    file_bytes: int
    bits_per_weight: float
    n_vocab: int
    n_embd: int
    n_layer: int
    n_ctx_train: int
    tokenizer: str
    pre_tokenizer: str
    vocabulary_sha256: str
    settings: dict[str, Setting] = {}
    variant: str = ""

    @property
    def identity(self) -> str:
        """What says in any record that a variant is the same: its file's hash, and settings."""
        return f"{self.sha256}{self.variant}"


class Population(Part):
    """What the measured documents are a sample of, and how they were chosen and cut.

    Attributes:
        origin: the shipped corpus, or the paths that were given.
        sha256: of all documents with their names and languages.
        n_documents, n_bytes: of the corpus.
        languages: documents of each language.
        n_scored_documents, n_windows, n_tokens: what was scored of it.
        scored_languages: documents of each language of which something was scored.
        document_tokens: most scored tokens of a document, from a random place; 0 for all of it.
        lead: unscored tokens that are decoded before such a place.
        n_ctx, stride: how documents are cut: tokens of a window, tokens from one to the next.
        prefix: token ids before every window.
        seed: of the order in which documents are taken.
        looks: how often the data may be looked at to stop; intervals hold at all looks together.
        level_documents: before so many documents no level counted as known, and intervals of levels
            hold at the looks from there on; 0 where that is at all of them.
        anchor: id of the variant through which the levels of others are known; empty for none.
    """

    origin: str
    sha256: str
    n_documents: int
    n_bytes: int
    languages: dict[str, int]
    n_scored_documents: int
    n_windows: int
    n_tokens: int
    scored_languages: dict[str, int]
    document_tokens: int
    lead: int
    n_ctx: int
    stride: int
    prefix: list[int]
    seed: int
    looks: int = Field(default=1, ge=1)
    level_documents: int = Field(default=0, ge=0)
    anchor: str = ""


class Exhibit(Part):
    """Something to look at rather than to average, such as a passage or a list of tokens.

    Attributes:
        kind: what it is; `docs/records.md` lists the kinds and what their content holds.
        model: id of the variant that it belongs to; empty where it belongs to all.
        content: of plain JSON values.
    """

    kind: str
    model: str
    content: dict[str, Any]


class Note(Part):
    """Something that a reader must know about the numbers; words are made when it is shown.

    Attributes:
        code: what happened, such as "variant-failed".
        model: id of the variant concerned; empty where all are.
        values: what the words need.
    """

    code: str
    model: str = ""
    values: dict[str, Any] = {}


class Run(Part):
    """All that one command measured.

    Attributes:
        command: the command, such as "compare".
        options: those that decided the numbers.
        population: None where no document was measured.
        measurements: one row for each number, in the order in which they are made.
    """

    schema_version: int = SCHEMA_VERSION
    command: str
    options: dict[str, Any] = {}
    provenance: Provenance
    models: list[ModelInfo]
    population: Population | None = None
    measurements: list[Measurement] = Field(default_factory=list)
    exhibits: list[Exhibit] = []
    notes: list[Note] = []

    @field_validator("measurements", mode="before")
    @classmethod
    def _read_columns(cls, value: object) -> object:
        return value if isinstance(value, list) else from_columns(value)  # type: ignore[arg-type]

    @field_serializer("measurements")
    def _write_columns(self, rows: list[Measurement]) -> dict[str, list[Any]]:
        return to_columns(rows)

    def model(self, id: str) -> ModelInfo:  # noqa: A002 - the field's own name
        """Return the variant of that id; raises KeyError where there is none."""
        for model in self.models:
            if model.id == id:
                return model
        raise KeyError(id)

    def select(
        self,
        metric: str | None = None,
        *,
        model: str | None = None,
        reference: str | None = None,
        group: str | None = None,
        dimension: str | None = None,
    ) -> list[Measurement]:
        """Return the measurements that fit all that is given, in their order.

        Args:
            metric, model, reference: ids. A model beside itself is left out unless it is named as
                the reference.
            group: the whole group, "" for all data.
            dimension: a dimension that the group must have, such as "language".
        """
        return [
            row
            for row in self.measurements
            if (metric is None or row.metric == metric)
            and (model is None or row.model == model)
            and (not row.is_control if reference is None else row.reference == reference)
            and (group is None or row.group == group)
            and (dimension is None or dimension in row.members)
        ]

    def find(self, metric: str, model: str, **members: str) -> Measurement | None:
        """Return one measurement of a variant by its metric and group; None where there is none."""
        group = group_of(members)
        return next(iter(self.select(metric, model=model, group=group)), None)

    def shown(self, kind: str, model: str | None = None) -> list[dict[str, Any]]:
        """Return the content of the exhibits of a kind, of one variant where it is named."""
        return [
            exhibit.content
            for exhibit in self.exhibits
            if exhibit.kind == kind and model in (None, exhibit.model)
        ]

    def table(
        self, metric: str, rows: str = "model", columns: str = "language", **where: str
    ) -> Pivot:
        """Lay one metric out as a small table.

        Args:
            metric: id of a metric, such as "kl".
            rows, columns: each "model", "metric", "reference", or a dimension of the groups such
                as "language", "class" or "start"; what is over all data stands under "all".
            where: further dimensions of the groups, and the member that counts of each.

        Returns:
            a table of measurements in the metric's unit; it prints itself, shows itself in a
            notebook, and has `.values()` and `.to_pandas()`.

        Raises:
            OptionError: the run holds nothing of that metric, or nothing by these dimensions.

        Examples:
            >>> run.table("coverage", rows="language", columns="form", collection="reference")
        """
        found = self.select(metric)
        if not found:
            there = ", ".join(dict.fromkeys(row.metric for row in self.measurements))
            raise OptionError(f"this run has no metric {metric!r}; it has {there or 'none'}")
        table = pivot(found, rows=rows, columns=columns, title=metric, where=where)
        if not table.rows:
            groups = dict.fromkeys(" and ".join(row.members) or "nothing" for row in found)
            raise OptionError(
                f"this run has {metric!r} by {', '.join(groups)}, and not by {rows} and {columns}"
            )
        return table

    def verdicts(self, margin: float | None = None) -> SmallTable:
        """Say how far every variant is from the reference and from others, see `verdicts`.

        Args:
            margin: part by which divergences may differ and be alike; None for that of the run.

        Raises:
            OptionError: the margin is negative, or the run compares no models.

        Examples:
            >>> run.verdicts(margin=0.2)
        """
        found: SmallTable = pyengine.verdicts(self, margin)
        return found

    def save(self, path: str | Path) -> None:
        """Write the run to a JSON file, whole or not at all; `pyengine.load` reads it.

        Raises:
            InputError: the file cannot be written.

        Examples:
            >>> run.save("result.json")
        """
        save(self, path)

    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame, which need not be installed
        """Return all measurements as a pandas.DataFrame, one row for each.

        Raises:
            MissingExtraError: pandas is not installed.

        Examples:
            >>> run.to_pandas().query("metric == 'kl'")
        """
        return data_frame({n: [getattr(row, n) for row in self.measurements] for n in COLUMNS})

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        overview = self._overview()
        return shortened(
            self._headline() if overview is None else f"{self._headline()}\n{overview}"
        )

    def _repr_html_(self) -> str:
        overview = self._overview()
        table = "" if overview is None else html_table(overview.lines())
        return f"<p><code>{escape(self._headline())}</code></p>{table}"

    def _headline(self) -> str:
        models = ", ".join(safe_line(model.id)[:80] for model in self.models[:MOST_MODELS])
        more = len(self.models) - MOST_MODELS
        return (
            f"<Run of {safe_line(self.command)[:40]}: {models or 'no model'}"
            f"{f' and {more} more' if more > 0 else ''}; {len(self.measurements)} measurements, "
            f"{len(self.exhibits)} exhibits, {len(self.notes)} notes>"
        )

    def _overview(self) -> Pivot | None:
        """Return some metrics over all data of the first models; those beside a reference first."""
        whole = [row for row in self.measurements if row.group == "" and row.model != row.reference]
        whole.sort(key=lambda row: row.reference == "")
        shown = list(dict.fromkeys(row.metric for row in whole))
        metrics, models = shown[:MOST_METRICS], {m.id for m in self.models[:MOST_MODELS]}
        kept = [row for row in whole if row.metric in metrics and row.model in models]
        return pivot(kept, rows="model", columns="metric") if kept else None


def to_json(run: Run) -> str:
    """Write a record as JSON text that steers no terminal; equal records give equal texts."""
    return escape_json(run.model_dump_json(indent=1)) + "\n"


def save(run: Run, path: str | Path, *, is_ours: IsOurs | None = None) -> None:
    """Write a record to a file, whole or not at all.

    Args:
        is_ours: tells whether a file that is there already may be replaced; None for any.

    Raises:
        InputError: the file cannot be written.
    """
    write_atomic(path, to_json(run), is_ours=is_ours)
