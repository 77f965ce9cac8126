"""Put all checks together."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pyengine import _core
from pyengine.doctor.checks import Check, check
from pyengine.doctor.machine import check_machine
from pyengine.doctor.repacking import check_repacking
from pyengine.doctor.software import check_software
from pyengine.measure.provenance import provenance
from pyengine.models.options import default_threads
from pyengine.models.places import Places
from pyengine.models.stores import find_all
from pyengine.run.record import Exhibit, Run


def examine(places: Places | None = None, *, root: Path = Path("/")) -> Run:
    """Run every check, the trial of weight repacking in a child process included.

    Args:
        places: where models are looked for.
        root: the folder below which the kernel's files are read.

    Returns:
        a run without models and measurements; each check is an exhibit, see `checks.check`.
    """
    places = places or Places()
    folders = {
        "here": Path.cwd(),
        "temporary": Path(tempfile.gettempdir()),
        "hub cache": places.hub(),
    }
    checks = [
        *check_software([device.name for device in _core.offered_devices()]),
        *check_machine(root, folders),
        check_repacking(),
        *check_models(places),
    ]
    # What computes here is the trial of weight repacking, which is of the CPU's kernels.
    return Run(
        command="doctor",
        provenance=provenance(threads=default_threads(), devices=["CPU"]),
        models=[],
        exhibits=[Exhibit(kind="check", model="", content=content) for content in checks],
    )


def check_models(places: Places) -> Iterator[Check]:
    """Check which stores of models there are, and that the embedded model is installed."""
    counts = Counter(entry.store for entry in find_all(places))
    n = counts.pop("embedded", 0)
    if n:
        yield check("models", "embedded", "embedded", {"n": n})
    else:
        yield check("models", "embedded", "embedded", {"n": n}, "reinstall", status="bad")
    stores = {"stores": dict(counts)}
    if counts:
        yield check("models", "stores", "stores", stores, "list-models", status="good")
    else:
        yield check("models", "stores", "stores", stores, "name-a-file", status="note")
