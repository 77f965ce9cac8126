"""F: the paper's weaknesses, each with the numbers that stand in its place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyengine.measure.paper.claims import divergences, kind_of_pair
from pyengine.measure.paper.cold import Cold
from pyengine.measure.paper.programs import UNCUT, Evaluated
from pyengine.measure.paper.published import FULL, union_table
from pyengine.measure.probe import CODE_CLASSES
from pyengine.run.measurement import Measurement, group_of
from pyengine.statistics.success import spearman
from pyengine.vocabulary.integrity import piece_faults
from pyengine.vocabulary.tokenizer import Tokenizer

WEAKNESSES = range(1, 29)
Values = dict[str, Any]


def weakness_values(
    tokenizer: Tokenizer, models: Mapping[str, Cold], reference: str, done: Sequence[Evaluated]
) -> dict[int, Values]:
    """Return the values that answer each weakness, by its number; none where they are not known.

    Args:
        tokenizer: of the first file.
        models: by id, those with weights.
        reference: id of the one that the numbers are of and the others are held against.
        done: models with pass rates.
    """
    found = _of_tokenizer(tokenizer)
    if first := models.get(reference):
        found |= _of_model(first)
        found |= _of_pairs(first, [one for one in models.values() if one is not first])
    if done:
        found |= _of_programs(done)
    return dict(sorted(found.items()))


def _of_tokenizer(tokenizer: Tokenizer) -> dict[int, Values]:
    features = tokenizer.features
    dead = tokenizer.classes.sets["paper: dead"]
    white = sum(not piece.strip() for piece in features.pieces.take(dead))
    lost = piece_faults(features, tokenizer.vocabulary.repeated_pieces()).lost
    return {
        17: {"cl100k": tokenizer.cl100k is not None},
        18: {"dead": len(dead), "white": white},
        20: {"lost": lost},
    }


def _of_model(one: Cold) -> dict[int, Values]:
    numbers, starts = one.numbers, one.decoded.starts[: one.n_own]
    pkp = numbers["pkp"]
    by_name = {
        (row.metric, row.group): row.value for row in one.found if isinstance(row, Measurement)
    }

    def of(metric: str, **members: str) -> float | None:
        return by_name.get((metric, group_of({"language": "union", **members})))

    sets = {name: float(one.mass(name)[0]) for name in CODE_CLASSES}
    most = sorted(sets, key=lambda name: -sets[name])[:3]
    found = {
        1: {"ids": list(starts[0].ids), "n": len(starts), "low": pkp.min(), "high": pkp.max()},
        3: {"times": pkp.max() / pkp.min() if pkp.min() > 0 else None},
        4: {
            "share": numbers["import_share"][0],
            "without": numbers["pkp_without_openers"][0],
            "effective": one.effective_keywords,
        },
        7: {"ratio": numbers["kap"][0] * len(union_table()) / pkp[0] if pkp[0] > 0 else None},
        8: {"odds": of("odds_ratio"), "p": of("random_p")},
        13: {
            "bare": of("form_mass", form="bare"),
            "any": of("form_mass", form="any"),
        },
        14: {"split": of("split_mass"), "mean": of("geometric_mean")},
        16: {"english": one.mass("english")[0], "pkp": pkp[0]},
        19: {"best": [{"kind": name, "mass": sets[name]} for name in most]},
        24: {"needed": one.shown("items-needed")["keywords"]},
        25: {"n": one.decoded.rows.shape[1], "js": one.warm_divergence},
        27: {"n": len(one.decoded.starts)},
    }
    return {n: _plain(values) for n, values in found.items() if None not in values.values()}


def _of_pairs(first: Cold, others: Sequence[Cold]) -> dict[int, Values]:
    """Return what is known where there are several models."""
    if not others:
        return {}
    ids = {one.decoded.starts[0].ids for one in (first, *others)}
    found: dict[int, Values] = {2: {"n": len(others) + 1, "inputs": len(ids)}}
    alike = [m for m in others if kind_of_pair(first.info, m.info) == "quantized"]
    moved = [(one.info, divergences(first, one, "kl")) for one in alike]
    known = [(info, next(iter(kl.values()))) for info, kl in moved if kl]
    if known:
        bits = np.array([info.bits_per_weight for info, _ in known])
        rho = spearman(np.array([kl for _, kl in known]), bits).value
        named = [(info.file_type, kl) for info, kl in known]
        found[5] = {"kl": named, "rho": rho if math.isfinite(rho) else None}
        if first.info.file_type in FULL:
            found[6] = {"file_type": first.info.file_type, "n": len(known)}
    return found


def _of_programs(done: Sequence[Evaluated]) -> dict[int, Values]:
    """Return what the first model solved, and what it solved under the paper's harness."""
    one = done[0]
    passed, tasks = one.passed
    values = {"file_type": one.info.file_type, "style": one.style, "passed": passed, "tasks": tasks}
    for uncut in (x for x in done[1:] if x.style == UNCUT):
        if uncut.info.identity == one.info.identity:
            values["uncut"], values["of"] = uncut.passed
    parses = one.run.find("parse_share", one.info.id)
    found: dict[int, Values] = {
        9: values,
        10: {"low": one.rate.low, "high": one.rate.high},
    }
    if parses is not None:
        found[11] = {"parses": parses.value, "share": passed / tasks}
    return found


def _plain(values: Mapping[str, Any]) -> Values:
    """Turn NumPy's numbers into Python's."""
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}
