"""Measure load time, peak memory, prompt and generation speed of one model, alone in a process."""

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyengine.engine.model import Model, open_model
from pyengine.engine.options import ModelOptions, SessionOptions
from pyengine.engine.session import Session
from pyengine.sweep.tasks import SpeedTask

STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Speed:
    """Every repetition of every timing, and memory in bytes."""

    load_seconds: list[float]
    prompt_tokens_per_second: list[float]
    generated_tokens_per_second: list[float]
    peak_memory_bytes: int
    empty_memory_bytes: int
    devices: list[str]


def measure_speed(task: SpeedTask) -> Speed:
    """Open a model repeatedly, then decode a prompt and tokens behind it repeatedly.

    The first decode of the prompt touches every weight and is not timed.
    """
    empty = peak_memory_bytes()
    loads = []
    for _ in range(task.repeats):
        begin = time.perf_counter()
        model = open_model(task.variant, options=ModelOptions(n_gpu_layers=task.n_gpu_layers))
        loads.append(time.perf_counter() - begin)
    with model:
        session = Session(model, options=_session_options(task))
        prompt = _prompt(model, task.prompt_tokens)
        _decode_prompt(session, prompt)
        prompts, generations = [], []
        for _ in range(task.repeats):
            begin = time.perf_counter()
            _decode_prompt(session, prompt)
            middle = time.perf_counter()
            _generate(session, len(prompt), task.generated_tokens)
            end = time.perf_counter()
            prompts.append(len(prompt) / (middle - begin))
            generations.append(task.generated_tokens / (end - middle))
        return Speed(loads, prompts, generations, peak_memory_bytes(), empty, model.devices)


def peak_memory_bytes() -> int:
    """Return the largest resident size that this process had so far."""
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def _session_options(task: SpeedTask) -> SessionOptions:
    total = task.prompt_tokens + task.generated_tokens
    return SessionOptions(
        n_ctx=total,
        n_batch=task.prompt_tokens,
        n_ubatch=min(512, task.prompt_tokens),
        max_rows=1,
        threads=task.threads,
    )


def _prompt(model: Model, length: int) -> list[int]:
    # Which tokens they are does not change the work of a dense model.
    return [int(token) for token in np.arange(length) % model.n_vocab]


def _decode_prompt(session: Session, prompt: list[int]) -> None:
    session.context.clear()
    last = np.zeros(len(prompt), dtype=np.bool_)
    last[-1] = True
    session.context.decode(prompt, np.arange(len(prompt)), [[0]] * len(prompt), last)


def _generate(session: Session, begin: int, count: int) -> None:
    """Decode `count` tokens one by one, each the most probable after the one before."""
    for position in range(begin, begin + count):
        token = int(session.context.logits[0].argmax())
        session.context.decode([token], [position], [[0]], [True])
