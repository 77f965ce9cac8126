"""`pyengine quantize --recipe` as a document: the better file, how it stands, and its types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyengine.choose.verdicts import variants_of
from pyengine.report.compare_view import arithmetic, control_facts, corpus_facts, model_rows
from pyengine.report.comparison_pictures import comparison_pictures
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.measured import Numbers
from pyengine.report.origin import importance_facts, provenance_facts
from pyengine.report.sentences import recipes
from pyengine.report.tables import Table
from pyengine.report.words import facts
from pyengine.run.record import Run


def recipe_document(run: Run) -> Document:
    """Lay out what was kept, both files beside their source, and the types of each group."""
    blocks: list[Block] = [Paragraph("\n".join(recipes.recipe_sentences(run)), "strong")]
    numbers = Numbers(run)
    ids = [model.id for model in variants_of(run) if numbers.find("kl", model.id)]
    if ids:
        blocks += [listing("distances", model_rows(numbers, ids)), *arithmetic(numbers)]
    blocks += [recipe_groups(run, recipe) for recipe in run.shown("recipe")]
    blocks += type_speeds(run)
    blocks += [_method(run), provenance_facts(run.provenance)]
    (source,) = run.shown("source")
    return Document(f"Recipes for {source['path']}", tuple(blocks))


def recipe_pictures(run: Run) -> tuple[Block, ...]:
    """Return the pictures of the comparison; none of a plan."""
    return comparison_pictures(run) if run.models else ()


def recipe_groups(run: Run, recipe: Mapping[str, Any]) -> Table:
    """Show in a line for each group of tensors its type, and what it is predicted to lose."""
    n_bytes = sum(group["n_bytes"] for group in recipe["groups"])
    rows = [
        {
            **group,
            "layers": recipes.layers_words(group),
            "share": group["n_bytes"] / n_bytes,
            "bits": 8 * group["n_bytes"] / group["n_weights"],
        }
        for group in recipe["groups"]
    ]
    told = [*recipes.prediction_sentences(run, recipe), *recipes.rules_sentences(recipe)]
    return listing("recipe-groups", rows, asked=recipe["asked"], notes=told)


def type_speeds(run: Run) -> list[Block]:
    """Show how fast each type was, where a speed was asked of recipes."""
    tables: list[Block] = []
    for content in run.shown("type-speeds"):
        whole = max(found["n_weights"] for found in content["types"])
        rows = [{**found, "share": found["n_weights"] / whole} for found in content["types"]]
        told = [recipes.type_speeds_sentence(content)]
        tables.append(listing("type-speeds", rows, notes=told))
    return tables


def _method(run: Run) -> Facts:
    (source,), (sensitivity,) = run.shown("source"), run.shown("sensitivity")
    speeds = next(iter(run.shown("type-speeds")), None)
    told = facts("recipe-method", source=source, found=sensitivity, speeds=speeds, **sensitivity)
    corpus = [*corpus_facts(run), *(control_facts(run) if run.models else [])]
    return Facts("Method", (*told.pairs, *importance_facts(run), *corpus))
