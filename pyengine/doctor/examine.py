"""Put all checks together."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pyengine import _core
from pyengine.discovery.places import Places
from pyengine.discovery.stores import find_all
from pyengine.doctor.machine import System, check_machine
from pyengine.doctor.records import Check, DoctorResult
from pyengine.doctor.repacking import check_repacking
from pyengine.doctor.software import check_software
from pyengine.engine.session import default_threads
from pyengine.results import provenance


def examine(places: Places | None = None, *, system: System | None = None) -> DoctorResult:
    """Run every check, the trial of weight repacking in a child process included."""
    places = places or Places()
    folders = {
        "here": Path.cwd(),
        "temporary": Path(tempfile.gettempdir()),
        "hub cache": places.hub(),
    }
    checks = [
        *check_software([device.name for device in _core.offered_devices()]),
        *check_machine(system or System(), folders),
        check_repacking(),
        *check_models(places),
    ]
    # What computes here is the trial of weight repacking, which is of the CPU's kernels.
    return DoctorResult(
        provenance=provenance(threads=default_threads(), devices=["CPU"]), checks=checks
    )


def check_models(places: Places) -> Iterator[Check]:
    """Check which stores of models there are, and that the embedded model is installed."""
    counts = Counter(entry.store for entry in find_all(places))
    embedded = counts.pop("embedded", 0)
    yield Check(
        topic="models",
        name="embedded",
        status="good" if embedded else "bad",
        found=f"{embedded} installed with pyengine" if embedded else "none",
        advice=None if embedded else "this installation is incomplete: reinstall pyengine",
    )
    listed = ", ".join(f"{count} in {store}" for store, count in counts.items())
    yield Check(
        topic="models",
        name="stores",
        status="good" if counts else "note",
        found=listed or "no Ollama, LM Studio, llama.cpp or Hugging Face store holds a model",
        advice="`pyengine models` lists them" if counts else "name a file, or use hf:OWNER/REPO",
    )
