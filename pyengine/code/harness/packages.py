"""Make installed packages importable, where a task's tests need some."""

import os
import sys


def add_packages() -> None:
    """Append the folders that the environment names; Python's own modules go first."""
    sys.path += filter(None, os.environ.get("PACKAGES", "").split(":"))
