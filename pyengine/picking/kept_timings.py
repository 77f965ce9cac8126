"""Timings of files that are made to be timed: each is kept, and used again for a day."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyengine.measure.speed import SpeedOptions, timed_alone
from pyengine.measure.store import Folder
from pyengine.measure.sweep import speed_key
from pyengine.models.options import ModelOptions
from pyengine.models.quantize import bytes_sha256, quantize_file
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.run.record import Note

KEPT_SECONDS = 24 * 3600.0  # machines drift, and what else runs on them changes


@dataclass
class KeptTimings:
    """Takes timings, or finds those that are kept.

    Attributes:
        source, sha256: of what files are made.
        opening: how they are opened.
        store: where timings are kept.
        found: when each timing that was kept was taken, in seconds since 1970.
        n_made: how many others there are.
    """

    source: Path
    sha256: str
    opening: ModelOptions
    store: Folder
    found: list[float] = field(default_factory=list)
    n_made: int = 0

    def timing(
        self, place: Path, plan: QuantizationPlan, options: QuantizeOptions, speed: SpeedOptions
    ) -> dict[str, Any]:
        """Return the timing of a file, which is made where it must be and is not there."""
        key, now = speed_key(self._file_key(plan, options), self.opening, speed), time.time()
        kept = self.store.load_speed(key)
        taken = None if kept is None else kept.get("taken")
        if kept is not None and isinstance(taken, float) and 0 <= now - taken < KEPT_SECONDS:
            self.found.append(taken)
            return kept
        if not place.exists():
            quantize_file(self.source, place, plan, source_sha256=self.sha256, options=options)
        made = {**timed_alone(str(place), self.opening, speed), "taken": now}
        self.store.save_speed(key, made)
        self.n_made += 1
        return made

    def _file_key(self, plan: QuantizationPlan, options: QuantizeOptions) -> str:
        """Return a hash of what decides a file's weights."""
        types = [[tensor.name, tensor.type] for tensor in plan.tensors]
        imatrix = None if options.imatrix is None else bytes_sha256(options.imatrix)
        return hashlib.sha256(json.dumps([self.sha256, imatrix, types]).encode()).hexdigest()

    def notes(self) -> list[Note]:
        """Note that some timings are not of now, where it is so."""
        if not self.found:
            return []
        since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(min(self.found)))
        values = {"n": len(self.found), "n_timings": len(self.found) + self.n_made, "since": since}
        return [Note(code="kept-timings", values=values)]
