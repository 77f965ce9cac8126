"""The pictures of a sensitivity: layers by kinds, and groups with their intervals."""

from __future__ import annotations

from pyengine.report.charts import Chart, Series
from pyengine.report.document import Picture
from pyengine.report.numbers import significant
from pyengine.report.sensitivity_view import layers_of, leaves_of
from pyengine.report.sentences.sensitivity import Group
from pyengine.report.words import picture
from pyengine.run.record import Run


def sensitivity_pictures(run: Run) -> tuple[Picture, ...]:
    """Return the map of layers and kinds, where there are layers, and the groups in order."""
    leaves = leaves_of(run)
    layered = [group for group in leaves if group["first_layer"] is not None]
    maps = (_map(layered),) if layered else ()
    return (*maps, _groups(leaves))


def _map(leaves: list[Group]) -> Picture:
    """Show each layer's part of a group's divergence, as if its tensors had equal ones."""
    layers = range(max(group["last_layer"] for group in leaves) + 1)
    kinds = list(dict.fromkeys(group["kind"] for group in leaves))
    parts = {kind: dict[int, float]() for kind in kinds}
    for group in leaves:
        for name in group["tensors"]:
            layer = int(name.split(".")[1])
            parts[group["kind"]][layer] = group["kl"] / len(group["tensors"])
    series = tuple(
        Series(
            kind,
            tuple(parts[kind].get(layer) for layer in layers),
            texts=tuple(
                significant(parts[kind][layer], 2) if layer in parts[kind] else ""
                for layer in layers
            ),
        )
        for kind in kinds
    )
    chart = Chart(
        kind="heatmap",
        x_label="KL divergence of a layer [nats per token]",
        categories=tuple(map(str, layers)),
        series=series,
        log=True,
    )
    return picture("sensitivity-map", chart)


def _groups(leaves: list[Group]) -> Picture:
    ordered = sorted(leaves, key=lambda group: -group["kl"])
    names = tuple(f"{group['kind']} {layers_of(group) or ''}".strip() for group in ordered)
    kl, lows, highs = (
        tuple(group[field] if group[field] == group[field] else None for group in ordered)
        for field in ("kl", "low", "high")
    )
    chart = Chart(
        kind="dots",
        x_label="KL divergence [nats per token]",
        categories=names,
        series=(Series("rounded alone", kl, lows, highs),),
        log=True,
    )
    return picture("sensitivity-groups", chart)
