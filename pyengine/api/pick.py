"""`pick`: from names of models to the file to run."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyengine.api.arguments import (
    RUN_CONTEXT,
    Named,
    Names,
    Progress,
    names,
    optional_path,
    silent,
    texts_of,
    window_length,
)
from pyengine.api.evaluate import check_tasks
from pyengine.api.evaluate import evaluate as let_solve

if TYPE_CHECKING:
    from pyengine.measure.racing import Watch
    from pyengine.models.downloads import Keep
    from pyengine.models.settings import ModelSpec
    from pyengine.run.record import Run

# Rows of logits that are decoded between two looks at the clock: those of a document or two.
DOCUMENT_BYTES = 64 << 20
OPENED = ("reference", "could-win")


def pick(
    models: Names,
    *,
    max_kl: float | None = None,
    max_flips: float | None = None,
    memory: str | float | None = None,
    max_size: str | float | None = None,
    speed: float | None = None,
    context: int | None = None,
    evaluate: str | None = None,
    limit: int = 100,
    corpus: Names = None,
    chat: Names = None,
    tokens: int = 25_000,
    precision: float = 0.2,
    margin: float = 0.1,
    repeats: int = 3,
    threads: int | None = None,
    gpu_layers: int = 0,
    seed: int = 20260102,
    imatrix: Named | None = None,
    recipe: bool = False,
    sensitivity: Named | None = None,
    output_dir: Named | None = None,
    keep: Keep = "best",
    max_disk: str | float | None = None,
    modelfile: Named | None = None,
    progress: Progress = silent,
    watch: Watch | None = None,
) -> Run:
    """Pick the file to run: the smallest that is hardly changed and fits this machine.

    Only files that could win are measured, against the best that there is and fits in memory, the
    best guess first, and each only until it is known on which side of the limits it is. What was
    measured is kept in the user's cache: the same command, interrupted or with other limits, does
    not measure it again.

    Args:
        models: files, folders of them, names in a store such as "ollama:qwen2.5-coder", or
            repositories on the hub such as "hf:OWNER/MODEL-GGUF": types of one model. Of one file
            that is not quantized the types are made.
        max_kl: the mean KL divergence, nats per token, that is accepted; None without `max_flips`
            for 0.02, the end of what is hardly changed.
        max_flips: the share of positions, from 0 to 1, that may have another first choice.
        memory: what the model may need, such as "6GiB"; a plain number counts GiB; None for what
            is free now.
        max_size: what the file may take, in the same way.
        speed: tokens per second that it must generate at least.
        context: tokens of context that memory is counted for and speed measured at; None for
            8,192, or as many as the model was trained with.
        evaluate: tasks of which the file must not surely solve fewer than the reference: "own", or
            as `evaluate` takes them. Asked until that is decided.
        limit: of so many tasks at most.
        corpus: files or folders of text; None: the shipped programs in twelve languages.
        chat: files of conversations, one in each line, in the shape of OpenAI's messages; in
            place of a corpus, rendered by the reference's template and scored where the assistant
            speaks.
        tokens: scored tokens of a file at most.
        precision: a file whose KL divergence is known to this part of it is measured no longer,
            though it be undecided.
        margin: part by which the divergences of two files may differ and be alike: 0.1 for 10 %.
        repeats: repetitions of each timing.
        threads: CPU threads; None for the cores less one.
        gpu_layers: layers on the GPU; -1 for all.
        seed: of the order of documents.
        imatrix: an importance matrix for the types that are made.
        recipe: make recipes of their sizes beside them, and one of the most that `max_size` and
            `memory` leave; half of the documents chooses, the other half is measured on.
        sensitivity: for recipes, a run that `pyengine.sensitivity` saved; None measures it.
        output_dir: where types are made; None for NAME-pick.
        keep: what stays of the files that were downloaded or made: "best", "all" or "none".
        max_disk: what downloads may take of the disk at a time, as `memory`.
        modelfile: a file to write that `ollama create` takes; it must not exist.
        progress: called with what is being done and the part that is done.
        watch: called with a file's name and what is known of it, whenever that changes.

    Returns:
        a comparison, a run whose first model is the reference, with the exhibits of `recommend`
        ("choice", and "candidate" for each measured file), an exhibit "offer" for every file, and
        speeds of the chosen file and its neighbours.

    Raises:
        ModelFileError, ModelKindError: there is no such file, or the reference cannot be used.
        CorpusError: the corpus cannot be used.
        OptionError: an option is impossible.
        InputError: no file fits in memory.
        KeyboardInterrupt: Ctrl-C; its attribute `run` holds the best answer so far.

    Examples:
        >>> pyengine.pick("models/qwen/", memory="6GiB").shown("choice")[0]["chosen"]
    """
    from pyengine.choose.conditions import parse_size
    from pyengine.choose.recommend import Limits
    from pyengine.errors import OptionError
    from pyengine.files import check_absent, write_atomic
    from pyengine.measure.compare import Means
    from pyengine.measure.engine import LocalExecutor, Processes
    from pyengine.measure.options import CompareOptions
    from pyengine.measure.racing import unwatched
    from pyengine.measure.speed import SpeedOptions
    from pyengine.measure.store import open_cache
    from pyengine.models.devices import other_layers
    from pyengine.models.machine import free_memory
    from pyengine.models.modelfile import modelfile as modelfile_of
    from pyengine.models.options import ModelOptions, used_threads
    from pyengine.picking.made_types import RecipesAsked
    from pyengine.picking.offers import found_offers, ranked
    from pyengine.picking.search import Search
    from pyengine.picking.type_speeds import SpeedAsked
    from pyengine.run.storage import load
    from pyengine.text.halves import halves
    from pyengine.text.windows import WindowOptions

    wanted = RUN_CONTEXT if context is None else context
    evaluation = None
    if evaluate is not None:
        if limit < 1:
            raise OptionError(f"limit must be at least 1, not {limit}")
        check_tasks(evaluate)
        evaluation = partial(
            _beside_reference, evaluate, limit, threads, gpu_layers, progress=progress
        )
    if keep == "none" and modelfile is not None:
        raise OptionError("--modelfile names the file that is picked, and --keep none removes it")
    free = free_memory()
    asked: dict[str, Any] = {
        "max_kl": max_kl,
        "max_flips": max_flips,
        "memory": free if memory is None else parse_size(str(memory)),
        "size": None if max_size is None else parse_size(str(max_size)),
        "speed": speed,
    }
    limits = Limits.asked(**asked)
    options = CompareOptions(
        windows=WindowOptions(n_ctx=window_length(None, chat), max_tokens=tokens),
        threads=threads,
        n_gpu_layers=gpu_layers,
        starts=False,
        positions=0,
        passages=0,
        continuations=0,
        margin=margin,
        precision=precision,
        max_kl=limits.kl,
        max_flips=limits.flips,
        seed=seed,
    )
    options.check()
    timing = SpeedOptions(repeats=repeats, threads=used_threads(threads), depth=wanted, repack=True)
    timing.check()
    if modelfile is not None:
        check_absent(Path(modelfile))
    texts, recipes = texts_of(corpus, chat), None
    if recipe:
        if chat is not None:
            raise OptionError("--recipe chooses by documents, and --chat gives conversations")
        parts, fast = halves(texts, seed=seed), None
        if speed:
            opening = ModelOptions(n_gpu_layers=gpu_layers)
            fast = SpeedAsked(least=speed, how=timing, opening=opening)
        texts, recipes = (
            parts.held_out,
            RecipesAsked(
                choosing=parts.choosing,
                sensitivity=None if sensitivity is None else load(Path(sensitivity)),
                size=limits.size,
                memory=None if memory is None else limits.memory,
                threads=threads,
                seed=seed,
                speed=fast,
            ),
        )
    elif sensitivity is not None:
        raise OptionError("--sensitivity does nothing without --recipe")
    with (
        found_offers(
            names(models),
            context=wanted,
            gpu_layers=gpu_layers,
            most_bytes=None if max_disk is None else parse_size(str(max_disk)),
            output_dir=optional_path(output_dir),
            imatrix=optional_path(imatrix),
            recipes=recipes,
            progress=progress,
        ) as found,
        open_cache() as store,
        Processes() as processes,
    ):
        offers = ranked(found.offers, limits, free)
        if free is None or sum(o.size for o in offers if o.why in OPENED) <= free:
            options = replace(options, cap_bytes=DOCUMENT_BYTES)
        else:  # one at a time is in memory, and is opened anew for every chunk
            options = replace(options, keep_open=False)
        how = {"context": found.context, "memory_is_free": memory is None}
        executor = LocalExecutor(processes)
        means = Means(processes, executor, store, True, progress=progress, watch=watch or unwatched)
        known = found.made and found.made.speeds
        timing = known.how if known else timing.within(found.context)
        search = Search(offers, asked, how, options, timing, texts, means, found.fetch)
        search.layers, search.evaluate = other_layers(gpu_layers), evaluation
        search.exhibits = found.exhibits
        search.notes += found.notes
        run = search.run()
        (choice,) = run.shown("choice")
        chosen = choice["chosen"]
        try:
            if chosen is not None and keep != "none":
                spec = search.ready(chosen)  # it may have made room for others
                if modelfile is not None:
                    text = modelfile_of(spec.path, found.context)
                    write_atomic(modelfile, text, is_ours=lambda _: False)
        finally:
            found.finish(keep, chosen)
    told = {"gpu_layers": gpu_layers, "modelfile": None if modelfile is None else str(modelfile)}
    told |= {"context_asked": context, "evaluate": evaluate}
    return run.model_copy(update={"options": {**run.options, **told}})


def _beside_reference(
    tasks: str,
    limit: int,
    threads: int | None,
    gpu_layers: int,
    model: ModelSpec,
    reference: ModelSpec,
    *,
    progress: Progress,
) -> Run:
    """Let a file solve tasks beside the reference, until it is decided which solves more."""
    return let_solve(
        str(model),
        reference=str(reference),
        tasks=tasks,
        limit=limit,
        threads=threads,
        gpu_layers=gpu_layers,
        likelihoods=False,
        until_decided=True,
        progress=lambda name, done, n, _: progress(f"{name}: tasks", done / max(n, 1)),
    )
