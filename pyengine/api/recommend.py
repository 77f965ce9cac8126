"""`recommend`: which file to use."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pyengine.api.arguments import Named
from pyengine.errors import PyengineError

if TYPE_CHECKING:
    from pathlib import Path

    from pyengine.run.record import ModelInfo, Run


def recommend(
    results: Run | Named | Sequence[Run | Named],
    *,
    max_kl: float | None = None,
    max_flips: float | None = None,
    memory: str | float | None = None,
    context: int = 8192,
    max_size: str | float | None = None,
    speed: float | None = None,
    variant: str | None = None,
    fail_if: str | None = None,
) -> Run:
    """Choose the smallest file that is hardly changed, or the best that fits.

    Args:
        results: one or several runs of `compare`, `sweep` or `pick`, or their JSON files, or
            folders of these; a sweep's timings add measured memory and speed, evaluations the
            numbers of programs.
        max_kl: the mean KL divergence, nats per token, that is accepted; None without `max_flips`
            for 0.02, the end of what is hardly changed.
        max_flips: the share of positions, from 0 to 1, that may have another first choice.
        memory: what the model may need, such as "6GiB"; a plain number counts GiB. None for what
            is free now where the files are at hand, so that they can be run here, else no limit.
        context: tokens for which memory is forecast.
        max_size: what the file may take, in the same way.
        speed: tokens per second that it must generate at least.
        variant: judge this one only, by name, path, hash or type.
        fail_if: a condition on the chosen one, such as "kl_high > 0.02 or size > 4GiB".

    Returns:
        a run with an exhibit "choice" (chosen: a name or None; qualified, failed, and the reasons
        as codes) and an exhibit "candidate" for each variant.

    Raises:
        ResultFileError: a file holds no run.
        InputError: the runs are of another command or of different references.
        OptionError: an option is impossible, or the condition cannot be read.

    Examples:
        >>> pyengine.recommend("result.json", memory="6GiB").shown("choice")[0]["chosen"]
    """
    from pyengine.choose.conditions import parse_size
    from pyengine.choose.recommend import recommend as choose

    runs = loaded(results)
    limit = None if memory is None else parse_size(str(memory))
    needed, free = _here(runs, context)
    return choose(
        runs,
        max_kl=max_kl,
        max_flips=max_flips,
        memory=free if limit is None else limit,
        memory_is_free=limit is None and free is not None,
        needed=needed,
        context=context,
        size=None if max_size is None else parse_size(str(max_size)),
        speed=speed,
        variant=variant,
        fail_if=fail_if,
    )


def _here(runs: Sequence[Run], context: int) -> tuple[dict[str, int], int | None]:
    """Return what variants whose files are here need, by identity, and what is free, in bytes.

    Nothing where no file is here, or no llama.cpp: then the record is of another machine.
    """
    needed: dict[str, int] = {}
    try:
        from pyengine.models.memory import forecast_opened, parts_of
        from pyengine.models.options import ModelOptions
        from pyengine.models.references import resolve_spec
    except ImportError:
        return needed, None
    from pyengine.models.machine import free_memory

    for model in (model for run in runs if run.command != "evaluate" for model in _candidates(run)):
        with suppress(OSError, PyengineError):
            n_bytes = sum(part.stat().st_size for part in parts_of(model.path))
            if n_bytes == model.file_bytes and model.identity not in needed:
                spec = resolve_spec(f"{model.path}{model.variant}")
                how = spec.opening(ModelOptions())
                needed[model.identity] = forecast_opened(spec.path, how, context).main
    return needed, free_memory() if needed else None


def _candidates(run: Run) -> Sequence[ModelInfo]:
    """Return the models that can be chosen: of a pick the reference, too."""
    return run.models if run.command == "pick" else run.models[1:]


def loaded(results: Run | Named | Sequence[Run | Path | str]) -> list[Run]:
    """Return runs, those that are named as files or folders read from there."""
    from pyengine.run.record import Run
    from pyengine.run.storage import load, record_files

    given = [results] if isinstance(results, Run | Named) else list(results)
    found: list[Run] = []
    for one in given:
        found += [one] if isinstance(one, Run) else map(load, record_files([one]))
    return found
