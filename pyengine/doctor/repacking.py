"""Try in a child process whether weight repacking (`use_extra_bufts`) is safe here.

On some virtual machines the processor advertises matrix instructions that fault when used, and
every batch of a quantized model then kills the process. Nothing but trying can tell.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from pyengine.doctor.checks import Check, check
from pyengine.errors import PyengineError, WorkerError
from pyengine.files import temporary_folder
from pyengine.models.child import Child
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session

Problem: TypeAlias = dict[str, Any]

_TOPIC, _NAME = "machine", "weight repacking"
_TYPES = ("Q4_0", "Q8_0")
_WIDTH, _HIDDEN, _TOKENS = 256, 512, 256
_PARAMETERS = {
    "block_count": 1,
    "context_length": 64,
    "embedding_length": _WIDTH,
    "feed_forward_length": _HIDDEN,
    "head_count": 4,
    "head_count_kv": 4,
    "layer_norm_rms_eps": 1e-5,
    "vocab_size": _TOKENS,
    "tokenizer_model": "no_vocab",
}
_TIMEOUT = 60.0
_TOLERANCE = 0.1


def check_repacking(*, timeout: float = _TIMEOUT) -> Check:
    """Decode a batch of a small quantized model with repacking, once per type, in a child."""
    with temporary_folder() as folder:
        outcomes = {
            name: run_trial(write_model(folder / f"{name}.gguf", name), timeout=timeout)
            for name in _TYPES
        }
    return verdict(outcomes)


def verdict(outcomes: Mapping[str, float | Problem]) -> Check:
    """Turn the trial of each type into a check."""
    failed = {name: found for name, found in outcomes.items() if not isinstance(found, float)}
    if failed:
        return check(_TOPIC, _NAME, "repacking-unsafe", {"problems": failed}, "no-repacking")
    most = max(found for found in outcomes.values() if isinstance(found, float))
    values = {"types": list(outcomes), "difference": most}
    advice = "repacking-changes-numbers"
    return check(_TOPIC, _NAME, "repacking-works", values, advice, status="good")


def run_trial(model: Path, *, timeout: float) -> float | Problem:
    """Run the trial of one model in a child process.

    Returns:
        the relative difference of the logits, or what went wrong as a code and its values.
    """
    try:
        with Child() as child:
            return judged(child.call(compare, model, seconds=timeout))
    except TimeoutError:
        return {"code": "no-answer", "seconds": timeout}
    except WorkerError as error:
        if error.signal:
            return {"code": "killed", "signal": signal.Signals(error.signal).name}
        return {"code": "failed", "message": str(error)}
    except PyengineError as error:
        return {"code": "failed", "message": str(error)}


def judged(difference: float) -> float | Problem:
    """Return a difference, or that it is too large for a matter of rounding."""
    if difference <= _TOLERANCE:
        return difference
    return {"code": "logits-change", "difference": difference}


def compare(model: Path) -> float:
    """Decode a batch without and with repacking; return RMS(difference) / RMS(logits)."""
    plain, repacked = (_logits(model, repack=repack) for repack in (False, True))
    return float(np.sqrt(np.mean((plain - repacked) ** 2) / np.mean(plain**2)))


def _logits(path: Path, *, repack: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with open_model(path, options=ModelOptions(use_extra_bufts=repack)) as model:
        session = Session(model, options=SessionOptions(n_ctx=64, n_batch=64, threads=1))
        return session.logits_at(list(range(32)), list(range(32)))


def write_model(path: Path, type_name: str) -> Path:
    """Write a one-layer Llama of fixed random weights, without a vocabulary."""
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize

    quantized = GGMLQuantizationType[type_name]
    writer = GGUFWriter(path, "llama")
    for name, value in _PARAMETERS.items():
        getattr(writer, f"add_{name}")(value)
    generator = np.random.default_rng(0)
    for name, shape in _tensors():
        values = generator.standard_normal(shape).astype(np.float32) * 0.05
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, dtype=np.float32))
        else:
            writer.add_tensor(name, quantize(values, quantized), raw_dtype=quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors() -> list[tuple[str, tuple[int, ...]]]:
    square = [f"blk.0.attn_{name}.weight" for name in ("q", "k", "v", "output")]
    return [
        ("token_embd.weight", (_TOKENS, _WIDTH)),
        ("output_norm.weight", (_WIDTH,)),
        ("output.weight", (_TOKENS, _WIDTH)),
        ("blk.0.attn_norm.weight", (_WIDTH,)),
        *((name, (_WIDTH, _WIDTH)) for name in square),
        ("blk.0.ffn_norm.weight", (_WIDTH,)),
        ("blk.0.ffn_gate.weight", (_HIDDEN, _WIDTH)),
        ("blk.0.ffn_up.weight", (_HIDDEN, _WIDTH)),
        ("blk.0.ffn_down.weight", (_WIDTH, _HIDDEN)),
    ]
