"""From what was observed of every variant to measurements, exhibits and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pyengine.measure.aggregate import (
    aggregate,
    beyond_arithmetic,
    by_label,
    control_rows,
    differences,
    quantile_rows,
)
from pyengine.measure.documents import ScoredCorpus
from pyengine.measure.engine import Series, Work
from pyengine.measure.exhibits import (
    most_changed,
    passage_content,
    position_content,
    top_content,
)
from pyengine.measure.observers import Columns
from pyengine.measure.plan import COLD, PASSAGES, POSITIONS, Plan
from pyengine.measure.starts import start_measurements
from pyengine.measure.table import TokenTable, join
from pyengine.run.measurement import Measurement
from pyengine.run.record import Exhibit, Note

# Upper ends of the reference's confidence in its first choice.
CONFIDENCE_EDGES = (0.25, 0.5, 0.75, 0.95, 1.0)
# What is said of one model alone, the reference too.
ALONE = ("ppl", "padding_mass", "entropy", "bits_per_byte")
KEYWORDS = ("keyword_mass", "keyword_mass_change", "keyword_kl")


@dataclass
class Findings:
    """What becomes the run, as it is found."""

    measurements: list[Measurement] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def show(self, kind: str, model: str, contents: Sequence[dict[str, object]]) -> None:
        """Add exhibits of one kind."""
        self.exhibits += [Exhibit(kind=kind, model=model, content=one) for one in contents]


def corpus_findings(
    plan: Plan,
    text: ScoredCorpus,
    series: Mapping[str, Series],
    variants: Sequence[str],
    found: Findings,
) -> None:
    """Add what was observed over the corpus, of the reference beside itself too."""
    reference = plan.reference.info.id
    tables = {
        model: _with_bits(text.scored.table([part.columns for part in series[model].observations]))
        for model in variants
        if series[model].observations
    }
    longest = max(tables.values(), key=len)
    found.measurements += aggregate(_of_reference(longest), model=reference, metrics=ALONE)
    counted = longest.where(np.isfinite(longest.columns["reference_keyword_mass"]))
    found.measurements += by_label(
        _of_reference(counted), "language", model=reference, reference="", metrics=("keyword_mass",)
    )
    for model, table in tables.items():
        found.measurements += _variant_rows(plan, table, model, reference)
        found.notes += _infinite(table, model)
        _show_examples(plan, text, series[model], model, found)
    found.measurements += differences(list(tables.items()), reference=reference)
    for model in (reference, *variants):
        _beside_itself(text, series[model], model, found)
    found.measurements += _beyond_arithmetic(found.measurements, reference, list(tables))


def start_findings(
    plan: Plan,
    work: Work,
    kinds: Sequence[str],
    series: Mapping[str, Series],
    found: Findings,
) -> None:
    """Add what was observed at cold and warm starts."""
    reference = plan.reference.info.id
    names = np.concatenate([chunk.token_sets for chunk in work.chunks])
    known = [
        (name, seen.observations)
        for name, seen in series.items()
        if len(seen.observations) == len(work.chunks)
    ]
    for number, (model, observations) in enumerate(known):
        (cold,) = observations[0].kept[COLD]
        columns = join([part.columns for part in observations])
        if number == 0:
            of_reference = _of_reference_columns(columns)
            found.measurements += start_measurements(
                names, kinds, of_reference, model=reference, reference=""
            )
            top = top_content(cold["reference"], plan.vocabulary)
            found.show("cold-start", reference, [{"ids": list(plan.start), "top": top}])
        found.measurements += start_measurements(
            names, kinds, columns, model=model, reference=reference
        )
        top = top_content(cold["variant"], plan.vocabulary)
        found.show("cold-start", model, [{"ids": list(plan.start), "top": top}])


def confidence_labels(top: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.str_], list[str]]:
    """Return the bucket of each token by the probability of the reference's first choice."""
    names, lower = [], 0.0
    for upper in CONFIDENCE_EDGES:
        names.append(f"{lower:.2f}–{upper:.2f}")
        lower = upper
    return np.array(names)[np.searchsorted(CONFIDENCE_EDGES[:-1], top, side="right")], names


