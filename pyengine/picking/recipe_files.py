"""Files by recipe: made beside the preset of their size, verified, and the better one kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pyengine.choose.verdicts import is_closer
from pyengine.files import (
    check_replaceable,
    making_folder,
    remove_leftovers,
    replacing,
    temporary_folder,
    write_atomic,
)
from pyengine.inputs import read_bytes
from pyengine.measure.compare import Means, compare_with
from pyengine.measure.models import variant_ids
from pyengine.measure.options import CompareOptions
from pyengine.measure.provenance import provenance
from pyengine.measure.quantize import variant_path
from pyengine.models.gguf import model_parts
from pyengine.models.machine import free_memory
from pyengine.models.quantize import check_free_space, check_importance, quantize_file
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.rules_file import rules_text
from pyengine.picking.recipes import Recipe
from pyengine.run.record import Exhibit, Run
from pyengine.text.documents import Corpus

COMMAND = "recipe"


@dataclass(frozen=True)
class _File:
    """A file to make: its plan, and where it goes when it is kept."""

    target: Path
    plan: QuantizationPlan
    options: QuantizeOptions


@dataclass(frozen=True)
class _Pair:
    """A recipe's file, and that of its preset."""

    recipe: Recipe
    by_recipe: _File
    by_name: _File

    @property
    def rules_path(self) -> Path:
        """Where the rules go that llama-quantize takes."""
        return self.by_recipe.target.with_suffix(".tensor-types.txt")

    @property
    def rules(self) -> str:
        """What stands there."""
        return rules_text(self.recipe.options.overrides)


def _pair_of(source: Path, folder: Path, recipe: Recipe) -> _Pair:
    name = f"recipe-{''.join(recipe.limit.asked.split())}"
    plain = replace(recipe.options, overrides=(), recipe_sha256=None, corpus_sha256=None)
    return _Pair(
        recipe,
        _File(variant_path(source, folder, name), recipe.plan, recipe.options),
        _File(variant_path(source, folder, recipe.preset.file_type), recipe.preset, plain),
    )


def planned_recipes(source: Path, recipes: Sequence[Recipe], folder: Path, *, threads: int) -> Run:
    """Return what recipes would make, and write nothing."""
    pairs = [_pair_of(source, folder, recipe) for recipe in recipes]
    return Run(
        command=COMMAND,
        provenance=provenance(threads=threads, devices=["CPU"]),
        models=[],
        exhibits=[_exhibit(pair, None) for pair in pairs],
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
) -> Run:
    """Make each recipe and its preset, compare both with the source, and keep the better.

    Both stand in a temporary folder beside their places until it is known which has the smaller
    divergence on the same tokens; of two that are equal the preset is kept. One that an earlier
    run made is not made again, and is never removed.

    Args:
        source: the model.
        recipes: of it.
        held_out: documents that took no part in the choice.
        folder: where the files go; it is made where it is missing.
        source_sha256: what `file_sha256` says of the source.
        options: how to compare.
        means: with what.

    Returns:
        the comparison, a run whose first model is the source, with an exhibit "recipe" for each.

    Raises:
        InputError: a file cannot be written, the disk is too small for all, or another file is in
            the way.
        OptionError: a type needs importance that is not given.
        ModelFileError, ModelKindError, NumbersError, WorkerError, CorpusError: as `compare`.
    """
    pairs = [_pair_of(source, folder, recipe) for recipe in recipes]
    files = {file.target: file for pair in pairs for file in (pair.by_recipe, pair.by_name)}
    for file in files.values():
        check_importance(source, file.plan, file.options)
    with making_folder(folder):
        remove_leftovers(folder)
        for pair in pairs:
            check_replaceable(pair.rules_path, partial(_holds, pair.rules))
        missing = [f.plan.file_bytes for f in files.values() if not f.target.exists()]
        check_free_space(folder, sum(missing))
        with temporary_folder(folder) as temporary:
            places = {
                file.target: _made(source, file, temporary, source_sha256, means)
                for file in files.values()
            }
            run = _compared(source, places, held_out, _fitting(source, files, options), means)
            kept = [_keep(run, pair, places) for pair in pairs]
    told = [_exhibit(pair, found) for pair, found in zip(pairs, kept, strict=True)]
    return run.model_copy(update={"exhibits": [*run.exhibits, *told]})


def _made(source: Path, file: _File, temporary: Path, source_sha256: str, means: Means) -> Path:
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


def _fitting(source: Path, files: Mapping[Path, _File], options: CompareOptions) -> CompareOptions:
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


def _keep(run: Run, pair: _Pair, places: Mapping[Path, Path]) -> dict[str, Any]:
    """Put the better file in its place, and the rules beside a recipe.

    Returns:
        recipe_model and preset_model: their ids; kept: "recipe" or "preset"; reused: it was there
        already.
    """
    ids = {model.path: model.id for model in run.models}
    recipe, preset = (ids[str(file.target)] for file in (pair.by_recipe, pair.by_name))
    by_recipe = is_closer(run, recipe, preset)
    target = (pair.by_recipe if by_recipe else pair.by_name).target
    reused = places[target] == target
    if by_recipe:
        write_atomic(pair.rules_path, pair.rules, is_ours=partial(_holds, pair.rules))
    if not target.exists():  # as where two recipes have the same preset
        with replacing(target, is_ours=lambda _: False) as unfinished:
            places[target].replace(unfinished)
    return {
        "recipe_model": recipe,
        "preset_model": preset,
        "kept": "recipe" if by_recipe else "preset",
        "reused": reused,
    }


def _holds(text: str, path: Path) -> bool:
    return read_bytes(path, most=None) == text.encode()


def _exhibit(pair: _Pair, kept: Mapping[str, Any] | None) -> Exhibit:
    """Describe a recipe, with what `_keep` found.

    Keys: asked, max_bytes, max_bits (the size); file_type (the preset's name), preset_path,
    preset_bytes, preset_bits; path, file_bytes, bits_per_weight, kl (predicted) and rules_path of
    the recipe; its groups, each with kind, first_layer, last_layer, n_tensors, n_weights, type,
    n_bytes and kl; tensor_types by name; recipe_model, preset_model, kept and reused, null in a dry
    run.
    """
    recipe = pair.recipe
    unknown = dict.fromkeys(("recipe_model", "preset_model", "kept", "reused"))
    groups = [
        {
            "kind": group.kind,
            "first_layer": group.first_layer,
            "last_layer": group.last_layer,
            "n_tensors": len(group.tensors),
            "n_weights": group.n_weights,
            "type": choice.type,
            "n_bytes": choice.n_bytes,
            "kl": choice.kl,
        }
        for group, choice in recipe.chosen
    ]
    content = {
        "asked": recipe.limit.asked,
        "max_bytes": recipe.limit.n_bytes,
        "max_bits": recipe.limit.bits,
        "file_type": recipe.preset.file_type,
        "preset_path": str(pair.by_name.target),
        "preset_bytes": recipe.preset.file_bytes,
        "preset_bits": recipe.preset.bits_per_weight,
        "path": str(pair.by_recipe.target),
        "file_bytes": recipe.plan.file_bytes,
        "bits_per_weight": recipe.plan.bits_per_weight,
        "kl": recipe.kl,
        "rules_path": str(pair.rules_path),
        "groups": groups,
        "tensor_types": {tensor.name: tensor.type for tensor in recipe.plan.tensors},
        **(unknown if kept is None else kept),
    }
    return Exhibit(kind="recipe", model="", content=content)
