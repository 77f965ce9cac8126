"""Choose where rows wait, from the memory that is free."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyengine.comparison.options import MemoryOptions

# Of the free memory, what models and rows may take.
USABLE_SHARE = 0.8
# Rows of one model that are computed at once: 256 of a vocabulary of 150,000. More of them only
# travel to memory and back, which costs some 8 % of the time at 500 rows.
BYTES_AT_ONCE = 150 << 20
# A decode of 138 tokens takes longer than its share of one of 128: matrix products go in tiles.
WHOLE_TILES = 64


@dataclass(frozen=True)
class MemoryPlan:
    """The plan, why it was chosen, and how many rows of logits one call may return."""

    name: str
    reason: str
    max_rows: int


def choose_plan(
    options: MemoryOptions, *, model_bytes: Sequence[int], n_vocab: int, window_rows: int
) -> MemoryPlan:
    """Choose between live and block.

    Args:
        model_bytes: size of each model, the reference first.
        n_vocab: entries of a row.
        window_rows: most rows that one window asks for.
    """
    n_models = len(model_bytes)
    limit = min(BYTES_AT_ONCE, options.cap_bytes // n_models)
    at_once = limit // (4 * n_vocab)
    if at_once > WHOLE_TILES:
        at_once -= at_once % WHOLE_TILES
    max_rows = max(1, min(window_rows, at_once))
    needed = sum(model_bytes) + n_models * max_rows * 4 * n_vocab
    if options.plan == "cache":
        return MemoryPlan("cache", "asked for; divergences are lower bounds", max_rows)
    if options.plan != "auto":
        return MemoryPlan(options.plan, "asked for", max_rows)
    free = available_bytes()
    if free is None:
        return MemoryPlan("live", "the free memory is unknown", max_rows)
    # How much was free is not said: equal runs give equal records.
    fits = needed <= USABLE_SHARE * free
    words = f"all models and rows together {'take' if fits else 'would take'} {_gib(needed)}"
    return MemoryPlan("live" if fits else "block", words, max_rows)


def available_bytes() -> int | None:
    """Return the memory that Linux says is available; None elsewhere."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return None
    for line in info.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"
