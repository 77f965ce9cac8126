"""What is said of recipes: which file was kept, and how it stands to the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyengine.choose.verdicts import divergence, has_interval, is_slower, times_the_damage
from pyengine.report.measured import cluster_name
from pyengine.report.sentences.notes import note_sentences
from pyengine.report.sentences.scored import amount_words
from pyengine.report.words import say
from pyengine.run.record import Run

NOTES = (
    *("variant-failed", "matrix-of-unknown-text", "not-known", "documents-left-out"),
    *("speed-failed", "not-repacked", "shallow", "swapping", "busy", "slow", "kept-timings"),
)


def recipe_sentences(run: Run) -> list[str]:
    """Say of each size what was written, or would be, and what must be known of it."""
    told = [_recipe_sentence(run, recipe) for recipe in run.shown("recipe")]
    return told + note_sentences(run.notes, NOTES)


def unmet_recipes_sentence(run: Run) -> str:
    """Say which files are surely slower than was asked for; nothing where none is."""
    told = []
    for recipe in run.shown("recipe"):
        name = recipe[f"{recipe['kept']}_model"] if recipe.get("kept") else ""
        if name and is_slower(run, name, recipe.get("asked_speed")):
            told.append(say("recipes", "unmet", name=name, **_measured(run, recipe, name)))
    return "; ".join(told)


def _speed_sentence(run: Run, recipe: Mapping[str, Any]) -> str:
    """Say how fast what was kept is, and the other, or what is predicted; often nothing."""
    if recipe.get("asked_speed") is None:
        return ""
    if recipe["kept"] is None:
        return " " + say("recipes", "planned-speed", **recipe)
    others = ("recipe", "preset") if recipe["kept"] == "recipe" else ("preset", "recipe")
    name, other = (recipe[f"{which}_model"] for which in others)
    if run.find("generation_speed", name) is None:
        return ""
    beside = None
    if theirs := run.find("generation_speed", other):
        slow = is_slower(run, other, recipe["asked_speed"])
        ends = say("recipes", "speed-ends", row=theirs)
        code = "beside-slow" if slow else "beside"
        beside = say("recipes", code, other=other, theirs=theirs, ends=ends)
    code = "slow" if is_slower(run, name, recipe["asked_speed"]) else "fast"
    return " " + say("recipes", code, beside=beside, **_measured(run, recipe, name))


def _measured(run: Run, recipe: Mapping[str, Any], name: str) -> dict[str, Any]:
    row = run.find("generation_speed", name)
    ends = say("recipes", "speed-ends", row=row)
    return {"row": row, "ends": ends, "asked_speed": recipe["asked_speed"]}


def _recipe_sentence(run: Run, recipe: Mapping[str, Any]) -> str:
    return _damage_sentence(run, recipe) + _speed_sentence(run, recipe)


def _damage_sentence(run: Run, recipe: Mapping[str, Any]) -> str:
    if recipe["kept"] is None:
        return say("recipes", "planned", **recipe)
    first, second = recipe["recipe_model"], recipe["preset_model"]
    by_recipe = recipe["kept"] == "recipe"
    ratio = times_the_damage(run, first, second)
    values = {**recipe, "there": say("recipes", "there") if recipe["reused"] else None}
    if ratio is None:
        return say("recipes", "only-recipe" if by_recipe else "only-preset", **values)
    sure = has_interval(ratio)
    values |= {
        "ratio": ratio,
        "ends": say("recipes", "ends", row=ratio) if sure else None,
        "over": amount_words(ratio.n, ratio.n_clusters, cluster_name(run)),
        "undecided": say("recipes", "undecided") if sure and ratio.low <= 1 <= ratio.high else None,
    }
    return say("recipes", "recipe" if by_recipe else "preset", **values)


def prediction_sentences(run: Run, recipe: Mapping[str, Any]) -> list[str]:
    """Say what was predicted of a recipe, and what was measured where it was."""
    kl = divergence(run, recipe["recipe_model"]) if recipe["recipe_model"] else None
    ends = say("recipes", "ends", row=kl) if kl is not None and has_interval(kl) else None
    told = [say("recipes", "predicted", kl=recipe["kl"], row=kl, ends=ends)]
    if speed := recipe.get("speed"):
        row = run.find("generation_speed", recipe["recipe_model"] or "")
        ends = None if row is None else say("recipes", "speed-ends", row=row)
        told.append(say("recipes", "predicted-speed", speed=speed, row=row, ends=ends))
    return told


def type_speeds_sentence(content: Mapping[str, Any]) -> str:
    """Say of which files the speeds of types are."""
    return say("recipes", "type-speeds", **content)


def rules_sentences(recipe: Mapping[str, Any]) -> list[str]:
    """Say where the rules of a picked recipe are; of others a command line says it, or none is."""
    picked = recipe["recipe_model"] is not None and recipe["kept"] is None
    return [say("recipes", "rules", **recipe)] if picked else []


def layers_words(group: Mapping[str, Any]) -> str:
    """Name the layers of a group; nothing for what lies outside of them."""
    first, last = group["first_layer"], group["last_layer"]
    if first is None:
        return ""
    return say("recipes", "layer" if first == last else "layers", first=first, last=last)
