"""One measurement as plain data: it travels to a worker, and its hash names its result."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import pyengine
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION

# Where the work is done and what only repeats a hash: neither changes a measurement.
NOT_IN_KEY = ("reference", "variant", "corpus", "check_files")


@dataclass(frozen=True, kw_only=True)
class QualityTask:
    """Compare a variant with the reference over a corpus and at the cold start.

    Attributes:
        reference, variant: paths, the same for whoever does the work.
        reference_sha256, variant_sha256, corpus_sha256, keywords_sha256: what they hold.
        corpus: paths; empty for the shipped corpus.
        threads: of the reference.
        variant_threads: of the variant; another number in the null control only.
        n_ubatch: tokens computed at once by the variant; the reference uses n_ctx.
    """

    reference: str
    reference_sha256: str
    variant: str
    variant_sha256: str
    corpus: tuple[str, ...]
    corpus_sha256: str
    keywords_sha256: str
    n_ctx: int
    stride: int | None
    max_tokens: int | None
    seed: int
    threads: int
    variant_threads: int
    n_ubatch: int
    n_gpu_layers: int
    check_files: bool
    kind: Literal["quality"] = "quality"


@dataclass(frozen=True, kw_only=True)
class SpeedTask:
    """Measure load time, peak memory and speed of one model, alone."""

    variant: str
    variant_sha256: str
    repeats: int
    prompt_tokens: int
    generated_tokens: int
    threads: int
    n_gpu_layers: int
    check_files: bool
    machine: str
    kind: Literal["speed"] = "speed"


Task: TypeAlias = QualityTask | SpeedTask


def task_key(task: Task) -> str:
    """Return the SHA-256 of everything that decides the measurement, in hexadecimal."""
    settings = {name: value for name, value in asdict(task).items() if name not in NOT_IN_KEY}
    settings["pyengine"] = pyengine.__version__
    settings["llama_cpp_python"] = LLAMA_CPP_PYTHON_VERSION
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def task_to_json(task: Task) -> str:
    """Write a task as JSON."""
    return json.dumps(asdict(task))


def task_from_json(text: str) -> Task:
    """Read a task that `task_to_json` wrote."""
    settings: dict[str, Any] = json.loads(text)
    if settings["kind"] == "speed":
        return SpeedTask(**settings)
    return QualityTask(**{**settings, "corpus": tuple(settings["corpus"])})
