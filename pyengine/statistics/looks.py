"""Looking at data more than once while they grow, to stop when enough is known."""

from __future__ import annotations

# Below so many documents an interval by Student's t cannot be trusted to stop by.
FEWEST_DOCUMENTS = 12


def look_points(n_documents: int) -> list[int]:
    """Return after how many documents to look: 12, 18, 24, 36, 48, 72, 96, ... and after the last.

    Each look asks for a third or a half more than the last, so that their number grows with the
    logarithm of the documents, and what looking costs stays small.
    """
    points = []
    step = FEWEST_DOCUMENTS
    while step < n_documents:
        points += [step, step + step // 2]
        step *= 2
    return [*(point for point in points if point < n_documents), n_documents]


def at_look(level: float, looks: int) -> float:
    """Return the level of an interval at each of K looks: 1 - (1 - level) / K.

    All looks together then cover with the level (Bonferroni's inequality), whatever is decided at
    them and however the numbers of different looks depend on each other.
    """
    return 1 - (1 - level) / looks
