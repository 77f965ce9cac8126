"""How each model of a comparison decodes the windows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyengine.comparison.memory import MemoryPlan
from pyengine.comparison.options import CompareOptions
from pyengine.comparison.windows import Window
from pyengine.engine.options import SessionOptions

# Share of the windows whose first rows the reference computes twice.
NULL_SHARE = 0.04
# Of each of these windows, half of the rows that are computed at once, but no fewer than this.
NULL_ROWS = 128


@dataclass(frozen=True)
class Decoding:
    """The options of every session.

    Attributes:
        usual: of the reference and of every variant.
        control: of the reference when it is computed again, in other pieces by another number of
            threads.
        n_control: in so many windows, the first ones, the first `control.max_rows` rows.
    """

    usual: SessionOptions
    control: SessionOptions
    n_control: int


def choose_decoding(
    windows: Sequence[Window], options: CompareOptions, plan: MemoryPlan, *, threads: int
) -> Decoding:
    """Choose how the models decode the windows."""
    n_ctx = max(options.windows.n_ctx, *(len(window.ids) for window in windows))
    usual = SessionOptions(
        n_ctx=n_ctx,
        n_batch=n_ctx,
        n_ubatch=min(512, n_ctx),
        max_rows=plan.max_rows,
        threads=threads,
    )
    control = replace(
        usual,
        max_rows=max(usual.max_rows // 2, min(usual.max_rows, NULL_ROWS)),
        n_ubatch=max(1, min(usual.n_ubatch, usual.max_rows) // 4),
        threads=2 if threads == 1 else threads - 1,
    )
    return Decoding(usual, control, n_control=max(1, round(NULL_SHARE * len(windows))))
