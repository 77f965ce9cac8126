"""Runs of comparisons and sweeps with made-up numbers."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from pyengine.measure.speed import SpeedOptions
from pyengine.run import (
    METRICS,
    Exhibit,
    Measurement,
    ModelInfo,
    Note,
    Population,
    Provenance,
    Run,
)

GIB = 1 << 30
MADE = Provenance(
    pyengine="0.1.0",
    llama_cpp="1",
    llama_cpp_python="0.3.36",
    python="3.11",
    platform="Linux x86_64",
    cpu="a processor",
    cores=2,
    threads=1,
    devices=["CPU"],
    seed=7,
)
TEXT = Population(
    origin="shipped",
    sha256="c" * 64,
    n_documents=36,
    n_bytes=55_000,
    languages={"go": 18, "python": 18},
    n_scored_documents=30,
    n_windows=40,
    n_tokens=20_000,
    scored_languages={"go": 15, "python": 15},
    document_tokens=448,
    lead=48,
    n_ctx=512,
    stride=256,
    prefix=[1],
    seed=7,
)


def info(name: str, gib: float, *, sha256: str = "", file_type: str = "") -> ModelInfo:
    """A model file of so many GiB, and as many bits per weight."""
    return ModelInfo(
        id=name,
        path=f"{name}.gguf",
        name=name,
        sha256=sha256 or f"{name}-hash",
        architecture="llama",
        file_type=file_type or name.rpartition("-")[2],
        n_params=GIB,
        n_bytes=int(gib * GIB),
        file_bytes=int(gib * GIB),
        bits_per_weight=gib,
        n_vocab=1000,
        n_embd=64,
        n_layer=2,
        n_ctx_train=512,
        tokenizer="spm",
        pre_tokenizer="default",
        vocabulary_sha256="v" * 64,
    )


def estimate(
    metric: str,
    model: str,
    value: float,
    error: float = 0.0001,
    *,
    reference: str = "model",
    group: str = "",
    n: int = 20_000,
    n_clusters: int = 30,
) -> Measurement:
    """A mean over tokens whose interval is two errors wide on both sides."""
    known = math.isfinite(error)
    low, high = value - 2 * error, value + 2 * error
    level, kind = (0.95, "t") if known else (math.nan, "")
    row = Measurement(
        metric, model, reference, group, value, low, high, level, error, n, n_clusters, kind
    )
    return replace(row, freedom=n_clusters - 1.0) if known else row


def control(metric: str, floor: float, model: str = "model", *, group: str = "") -> Measurement:
    """What a model beside itself gives: a mean over 20,000 tokens whose noise floor is `floor`."""
    value, error = (0.0, floor / 2) if METRICS[metric].floor == "change" else (floor, 0.0)
    return Measurement(metric, model, model, group, value, error=error, n=20_000, interval="iid")


def ratio(first: str, second: str, value: float, error: float = 0.01) -> Measurement:
    """KL(first) / KL(second) over the same tokens of 30 documents."""
    return estimate("kl_ratio", first, value, error, group=f"against={second}")


def infinite(model: str, n_tokens: int = 3) -> Note:
    """What a run says of a variant with infinite divergence at some tokens."""
    return Note(code="infinite-divergence", model=model, values={"n_tokens": n_tokens})


def failure(model: str, reason: str, chunk: str = "open") -> Note:
    """A variant that failed."""
    return Note(
        code="variant-failed",
        model=model,
        values={"error": "ModelFileError", "message": reason, "chunk": chunk},
    )


def made_run(
    models: Sequence[ModelInfo],
    measurements: Iterable[Measurement],
    *,
    command: str = "sweep",
    margin: float = 0.1,
    exhibits: Sequence[Exhibit] = (),
    notes: Sequence[Note] = (),
    population: Population | None = TEXT,
) -> Run:
    """A run over the sample text."""
    return Run(
        command=command,
        options={"margin": margin, "precision": None},
        provenance=MADE,
        models=list(models),
        population=population,
        measurements=list(measurements),
        exhibits=list(exhibits),
        notes=list(notes),
    )


def made_timings(models: Sequence[ModelInfo], *, peak: int = 9 * GIB) -> Run:
    """Speeds of models, all alike."""
    rows = []
    for model in models:
        for metric, low, value, high in (
            ("load_seconds", 0.1, 0.2, 0.3),
            ("prompt_speed", 1200.0, 1234.0, 1300.0),
            ("generation_speed", 40.0, 50.0, 60.0),
        ):
            rows.append(
                Measurement(metric, model.id, "", "", value, low, high, n=3, interval="range")
            )
        rows.append(Measurement("peak_memory", model.id, "", "", float(peak)))
        rows.append(Measurement("empty_memory", model.id, "", "", float(1 << 20)))
    return Run(
        command="speed",
        options=asdict(SpeedOptions(repeats=3)),
        provenance=MADE,
        models=list(models),
        measurements=rows,
    )
