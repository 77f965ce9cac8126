"""The model files on this machine as a run."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyengine.measure.provenance import provenance
from pyengine.models.inventory import bytes_on_disk, take_inventory
from pyengine.models.places import Places
from pyengine.run.measurement import Measurement
from pyengine.run.record import Exhibit, Note, Run


def list_models(
    places: Places,
    folders: Sequence[Path] = (),
    *,
    progress: Callable[[str], object] | None = None,
) -> Run:
    """List every model file of this machine, with the sums of bytes.

    Args:
        folders: folders or files to look at besides.
        progress: called with the reference of each file that must be read whole.

    Returns:
        a run without models. Its exhibits are of kind "place", a store and the folders that were
        looked at, and "file", see `take_inventory`. Its notes are of code "folder-unreadable", with
        folder and errno such as EACCES: what this user may not list, so that models may be missing.
    """
    unread: list[OSError] = []
    files = take_inventory(places, folders, progress=progress, onerror=unread.append)
    errors = {str(error.filename): errno.errorcode.get(error.errno or 0, "") for error in unread}
    on_disk, copies = bytes_on_disk(files)
    looked_at = {
        "embedded": [places.embedded],
        "ollama": places.ollama(),
        "lmstudio": places.lmstudio(),
        "llama.cpp": places.llama_cpp(),
        "hugging face": [places.hub()],
        "folder": folders,
    }
    return Run(
        command="models",
        provenance=provenance(threads=1, devices=[]),
        models=[],
        measurements=[
            Measurement("disk_bytes", "", "", "", float(on_disk), n=len(files)),
            Measurement("copy_bytes", "", "", "", float(copies)),
        ],
        exhibits=[
            *(
                Exhibit(
                    kind="place",
                    model="",
                    content={"store": store, "folders": [str(path) for path in paths]},
                )
                for store, paths in looked_at.items()
            ),
            *(Exhibit(kind="file", model="", content={**file, **_spelled(file)}) for file in files),
        ],
        notes=[
            Note(code="folder-unreadable", values={"folder": folder, "errno": name})
            for folder, name in errors.items()
        ],
    )


def _spelled(file: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a file with the bytes that are not UTF-8, and so no JSON, spelled out."""
    return {
        name: file[name].encode(errors="surrogateescape").decode(errors="backslashreplace")
        for name in ("reference", "path")
    }
