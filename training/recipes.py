"""The four members of the family: their shapes, what they learn from, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from training.model import Shape
from training.tokenizer import VOCABULARY

WIDE = Shape(vocabulary=VOCABULARY, layers=4, hidden=768, heads=2)
NARROW = Shape(vocabulary=VOCABULARY, layers=2, tied=True, hidden=512, heads=2)


@dataclass(frozen=True)
class Recipe:
    """How one member is trained.

    start names the member whose weights it starts from, teacher the member whose distributions
    it learns; minutes is the training time after which the cosine ends, tokens ends it earlier;
    the rate rises to its peak over warm_up tokens.
    """

    name: str
    shape: Shape
    data: str
    minutes: float
    tokens: int | None = None
    peak: float = 3e-3
    warm_up: int = 400_000
    start: str | None = None
    teacher: str | None = None


FAMILY = {
    recipe.name: recipe
    for recipe in (
        Recipe("base", WIDE, "train.bin", minutes=72),
        Recipe("small", NARROW, "train.bin", minutes=60, tokens=3_000_000, warm_up=100_000),
        Recipe(
            "distilled",
            NARROW,
            "train.bin",
            minutes=60,
            tokens=3_000_000,
            warm_up=100_000,
            teacher="base",
        ),
        Recipe(
            "python",
            WIDE,
            "python.bin",
            minutes=60,
            tokens=2_000_000,
            peak=6e-4,
            warm_up=50_000,
            start="base",
        ),
    )
}
