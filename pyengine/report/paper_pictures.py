"""The pictures of `paper`: cold starts beside the paper's, their divergences, and coverage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyengine.report.charts import Chart, Series
from pyengine.report.document import Picture
from pyengine.report.words import member_name, picture
from pyengine.run.pivot import pivot
from pyengine.run.record import Run

MASSES = ("pkp", "stp")
FLOOR = "Q8_0"
MOST_SERIES = 6


def paper_pictures(run: Run) -> tuple[Picture, ...]:
    """Return the pictures that the record has numbers for, on both of their sides."""
    return tuple(one for one in (_masses(run), _divergences(run), _coverage(run)) if one)


def _names(run: Run) -> dict[str, str]:
    """Name files by their types, where each has one of its own."""
    types = {model.id: model.file_type for model in run.models}
    return types if len(set(types.values())) == len(types) else {name: name for name in types}


def _lines(run: Run, table: str, quantity: str) -> list[Mapping[str, Any]]:
    """Return the lines of a table of the paper that both sides have a number in."""
    return [
        line
        for one in run.shown("paper-table")
        if one["table"] == table
        for line in one["lines"]
        if line["quantity"] == quantity and None not in (line["paper"], line["here"])
    ]


def _masses(run: Run) -> Picture | None:
    """Show both masses of each type: ours at the natural start and over all, and the paper's."""
    names = _names(run)
    stated = {
        (of, line["model"]): line["paper"] for of in MASSES for line in _lines(run, "D.5", of)
    }
    cold = {model: found for model in names for found in run.shown("paper-cold", model)}
    if not stated or not cold:
        return None
    shown = [(mass, model) for mass in MASSES for model in cold]
    here = [cold[model]["numbers"][mass] for mass, model in shown]
    natural = tuple(values[0] for values in here)
    chart = Chart(
        kind="dots",
        x_label="probability",
        categories=tuple(f"{mass.upper()} {names[model]}" for mass, model in shown),
        series=(
            Series("here", natural, tuple(map(min, here)), tuple(map(max, here))),
            Series("the paper", tuple(map(stated.get, shown))),
        ),
        log=True,
    )
    starts = {tuple(found["starts"]) for found in cold.values()}
    same = starts.pop() if len(starts) == 1 else None
    return picture("paper-masses", chart, name="masses", starts=same)


def _divergences(run: Run) -> Picture | None:
    """Show how far each type is from the reference at each start, beside Q8_0."""
    pairs = {model.id: run.shown("paper-pair", model.id) for model in run.models}
    alike = [name for name, found in pairs.items() if {"pair": "quantized"} in found]
    alike.sort(key=lambda name: run.model(name).file_type != FLOOR)
    rows = [row for row in run.select("jensen_shannon", dimension="start") if row.model in alike]
    laid = pivot(
        sorted(rows, key=lambda row: alike.index(row.model)), rows="model", columns="start"
    )
    if len(laid.rows) < 2 or run.model(laid.rows[0]).file_type != FLOOR:
        return None
    names = _names(run)
    series = [
        Series(names[model], tuple(values))
        for model, values in zip(laid.rows, laid.values(), strict=True)
    ]
    chart = Chart(
        kind="dots",
        x_label="JS divergence [nats]",
        categories=laid.columns,
        series=tuple(series[:MOST_SERIES]),
        log=True,
    )
    left_out = len(series) - MOST_SERIES
    return picture(
        "paper-divergences",
        chart,
        name="divergences",
        reference=run.options["reference"],
        left_out=left_out if left_out > 0 else None,
    )


def _coverage(run: Run) -> Picture | None:
    """Show the share of each language's words that the first of the paper's tokenizers keeps."""
    lines = [line for line in _lines(run, "D.1", "whole_words_percent") if line["about"]]
    lines = [line for line in lines if line["model"] == lines[0]["model"]]
    if not lines:
        return None
    chart = Chart(
        kind="bars",
        x_label="share of words [%]",
        categories=tuple(member_name("language", line["about"]) for line in lines),
        series=tuple(
            Series(name, tuple(float(line[of]) for line in lines))
            for name, of in (("here", "here"), ("the paper", "paper"))
        ),
    )
    return picture("paper-coverage", chart, name="coverage", model=lines[0]["model"])
