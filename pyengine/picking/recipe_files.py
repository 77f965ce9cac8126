"""Files by recipe: made beside the preset of their size, verified, and the better one kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pyengine.choose.verdicts import is_closer, is_slower
from pyengine.files import making_folder, remove_leftovers, replacing, temporary_folder
from pyengine.measure.compare import Means, compare_with
from pyengine.measure.models import variant_ids
from pyengine.measure.options import CompareOptions
from pyengine.measure.provenance import provenance
from pyengine.measure.speed import SpeedOptions
from pyengine.measure.sweep import time_models
from pyengine.models.gguf import model_parts
from pyengine.models.machine import free_memory
from pyengine.models.quantize import check_free_space, check_importance, quantize_file
from pyengine.picking.recipes import Recipe
from pyengine.picking.to_make import FileToMake, RecipePair, recipe_pair
from pyengine.run.record import Run
from pyengine.text.documents import Corpus

COMMAND = "recipe"


def planned_recipes(source: Path, recipes: Sequence[Recipe], folder: Path, *, threads: int) -> Run:
    """Return what recipes would make, and write nothing."""
    pairs = [recipe_pair(source, folder, recipe) for recipe in recipes]
    return Run(
        command=COMMAND,
        provenance=provenance(threads=threads, devices=["CPU"]),
        models=[],
        exhibits=[pair.exhibit() for pair in pairs],
    )


def make_recipes(
    source: Path,
    recipes: Sequence[Recipe],
    held_out: Corpus,
    folder: Path,
    *,
    source_sha256: str,
    options: CompareOptions,
    means: Means,
    timing: SpeedOptions | None = None,
) -> Run:
    """Make each recipe and its preset, compare both with the source, and keep the better.

    Both stand in a temporary folder beside their places until it is known which has the smaller
    divergence on the same tokens; of two that are equal the preset is kept. Where a speed is asked
    for, one that is surely slower is kept only where both are. One that an earlier run made is not
    made again, and is never removed.

    Args:
        source: the model.
        recipes: of it.
        held_out: documents that took no part in the choice.
        folder: where the files go; it is made where it is missing.
        source_sha256: what `file_sha256` says of the source.
        options: how to compare.
        means: with what.
        timing: how files are timed; None where no speed is asked for.

    Returns:
        the comparison, a run whose first model is the source, with an exhibit "recipe" for each,
        and speeds where one is asked for.

    Raises:
        InputError: a file cannot be written, the disk is too small for all, or another file is in
            the way.
        OptionError: a type needs importance that is not given.
        ModelFileError, ModelKindError, NumbersError, WorkerError, CorpusError: as `compare`.
    """
    pairs = [recipe_pair(source, folder, recipe) for recipe in recipes]
    files = {file.target: file for pair in pairs for file in (pair.by_recipe, pair.by_name)}
    for file in files.values():
        check_importance(source, file.plan, file.options)
    with making_folder(folder):
        remove_leftovers(folder)
        for pair in pairs:
            pair.by_recipe.check_rules()
        missing = [f.plan.file_bytes for f in files.values() if not f.target.exists()]
        check_free_space(folder, sum(missing))
        with temporary_folder(folder) as temporary:
            places = {
                file.target: _made(source, file, temporary, source_sha256, means)
                for file in files.values()
            }
            run = _compared(source, places, held_out, _fitting(source, files, options), means)
            if timing is not None:
                run = _timed(run, options, timing, means)
            kept = [_keep(run, pair, places) for pair in pairs]
    told = [pair.exhibit(**found) for pair, found in zip(pairs, kept, strict=True)]
    return run.model_copy(update={"exhibits": [*run.exhibits, *told]})


def _made(
    source: Path, file: FileToMake, temporary: Path, source_sha256: str, means: Means
) -> Path:
    """Return where a file stands: in its place where an earlier run made it."""
    place = file.target if file.target.exists() else temporary / file.target.name
    quantize_file(
        source,
        place,
        file.plan,
        source_sha256=source_sha256,
        options=file.options,
        progress=partial(means.progress, f"Quantizing to {file.target.stem}"),
    )
    return place


def _fitting(
    source: Path, files: Mapping[Path, FileToMake], options: CompareOptions
) -> CompareOptions:
    """Let models stay open where all fit in memory; else one at a time is opened for each chunk."""
    needed = sum(part.stat().st_size for part in model_parts(source))
    needed += sum(file.plan.file_bytes for file in files.values())
    free = free_memory()
    return options if free is None or needed <= free else replace(options, keep_open=False)


def _compared(
    source: Path,
    places: Mapping[Path, Path],
    held_out: Corpus,
    options: CompareOptions,
    means: Means,
) -> Run:
    """Compare files with their source; the record names the places where they will be."""
    names = variant_ids([source, *places])
    run = compare_with(
        [source, *places.values()], held_out, options, means, command=COMMAND, names=names
    )
    paths = {name: str(path) for name, path in zip(names, [source, *places], strict=True)}
    models = [model.model_copy(update={"path": paths[model.id]}) for model in run.models]
    return run.model_copy(update={"models": models})


def _timed(run: Run, options: CompareOptions, timing: SpeedOptions, means: Means) -> Run:
    """Add how fast the files are, where they stand now."""
    subjects = [means.subjects[model.id].info for model in run.models[1:]]
    found = time_models(subjects, options, timing, means)
    return run.model_copy(
        update={
            "measurements": [*run.measurements, *found.measurements],
            "exhibits": [*run.exhibits, *found.exhibits],
            "notes": [*run.notes, *found.notes],
            "options": {**run.options, "timing": found.options},
        }
    )


def _keep(run: Run, pair: RecipePair, places: Mapping[Path, Path]) -> dict[str, Any]:
    """Put the better file in its place, and the rules beside a recipe.

    Returns:
        recipe_model and preset_model: their ids; kept: "recipe" or "preset"; reused: it was there
        already.
    """
    ids = {model.path: model.id for model in run.models}
    recipe, preset = (ids[str(file.target)] for file in (pair.by_recipe, pair.by_name))
    slow = {name: is_slower(run, name, pair.recipe.asked_speed) for name in (recipe, preset)}
    by_recipe = is_closer(run, recipe, preset)
    if slow[recipe] != slow[preset]:
        by_recipe = slow[preset]
    target = (pair.by_recipe if by_recipe else pair.by_name).target
    reused = places[target] == target
    if by_recipe:
        pair.by_recipe.write_rules()
    if not target.exists():  # as where two recipes have the same preset
        with replacing(target, is_ours=lambda _: False) as unfinished:
            places[target].replace(unfinished)
    return {
        "recipe_model": recipe,
        "preset_model": preset,
        "kept": "recipe" if by_recipe else "preset",
        "reused": reused,
    }
