"""Files of one model that are made when they are asked for: its types, and recipes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyengine.files import making_folder
from pyengine.measure.engine import Progress
from pyengine.measure.sensitivity_groups import leaves
from pyengine.models.downloads import Keep
from pyengine.models.file_types import expand_types
from pyengine.models.options import usable_cores
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.picking.chosen_by import sensitivity_by, sensitivity_exhibit
from pyengine.picking.order import Offer
from pyengine.picking.recipes import recipes_beside
from pyengine.picking.to_make import FileToMake, RecipePair, file_by_name, recipe_pair
from pyengine.picking.type_speeds import SpeedAsked, TypeSpeeds, measure_type_speeds
from pyengine.run.record import Exhibit, Note, Run
from pyengine.text.documents import Corpus

# Fewer bits per weight mean that a file is quantized already.
FLOAT_BITS = 15.9


@dataclass(frozen=True, kw_only=True)
class RecipesAsked:
    """By what recipes are chosen for a search.

    Attributes:
        choosing: documents that choose; the search measures on others.
        sensitivity: a run of `measure_sensitivity` over them; None measures it.
        size: bytes that a file may have, where that was asked for.
        memory: bytes that a model may need, in the same way.
        threads: CPU threads; None for the cores less one.
        seed: of the order of documents.
        speed: that files must have, where one was asked for.
    """

    choosing: Corpus
    sensitivity: Run | None = None
    size: int | None = None
    memory: int | None = None
    threads: int | None = None
    seed: int
    speed: SpeedAsked | None = None

    def most(self, source: Offer) -> int | None:
        """Return the size of the largest file that is within what was asked for."""
        beside = source.memory - source.size
        within = None if self.memory is None else self.memory - beside
        return min((n for n in (self.size, within) if n is not None), default=None)


@dataclass
class MadeTypes:
    """What quantizing a source would give; a file is made when it is fetched.

    Attributes:
        files: by the names of the offers.
        recipes: those of them that follow one.
        sensitivity, speeds: by what these were chosen.
        made: what was not there before, by the names of the offers.
    """

    source: Path
    folder: Path
    options: QuantizeOptions
    progress: Progress
    files: dict[str, FileToMake] = field(default_factory=dict)
    recipes: dict[str, RecipePair] = field(default_factory=dict)
    sensitivity: Run | None = None
    speeds: TypeSpeeds | None = None
    made: dict[str, list[Path]] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Path, folder: Path, imatrix: Path | None, progress: Progress) -> MadeTypes:
        """Plan all types of a source; exact sizes are known before anything is written."""
        options = QuantizeOptions(imatrix=imatrix, threads=usable_cores())
        types = expand_types(["all"], has_imatrix=imatrix is not None)
        found = cls(source, folder, options, progress)
        for plan in plan_quantization(source, types, options=options):
            found._add(file_by_name(source, folder, plan, options))
        return found

    def _add(self, file: FileToMake) -> str:
        self.files[file.target.stem] = file
        return file.target.stem

    def add_recipes(self, asked: RecipesAsked, source: Offer) -> list[Note]:
        """Add a recipe of each type's size, and of the size that was asked for.

        Returns:
            what must be known of how their speed was predicted.

        Raises:
            OptionError: the sensitivity is of something else, or no recipe is so small or so fast.
            InputError: types cannot be made, to time them.
            ModelFileError, ModelKindError, NumbersError, CorpusError, WorkerError: as
                `measure_sensitivity`.
        """
        self.sensitivity = sensitivity_by(
            self.source,
            asked.choosing,
            asked.sensitivity,
            self.options,
            threads=asked.threads,
            seed=asked.seed,
            progress=self.progress,
        )
        presets = [file.plan for file in self.files.values()]
        told = replace(self.options, corpus_sha256=asked.choosing.sha256)
        groups, most = leaves(self.sensitivity), asked.most(source)
        notes: list[Note] = []
        if asked.speed is not None:
            self.speeds, notes = measure_type_speeds(
                self.source,
                groups,
                asked.speed,
                options=self.options,
                progress=self.progress,
            )
        for recipe in recipes_beside(
            self.source, groups, presets, most, told, self.progress, self.speeds
        ):
            pair = recipe_pair(self.source, self.folder, recipe)
            self.recipes[self._add(pair.by_recipe)] = pair
        return notes

    def offers(self, source: Offer) -> Sequence[Offer]:
        """Return what can be made, each with the memory that the source needs, less what it saves.

        Beside its weights a type needs what the source does.
        """
        return [self._offer(name, file, source) for name, file in self.files.items()]

    def _offer(self, name: str, file: FileToMake, source: Offer) -> Offer:
        plan, pair = file.plan, self.recipes.get(name)
        return Offer(
            name=name,
            reference=str(file.target),
            file_type=plan.file_type if pair is None else f"{plan.file_type} recipe",
            size=plan.file_bytes,
            n_params=source.n_params,
            bits_per_weight=plan.bits_per_weight,
            imatrix=self.options.imatrix is not None,
            predicted=None if pair is None else pair.recipe.kl,
            memory=source.memory - source.size + plan.file_bytes,
            here=False,
        )

    def exhibits(self, names: Sequence[str]) -> list[Exhibit]:
        """Describe those recipes that are named, and by what recipes were chosen."""
        if self.sensitivity is None:
            return []
        recipes = [self.recipes[n].exhibit(recipe_model=n) for n in names if n in self.recipes]
        speeds = [] if self.speeds is None else [self.speeds.exhibit()]
        return [*recipes, sensitivity_exhibit(self.sensitivity), *speeds]

    def fetch(self, offer: Offer) -> Path:
        """Return an offer's file, made where it is not there; a recipe's rules lie beside it."""
        file, made = self.files[offer.name], self.made.setdefault(offer.name, [])
        with making_folder(self.folder):
            if offer.name in self.recipes:
                file.check_rules()
            there = quantize_file(
                self.source,
                file.target,
                file.plan,
                source_sha256=file_sha256(self.source),
                options=file.options,
                progress=lambda part: self.progress(f"make {offer.file_type}", part),
            )
            made += [] if there else [file.target]
            if offer.name in self.recipes and not file.rules_path.exists():
                file.write_rules()
                made.append(file.rules_path)
        return file.target

    def finish(self, keep: Keep, chosen: str | None) -> None:
        """Remove what was made and shall not be kept."""
        for name, paths in self.made.items():
            if keep == "none" or (keep == "best" and name != chosen):
                for path in paths:
                    path.unlink(missing_ok=True)
