"""What every result record has in common: a schema number, a kind, and where it came from."""

import json
import os
import platform
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

import pyengine
from pyengine import _core
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.asked import asked
from pyengine.engine.model import Model
from pyengine.errors import NumbersError
from pyengine.plain_text import escape_json, safe_line

SCHEMA_VERSION = 1


class Record(BaseModel):
    """Base of all result records: immutable, and unknown fields are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="strings", protected_namespaces=()
    )


class ModelRecord(Record):
    """Which model was measured.

    Attributes:
        path: as the user gave it.
        sha256, file_bytes: of the file, of all parts where the model is split.
        vocabulary_sha256: of all pieces and kinds in id order; equal for equal tokenizers.
    """

    path: str
    name: str
    sha256: str
    architecture: str
    file_type: str
    n_params: int
    n_bytes: int
    file_bytes: int
    bits_per_weight: float
    n_vocab: int
    n_embd: int
    n_layer: int
    tokenizer: str
    pre_tokenizer: str
    vocabulary_sha256: str


class Provenance(Record):
    """With what a result was computed. Holds no time of day: equal runs give equal bytes.

    Attributes:
        cpu, cores: of the machine that wrote the result.
        devices: the devices that computed, by llama.cpp's names: the GPUs that layers were given
            to, then accelerators such as BLAS, and the CPU. Empty where no model computed.
        command: the words after `pyengine` that asked for it, less those that only say where and
            how the result goes. Empty where Python asked.
    """

    pyengine: str
    llama_cpp: str
    llama_cpp_python: str
    python: str
    platform: str
    cpu: str
    cores: int
    threads: int
    devices: list[str]
    seed: int | None = None
    command: list[str] = []


class Note(Record):
    """Something that a reader must know about the numbers; words are made when it is shown.

    Attributes:
        code: "beyond-trained-context" (values: positions, trained) or "model-failed" (reason).
        model: path of the model concerned; empty where all are.
        values: what the words need.
    """

    code: str
    model: str = ""
    values: dict[str, int | str] = {}


class Result(Record):
    """Base of the records that are saved: `kind` names the command that made it."""

    schema_version: int = SCHEMA_VERSION
    kind: str
    provenance: Provenance
    notes: list[Note] = []


def json_text(result: Result) -> str:
    """Write a record as indented JSON that shows no terminal a character that could steer it."""
    return escape_json(result.model_dump_json(indent=2)) + "\n"


def model_record(model: Model, *, vocabulary_sha256: str) -> ModelRecord:
    """Describe an open model."""
    return ModelRecord(
        path=str(model.path),
        name=model.name,
        sha256=model.sha256,
        architecture=safe_line(model.architecture),
        file_type=safe_line(model.file_type),
        n_params=model.n_params,
        n_bytes=model.n_bytes,
        file_bytes=model.file_bytes,
        bits_per_weight=model.bits_per_weight,
        n_vocab=model.n_vocab,
        n_embd=model.n_embd,
        n_layer=model.n_layer,
        tokenizer=model.vocabulary.kind,
        pre_tokenizer=safe_line(model.vocabulary.pre_tokenizer),
        vocabulary_sha256=vocabulary_sha256,
    )


def context_notes(model: Model) -> list[Note]:
    """Return a note where an open model was given more positions than it was trained with."""
    positions, trained = model.longest_context, model.n_ctx_train
    if not 0 < trained < positions:
        return []
    values: dict[str, int | str] = {"positions": positions, "trained": trained}
    return [Note(code="beyond-trained-context", model=str(model.path), values=values)]


def failed(error: NumbersError) -> Note:
    """Return the note on a model that was left out because it computes no numbers."""
    reason = str(error).removeprefix(f"{error.path}: ")
    return Note(code="model-failed", model=error.path, values={"reason": reason})


def provenance(*, threads: int, devices: list[str], seed: int | None = None) -> Provenance:
    """Describe this process and machine."""
    return Provenance(
        pyengine=pyengine.__version__,
        llama_cpp=_core.llama_version(),
        llama_cpp_python=LLAMA_CPP_PYTHON_VERSION,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cpu=cpu_name(),
        cores=os.cpu_count() or 1,
        threads=threads,
        devices=devices,
        seed=seed,
        command=list(asked.get()),
    )


@lru_cache(maxsize=1)
def cpu_name() -> str:
    """Return the processor's name as the system tells it, or its architecture."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def is_record(path: Path, kind: str) -> bool:
    """Return whether a file holds a record of a kind, as a command wrote it with --json."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("kind") == kind
