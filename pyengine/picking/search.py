"""The search for a file to run: rounds of comparisons with the best, until the choice is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyengine.choose.candidates import Candidate, candidates_of
from pyengine.choose.evaluation import OF_A_SIDE, standing
from pyengine.choose.recommend import Limits, neighbours, recommend
from pyengine.errors import (
    BusyError,
    NoSpaceError,
    OfflineError,
    PickInterrupted,
    PyengineError,
    failure_values,
)
from pyengine.measure.compare import Means, compare_with, open_file
from pyengine.measure.executors import NoExecutor
from pyengine.measure.found import variant_failed
from pyengine.measure.options import CompareOptions
from pyengine.measure.provenance import provenance
from pyengine.measure.racing import Known
from pyengine.measure.speed import SpeedOptions
from pyengine.measure.sweep import time_models
from pyengine.models.options import used_threads
from pyengine.models.settings import ModelSpec
from pyengine.picking.order import Offer, next_to_measure
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Exhibit, ModelInfo, Note, Run
from pyengine.text.documents import Corpus

NOTHING = Known(0, math.nan, math.nan, math.nan)


@dataclass(eq=False)
class Search:
    """What is looked for, and what was found so far.

    Attributes:
        offers: every file there is, the reference first.
        asked: the limits, as `recommend` takes them.
        told: for what context memory was forecast, and whether its limit is what is free.
        fetch: returns where an offer's file is, after a download, for which others have to stay.
        layers: further numbers of layers on a GPU with which finalists are timed.
        evaluate: lets a file solve tasks beside the reference, where that was asked for.
        exhibits: tells of those files that are named how they were made.
        specs: of the files that were opened, by their names.
        racing: names of those that are compared, the reference first.
        known: what is known of them so far.
        evaluations: of the files that solved tasks, by their names.
        timings: of the files that were timed, by names and layers on a GPU, None for as asked.
    """

    offers: list[Offer]
    asked: dict[str, Any]
    told: dict[str, Any]
    options: CompareOptions
    speed: SpeedOptions
    corpus: Corpus
    means: Means
    fetch: Callable[[Offer, Sequence[Offer]], Path]
    layers: Sequence[int] = ()
    evaluate: Callable[[ModelSpec, ModelSpec], Run] | None = None
    exhibits: Callable[[Sequence[str]], list[Exhibit]] = lambda _: []
    specs: dict[str, ModelSpec] = field(default_factory=dict)
    racing: list[str] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    timings: dict[tuple[str, int | None], Run] = field(default_factory=dict)
    evaluations: dict[str, Run] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    compared: Run | None = None

    @property
    def limits(self) -> Limits:
        """What is asked of the file."""
        return Limits.asked(**self.asked)

    @property
    def hopeful(self) -> list[Offer]:
        """The offers that could win."""
        return [offer for offer in self.offers if offer.why == "could-win"]

    def run(self) -> Run:
        """Search until the choice is known, and return it with all that was found on the way.

        Raises:
            PickInterrupted: by Ctrl-C, with the best answer so far.
        """
        try:
            for offer in self.hopeful:
                self.means.watch(offer.name, NOTHING)
            self._open(self.offers[0])
            if self.limits.speed is not None:
                self._leave_out_slow()
            self.racing.append(self.offers[0].name)
            watched = replace(self.means, watch=self._watch)
            self._compare_in_rounds(watched)
            while self._passes_over():
                self._compare_in_rounds(watched)
            for name in self._finalists():
                self._time(name)
                for layers in self.layers:
                    self._time(name, layers)
        except KeyboardInterrupt:
            known = None
            with suppress(PyengineError):  # Ctrl-C ends the search, whatever the answer lacks
                known = self._so_far()
            raise PickInterrupted(known) from None
        return self._result()

    def _compare_in_rounds(self, means: Means) -> None:
        while wanted := self._wanted():
            self.racing += self._open_together(wanted)
            self.compared = self._compare(means, self.racing)

    def _wanted(self) -> list[Offer]:
        """Return what to measure next; what was measured is not asked for again."""
        found = self._candidates()
        # A copy of another file is measured, and is no candidate of its own.
        offers = [o for o in self.hopeful if o.name in found or o.name not in self.racing]
        return next_to_measure(offers, found, self.limits)

    def _open_together(self, wanted: Sequence[Offer]) -> list[str]:
        """Open the files of a round and return their names; no more than there is room for."""
        opened: list[Offer] = []
        for offer in wanted:
            try:
                if self._open(offer, opened):
                    opened.append(offer)
            except NoSpaceError:
                if not opened:
                    raise
                break  # the others come in a later round, when these may be removed
        return [offer.name for offer in opened]

    def ready(self, name: str) -> ModelSpec:
        """Return where an offered file is, brought again where it was removed for others."""
        (offer,) = (offer for offer in self.offers if offer.name == name)
        return ModelSpec(self.fetch(offer, self.offers[:1]), offer.settings)

    def _open(self, offer: Offer, beside: Sequence[Offer] = ()) -> bool:
        """Open an offer's file, and let others stay on the disk beside it and the reference.

        One that cannot be opened is left out, but for the reference.
        """
        try:
            spec = ModelSpec(self.fetch(offer, [self.offers[0], *beside]), offer.settings)
            open_file(offer.name, spec, self.options, self.means)
        except (BusyError, NoSpaceError, OfflineError):
            raise  # of the machine, not of the file, which might have won
        except PyengineError as error:
            if offer.name == self.offers[0].name:
                raise
            self.notes.append(variant_failed(offer.name, failure_values(error, offer.reference)))
            self._update(offer.name, why="failed")
            return False
        self.specs[offer.name] = spec
        return True

    def _update(self, name: str, **found: Any) -> None:  # noqa: ANN401 - fields of an offer
        self.offers = [replace(o, **found) if o.name == name else o for o in self.offers]

    def _compare(self, means: Means, names: Sequence[str]) -> Run | None:
        """Compare files with the first of them; None where there is none beside it.

        What was measured in an earlier round is kept, and decoded no second time.
        """
        if len(names) < 2:
            return None
        specs = [self.specs[name] for name in names]
        return compare_with(specs, self.corpus, self.options, means, command="pick", names=names)

    def _candidates(self) -> dict[str, Candidate]:
        return {} if self.compared is None else {c.name: c for c in candidates_of([self.compared])}

    def _watch(self, name: str, known: Known) -> None:
        """Keep what is known, and say which file is the answer so far."""
        before = self._leader()
        self.known[name] = known
        leader = self._leader()
        for changed in dict.fromkeys((name, before, leader)):
            if changed in self.known:
                self.means.watch(changed, replace(self.known[changed], leads=changed == leader))

    def _leader(self) -> str:
        """Return the smallest file that is surely within the limit so far, else the closest."""
        sizes = {offer.name: offer.size for offer in self.offers}
        limit = math.inf if self.limits.kl is None else self.limits.kl
        out = {offer.name for offer in self.offers if offer.why == "tasks"}
        known = {name: one for name, one in self.known.items() if name not in out}
        within = [name for name, one in known.items() if one.high <= limit]
        if within:
            return min(within, key=lambda name: sizes[name])
        return min(known, key=lambda name: known[name].kl, default="")

    def _passes_over(self) -> bool:
        """Let the file that would be picked solve tasks, and tell whether it is out by that.

        It is where it surely solves fewer than the reference.
        """
        reference = self.offers[0].name
        name = reference if self.evaluate is None else next(iter(self._finalists()), reference)
        if self.evaluate is None or name == reference:
            return False
        spec = self.ready(name)
        try:
            self.evaluations[name] = self.evaluate(spec, self.ready(reference))
        except (BusyError, NoSpaceError, OfflineError):
            raise
        except PyengineError as error:
            values = failure_values(error)
            self.notes.append(Note(code="not-evaluated", model=name, values=values))
            return False
        found = standing(self._record(), name)
        if found is None or found.side != "fewer":
            return False
        self._update(name, why="tasks")
        return True

    def _leave_out_slow(self) -> None:
        """Leave out the files that are too slow, by bisection: larger ones are no faster.

        Recipes and types of one size have tensors of other types, which are not as fast.
        """
        for by_recipe in (False, True):
            found = [offer for offer in self.hopeful if offer.by_recipe == by_recipe]
            ordered = sorted(found, key=lambda offer: offer.size)
            while ordered:
                middle = ordered[len(ordered) // 2]
                if not self._open(middle):
                    ordered.remove(middle)
                elif self._time(middle.name) >= (self.limits.speed or 0.0):
                    ordered = [offer for offer in ordered if offer.size > middle.size]
                else:
                    for offer in self.hopeful:
                        if offer.by_recipe == by_recipe and offer.size >= middle.size:
                            self._update(offer.name, why="speed")
                    ordered = [offer for offer in ordered if offer.size < middle.size]

    def _time(self, name: str, layers: int | None = None) -> float:
        """Return how many tokens per second a file generates; 0 where that fails.

        Args:
            layers: on a GPU; None for as many as were asked for, the speed that conditions mean.
        """
        if (name, layers) not in self.timings:
            self.ready(name)
            timing = self._timed(self.means.subjects[name].info, layers)
            self.timings[name, layers] = timing
            for told in timing.shown("timing"):
                self.speed = self.speed.like(told)
        row = next(iter(self.timings[name, layers].select("generation_speed")), None)
        if layers is None:
            self._update(name, speed=None if row is None else row.value)
        return 0.0 if row is None else row.value

    def _timed(self, model: ModelInfo, layers: int | None) -> Run:
        """Time a file; rows of another number of layers on a GPU than was asked for name it."""
        speed = self.speed.within(self.means.subjects[model.id].n_positions)
        if layers is None:
            return time_models([model], self.options, speed, self.means)
        timing = time_models([model], self.options, speed, self.means, layers=layers)
        group = group_of({"gpu_layers": str(layers)})
        rows = [replace(row, group=group) for row in timing.measurements]
        failed = [note for note in timing.notes if note.code == "speed-failed"]
        return timing.model_copy(update={"measurements": rows, "notes": failed, "exhibits": []})

    def _finalists(self) -> list[str]:
        """Return the file that damage and memory let choose, and its neighbours in size."""
        found = self._choice(self._record(), {**self.asked, "speed": None})
        (choice,) = found.shown("choice")
        if choice["chosen"] is None:
            return []
        candidates = [Candidate.of(content) for content in found.shown("candidate")]
        near = neighbours(choice["chosen"], candidates)
        return [choice["chosen"], *(candidate.name for candidate in near)]

    def _so_far(self) -> Run | None:
        """Return what is known when a search ends early; None where that is nothing."""
        seen = [name for name in self.racing if self.known.get(name, NOTHING).n_documents]
        if not seen:
            return None
        self.compared = self._compare(
            replace(self.means, executor=NoExecutor()), [self.racing[0], *seen]
        )
        self.notes.append(Note(code="interrupted"))
        return self._result()

    def _record(self) -> Run:
        """Return all that was measured, foretold and offered, without a choice."""
        run = self.compared or self._alone()
        timed = [self.timings[key] for key in self.timings if key[0] in self.racing]
        rows = [row for timing in timed for row in timing.measurements]
        told, general = {}, []
        for name, evaluation in self.evaluations.items():
            rows += _side(evaluation, name, run.models[0].id)
            told["evaluation"] = evaluation.options
            general = [note for note in evaluation.notes if not note.model]
        offers = [Exhibit(kind="offer", model="", content=o.content()) for o in self.offers]
        offers += self.exhibits(self.racing)
        return run.model_copy(
            update={
                "measurements": [*run.measurements, *rows],
                "exhibits": [*run.exhibits, *(e for t in timed for e in t.exhibits), *offers],
                "notes": [*run.notes, *(n for t in timed for n in t.notes), *self.notes, *general],
                "options": {**run.options, **told},
            }
        )

    def _alone(self) -> Run:
        """Return a run of the reference, where nothing is to be held against it."""
        subject = self.means.subjects[self.offers[0].name]
        threads = used_threads(self.options.threads)
        return Run(
            command="pick",
            options={"margin": self.options.margin, "precision": self.options.precision},
            provenance=provenance(
                threads=threads, devices=list(subject.devices), seed=self.options.seed
            ),
            models=[subject.info],
        )

    def _choice(self, run: Run, asked: dict[str, Any]) -> Run:
        memory = {offer.name: offer.memory for offer in self.offers}
        needed = {model.identity: memory[model.id] for model in run.models}
        return recommend([run], needed=needed, **asked, **self.told)

    def _result(self) -> Run:
        """Return all that was found, with the choice that it supports."""
        run = self._record()
        choice = self._choice(run, self.asked)
        told = {**run.options, **choice.options}
        for timing in self.timings.values():
            told["timing"] = timing.options
        return run.model_copy(
            update={"options": told, "exhibits": [*run.exhibits, *choice.exhibits]}
        )


def _side(evaluation: Run, name: str, reference: str) -> list[Measurement]:
    """Return what says how the second model of an evaluation stands to the first."""
    rows = evaluation.select(model=evaluation.models[1].id, group="")
    return [replace(r, model=name, reference=reference) for r in rows if r.metric in OF_A_SIDE]
