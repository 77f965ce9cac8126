"""D.5: cold starts by quantization, the paper's beside ours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from pyengine.measure.paper.cold import MOST, Cold, same_starts
from pyengine.measure.paper.lines import Line, Unit, relative
from pyengine.measure.paper.published import BASELINE, COLD_MODEL, cold_rows, is_model, plain_name
from pyengine.run.record import Exhibit
from pyengine.vocabulary.paper import PUBLISHED, RECOMPUTED
from pyengine.vocabulary.token_sets import Doubles

CHANGES = ("pkp_change", "stp_change", "total_variation")
SHARES = {"import_share", "pkp_change", "stp_change"}


def changes(one: Cold, baseline: Cold) -> dict[str, Doubles]:
    """Return how the masses of a model differ from another's, at each start that both have."""
    mine, its = same_starts(one, baseline)
    a, b = one.numbers, baseline.numbers
    moved = sum(np.abs(a[name][mine] - b[name][its]) for name in ("pkp", "stp", "other"))
    return {
        "pkp_change": relative(a["pkp"][mine], b["pkp"][its]),
        "stp_change": relative(a["stp"][mine], b["stp"][its]),
        "total_variation": np.asarray(moved) / 2,
    }


def baseline_of(one: Cold, models: Mapping[str, Cold]) -> Cold | None:
    """Return the Q8_0 of the same model among those that were given."""
    for other in models.values():
        if other.info.file_type == BASELINE and plain_name(other.info) == plain_name(one.info):
            return other if len(same_starts(one, other)[0]) else None
    return None


def number_exhibit(one: Cold, baseline: Cold | None) -> Exhibit:
    """Hold what D.5 states of one model, number by number at each own start."""
    against = baseline is not None and baseline is not one
    numbers = {**one.numbers, **(changes(one, baseline) if against and baseline else {})}
    content = {
        "starts": [start.name for start in one.decoded.starts[: one.n_own]],
        "numbers": {
            name: [x if math.isfinite(x) else None for x in values.tolist()]
            for name, values in numbers.items()
        },
    }
    return Exhibit(kind="paper-cold", model=one.info.id, content=content)


def published_numbers(file_type: str) -> dict[str, float]:
    """Return what D.5 states of a quantization; some of it follows from what is printed."""
    row, first = cold_rows()[file_type], cold_rows()[BASELINE]
    kw, special = row["keywords"], row["special"]
    other = 1 - row["pkp"] - row["stp"]
    moved = [row[n] - first[n] for n in ("pkp", "stp")]
    return {
        **{name: value for name, value in row.items() if isinstance(value, float)},
        "other": other,
        "import_share": (kw["import"] + kw["package"]) / row["pkp"],
        "pkp_without_import": row["pkp"] - kw["import"],
        "stp_without_markdown": row["stp"] - special["**"],
        "pkp_change": row["pkp"] / first["pkp"] - 1,
        "stp_change": row["stp"] / first["stp"] - 1,
        "total_variation": (abs(moved[0]) + abs(moved[1]) + abs(sum(moved))) / 2,
    }


def cold_lines(models: Mapping[str, Cold]) -> Iterator[Line]:
    """Yield D.5, for each file whose quantization has a row there."""
    for one in models.values():
        file_type = one.info.file_type
        if file_type in cold_rows():
            yield from _row_lines(one, baseline_of(one, models))
        else:
            line = Line(table="D.5", quantity="row", about=file_type, model=one.info.id)
            yield line.unless("no-such-row")


def input_lines(models: Mapping[str, Cold]) -> Iterator[Line]:
    """Yield what a cold start is fed (C), and warm starts (A): of both the paper has nothing."""
    for one in models.values():
        ids = " ".join(map(str, one.decoded.starts[0].ids))
        line = Line(table="C", quantity="input", model=one.info.id, here=ids)
        yield line.unless("not-in-paper")
        yield Line(table="A", quantity="warm", model=one.info.id).unless("not-in-paper")


def _row_lines(one: Cold, baseline: Cold | None) -> Iterator[Line]:
    info, file_type = one.info, one.info.file_type
    other = "" if is_model(info, COLD_MODEL) else "other-model"
    line = partial(Line, table="D.5", about=file_type, model=info.id)
    changed = {} if baseline is None else changes(one, baseline)
    row, needed = cold_rows()[file_type], one.shown("items-needed")
    for quantity, paper in published_numbers(file_type).items():
        if quantity in CHANGES and file_type == BASELINE:
            continue
        unit: Unit = "share" if quantity in SHARES else "probability"
        source = PUBLISHED if quantity in row else RECOMPUTED
        made = line(quantity=quantity, unit=unit, source=source, paper=paper)
        ours = one.numbers.get(quantity, changed.get(quantity))
        yield made.unless("no-baseline") if ours is None else made.over_starts(ours).unless(other)
    for name, ours_name in (("keywords", "keywords"), ("special", "special_tokens")):
        tokens = [token["text"] for token in one.shown("set-tokens", set=name)["tokens"]]
        shared = len(set(list(row[name])[:MOST]).intersection(tokens[:MOST]))
        made = line(quantity=f"{name}_top", unit="count", paper=MOST, here=shared)
        yield made.exact().unless(other)
        for text, p in row[name].items():
            made = line(quantity=f"{name}_token", unit="probability", paper=p)
            made = replace(made, about=f"{file_type} {text}").over_starts(one.token(text))
            yield made.unless(other)
        paper_text = "/".join(str(n + 1) for n in row[f"{name}_needed"])  # printed one less
        here = "/".join(map(str, needed[ours_name]))
        made = line(quantity=f"{name}_needed", source=RECOMPUTED, paper=paper_text, here=here)
        yield made.exact().unless(other)
