"""`quantize --recipe`: sensitivity, recipes within sizes, and files that were verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pyengine.errors import OptionError
from pyengine.measure.compare import Means
from pyengine.measure.options import CompareOptions
from pyengine.measure.quantize_plans import SizeLimit, general_plans, largest_within
from pyengine.measure.sensitivity_groups import leaves
from pyengine.models.file_types import GENERAL_TYPES
from pyengine.models.gguf import check_gguf
from pyengine.models.quantize import check_importance, file_sha256, plan_quantization
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.picking.chosen_by import matrix_notes, sensitivity_by, sensitivity_exhibit
from pyengine.picking.recipe_files import make_recipes, planned_recipes
from pyengine.picking.recipes import recipe_within
from pyengine.picking.type_speeds import SpeedAsked, measure_type_speeds
from pyengine.run.record import Exhibit, Run
from pyengine.text.documents import Corpus
from pyengine.text.halves import halves


def quantize_by_recipe(
    source: Path,
    asked: Sequence[str | SizeLimit],
    corpus: Corpus,
    folder: Path,
    *,
    sensitivity: Run | None,
    options: QuantizeOptions,
    comparing: CompareOptions,
    means: Means,
    dry_run: bool,
    speed: SpeedAsked | None = None,
) -> Run:
    """Make files whose types were chosen tensor by tensor, where they are better than presets.

    Args:
        source: a model of floats.
        asked: sizes, or file types whose sizes they are.
        corpus: one half of it chooses, the other verifies.
        folder: where the files go.
        sensitivity: a run of `measure_sensitivity` over the half that chooses; None measures it.
        options: how to quantize; without rules.
        comparing: how to verify; its seed draws the halves.
        means: with what.
        dry_run: plan alone.
        speed: that files must have, where one is asked for.

    Returns:
        a run of the comparison; without one in a dry run. Exhibits: "recipe" for each size, see
        `recipe_files`; "source" (path, sha256, file_bytes), "sensitivity" (see
        `sensitivity_exhibit`), with an importance matrix "importance" (entries and used), and
        with a speed "type-speeds" (see `TypeSpeeds`).

    Raises:
        OptionError: a size is too small, no recipe of it is fast enough, or the sensitivity is of
            something else.
        CorpusError: there are no two documents that differ.
        InputError, ModelFileError, ModelKindError, NumbersError, WorkerError: as `make_recipes`.
    """
    summary = check_gguf(source)
    parts = halves(corpus, seed=comparing.seed)
    presets = _presets(source, asked, options, means)
    for preset, _ in presets:
        check_importance(source, preset, options)
    sensitivity = sensitivity_by(
        source,
        parts.choosing,
        sensitivity,
        options,
        threads=comparing.threads,
        seed=comparing.seed,
        progress=means.progress,
    )
    sha256, groups = file_sha256(source), leaves(sensitivity)
    told = replace(options, corpus_sha256=parts.choosing.sha256)
    speeds, notes = None, matrix_notes(options, parts.choosing)
    if speed is not None:
        speeds, found = measure_type_speeds(
            source, groups, speed, options=options, progress=means.progress
        )
        notes += found
    recipes = [
        recipe_within(source, groups, preset, limit, told, speeds) for preset, limit in presets
    ]
    if dry_run:
        run = planned_recipes(source, recipes, folder, threads=options.threads)
    else:
        run = make_recipes(
            source,
            recipes,
            parts.held_out,
            folder,
            source_sha256=sha256,
            options=comparing,
            means=means,
            timing=None if speeds is None else speeds.how,
        )
    source_content = {"path": str(source), "sha256": sha256, "file_bytes": summary.n_bytes}
    exhibits = [
        Exhibit(kind="source", model="", content=source_content),
        sensitivity_exhibit(sensitivity),
        *_importance(recipes[0].plan),
        *([] if speeds is None else [speeds.exhibit()]),
    ]
    imatrix = None if options.imatrix is None else str(options.imatrix)
    return run.model_copy(
        update={
            "options": {**run.options, "dry_run": dry_run, "imatrix": imatrix},
            "exhibits": [*run.exhibits, *exhibits],
            "notes": [*run.notes, *notes],
        }
    )


def _importance(plan: QuantizationPlan) -> list[Exhibit]:
    if not plan.importance_entries:
        return []
    used = {"entries": plan.importance_entries, "used": plan.importance_used}
    return [Exhibit(kind="importance", model="", content=used)]


def _presets(
    source: Path, asked: Sequence[str | SizeLimit], options: QuantizeOptions, means: Means
) -> list[tuple[QuantizationPlan, SizeLimit]]:
    """Return the preset of each size, and the size: of a type by name, its own."""
    told = partial(means.progress, "Planning")
    names = [one for one in asked if isinstance(one, str)]
    for name in names:
        if name not in GENERAL_TYPES:
            raise OptionError(
                f"{name} is no size for a recipe; use a size such as 5GB or 4.5bpw, or one of "
                f"{', '.join(GENERAL_TYPES)}"
            )
    sizes = [one for one in asked if isinstance(one, SizeLimit)]
    plans = plan_quantization(source, names, options=options, progress=told) if names else []
    found = [(plan, SizeLimit(plan.file_type, n_bytes=plan.file_bytes)) for plan in plans]
    candidates = general_plans(source, options, told) if sizes else []
    return found + [(largest_within(source, candidates, limit)[0], limit) for limit in sizes]
