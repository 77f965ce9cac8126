"""Say where the recipe keeps what is too large for the repository."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "PYENGINE_TRAINING_DIR"


def work_folder() -> Path:
    """Return $PYENGINE_TRAINING_DIR, or a folder in the user's cache."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".cache" / "pyengine-training")
