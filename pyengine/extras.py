"""Packages that a part of the work needs and the default installation leaves out."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pyengine.errors import MissingExtraError

# Package -> the extra of pyengine that installs it.
EXTRAS = {
    "distributed": "dask",
    "huggingface_hub": "hub",
    "inspect_ai": "inspect",
    "lm_eval": "lm-eval",
    "matplotlib": "plots",
    "pandas": "pandas",
    "pyarrow": "parquet",
}


def import_extra(module: str, use: str) -> Any:  # noqa: ANN401 - a module
    """Import a module of an extra.

    Args:
        module: its name.
        use: what needs it, as the sentence begins.

    Raises:
        MissingExtraError: it is not installed.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:  # it is there, and something that it needs is not
            raise
        raise _missing(package, use) from None


def require_extra(package: str, use: str) -> None:
    """Raise MissingExtraError where a package is not installed, without importing it."""
    if find_spec(package) is None:
        raise _missing(package, use)


def _missing(package: str, use: str) -> MissingExtraError:
    return MissingExtraError(
        f"{use} needs {package}, which is not installed; pip install "
        f'"pyengine-gguf[{EXTRAS[package]}]"'
    )
