"""Load time, peak memory, prompt and generation speed of one model, alone in a process."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pyengine.errors import OptionError, WorkerError
from pyengine.models.child import Child
from pyengine.models.machine import swapped_bytes
from pyengine.models.memory import memory_of_process
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions, usable_cores
from pyengine.models.session import Session

if TYPE_CHECKING:
    from pyengine.run.measurement import Measurement
    from pyengine.run.record import Note

# What a timing holds for each repetition, and the metric that its median is.
REPEATED = {
    "load_seconds": "load_seconds",
    "prompt_speeds": "prompt_speed",
    "generation_speeds": "generation_speed",
}
# Whoever reads English silently reads 238 words a minute (Brysbaert 2019), some 5 tokens a second.
READING_SPEED = 5.0
# More pages read from the disk, or bytes swapped by any program, while a model is timed make it
# slow; the first decoding of all weights, which may have to read them, is not timed.
FEW_PAGES, FEW_BYTES = 100, 1 << 20
# Threads that compute, or wait for each other, use a core whole; where they had less than this part
# of it, others had the rest.
ENOUGH_OF_A_CORE = 0.8
# The cache of later files is filled as deep as the first one's was in the time that it had, which
# takes files several times as large several times as long.
PATIENCE = 4


@dataclass(frozen=True, kw_only=True)
class SpeedOptions:
    """How speed is measured.

    Attributes:
        repeats: how often each measurement is repeated; the median is reported.
        prompt_tokens: tokens of the prompt, decoded at once.
        generated_tokens: tokens decoded one after another, behind the prompt.
        threads: CPU threads; one model is measured at a time.
        depth: tokens in the attention cache before the prompt.
        seconds: after which filling the cache, and each generation, ends early.
        repack: let llama.cpp repack weights, as its programs do, where that works.
    """

    repeats: int = 5
    prompt_tokens: int = 256
    generated_tokens: int = 64
    threads: int = 1
    depth: int = 0
    seconds: float = 15.0
    repack: bool = False

    def within(self, n_positions: int | None) -> SpeedOptions:
        """Return options whose depth, prompt and continuation fit, the last in their proportion."""
        total = self.prompt_tokens + self.generated_tokens
        if n_positions is None or self.depth + total <= n_positions:
            return self
        if total <= n_positions:
            return replace(self, depth=n_positions - total)
        prompt = max(1, self.prompt_tokens * n_positions // total)
        rest = max(1, n_positions - prompt)
        return replace(self, prompt_tokens=prompt, generated_tokens=rest, depth=0)

    def like(self, timing: Mapping[str, Any]) -> SpeedOptions:
        """Return options by which files are timed that can be set beside one that was timed."""
        found = replace(self, repack=timing["repacked"])
        if timing["depth"] >= self.depth:
            return found
        return replace(found, depth=timing["depth"], seconds=self.seconds * PATIENCE)

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        for name in ("repeats", "prompt_tokens", "generated_tokens", "threads"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}")


def timed_alone(path: str, opening: ModelOptions, options: SpeedOptions) -> dict[str, Any]:
    """Measure the speed of a model in a process of its own, whose memory is the model's.

    Repacked weights end the process on some virtual machines; it is then measured without.

    Returns:
        what `measure_speed` does; repacked, and not_repacked: why not, where that was asked for.
    """
    if options.repack:
        try:
            with Child() as child:
                repacking = replace(opening, use_extra_bufts=True)
                found = child.call(measure_speed, path, repacking, options)
                return {**found, "repacked": True}
        except WorkerError as error:
            plain = timed_alone(path, opening, replace(options, repack=False))
            return {**plain, "not_repacked": str(error)}
    with Child() as child:
        return {**child.call(measure_speed, path, opening, options), "repacked": False}


def measure_speed(path: str, opening: ModelOptions, options: SpeedOptions) -> dict[str, Any]:
    """Open a model repeatedly, then decode a prompt and tokens behind it repeatedly.

    All repetitions begin at the same depth of the cache; where a state cannot be cut, as in
    recurrent models, each begins where the one before ended. What is decoded first touches every
    weight and is not timed.

    Returns:
        for each repetition load_seconds, prompt_speeds and generation_speeds (tokens per second);
        depth, as far as it was filled; peak_memory and empty_memory (before a model was opened),
        bytes; pages_read from the disk and swapped_bytes meanwhile; core_share, the processor's
        time by the cores that the threads could have, 1 where a GPU computes; devices.
    """
    empty = memory_of_process(peak=True)
    loads = [_timed_opening(path, opening) for _ in range(options.repeats - 1)]
    begin = time.perf_counter()
    with open_model(path, options=opening) as model:
        loads.append(time.perf_counter() - begin)
        n_prompt = options.prompt_tokens
        grows = model.is_recurrent and options.depth > 0
        n_ctx = n_prompt + options.generated_tokens
        session_options = SessionOptions(
            n_ctx=options.depth + n_ctx * (options.repeats if grows else 1),
            n_batch=n_prompt,
            n_ubatch=min(512, n_prompt),
            max_rows=1,
            threads=options.threads,
        )
        session = Session(model, options=session_options)
        # Which tokens they are does not change the work of a dense model.
        prompt = [int(token) for token in np.arange(n_prompt) % model.n_vocab]
        depth = _fill(session, prompt, options)
        prompts, generations, place = [], [], depth
        pages, swapped, worked = _pages_read(), swapped_bytes(), time.process_time()
        begun = time.perf_counter()
        for _ in range(options.repeats):
            place = place if grows else _back_to(session, depth)
            begin = time.perf_counter()
            _decode(session, prompt, place)
            middle = time.perf_counter()
            place += n_prompt
            count = _generate(session, place, options)
            end = time.perf_counter()
            place += count
            prompts.append(n_prompt / (middle - begin))
            generations.append(count / (end - middle))
        cores = (time.perf_counter() - begun) * min(options.threads, usable_cores())
        worked = time.process_time() - worked
        return {
            "load_seconds": loads,
            "prompt_speeds": prompts,
            "generation_speeds": generations,
            "depth": depth,
            "pages_read": _pages_read() - pages,
            "swapped_bytes": swapped_bytes() - swapped,
            "core_share": 1.0 if opening.n_gpu_layers else worked / cores,
            "peak_memory": memory_of_process(peak=True),
            "empty_memory": empty,
            "devices": list(model.devices),
        }


def speed_measurements(model: str, timing: Mapping[str, Any]) -> Iterator[Measurement]:
    """Yield the medians of timings with their ranges, and the memory."""
    from pyengine.measure.found import measured  # a timed process does without records

    for name, metric in REPEATED.items():
        values = timing[name]
        row = measured(model, metric, statistics.median(values), len(values))
        yield replace(row, low=min(values), high=max(values), interval="range")
    # A repacked copy stands beside the mapped file, which the system may drop when it needs room.
    for metric in () if timing["repacked"] else ("peak_memory", "empty_memory"):
        yield measured(model, metric, timing[metric])


def speed_notes(model: str, timing: Mapping[str, Any], options: SpeedOptions) -> Iterator[Note]:
    """Yield what makes timings other than was asked, or a machine too slow or too small."""
    from pyengine.run.record import Note  # see above

    if (reason := timing.get("not_repacked")) is not None:
        yield Note(code="not-repacked", model=model, values={"message": reason})
    if timing["depth"] < options.depth:
        values = {"depth": timing["depth"], "asked": options.depth, "seconds": options.seconds}
        yield Note(code="shallow", model=model, values=values)
    if timing["pages_read"] > FEW_PAGES or timing["swapped_bytes"] > FEW_BYTES:
        values = {name: timing[name] for name in ("pages_read", "swapped_bytes")}
        yield Note(code="swapping", model=model, values=values)
    if timing["core_share"] < ENOUGH_OF_A_CORE:
        yield Note(code="busy", model=model, values={"core_share": timing["core_share"]})
    speed = statistics.median(timing["generation_speeds"])
    if speed < READING_SPEED:
        yield Note(code="slow", model=model, values={"speed": speed, "reading": READING_SPEED})


def _timed_opening(path: str, opening: ModelOptions) -> float:
    # Closed again before the next one: two at once would count twice as memory.
    begin = time.perf_counter()
    with open_model(path, options=opening):
        return time.perf_counter() - begin


def _fill(session: Session, prompt: list[int], options: SpeedOptions) -> int:
    """Fill the cache as deep as is wanted, or the time lasts; return how deep it is then."""
    if not options.depth:
        _decode(session, prompt, 0)
        return 0
    depth, end = 0, time.perf_counter() + options.seconds
    while depth < options.depth and (depth == 0 or time.perf_counter() < end):
        block = prompt[: options.depth - depth]
        _decode(session, block, depth)
        depth += len(block)
    return depth


def _back_to(session: Session, depth: int) -> int:
    """Forget what lies behind some depth, and return it."""
    if depth:
        session.context.take_over(0, 0, depth)
    else:
        session.context.clear()
    return depth


def _decode(session: Session, tokens: list[int], begin: int) -> None:
    """Decode tokens at once, and read the logits after the last."""
    n = len(tokens)
    last = np.zeros(n, dtype=np.bool_)
    last[-1] = True
    session.context.decode(tokens, begin + np.arange(n), [[0]] * n, last)


def _generate(session: Session, begin: int, options: SpeedOptions) -> int:
    """Decode tokens one by one, each the most probable after the one before; return how many."""
    end = time.perf_counter() + options.seconds
    for count in range(options.generated_tokens):
        token = int(session.context.logits[0].argmax())
        session.context.decode([token], [begin + count], [[0]], [True])
        if time.perf_counter() > end:
            return count + 1
    return options.generated_tokens


def _pages_read() -> int:
    """Return how many pages were read from the disk for this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt
