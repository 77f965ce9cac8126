"""A sweep: variants are made or found, compared with their source, and timed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyengine
from pyengine import _core
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.errors import InputError, ModelFileError, OptionError, PyengineError, failure_values
from pyengine.measure.compare import Means, compare_with
from pyengine.measure.options import CompareOptions
from pyengine.measure.provenance import cpu_name, provenance
from pyengine.measure.quantize import PART_SUFFIX
from pyengine.measure.speed import SpeedOptions, speed_measurements, speed_notes, timed_alone
from pyengine.measure.store import Folder, is_sweep, is_timings
from pyengine.models import gguf
from pyengine.models.options import ModelOptions, used_threads
from pyengine.models.settings import Given, ModelSpec
from pyengine.run.record import Exhibit, ModelInfo, Note, Run, save
from pyengine.text.documents import Corpus

LATER_PART = "-of-"


def find_variants(paths: Iterable[Path]) -> list[Path]:
    """Return the GGUF files that files and folders name, each once, in order of their names.

    Of a split model only the first part counts.

    Raises:
        InputError: a path does not exist, or a folder holds no GGUF.
    """

    def is_first(path: Path) -> bool:
        return LATER_PART not in path.stem or PART_SUFFIX.search(path.stem) is not None

    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [p for p in sorted(path.glob("*.gguf")) if is_first(p) and not p.is_dir()]
            if not inside:
                raise InputError(f"{path}: holds no GGUF file")
            found += inside
        elif os.path.lexists(path):  # a link that leads nowhere costs its own row
            found.append(path)
        else:
            raise InputError(f"{path}: no such file")
    return list(dict.fromkeys(found))


def bits_per_weight(path: Path) -> float | None:
    """Return 8 * bytes of all tensors / number of weights; None for a file that is damaged."""
    try:
        table = gguf.read_tensor_table(path) if path.is_file() else []
    except (ModelFileError, OSError):
        return None
    return gguf.bits_per_weight(table) if table else None


def sweep(
    source: Given,
    variants: Sequence[Given],
    corpus: Corpus,
    options: CompareOptions,
    means: Means,
    folder: Folder,
    *,
    speed: SpeedOptions | None = None,
    made: Run | None = None,
) -> tuple[Run, Run]:
    """Measure a source and its variants, and keep the record and the timings in the folder.

    What the folder holds already is not measured again. A model whose measurement fails costs its
    row alone.

    Args:
        made: the run of `quantize_all` that made the variants, if one did; what it says of its
            importance matrix becomes part of the record.

    Returns:
        the comparison, which equal runs make equal, and the timings, which differ.

    Raises:
        ModelFileError, ModelKindError: the source, or every variant, cannot be used.
        WorkerError: nothing was measured, because processes were killed or crashed.
        CorpusError: the corpus cannot be used.
        OptionError: an option is out of range, or there is no variant.
    """
    first = ModelSpec.of(source)
    others = [spec for spec in map(ModelSpec.of, variants) if not spec.is_like(first)]
    if not others:
        raise OptionError(f"{first}: there is no variant that differs from it")
    if speed is not None:
        speed.check()
        speed = speed.within(gguf.check_gguf(first.path, vocabulary=False).n_positions or None)
    result = compare_with([first, *others], corpus, options, means, command="sweep")
    told = [exhibit for exhibit in made.exhibits if exhibit.kind == "importance"] if made else []
    result = result.model_copy(update={"exhibits": [*result.exhibits, *told]})
    save(result, folder.results, is_ours=is_sweep)
    timings = time_models(result.models, options, speed, means, folder=folder)
    save(timings, folder.timings, is_ours=is_timings)
    return result, timings


def time_models(
    models: Sequence[ModelInfo],
    options: CompareOptions,
    speed: SpeedOptions | None,
    means: Means,
    *,
    layers: int | None = None,
    folder: Folder | None = None,
) -> Run:
    """Measure the speed of models, one at a time: two would slow each other down.

    Args:
        speed: how; None measures nothing.
        layers: on a GPU; None for as many as each was measured with.
        folder: where timings are kept, and taken from.
    """
    timings: dict[str, Mapping[str, Any]] = {}
    notes: list[Note] = []
    for number, model in enumerate(models if speed is not None else ()):
        assert speed is not None
        opening = means.subjects[model.id].variant.options
        if layers is not None:
            opening = replace(opening, n_gpu_layers=layers)
        key = speed_key(model.sha256, opening, speed)
        timing = None if folder is None else folder.load_speed(key)
        if timing is None:
            try:
                timing = timed_alone(model.path, opening, speed)
            except PyengineError as error:
                values = failure_values(error, model.path)
                notes.append(Note(code="speed-failed", model=model.id, values=values))
                continue
            if folder is not None:
                folder.save_speed(key, timing)
        timings[model.id] = timing
        notes += speed_notes(model.id, timing, speed)
        means.progress("Measuring speed", (number + 1) / len(models))
    threads = speed.threads if speed is not None else used_threads(options.threads)
    devices = [device for timing in timings.values() for device in timing["devices"]]
    return Run(
        command="speed",
        options={} if speed is None else asdict(speed),
        provenance=provenance(threads=threads, devices=devices),
        models=[model for model in models if model.id in timings],
        measurements=[
            row for name, timing in timings.items() for row in speed_measurements(name, timing)
        ],
        exhibits=[
            Exhibit(kind="timing", model=name, content=dict(timing))
            for name, timing in timings.items()
        ],
        notes=notes,
    )


def speed_key(sha256: str | None, opening: ModelOptions, speed: SpeedOptions) -> str:
    """Return the SHA-256 of everything that decides a timing of a file, in hexadecimal."""
    told = {
        "sha256": sha256,
        "machine": cpu_name(),
        "features": _core.system_info(),
        "pyengine": pyengine.__version__,
        "llama_cpp_python": LLAMA_CPP_PYTHON_VERSION,
        **asdict(opening),
        **asdict(speed),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
