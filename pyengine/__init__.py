"""pyengine: a measuring instrument for local language models in GGUF files.

Three lines show a model's cold start, its next-token distribution when nothing was asked::

    from pyengine import cold_start
    start = cold_start("model.gguf")
    print(start.top(10))

Everything public is imported on first use, so that ``import pyengine`` stays fast, and a saved
result can be read where the compiled core, or llama-cpp-python, is missing.
"""

import sys

from pyengine.startup import prepare_command, started_as_command

if started_as_command(sys.argv, sys.orig_argv):
    prepare_command()  # before the imports below: a signal in their midst leaves a traceback

from importlib import import_module

TYPE_CHECKING = False  # as typing has it, which takes its time to import
if TYPE_CHECKING:
    from typing import Any

    from pyengine.api.compare import compare as compare
    from pyengine.api.evaluate import evaluate as evaluate
    from pyengine.api.gates import gates as gates
    from pyengine.api.imatrix import imatrix as imatrix
    from pyengine.api.open import OpenModel as OpenModel
    from pyengine.api.open import open as open  # noqa: A004
    from pyengine.api.open import open_model as open_model
    from pyengine.api.paper import paper as paper
    from pyengine.api.pick import pick as pick
    from pyengine.api.probe import probe as probe
    from pyengine.api.quantize import quantize as quantize
    from pyengine.api.recommend import recommend as recommend
    from pyengine.api.sensitivity import sensitivity as sensitivity
    from pyengine.api.sweep import sweep as sweep
    from pyengine.api.verdicts import verdicts as verdicts
    from pyengine.api.verify import verify as verify
    from pyengine.api.vocab import vocab as vocab
    from pyengine.measure.cold_start import ColdStart as ColdStart
    from pyengine.measure.cold_start import cold_start as cold_start
    from pyengine.measure.scoring import Score as Score
    from pyengine.models.model import Model as Model
    from pyengine.models.options import ModelOptions as ModelOptions
    from pyengine.models.options import SessionOptions as SessionOptions
    from pyengine.models.session import Session as Session
    from pyengine.models.settings import with_settings as with_settings
    from pyengine.run.record import Run as Run
    from pyengine.run.storage import load as load

__version__ = "0.1.0"

_HOMES = {
    "ColdStart": "pyengine.measure.cold_start",
    "Model": "pyengine.models.model",
    "ModelOptions": "pyengine.models.options",
    "OpenModel": "pyengine.api.open",
    "Run": "pyengine.run.record",
    "Score": "pyengine.measure.scoring",
    "Session": "pyengine.models.session",
    "SessionOptions": "pyengine.models.options",
    "cold_start": "pyengine.measure.cold_start",
    "compare": "pyengine.api.compare",
    "evaluate": "pyengine.api.evaluate",
    "gates": "pyengine.api.gates",
    "imatrix": "pyengine.api.imatrix",
    "load": "pyengine.run.storage",
    "open": "pyengine.api.open",
    "open_model": "pyengine.api.open",
    "paper": "pyengine.api.paper",
    "pick": "pyengine.api.pick",
    "probe": "pyengine.api.probe",
    "quantize": "pyengine.api.quantize",
    "recommend": "pyengine.api.recommend",
    "sensitivity": "pyengine.api.sensitivity",
    "sweep": "pyengine.api.sweep",
    "verdicts": "pyengine.api.verdicts",
    "verify": "pyengine.api.verify",
    "vocab": "pyengine.api.vocab",
    "with_settings": "pyengine.models.settings",
}

# Without `open`: a star import shall leave Python's own.
__all__ = [
    "ColdStart",
    "Model",
    "ModelOptions",
    "OpenModel",
    "Run",
    "Score",
    "Session",
    "SessionOptions",
    "__version__",
    "cold_start",
    "compare",
    "evaluate",
    "gates",
    "imatrix",
    "load",
    "open_model",
    "paper",
    "pick",
    "probe",
    "quantize",
    "recommend",
    "sensitivity",
    "sweep",
    "verdicts",
    "verify",
    "vocab",
    "with_settings",
]


def __getattr__(name: str) -> "Any":  # noqa: ANN401 - the type is that of the public name
    if name == "_core":  # `from pyengine import _core` asks here first
        from pyengine.models.library import load_core

        return load_core()
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'pyengine' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "open"])
