"""From what was observed of every variant to measurements, exhibits and notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pyengine.measure.aggregate import (
    aggregate,
    beyond_arithmetic,
    by_label,
    control_rows,
    level_at_look,
    quantile_rows,
    ratios,
    through_anchor,
)
from pyengine.measure.documents import ScoredCorpus
from pyengine.measure.engine import Series, Work
from pyengine.measure.exhibits import (
    most_changed,
    passage_content,
    position_content,
    top_content,
)
from pyengine.measure.found import Finding
from pyengine.measure.joint import depth_rows, joint_rows
from pyengine.measure.observers import Columns
from pyengine.measure.plan import COLD, PASSAGES, POSITIONS, Plan, rows_twice
from pyengine.measure.starts import start_measurements
from pyengine.measure.table import TokenTable, join
from pyengine.run.measurement import Measurement
from pyengine.run.record import Exhibit, ModelInfo, Note
from pyengine.text.joined import octave_names

# Upper ends of the reference's confidence in its first choice.
CONFIDENCE_EDGES = (0.25, 0.5, 0.75, 0.95, 1.0)
# What is said of one model alone, the reference too.
ALONE = ("ppl", "padding_mass", "entropy", "bits_per_byte")
KEYWORDS = ("keyword_mass", "keyword_mass_change", "keyword_kl")


def corpus_findings(
    plan: Plan,
    text: ScoredCorpus,
    series: Mapping[str, Series],
    infos: Sequence[ModelInfo],
    anchor: str,
) -> Iterator[Finding]:
    """Yield what was observed over the corpus, of the reference beside itself too.

    Args:
        anchor: the variant through which the levels of others are known; empty for none.
    """
    reference = plan.reference.info.id
    tables = {
        model: _with_bits(text.scored.table([part.columns for part in series[model].observations]))
        for model in (info.id for info in infos)
        if series[model].observations
    }
    longest = max(tables.values(), key=len)
    yield from aggregate(_of_reference(longest), model=reference, metrics=ALONE)
    counted = longest.where(np.isfinite(longest.columns["reference_keyword_mass"]))
    yield from by_label(
        _of_reference(counted), "language", model=reference, reference="", metrics=("keyword_mass",)
    )
    levels: dict[str, Measurement] = {}
    for model, table in tables.items():
        rows = _variant_rows(plan, table, model, reference)
        for row in through_anchor(rows, table, tables.get(anchor, table)):
            yield row
            if row.metric == "kl" and not row.group:
                levels[model] = row
        n = int(np.count_nonzero(~np.isfinite(table.columns["kl"])))
        if n:
            yield Note(code="infinite-divergence", model=model, values={"n_tokens": n})
        yield from _examples(plan, text, series[model], model)
    yield from ratios(list(tables.items()), reference=reference)
    yield from joint_rows(plan.reference.info, infos, tables)
    if plan.options.windows.by_position:
        depths = octave_names(plan.options.windows.n_ctx)
        yield from depth_rows(plan.reference.info, infos, tables, depths)
    yield from _arithmetic(text, series, levels, reference)


def start_findings(
    plan: Plan, work: Work, kinds: Sequence[str], series: Mapping[str, Series]
) -> Iterator[Finding]:
    """Yield what was observed at cold and warm starts."""
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
            yield from start_measurements(names, kinds, of_reference, model=reference, reference="")
            yield _cold_start(plan, reference, cold["reference"])
        yield from start_measurements(names, kinds, columns, model=model, reference=reference)
        yield _cold_start(plan, model, cold["variant"])


def _cold_start(plan: Plan, model: str, top: Sequence[tuple[int, float]]) -> Exhibit:
    content = {"ids": list(plan.start), "top": top_content(top, plan.vocabulary)}
    return Exhibit(kind="cold-start", model=model, content=content)


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
    if "position" in table.labels:
        order = octave_names(plan.options.windows.n_ctx)
        rows += by_label(table, "position", **both, order=order)
    labels, order = confidence_labels(table.columns["reference_top"])
    confident = replace(table, labels={"confidence": labels})
    rows += by_label(confident, "confidence", **both, order=order)
    known = table.where(np.isfinite(table.columns["keyword_mass"]))
    if len(known):
        rows += by_label(known, "language", **both, metrics=KEYWORDS)
    return rows


def _arithmetic(
    text: ScoredCorpus,
    series: Mapping[str, Series],
    levels: Mapping[str, Measurement],
    reference: str,
) -> Iterator[Finding]:
    """Yield how far every model is from itself in another order, and what that leaves of its KL.

    Args:
        levels: the KL divergence of every variant.
    """
    from_itself: dict[str, Measurement] = {}
    begins = dict(zip((chunk.name for chunk in text.chunks), chunk_begins(text), strict=False))
    again = rows_twice(text.chunks, text.looks)
    rows_again = [np.arange(begins[name], begins[name] + n) for name, n in again.items()]
    for model in (reference, *levels):
        twice = [part for part in series[model].observations if part.again]
        if not twice:
            continue
        rows = np.concatenate(rows_again[: len(twice)])
        table = _with_bits(text.scored.table([part.again for part in twice], rows))
        both = {"model": model, "reference": model}
        found = [*control_rows(table, **both)]
        yield from found
        yield from aggregate(table, **both, metrics=("same_first_choice", "clear_change"))
        for row in found:
            if row.metric == "kl" and not row.group:
                from_itself[model] = row
        usual = text.chunks[0].session
        named = ("flash_attention", "n_ubatch", "max_rows", "threads")
        content = {
            "usual": {name: getattr(usual, name) for name in named},
            "again": twice[0].order,
        }
        yield Exhibit(kind="control", model=model, content=content)
    for model, kl in levels.items():
        if reference in from_itself and model in from_itself:
            of_reference, of_variant = from_itself[reference], from_itself[model]
            level = level_at_look(text.scored)
            yield beyond_arithmetic(kl, of_reference, of_variant, level=level)


def chunk_begins(text: ScoredCorpus) -> list[int]:
    """Return the index of the first row of each chunk, and the number of all rows at the end."""
    begins: list[int] = np.cumsum([0, *(chunk.n_rows for chunk in text.chunks)]).tolist()
    return begins


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
    return replace(table, columns=columns)


def _of_reference_columns(columns: Columns) -> Columns:
    mark = "reference_"
    return {name.removeprefix(mark): c for name, c in columns.items() if name.startswith(mark)}


def _examples(plan: Plan, text: ScoredCorpus, seen: Series, model: str) -> Iterator[Exhibit]:
    for kind, n, write in (
        (POSITIONS, plan.options.positions, position_content),
        (PASSAGES, plan.options.passages, passage_content),
    ):
        parts = [
            (begin, part.kept[kind])
            for begin, part in zip(chunk_begins(text), seen.observations, strict=False)
        ]
        for kept in most_changed(parts, n):
            content = write(kept, text.scored, text.documents, plan.vocabulary)
            yield Exhibit(kind=kind.removesuffix("s"), model=model, content=content)
