"""What there is to pick from: files of one model, each as its header describes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pyengine.choose.recommend import Limits
from pyengine.errors import (
    InputError,
    ModelFileError,
    ModelKindError,
    OptionError,
    failure_values,
    problem_sentence,
)
from pyengine.files import temporary_folder
from pyengine.measure.engine import Progress
from pyengine.measure.found import variant_failed
from pyengine.measure.models import distinct
from pyengine.models.downloads import Downloads, Keep
from pyengine.models.header import plain_value
from pyengine.models.memory import forecast_opened
from pyengine.models.model_files import ModelFile, ModelFiles, find_model_files
from pyengine.models.options import ModelOptions
from pyengine.models.same_model import OTHER_MODEL, Family, compare_headers, families
from pyengine.models.settings import ModelSpec, Settings, named_settings
from pyengine.picking.chosen_by import matrix_notes
from pyengine.picking.made_types import FLOAT_BITS, MadeTypes, RecipesAsked
from pyengine.picking.order import Offer
from pyengine.run.record import Exhibit, Note


@dataclass(frozen=True)
class Offers:
    """The files of one model that names lead to.

    Attributes:
        offers: what can be picked from.
        files: where each is, or is to be had, by their names.
        context: tokens that memory is counted for: no more than the model was trained with.
        notes: of files that were left out.
    """

    offers: list[Offer]
    files: dict[str, ModelFile]
    context: int
    notes: list[Note]
    downloads: Downloads
    made: MadeTypes | None = None

    def fetch(self, offer: Offer, beside: Sequence[Offer]) -> Path:
        """Return where an offer's file is; it is downloaded, or made, where it is not here.

        Where space is short, other downloads are removed, but for those beside which it is wanted.
        """
        if self.made is not None and offer.name in self.made.files:
            return self.made.fetch(offer)
        stay = [self.files[other.name] for other in beside if other.name in self.files]
        return self.downloads.fetch(self.files[offer.name], beside=stay)

    def exhibits(self, names: Sequence[str]) -> list[Exhibit]:
        """Tell of those files that are named how they were made, where that is by recipe."""
        return [] if self.made is None else self.made.exhibits(names)

    def finish(self, keep: Keep, chosen: str | None) -> None:
        """Remove what was downloaded or made and shall not be kept."""
        self.downloads.finish(keep, None if chosen is None else self.files.get(chosen))
        if self.made is not None:
            self.made.finish(keep, chosen)


@contextmanager
def found_offers(
    models: Sequence[str | Path],
    *,
    context: int,
    gpu_layers: int,
    most_bytes: int | None,
    output_dir: Path | None,
    imatrix: Path | None,
    recipes: RecipesAsked | None,
    progress: Progress,
) -> Iterator[Offers]:
    """Yield the files that paths, folders, stores and repositories lead to, by their headers.

    Where that is one file that is not quantized, and here, its types are made, and recipes beside
    them where they are asked for.

    Raises:
        ModelFileError: nothing is there.
        ModelKindError: the files are of several models.
        OptionError: recipes are asked for, and there is no such file; or as `add_recipes`.
    """
    with temporary_folder() as folder:

        def show(done: int, total: int, _: str) -> None:
            progress("read the headers", done / max(total, 1))

        asked, found = _asked(models, folder, show)
        of_model = families(list(asked))
        if len(of_model) > 1:
            raise ModelKindError(_several(of_model))
        notes = [
            Note(code="left-out", values={"reference": one.reference, "problem": dict(one.problem)})
            for group in found
            for one in group.left_out
        ]
        offline = dict.fromkeys(reason for group in found for reason in group.offline)
        notes += [Note(code="offline", values={"reason": reason}) for reason in offline]
        members = of_model[0].members if of_model else []
        plain = dict(zip(members, distinct([member.name for member in members]), strict=True))
        settings = {f"{plain[m]}{how.name}": how for m in members for how in asked[m]}
        by_name = {f"{plain[m]}{how.name}": m for m in members for how in asked[m]}
        context = min([context, *map(_trained, members)])
        offers = []
        for number, (name, member) in enumerate(by_name.items()):
            show(number, len(by_name), member.reference)
            try:
                offers.append(_described(name, member, settings[name], context, gpu_layers))
            except ModelFileError as error:
                notes.append(variant_failed(name, failure_values(error, member.reference)))
        if not offers:
            names_given = ", ".join(map(str, models))
            raise ModelFileError(f"{names_given}: no model file that can be used{_why(notes)}")
        first = {member: name for name, member in reversed(by_name.items())}
        notes += _differences(of_model[0], [first[member] for member in members])
        downloads = Downloads(
            found[0].cache, most_bytes=most_bytes, progress=partial(_downloading, progress)
        )
        made = None
        source = by_name[offers[0].name].path
        if len(offers) == 1 and offers[0].bits_per_weight > FLOAT_BITS and source:
            place = output_dir or Path(f"{source.stem}-pick")
            made = MadeTypes.of(source, place, imatrix, progress)
            if recipes is not None:
                notes += made.add_recipes(recipes, offers[0])
                notes += matrix_notes(made.options, recipes.choosing)
            offers += made.offers(offers[0])
        elif recipes is not None:
            raise OptionError(
                "--recipe makes files of one model that is not quantized and on this machine; "
                f"{', '.join(map(str, models))} is not one"
            )
        yield Offers(offers, by_name, context, notes, downloads, made)


def _asked(
    models: Sequence[str | Path], folder: Path, show: Callable[[int, int, str], object]
) -> tuple[dict[ModelFile, list[Settings]], list[ModelFiles]]:
    """Return the files that names lead to with the settings that were asked of each."""
    groups: dict[Settings, list[str]] = {}
    for model in models:
        name, settings = named_settings(str(model))
        groups.setdefault(settings, []).append(name)
    asked: dict[str, tuple[ModelFile, list[Settings]]] = {}
    found = []
    for number, (settings, names) in enumerate(groups.items()):
        found.append(find_model_files(names, folder / f"{number}", progress=show))
        for file in found[-1].found:
            asked.setdefault(file.reference, (file, []))[1].append(settings)
    return dict(asked.values()), found or [find_model_files([], folder)]


def _why(notes: Sequence[Note]) -> str:
    """Say of the first file that was left out why it was."""
    for note in notes:
        if note.code == "left-out":
            return f" ({note.values['reference']}: {problem_sentence(note.values['problem'])})"
        if note.code == "variant-failed":
            return f" ({note.model}: {note.values['message']})"
    return ""


def _downloading(progress: Progress, offer: ModelFile, done: int, total: int) -> None:
    progress(f"download {offer.name}", done / total if total else 1.0)


def _several(of_model: Sequence[Family]) -> str:
    """Say how files differ that are of several models."""
    first, other = of_model[0].best, of_model[1].best
    code = next(d.code for d in compare_headers(first, other) if d.code in OTHER_MODEL)
    counts = " and ".join(f"{len(one.members)} with {one.best.reference}" for one in of_model)
    return f"the files are of {len(of_model)} models (other {code}): {counts}; name those of one"


def _differences(family: Family, names: Sequence[str]) -> Iterator[Note]:
    """Yield a note for each set of ways in which files differ from the one of most bits."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, member in zip(names, family.members, strict=True):
        found = family.differences.get(member.reference, [])
        codes = tuple(dict.fromkeys(difference.code for difference in found))
        groups.setdefault(codes, []).append(name)
    for codes, other in groups.items():
        if codes:
            values = {"names": other, "best": names[0], "codes": list(codes)}
            yield Note(code="differs", values=values)


