"""pyengine: a measuring instrument for local language models in GGUF files.

Three lines show a model's cold start, its next-token distribution when nothing was asked::

    from pyengine import cold_start
    start = cold_start("model.gguf")
    print(start.top(10))

Everything public is imported on first use, so that ``import pyengine`` stays fast.
"""

import sys

from pyengine.startup import prepare_command, started_as_command

if _is_command := started_as_command(sys.argv, sys.orig_argv):
    prepare_command()  # before the imports below: a signal in their midst leaves a traceback

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyengine.engine.library import open_llama_cpp

__version__ = "0.1.0"

try:
    open_llama_cpp()
except ImportError:
    if not _is_command:
        raise
    # The command line asks again and ends with a sentence. Whoever else goes on gets no further.
    sys.modules["pyengine._core"] = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from pyengine.engine.model import Model as Model
    from pyengine.engine.model import open_model as open_model
    from pyengine.engine.options import ModelOptions as ModelOptions
    from pyengine.engine.options import SessionOptions as SessionOptions
    from pyengine.engine.session import Session as Session
    from pyengine.measure.cold_start import ColdStart as ColdStart
    from pyengine.measure.cold_start import cold_start as cold_start

_HOMES = {
    "ColdStart": "pyengine.measure.cold_start",
    "Model": "pyengine.engine.model",
    "ModelOptions": "pyengine.engine.options",
    "Session": "pyengine.engine.session",
    "SessionOptions": "pyengine.engine.options",
    "cold_start": "pyengine.measure.cold_start",
    "open_model": "pyengine.engine.model",
}

__all__ = [
    "ColdStart",
    "Model",
    "ModelOptions",
    "Session",
    "SessionOptions",
    "__version__",
    "cold_start",
    "open_model",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type is that of the public name
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'pyengine' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