def _variant_rows(plan: Plan, table: TokenTable, model: str, reference: str) -> list[Measurement]:
    both = {"model": model, "reference": reference}
    rows = aggregate(table, **both)
    for metric in ("kl", "delta_p"):
        rows += quantile_rows(table, metric, **both, seed=plan.options.seed)
    rows += by_label(table, "language", **both)
    rows += by_label(table, "class", **both)
    labels, order = confidence_labels(table.columns["reference_top"])
    confident = TokenTable(table.clusters, {"confidence": labels}, table.columns)
    rows += by_label(confident, "confidence", **both, order=order)
    known = table.where(np.isfinite(table.columns["keyword_mass"]))
    if len(known):
        rows += by_label(known, "language", **both, metrics=KEYWORDS)
    return rows


def _beside_itself(text: ScoredCorpus, seen: Series, model: str, found: Findings) -> None:
    """Say how far a model is from itself, computed once more in another order."""
    twice = [part for part in seen.observations if part.again]
    if not twice:
        return
    # The rows that are computed twice are the first ones of the corpus, in order.
    table = _with_bits(text.scored.table([part.again for part in twice]))
    both = {"model": model, "reference": model}
    found.measurements += control_rows(table, **both)
    found.measurements += aggregate(table, **both, metrics=("same_first_choice",))
    usual = text.chunks[0].session
    named = ("flash_attention", "n_ubatch", "max_rows", "threads")
    content: dict[str, object] = {
        "usual": {name: getattr(usual, name) for name in named},
        "again": twice[0].order,
    }
    found.show("control", model, [content])


def _beyond_arithmetic(
    rows: Sequence[Measurement], reference: str, variants: Sequence[str]
) -> list[Measurement]:
    """Return the part of each variant's divergence that arithmetic does not explain."""
    known = {
        (row.model, row.reference): row for row in rows if row.metric == "kl" and not row.group
    }
    return [
        beyond_arithmetic(known[model, reference], known[reference, reference], known[model, model])
        for model in variants
        if (model, reference) in known and (model, model) in known
    ]


def _with_bits(table: TokenTable) -> TokenTable:
    """Add the bits of every token, and their change from the reference."""
    return table.with_columns(
        {
            "bits": -table.columns["log_p"] / np.log(2),
            "reference_bits": -table.columns["reference_log_p"] / np.log(2),
            "bits_change": table.columns["log_ppl_ratio"] / np.log(2),
        }
    )


def _of_reference(table: TokenTable) -> TokenTable:
    """Return the table of the reference, read from that of a variant beside it."""
    columns = _of_reference_columns(table.columns) | {"n_bytes": table.columns["n_bytes"]}
    return TokenTable(table.clusters, table.labels, columns)


def _of_reference_columns(columns: Columns) -> Columns:
    mark = "reference_"
    return {name.removeprefix(mark): c for name, c in columns.items() if name.startswith(mark)}


def _infinite(table: TokenTable, model: str) -> list[Note]:
    n = int(np.count_nonzero(~np.isfinite(table.columns["kl"])))
    return [Note(code="infinite-divergence", model=model, values={"n_tokens": n})] if n else []


def _show_examples(
    plan: Plan, text: ScoredCorpus, seen: Series, model: str, found: Findings
) -> None:
    offsets = np.cumsum([0, *(chunk.n_rows for chunk in text.chunks)]).tolist()
    for kind, n, write in (
        (POSITIONS, plan.options.positions, position_content),
        (PASSAGES, plan.options.passages, passage_content),
    ):
        parts = [
            (begin, part.kept[kind])
            for begin, part in zip(offsets, seen.observations, strict=False)
        ]
        contents = [
            write(kept, text.scored, text.documents, plan.vocabulary)
            for kept in most_changed(parts, n)
        ]
        found.show(kind.removesuffix("s"), model, contents)
