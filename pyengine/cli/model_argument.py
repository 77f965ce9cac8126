"""A model named on the command line: found, checked, and tried first where that is called for."""

from pathlib import Path

from pyengine.discovery.references import resolve_model
from pyengine.engine.trial import try_where_needed


def usable_model(reference: str | Path | None = None) -> Path:
    """Return the file that a reference names, after making sure that opening it kills nobody.

    Raises:
        ModelFileError: there is no such file, or it cannot be opened.
    """
    path = resolve_model(reference)
    try_where_needed(path)
    return path
