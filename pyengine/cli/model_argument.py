"""A model named on the command line: found, checked, and tried first where that is called for."""

from collections.abc import Callable
from pathlib import Path

from pyengine.discovery.references import resolve_model
from pyengine.engine.options import ModelOptions
from pyengine.engine.trial import try_where_needed


def usable_model(
    reference: str | Path | None = None,
    *,
    vocabulary_only: bool = False,
    progress: Callable[[float], object] | None = None,
) -> Path:
    """Return the file that a reference names, after making sure that opening it kills nobody.

    Args:
        reference: as `resolve_model` takes it.
        vocabulary_only: the weights will not be read, so a trial need not read them either.
        progress: called with 0 before a trial and 1 after it; it may take as long as an opening.

    Raises:
        ModelFileError: there is no such file, or it cannot be opened.
    """
    path = resolve_model(reference)
    how = ModelOptions(vocabulary_only=vocabulary_only)
    try_where_needed(path, options=how, progress=progress)
    return path
