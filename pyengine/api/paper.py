"""`paper`: whether what arXiv 2601.02563 says holds for a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyengine.api.arguments import Named, Names, Progress, model_names, silent, usable_spec
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.run.record import Run


def paper(
    models: Names = None,
    *,
    reference: Named | None = None,
    record: Run | Named | Sequence[Run | Named] | None = None,
    threads: int | None = None,
    gpu_layers: int = 0,
    progress: Progress = silent,
) -> Run:
    """Hold every statement of arXiv 2601.02563 against files: paper, here, interval, agrees.

    Args:
        models: one or several GGUF files, with or without weights; none: the embedded model.
        reference: the model that the others are held against, such as the full-precision file or
            a parent. None: no pair is compared.
        record: finished runs of `evaluate`, or their JSON files, for what is said of programs.
        threads: CPU threads; None for the cores less one.
        gpu_layers: layers on the GPU; -1 for all.
        progress: called with what is being done and the part that is done.

    Returns:
        a run whose exhibits "paper-table" hold the lines of each table, and "paper-weakness" what
        answers each weakness; masses are probabilities from 0 to 1, divergences nats.

    Raises:
        ModelFileError, ModelKindError, TokenizerError: a model cannot be used.
        NumbersError: a logit is NaN or infinite.
        ResultFileError: a record cannot be read.
        OptionError: an option is impossible, or a record is of another command.
        WorkerError: llama.cpp ended a model's process.

    Examples:
        >>> pyengine.paper("embedded:base").shown("paper-table")[0]["table"]
    """
    from pyengine.measure.cold_rows import ProbeOptions
    from pyengine.measure.paper.run import paper as held

    records = [] if record is None else _records(record)
    base = [] if reference is None else [usable_spec(reference)]
    named: Sequence[Named | None] = model_names(models) or [None]
    given = [usable_spec(one) for one in named]
    return held(
        [*base, *(spec for spec in given if not any(spec.is_like(one) for one in base))],
        records,
        ProbeOptions(threads=threads, n_gpu_layers=gpu_layers),
        has_reference=reference is not None,
        progress=progress,
    )


def _records(given: Run | Named | Sequence[Run | Named]) -> list[Run]:
    from pyengine.api.recommend import loaded

    runs = loaded(given)
    for run in runs:
        if run.command != "evaluate":
            raise OptionError(
                f"--record: a run of {run.command}, and only those of evaluate tell of programs"
            )
    return runs
