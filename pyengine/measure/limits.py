"""How long a context may be, and what a reader must know where it was too long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyengine.run.record import ModelInfo, Note


def fitted(asked: int, positions: int | None) -> tuple[int, list[Note]]:
    """Return how long a context may be with so many learned positions, and a note where less."""
    if positions is None or asked <= positions:
        return asked, []
    values = {"asked": asked, "positions": positions}
    return positions, [Note(code="fitted-to-positions", values=values)]


def fewest_positions(found: Iterable[int | None]) -> int | None:
    """Return the fewest learned positions of some models; None where none learned any."""
    return min((positions for positions in found if positions is not None), default=None)


def beyond_trained(models: Sequence[ModelInfo], positions: int) -> list[Note]:
    """Return a note for each model that was given more positions than it was trained with."""
    return [
        Note(
            code="beyond-trained-context",
            model=model.id,
            values={"positions": positions, "trained": model.n_ctx_train},
        )
        for model in models
        if 0 < model.n_ctx_train < positions
    ]
