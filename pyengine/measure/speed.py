"""Load time, peak memory, prompt and generation speed of one model, alone in a process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyengine.errors import OptionError
from pyengine.measure.found import measured
from pyengine.models.memory import memory_of_process
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session
from pyengine.run.measurement import Measurement

# What a timing holds for each repetition, and the metric that its median is.
REPEATED = {
    "load_seconds": "load_seconds",
    "prompt_speeds": "prompt_speed",
    "generation_speeds": "generation_speed",
}


@dataclass(frozen=True, kw_only=True)
class SpeedOptions:
    """How speed is measured.

    Attributes:
        repeats: how often each measurement is repeated; the median is reported.
        prompt_tokens: tokens of the prompt, decoded at once.
        generated_tokens: tokens decoded one after another, behind the prompt.
        threads: CPU threads; one model is measured at a time.
    """

    repeats: int = 5
    prompt_tokens: int = 256
    generated_tokens: int = 64
    threads: int = 1

    def within(self, n_positions: int | None) -> SpeedOptions:
        """Return options whose prompt and continuation fit, in their proportion."""
        total = self.prompt_tokens + self.generated_tokens
        if n_positions is None or total <= n_positions:
            return self
        prompt = max(1, self.prompt_tokens * n_positions // total)
        return replace(self, prompt_tokens=prompt, generated_tokens=max(1, n_positions - prompt))

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        for name in ("repeats", "prompt_tokens", "generated_tokens", "threads"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}")


def measure_speed(path: str, opening: ModelOptions, options: SpeedOptions) -> dict[str, Any]:
    """Open a model repeatedly, then decode a prompt and tokens behind it repeatedly.

    Runs in a process of its own, whose memory is the model's. The first decode of the prompt
    touches every weight and is not timed.

    Returns:
        for each repetition load_seconds, prompt_speeds and generation_speeds (tokens per second);
        peak_memory and empty_memory (before a model was opened), bytes; devices.
    """
    empty = memory_of_process(peak=True)
    loads = [_timed_opening(path, opening) for _ in range(options.repeats - 1)]
    begin = time.perf_counter()
    with open_model(path, options=opening) as model:
        loads.append(time.perf_counter() - begin)
        n_prompt = options.prompt_tokens
        session_options = SessionOptions(
            n_ctx=n_prompt + options.generated_tokens,
            n_batch=n_prompt,
            n_ubatch=min(512, n_prompt),
            max_rows=1,
            threads=options.threads,
        )
        session = Session(model, options=session_options)
        # Which tokens they are does not change the work of a dense model.
        prompt = [int(token) for token in np.arange(n_prompt) % model.n_vocab]
        _decode_prompt(session, prompt)
        prompts, generations = [], []
        for _ in range(options.repeats):
            begin = time.perf_counter()
            _decode_prompt(session, prompt)
            middle = time.perf_counter()
            _generate(session, len(prompt), options.generated_tokens)
            end = time.perf_counter()
            prompts.append(len(prompt) / (middle - begin))
            generations.append(options.generated_tokens / (end - middle))
        return {
            "load_seconds": loads,
            "prompt_speeds": prompts,
            "generation_speeds": generations,
            "peak_memory": memory_of_process(peak=True),
            "empty_memory": empty,
            "devices": list(model.devices),
        }


def speed_measurements(model: str, timing: Mapping[str, Any]) -> Iterator[Measurement]:
    """Yield the medians of timings with their ranges, and the memory."""
    for name, metric in REPEATED.items():
        values = timing[name]
        row = measured(model, metric, statistics.median(values), len(values))
        yield replace(row, low=min(values), high=max(values), interval="range")
    for metric in ("peak_memory", "empty_memory"):
        yield measured(model, metric, timing[metric])


def _timed_opening(path: str, opening: ModelOptions) -> float:
    # Closed again before the next one: two at once would count twice as memory.
    begin = time.perf_counter()
    with open_model(path, options=opening):
        return time.perf_counter() - begin


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
