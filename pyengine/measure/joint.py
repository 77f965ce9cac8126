"""What weights and settings do together beside what each does alone, and what each saves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np

from pyengine.errors import PyengineError
from pyengine.measure.aggregate import aggregate
from pyengine.measure.found import measured
from pyengine.measure.subjects import Subject
from pyengine.measure.table import TokenTable
from pyengine.models.memory import forecast_opened
from pyengine.models.model import Model
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import ModelInfo, Note

TOGETHER = ("kl_sum", "kl_beyond_sum")
# Tokens of context for which memory is forecast, where the model was trained with as many.
CONTEXT = 8192


def joint_rows(
    reference: ModelInfo, models: Sequence[ModelInfo], tables: Mapping[str, TokenTable]
) -> Iterator[Measurement]:
    """Yield, for each variant of which file and settings were measured alone, their sum.

    Over the tokens that all three were measured on: the mean of KL(file alone) + KL(settings
    alone), and that of KL(both) less that sum, paired token by token; the group names the two.

    Args:
        tables: by the ids of the models.
    """
    alone = {(model.sha256, model.variant): model.id for model in reversed(models)}
    for both in models:
        weights = alone.get((both.sha256, reference.variant), "")
        settings = alone.get((reference.sha256, both.variant), "")
        named = (both.id, weights, settings)
        if len(set(named)) < 3 or any(name not in tables for name in named):
            continue
        n = min(len(tables[name]) for name in named)
        together, first, second = (tables[name].columns["kl"][:n] for name in named)
        total = first + second
        if np.isfinite(together + total).all():
            table = tables[both.id]
            cut = table.where(np.arange(len(table)) < n)
            yield from aggregate(
                cut.with_columns({"kl_sum": total, "kl_beyond_sum": together - total}),
                model=both.id,
                reference=reference.id,
                group=group_of({"weights": weights, "settings": settings}),
                metrics=TOGETHER,
            )


def attention_notes(model: Model) -> Iterator[Note]:
    """Yield what the depth of a context means to a model whose layers do not all see all of it."""
    window = model.metadata.get(f"{model.architecture}.attention.sliding_window", "0")
    if window.isdecimal() and int(window) > 0:
        yield Note(code="sliding-window", values={"window": int(window)})
    if model.is_recurrent:
        yield Note(code="recurrent-state")


def memory_rows(subjects: Sequence[Subject]) -> Iterator[Measurement]:
    """Yield the memory that each model takes of the machine, where some have settings.

    A forecast, for `CONTEXT` tokens or as many as all were trained with, and the part of it that
    grows with the context: the attention cache.
    """
    if not any(subject.info.variant for subject in subjects):
        return
    trained = [s.info.n_ctx_train for s in subjects if s.info.n_ctx_train > 0]
    context = min([CONTEXT, *trained])
    group = {"context": str(context)}
    for subject in subjects:
        with suppress(PyengineError):  # what has no forecast has numbers all the same
            said = forecast_opened(subject.variant.path, subject.variant.options, context)
            yield measured(subject.info.id, "memory_forecast", said.main, members=group)
            yield measured(subject.info.id, "cache_forecast", said.shares[0].cache, members=group)
