"""What weights and settings do together beside what each does alone, and what each saves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product

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


def depth_rows(
    reference: ModelInfo,
    models: Sequence[ModelInfo],
    tables: Mapping[str, TokenTable],
    names: Sequence[str],
) -> Iterator[Measurement]:
    """Yield by depth how much more settings alone cost than other weights alone, token by token.

    Args:
        tables: by the ids of the models.
        names: of the depths, in their order.
    """
    known = [model for model in models if model.id in tables]
    settings = [m for m in known if m.sha256 == reference.sha256]
    weights = [m for m in known if m.sha256 != reference.sha256 and m.variant == reference.variant]
    for one, other in product(settings, weights):
        n = min(len(tables[one.id]), len(tables[other.id]))
        table = tables[one.id].where(np.arange(len(tables[one.id])) < n)
        column = table.columns["kl"] - tables[other.id].columns["kl"][:n]
        for name in names:
            yield from aggregate(
                table.with_columns({"kl_difference": column}).where(
                    table.labels["position"] == name
                ),
                model=one.id,
                reference=reference.id,
                group=group_of({"against": other.id, "position": name}),
                metrics=("kl_difference",),
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
