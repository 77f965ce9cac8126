"""The search for a file to run: rounds of comparisons with the best, until the choice is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyengine.choose.candidates import Candidate, candidates_of
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
from pyengine.models.options import default_threads
from pyengine.picking.order import Offer, next_to_measure
from pyengine.run.record import Exhibit, Note, Run
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
        paths: of the files that were opened, by their names.
        racing: names of those that are compared, the reference first.
        known: what is known of them so far.
        timings: of the files that were timed, by their names.
    """

    offers: list[Offer]
    asked: dict[str, Any]
    told: dict[str, Any]
    options: CompareOptions
    speed: SpeedOptions
    corpus: Corpus
    means: Means
    fetch: Callable[[Offer, Sequence[Offer]], Path]
    paths: dict[str, Path] = field(default_factory=dict)
    racing: list[str] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    timings: dict[str, Run] = field(default_factory=dict)
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
            self._compare_in_rounds(replace(self.means, watch=self._watch))
            for name in self._finalists():
                self._time(name)
        except KeyboardInterrupt:
            known = None
            with suppress(PyengineError):  # Ctrl-C ends the search, whatever the answer lacks
                known = self._so_far()
            raise PickInterrupted(known) from None
        return self._result()

    def _compare_in_rounds(self, means: Means) -> None:
        self.racing.append(self.offers[0].name)
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

    def ready(self, name: str) -> Path:
        """Return where an offered file is, brought again where it was removed for others."""
        (offer,) = (offer for offer in self.offers if offer.name == name)
        return self.fetch(offer, self.offers[:1])

    def _open(self, offer: Offer, beside: Sequence[Offer] = ()) -> bool:
        """Open an offer's file, and let others stay on the disk beside it and the reference.

        One that cannot be opened is left out, but for the reference.
        """
        try:
            path = self.fetch(offer, [self.offers[0], *beside])
            open_file(offer.name, path, self.options, self.means)
        except (BusyError, NoSpaceError, OfflineError):
            raise  # of the machine, not of the file, which might have won
        except PyengineError as error:
            if offer.name == self.offers[0].name:
                raise
            self.notes.append(variant_failed(offer.name, failure_values(error, offer.reference)))
            self._update(offer.name, why="failed")
            return False
        self.paths[offer.name] = path
        return True

    def _update(self, name: str, **found: Any) -> None:  # noqa: ANN401 - fields of an offer
        self.offers = [replace(o, **found) if o.name == name else o for o in self.offers]

    def _compare(self, means: Means, names: Sequence[str]) -> Run | None:
        """Compare files with the first of them; None where there is none beside it.

        What was measured in an earlier round is kept, and decoded no second time.
        """
        if len(names) < 2:
            return None
        paths = [self.paths[name] for name in names]
        return compare_with(paths, self.corpus, self.options, means, command="pick", names=names)

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
        within = [name for name, known in self.known.items() if known.high <= limit]
        if within:
            return min(within, key=lambda name: sizes[name])
        return min(self.known, key=lambda name: self.known[name].kl, default="")

    def _leave_out_slow(self) -> None:
        """Leave out the files that are too slow, by bisection: larger ones are no faster."""
        ordered = sorted(self.hopeful, key=lambda offer: offer.size)
        while ordered:
            middle = ordered[len(ordered) // 2]
            if not self._open(middle):
                ordered.remove(middle)
            elif self._time(middle.name) >= (self.limits.speed or 0.0):
                ordered = [offer for offer in ordered if offer.size > middle.size]
            else:
                for offer in [o for o in self.hopeful if o.size >= middle.size]:
                    self._update(offer.name, why="speed")
                ordered = [offer for offer in ordered if offer.size < middle.size]

    def _time(self, name: str) -> float:
        """Return how many tokens per second a file generates; 0 where that fails."""
        if name not in self.timings:
            self.ready(name)
            subject = self.means.subjects[name]
            speed = self.speed.within(subject.n_positions)
            self.timings[name] = time_models([subject.info], self.options, speed, self.means)
        row = self.timings[name].find("generation_speed", name)
        self._update(name, speed=None if row is None else row.value)
        return 0.0 if row is None else row.value

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
        timed = [self.timings[name] for name in self.racing if name in self.timings]
        rows = [row for timing in timed for row in timing.measurements]
        offers = [Exhibit(kind="offer", model="", content=o.content()) for o in self.offers]
        return run.model_copy(
            update={
                "measurements": [*run.measurements, *rows],
                "exhibits": [*run.exhibits, *(e for t in timed for e in t.exhibits), *offers],
                "notes": [*run.notes, *(n for t in timed for n in t.notes), *self.notes],
            }
        )

    def _alone(self) -> Run:
        """Return a run of the reference, where nothing is to be held against it."""
        subject = self.means.subjects[self.offers[0].name]
        threads = self.options.threads or default_threads()
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
        needed = {model.sha256: memory[model.id] for model in run.models}
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
