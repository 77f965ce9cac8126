"""Try in a child process whether weight repacking (`use_extra_bufts`) is safe here.

On some virtual machines the processor advertises matrix instructions that fault when used, and
every batch of a quantized model then kills the process. Nothing but trying can tell.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyengine.doctor.checks import Check, check
from pyengine.files import temporary_folder

_TOPIC, _NAME = "machine", "weight repacking"
_TYPES = ("Q4_0", "Q8_0")
_WIDTH, _HIDDEN, _TOKENS = 256, 512, 256
_TIMEOUT = 60.0
_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Trial:
    """Hold what went wrong as a code and its values, or the relative difference of the logits."""

    problem: Mapping[str, Any] | None = None
    difference: float = 0.0


def check_repacking(*, timeout: float = _TIMEOUT) -> Check:
    """Decode a batch of a small quantized model with repacking, once per type, in a child."""
    outcomes = {}
    with temporary_folder() as folder:
        for type_name in _TYPES:
            model = write_model(folder / f"{type_name}.gguf", type_name)
            outcomes[type_name] = run_trial(model, timeout=timeout)
    return verdict(outcomes)


def verdict(outcomes: dict[str, Trial]) -> Check:
    """Turn the trial of each type into a check."""
    failed = {name: dict(trial.problem) for name, trial in outcomes.items() if trial.problem}
    if failed:
        problems = {"problems": failed}
        return check(_TOPIC, _NAME, "warn", "repacking-unsafe", problems, "no-repacking")
    most = max(trial.difference for trial in outcomes.values())
    values = {"types": list(outcomes), "difference": most}
    return check(_TOPIC, _NAME, "good", "repacking-works", values, "repacking-changes-numbers")


def run_trial(model: Path, *, timeout: float) -> Trial:
    """Run the trial of one model in a child process."""
    command = [sys.executable, "-m", "pyengine.doctor.repacking", str(model)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Trial({"code": "no-answer", "seconds": timeout})
    if done.returncode < 0:
        return Trial({"code": "killed", "signal": signal.Signals(-done.returncode).name})
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = lines[-1] if lines else ""
        return Trial({"code": "failed", "exit_code": done.returncode, "reason": reason})
    difference = float(done.stdout)
    if not difference <= _TOLERANCE:
        return Trial({"code": "logits-change", "difference": difference})
    return Trial(difference=difference)


def compare(model: Path) -> float:
    """Decode a batch without and with repacking; return RMS(difference) / RMS(logits)."""
    plain, repacked = (_logits(model, repack=repack) for repack in (False, True))
    return float(np.sqrt(np.mean((plain - repacked) ** 2) / np.mean(plain**2)))


def _logits(path: Path, *, repack: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    from pyengine.models.model import open_model
    from pyengine.models.options import ModelOptions, SessionOptions
    from pyengine.models.session import Session

    with open_model(path, options=ModelOptions(use_extra_bufts=repack)) as model:
        session = Session(model, options=SessionOptions(n_ctx=64, n_batch=64, threads=1))
        return session.logits_at(list(range(32)), list(range(32)))


def write_model(path: Path, type_name: str) -> Path:
    """Write a one-layer Llama of fixed random weights, without a vocabulary."""
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize

    quantized = GGMLQuantizationType[type_name]
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(_TOKENS)
    writer.add_tokenizer_model("no_vocab")
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


if __name__ == "__main__":
    sys.stdout.write(f"{compare(Path(sys.argv[1]))}\n")
