"""`quantize --recipe`: files whose types are chosen tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.api.arguments import RUN_CONTEXT, Named, Names, Progress, names
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.measure.quantize_plans import SizeLimit
    from pyengine.measure.racing import Watch
    from pyengine.models.quantize_options import QuantizeOptions
    from pyengine.run.record import Run


def quantize_to_sizes(
    source: Path,
    asked: Sequence[str | SizeLimit],
    folder: Path,
    options: QuantizeOptions,
    *,
    sensitivity: Named | None,
    corpus: Names,
    tokens: int,
    precision: float,
    margin: float,
    seed: int,
    speed: float | None,
    context: int | None,
    dry_run: bool,
    progress: Progress,
    watch: Watch | None,
) -> Run:
    """Make files by recipe, see `pyengine.quantize`.

    Raises:
        OptionError: an option decides types that the recipe decides, or no size is given.
    """
    from pyengine.choose.recommend import Limits
    from pyengine.measure.compare import Means
    from pyengine.measure.engine import LocalExecutor, Processes
    from pyengine.measure.options import CompareOptions
    from pyengine.measure.racing import unwatched
    from pyengine.measure.speed import SpeedOptions
    from pyengine.measure.store import open_cache
    from pyengine.picking.by_recipe import quantize_by_recipe
    from pyengine.picking.type_speeds import SpeedAsked
    from pyengine.run.storage import load
    from pyengine.text.documents import load_corpus
    from pyengine.text.windows import WindowOptions

    if not asked:
        raise OptionError("a recipe needs a size (--to), such as 5GB, 4.5bpw or Q4_K_M")
    for name in ("output_type", "embedding_type", "pure", "overrides", "allow_requantize"):
        if getattr(options, name):
            option = {"overrides": "tensor-type", "allow_requantize": "requantize"}.get(name, name)
            option = option.replace("_", "-")
            raise OptionError(f"--{option} does not go with --recipe, which decides every tensor")
    comparing = CompareOptions(
        windows=WindowOptions(max_tokens=tokens or None),
        threads=options.threads,
        starts=False,
        positions=0,
        passages=0,
        continuations=0,
        margin=margin,
        precision=precision,
        seed=seed,
    )
    comparing.check()
    Limits(speed=speed).check()
    if context is not None and speed is None:
        raise OptionError("--context does nothing without --speed")
    depth = RUN_CONTEXT if context is None else context
    timing = SpeedOptions(threads=options.threads, depth=depth, repack=True)
    documents = load_corpus(names(corpus))
    measured = None if sensitivity is None else load(Path(sensitivity))
    with open_cache() as store, Processes() as processes:
        executor = LocalExecutor(processes)
        means = Means(processes, executor, store, progress=progress, watch=watch or unwatched)
        return quantize_by_recipe(
            source,
            asked,
            documents,
            folder,
            sensitivity=measured,
            options=options,
            comparing=comparing,
            means=means,
            dry_run=dry_run,
            speed=SpeedAsked(least=speed, how=timing) if speed else None,
        )
