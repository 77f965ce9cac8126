"""The errors that pyengine raises. Each knows the exit code of the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

# Why a file in a store of models is no model that can be used, by code; records hold code
# and values.
STORE_PROBLEMS = {
    "adapter": "has an adapter (LoRA), which pyengine does not apply; merge it into a GGUF file",
    "tensors": "is kept as single tensors, not as a GGUF file; name a GGUF file of the model",
    "unknown-part": "has a part of a kind that pyengine does not know ({kind!r:.60})",
    "several-weights": "has {n} files of weights, where one is understood",
    "projector": "reads pictures or sounds into another model, and is no language model itself",
    "adapter-file": "is an adapter (LoRA), not a model",
    "imatrix-file": "is an importance matrix, not a model",
    "vocabulary-only": "holds a vocabulary and no weights",
    "copy": "has the same bytes as {of}",
    "parts-missing": "{here} of {parts} parts are here",
    "unreadable": "{message}",
}


class PyengineError(Exception):
    """Base of all errors; on its own it means a defect in pyengine or llama.cpp."""

    exit_code: ClassVar[int] = 3


class InputError(PyengineError):
    """Something that the caller gave cannot be used."""

    exit_code: ClassVar[int] = 2


class ModelFileError(InputError):
    """A model file is missing, truncated, corrupt or not a GGUF that llama.cpp can open."""


class OfflineError(InputError):
    """A server cannot be asked: there is no way to it, or it is not wanted."""


class BusyError(InputError):
    """Another process does what was asked for, and seems to stand still."""


class NoSpaceError(InputError):
    """There is no room on the disk for a file, or no more than was allowed."""


class NumbersError(ModelFileError):
    """A model computes logits that are NaN or infinite; `path` is its file."""

    path: str = ""


class ModelKindError(InputError):
    """A model of the wrong kind: vocabulary-only or an encoder where logits are needed."""


class VocabularyMismatchError(InputError):
    """Two models do not share the vocabulary that a measurement needs."""


class TokenizerError(InputError):
    """A tokenizer cannot do what was asked, or a token id is outside its vocabulary."""


class OptionError(InputError):
    """An option has an impossible value."""


class MissingExtraError(InputError):
    """What was asked for needs a package that is not installed; the message says which extra."""


class CorpusError(InputError):
    """A corpus is missing, empty or unreadable."""


class KeywordTableError(InputError):
    """A keyword table is missing, malformed or contradictory."""


class ResultFileError(InputError):
    """A result file is missing, damaged or of a schema that this version cannot read."""


class DrawingError(PyengineError):
    """matplotlib could not draw what it was given, as versions cannot that were never tried."""


class EngineError(PyengineError):
    """llama.cpp could not create or compute something."""


class DecodeError(EngineError):
    """llama.cpp refused a batch."""


class WorkerError(PyengineError):
    """A child process was killed, crashed or was lost with its machine.

    `signal` is the number of the one that ended it, 0 for another end; `complaint` is the first
    line that it wrote to stderr before.
    """

    signal: int = 0
    complaint: str = ""


class Interrupted(PyengineError):
    """A load or a decode was stopped from outside."""

    exit_code: ClassVar[int] = 130


class PickInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a search; `run` is its record so far, None where nothing is known yet."""

    def __init__(self, run: Any) -> None:  # noqa: ANN401 - a Run, which imports this module
        super().__init__()
        self.run = run


class ThresholdNotMet(PyengineError):
    """A measurement is valid and does not meet the threshold that was asked for."""

    exit_code: ClassVar[int] = 1


def failure_values(error: Exception, path: str | Path = "") -> dict[str, str]:
    """Return what a record keeps of an error: its class, and its message less the file's name."""
    message = str(error).removeprefix(f"{path}: ")
    return {"error": type(error).__name__, "message": message}


def problem_sentence(problem: Mapping[str, Any]) -> str:
    """Say what is wrong with a model in a store, by the code and values of a record."""
    return STORE_PROBLEMS[problem["code"]].format(**problem)
