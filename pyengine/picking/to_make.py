"""Files that can be made of a source: a type by its name, or a recipe with its rules beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pyengine.files import check_replaceable, write_atomic
from pyengine.inputs import read_bytes
from pyengine.measure.quantize import variant_path
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.rules_file import rules_text
from pyengine.picking.recipes import Recipe
from pyengine.run.record import Exhibit


@dataclass(frozen=True)
class FileToMake:
    """A file to make: its plan, and where it goes when it is kept."""

    target: Path
    plan: QuantizationPlan
    options: QuantizeOptions

    @property
    def rules_path(self) -> Path:
        """Where the rules of a recipe go, which llama-quantize takes."""
        return self.target.with_suffix(".tensor-types.txt")

    def check_rules(self) -> None:
        """Raise InputError where another file is in the place of the rules."""
        check_replaceable(self.rules_path, partial(_holds, self._rules))

    def write_rules(self) -> None:
        """Put the rules of a recipe in their place.

        Raises:
            InputError: they cannot be written, or another file is there.
        """
        write_atomic(self.rules_path, self._rules, is_ours=partial(_holds, self._rules))

    @property
    def _rules(self) -> str:
        return rules_text(self.options.overrides)


def _holds(text: str, path: Path) -> bool:
    return read_bytes(path, most=None) == text.encode()


def file_by_name(
    source: Path, folder: Path, plan: QuantizationPlan, options: QuantizeOptions
) -> FileToMake:
    """Return the file of a type as it is."""
    return FileToMake(variant_path(source, folder, plan.file_type), plan, options)


@dataclass(frozen=True)
class RecipePair:
    """A recipe's file, and that of its preset."""

    recipe: Recipe
    by_recipe: FileToMake
    by_name: FileToMake

    def exhibit(
        self,
        recipe_model: str | None = None,
        preset_model: str | None = None,
        kept: str | None = None,
        reused: bool | None = None,
    ) -> Exhibit:
        """Describe the recipe.

        Keys: asked, max_bytes, max_bits (the size); file_type (the preset's name), preset_path,
        preset_bytes, preset_bits; path, file_bytes, bits_per_weight, kl (predicted) and rules_path
        of the recipe; speed (predicted: value, low and high in tokens per second; null where none
        was asked for) and asked_speed; its groups, each with kind, first_layer, last_layer,
        n_tensors, n_weights, type, n_bytes and kl; tensor_types by name; and what is given.

        Args:
            recipe_model, preset_model: ids of both, where they were compared.
            kept: "recipe" or "preset".
            reused: what was kept was there already.
        """
        recipe = self.recipe
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
            "preset_path": str(self.by_name.target),
            "preset_bytes": recipe.preset.file_bytes,
            "preset_bits": recipe.preset.bits_per_weight,
            "path": str(self.by_recipe.target),
            "file_bytes": recipe.plan.file_bytes,
            "bits_per_weight": recipe.plan.bits_per_weight,
            "kl": recipe.kl,
            "asked_speed": recipe.asked_speed,
            "speed": recipe.speed and recipe.speed.content(),
            "rules_path": str(self.by_recipe.rules_path),
            "groups": groups,
            "tensor_types": {tensor.name: tensor.type for tensor in recipe.plan.tensors},
            "recipe_model": recipe_model,
            "preset_model": preset_model,
            "kept": kept,
            "reused": reused,
        }
        return Exhibit(kind="recipe", model="", content=content)


def recipe_pair(source: Path, folder: Path, recipe: Recipe) -> RecipePair:
    """Return where the files of a recipe go, which has its size in its name."""
    name = f"recipe-{''.join(recipe.limit.asked.split())}"
    if recipe.asked_speed is not None:
        name += f"-{recipe.asked_speed:g}tps"
    by_recipe = FileToMake(variant_path(source, folder, name), recipe.plan, recipe.options)
    plain = replace(recipe.options, overrides=(), recipe_sha256=None, corpus_sha256=None)
    return RecipePair(recipe, by_recipe, file_by_name(source, folder, recipe.preset, plain))
