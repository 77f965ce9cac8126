"""Does what a variant does to tokens go along with what it does to code? Said as found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from pyengine.measure.aggregate import measurement_of
from pyengine.run.measurement import Measurement, group_of
from pyengine.statistics.success import spearman

# Metric and group of what is measured of tokens.
TOKEN_MEASURES = (
    ("kl", ""),
    ("keyword_mass_shift", ""),
    ("jensen_shannon", group_of({"start": "cold"})),
    ("pkp", group_of({"start": "cold"})),
)
CODE_MEASURES = (
    *("pass_at_1", "parse_share", "reference_log_probability", "keyword_first"),
    "edit_similarity",
)
FEWEST = 4


def link(measurements: Sequence[Measurement]) -> Iterator[Measurement]:
    """Yield the rank correlation of every token measure with every code measure.

    Over the variants that have token measures: the reference, whose divergence is zero by
    definition, is left out. Nothing below four variants.
    """
    known = {(row.metric, row.group, row.model): row.value for row in measurements}
    variants = [row.model for row in measurements if (row.metric, row.group) == TOKEN_MEASURES[0]]
    if len(variants) < FEWEST:
        return
    for token_metric, token_group in TOKEN_MEASURES:
        x = [known.get((token_metric, token_group, model), math.nan) for model in variants]
        for code_metric in CODE_MEASURES:
            y = [known.get((code_metric, "", model), math.nan) for model in variants]
            found = spearman(np.array(x), np.array(y))
            group = group_of({"token": token_metric, "code": code_metric})
            yield measurement_of(found, "rank_agreement", "", group=group)
