"""Does what a variant does to tokens go along with what it does to code? Said as found."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pyengine.codegen.aggregate import interval_record
from pyengine.codegen.records import LinkRecord, ModelEvaluation, TokenLevelRecord
from pyengine.statistics.success import spearman

TOKEN_MEASURES = tuple(TokenLevelRecord.model_fields)
CODE_MEASURES: Mapping[str, Callable[[ModelEvaluation], float]] = {
    "pass_1": lambda e: e.total.pass_at[1].value if 1 in e.total.pass_at else float("nan"),
    "parse_share": lambda e: e.total.parse_share.value,
    "reference_log_probability": lambda e: e.total.reference_log_probability.value,
    "keyword_first": lambda e: e.total.keyword_first.value,
    "edit_similarity": lambda e: e.total.edit_similarity.value,
}
FEWEST = 4


def link(models: Sequence[ModelEvaluation]) -> list[LinkRecord]:
    """Return the rank correlation of every token measure with every code measure.

    Over the variants that have token-level measures: the reference, whose divergence is zero by
    definition, is left out. Empty below four variants.
    """
    variants = [(model, model.token_level) for model in models if model.token_level is not None]
    if len(variants) < FEWEST:
        return []
    found = []
    for token_measure in TOKEN_MEASURES:
        x = np.array([getattr(level, token_measure) for _, level in variants], dtype=np.float64)
        for code_measure, value in CODE_MEASURES.items():
            y = np.array([value(model) for model, _ in variants], dtype=np.float64)
            correlation = spearman(x, y)
            found.append(
                LinkRecord(
                    token_measure=token_measure,
                    code_measure=code_measure,
                    rho=interval_record(correlation.rho, correlation.method),
                    n_variants=correlation.n,
                    verdict=correlation.verdict(),
                )
            )
    return found