def _trained(offer: ModelFile) -> int:
    """Return with how many tokens of context a model was trained; many where it does not say."""
    value = offer.values.get(f"{offer.architecture}.context_length")
    trained = None if value is None else plain_value(value)
    return trained if isinstance(trained, int) and trained > 0 else 1 << 40


def _described(
    name: str, offer: ModelFile, settings: Settings, context: int, gpu_layers: int
) -> Offer:
    opening = ModelSpec(offer.header_file, settings).opening(ModelOptions(n_gpu_layers=gpu_layers))
    return Offer(
        name=name,
        reference=offer.reference,
        file_type=offer.file_type,
        size=offer.n_bytes,
        n_params=sum(math.prod(tensor.shape) for tensor in offer.tensors),
        bits_per_weight=offer.bits_per_weight,
        imatrix=offer.imatrix,
        memory=forecast_opened(offer.header_file, opening, context).main,
        here=offer.path is not None,
        settings=settings,
    )


def ranked(offers: Sequence[Offer], limits: Limits, free: int | None) -> list[Offer]:
    """Put the reference first, and say of every other whether it could win.

    The reference is the one of most bits per weight that fits in the memory that is free.

    Raises:
        InputError: none fits.
    """
    fitting = [offer for offer in offers if free is None or offer.size <= free]
    if not fitting:
        raise InputError("no file fits in the memory that is free")
    best = max(fitting, key=lambda o: (o.bits_per_weight, not o.settings.text, -o.size))
    others = sorted((o for o in offers if o is not best), key=lambda o: (-o.size, o.name))
    return [
        replace(best, why="reference"),
        *(_judged(offer, best, limits) for offer in others),
    ]


def _judged(offer: Offer, best: Offer, limits: Limits) -> Offer:
    if limits.memory is not None and offer.memory > limits.memory:
        return replace(offer, why="memory")
    if limits.size is not None and offer.size > limits.size:
        return replace(offer, why="size")
    larger = offer.size > best.size or (offer.size == best.size and not offer.settings.text)
    return replace(offer, why="larger") if larger else offer
