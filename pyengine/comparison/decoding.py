"""How each model of a comparison decodes the windows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyengine.comparison.memory import MemoryPlan
from pyengine.comparison.options import CompareOptions
from pyengine.comparison.side_by_side import share_threads
from pyengine.comparison.windows import Window
from pyengine.engine.options import SessionOptions

# Share of the windows on which the reference is computed twice.
NULL_SHARE = 0.04


@dataclass(frozen=True)
class Decoding:
    """The options of every session.

    Attributes:
        reference: of the reference.
        variants: of each variant.
        control: of the reference when it is computed again, in other pieces by another number of
            threads.
        n_control: on so many windows, the first ones.
    """

    reference: SessionOptions
    variants: list[SessionOptions]
    control: SessionOptions
    n_control: int


def choose_decoding(
    windows: Sequence[Window],
    options: CompareOptions,
    plan: MemoryPlan,
    *,
    threads: int,
    n_variants: int,
) -> Decoding:
    """Choose how the models decode; those open at once on the CPU share the threads in pairs."""
    longest = max(len(window.ids) for window in windows)
    alone = SessionOptions(
        n_ctx=max(longest, options.windows.n_ctx),
        n_batch=max(longest, 1),
        n_ubatch=min(512, max(longest, 1)),
        max_rows=plan.max_rows,
        threads=threads,
    )
    shares = [threads] * (1 + n_variants)
    if plan.name == "live" and options.n_gpu_layers == 0:
        shares = share_threads(threads, 1 + n_variants)
    reference, *variants = (replace(alone, threads=share) for share in shares)
    others = threads if shares[0] != threads else (2 if threads == 1 else threads - 1)
    return Decoding(
        reference=reference,
        variants=variants,
        control=replace(alone, n_ubatch=max(1, alone.n_ubatch // 4), threads=others),
        n_control=max(1, round(NULL_SHARE * len(windows))),
    )
