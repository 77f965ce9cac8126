"""Continue many prompts at once, each in a sequence of its own; a shared beginning is copied.

Requests may arrive and be cancelled while others are under way, from any thread.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Literal, TypeAlias

import numpy as np

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.prefix_tree import common_prefix
from pyengine.models.session import Session

# Fewer tokens are decoded again rather than copied with the whole memory of their sequence.
FEWEST_COPIED = 8


# Why a continuation ended.
Finish: TypeAlias = Literal["end-of-generation", "stopped", "length", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How tokens are drawn; temperature 0 takes the most probable one.

    Attributes:
        temperature: divides the logits; applied after the filters, as llama.cpp does.
        top_k: keep the k most probable tokens; 0 for all.
        top_p: keep the most probable tokens up to this mass.
        min_p: keep tokens of at least this share of the largest probability.
        seed: of this continuation's own random numbers.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0

    def sampler(self) -> _core.Sampler:
        """Return a new sampler; raises OptionError where an option is out of range."""
        for name, value, most in (("top_k", self.top_k, 2**31), ("seed", self.seed, 2**32)):
            if not 0 <= value < most:
                raise OptionError(f"{name} must be from 0 to {most - 1}, not {value}")
        return _core.Sampler(**asdict(self))


@dataclass(frozen=True)
class Request:
    """One prompt as token ids, and how far and by what rule to continue it.

    `stop` sees the text so far, as bytes, after each token; True ends the continuation. `top` is
    how many of the most probable tokens to list beside each one.
    """

    tokens: Sequence[int]
    max_tokens: int
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    stop: Callable[[bytes], bool] = lambda _: False
    top: int = 0


def holds_any(strings: Sequence[str]) -> Callable[[bytes], bool]:
    """Return a stop rule: the text so far holds one of some strings."""
    wanted = [string.encode() for string in strings if string]
    return lambda text: any(string in text for string in wanted)


@dataclass
class Continuation:
    """What a model writes after one prompt.

    Attributes:
        tokens: the ids, without the token that ended the generation.
        text: their pieces, joined; may end inside a character.
        ends: where in the text each of them ends.
        log_probabilities: natural logarithms of the tokens' probabilities, as many as tokens,
            under the model's own distribution over the vocabulary, before filter or temperature.
        top: beside each token, ids and log-probabilities of the most probable ones, as many as the
            request asks for, most probable first; empty where it asks for none.
        finish: why it ended; None while it goes on.
    """

    tokens: list[int] = field(default_factory=list)
    text: bytes = b""
    ends: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)
    finish: Finish | None = None


@dataclass
class GenerationStatistics:
    """Tokens and seconds spent; prompt tokens count once where they are shared."""

    prompt_tokens: int = 0
    prompt_s: float = 0.0
    generated_tokens: int = 0
    generation_s: float = 0.0


@dataclass
class Writing:
    """A request under way in one sequence."""

    index: int
    request: Request
    sampler: _core.Sampler
    written: Continuation = field(default_factory=Continuation)

    @property
    def decoded(self) -> list[int]:
        """The tokens that the sequence holds: all but the last one written."""
        return [*self.request.tokens, *self.written.tokens[:-1]]


class Generator:
    """Continues requests on one session, as many at a time as it has sequences."""

    def __init__(self, session: Session, *, statistics: GenerationStatistics | None = None) -> None:
        """Take over the session's memory while generating.

        Args:
            session: each of its sequences has an equal part of its n_ctx tokens.
            statistics: counted up while generating; new ones where None.
        """
        self._session = session
        self._context = session.context
        self._vocabulary = session.model.vocabulary
        self._n_tokens = min(self._vocabulary.size, session.model.n_vocab)
        self._waiting: deque[tuple[int, Request]] = deque()
        self._cancelled: deque[int] = deque()
        self._numbers = count()
        self._active: dict[int, Writing] = {}
        # By sequence, the tokens that it holds, also after its request is finished.
        self._held: dict[int, list[int]] = {}
        self.statistics = statistics or GenerationStatistics()

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Continuation]]:
        """Yield (index, continuation) as each request finishes, in no certain order.

        Raises:
            OptionError: a request is empty, or does not fit a sequence.
        """
        for finished in self.steps(requests):
            yield from finished

    def steps(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Continuation]]]:
        """Yield what each decode has finished, often nothing; see `run`."""
        for request in requests:
            self._check(request)
        self.clear()
        for request in requests:
            self.add(request)
        while self.busy:
            yield self.step()

    def clear(self) -> None:
        """Forget all requests and what the session holds; indices begin at 0 again."""
        self._context.clear()
        self._active.clear()
        self._held.clear()
        self._waiting.clear()
        self._cancelled.clear()
        self._numbers = count()

    @property
    def room(self) -> int:
        """Tokens that a prompt and its continuation may have together."""
        room = self._context.n_ctx // self._context.n_seq_max
        return min(room, self._session.model.n_positions or room)

    @property
    def busy(self) -> bool:
        """Whether a request waits or is under way."""
        return bool(self._waiting or self._active)

    def add(self, request: Request) -> int:
        """Let a request wait for a free sequence; returns its index. From any thread.

        Raises:
            OptionError: it is empty, or does not fit a sequence.
        """
        self._check(request)
        index = next(self._numbers)
        self._waiting.append((index, request))
        return index

    def cancel(self, index: int) -> None:
        """Let the next step end a request, if it still waits or is under way. From any thread."""
        self._cancelled.append(index)

    def step(self) -> list[tuple[int, Continuation]]:
        """Admit one request, or write a token of each under way; return what has finished.

        Where a step fails, all that is under way has to be given up: `clear`.
        """
        ended = self._drop_cancelled()
        if self._waiting and len(self._active) < self._context.n_seq_max:
            self._admit(*self._waiting.popleft())
        elif self._active:
            self._close_gaps()
            self._step()
        return [*ended, *self._finished()]

    def _drop_cancelled(self) -> list[tuple[int, Continuation]]:
        ended = []
        while self._cancelled:
            index = self._cancelled.popleft()
            for item in [item for item in self._waiting if item[0] == index]:
                self._waiting.remove(item)
                ended.append((index, Continuation(finish="cancelled")))
            for writing in self._active.values():
                if writing.index == index:
                    writing.written.finish = "cancelled"
        return [*ended, *self._finished()]

    def _check(self, request: Request) -> None:
        if len(request.tokens) == 0 or request.max_tokens < 1:
            raise OptionError("a request needs at least one token and max_tokens of at least 1")
        if not 0 <= request.top <= self._n_tokens:
            raise OptionError(f"top must be from 0 to {self._n_tokens}, not {request.top}")
        if len(request.tokens) + request.max_tokens > self.room:
            raise OptionError(
                f"a prompt of {len(request.tokens)} tokens and {request.max_tokens} new ones "
                f"do not fit into a context of {self.room}"
            )

    def _admit(self, index: int, request: Request) -> None:
        """Decode what no sequence holds yet of a prompt, in a sequence that is free."""
        started = time.perf_counter()
        tokens = list(request.tokens)
        sequence, known = self._place(tokens)
        for start in range(known, len(tokens), self._context.n_batch):
            ids = tokens[start : start + self._context.n_batch]
            positions = range(start, start + len(ids))
            outputs = [position == len(tokens) - 1 for position in positions]
            self._session.decode(ids, list(positions), [[sequence]] * len(ids), outputs)
        self._active[sequence] = Writing(index, request, request.sampling.sampler())
        self.statistics.prompt_tokens += len(tokens) - known
        self.statistics.prompt_s += time.perf_counter() - started
        self._sample([sequence])

    def _place(self, tokens: list[int]) -> tuple[int, int]:
        """Return a free sequence for a prompt, and how many of its tokens that holds already.

        They come from the sequence that has most of them, the free ones first; the last token is
        decoded anew, for its row.
        """
        for sequence, writing in self._active.items():
            self._held[sequence] = writing.decoded
        free = [number for number in range(self._context.n_seq_max) if number not in self._active]
        known = {
            number: common_prefix(held, tokens[:-1])
            for number, held in sorted(self._held.items(), key=lambda pair: pair[0] not in free)
        }
        source = max(known, key=known.__getitem__, default=free[0])
        # Of the free ones that which is worth least, unless it is the source.
        target = source if source in free else min(free, key=lambda number: known.get(number, 0))
        self._held[target] = []
        if known.get(source, 0) < FEWEST_COPIED:
            self._context.take_over(target, target, 0)
            return target, 0
        whole = self._context.take_over(source, target, known[source])
        return target, known[source] if whole else 0

    def _close_gaps(self) -> None:
        """Let the active sequences be the first: where each has a memory, a gap splits a batch."""
        for gap in range(len(self._active)):
            if gap not in self._active and not self._session.options.kv_unified:
                last = max(self._active)
                self._context.take_over(last, gap, len(self._active[last].decoded))
                self._active[gap] = self._active.pop(last)

    def _step(self) -> None:
        started = time.perf_counter()
        sequences = sorted(self._active)
        positions, ids = [], []
        for sequence in sequences:
            writing = self._active[sequence]
            positions.append(len(writing.request.tokens) + len(writing.written.tokens) - 1)
            ids.append(writing.written.tokens[-1])
        self._session.decode(
            ids, positions, [[sequence] for sequence in sequences], [True] * len(ids)
        )
        self._sample(sequences)
        self.statistics.generation_s += time.perf_counter() - started

    def _sample(self, sequences: list[int]) -> None:
        """Draw a token for each sequence, from the rows of the last decode."""
        items = [self._active[sequence] for sequence in sequences]
        rows = np.arange(len(items), dtype=np.int32)
        ids, log_probabilities = _core.sample_rows(
            self._context, [item.sampler for item in items], rows, self._n_tokens
        )
        for row, item in enumerate(items):
            token, log_probability = int(ids[row]), float(log_probabilities[row])
            if item.request.top:
                item.written.top.append(self._top(row, token, log_probability, item.request.top))
            self._take(item.request, item.written, token, log_probability)
        self.statistics.generated_tokens += len(items)

    def _top(self, row: int, token: int, log_probability: float, k: int) -> list[tuple[int, float]]:
        """Return the k most probable tokens of a row, by what is known of one of its tokens."""
        logits = np.ascontiguousarray(self._context.logits[row : row + 1, : self._n_tokens])
        log_sum_exp = float(logits[0, token]) - log_probability
        best = _core.top_k(logits, k)[0].tolist()
        return [(id_, float(logits[0, id_]) - log_sum_exp) for id_ in best]

    def _take(
        self, request: Request, written: Continuation, token: int, log_probability: float
    ) -> None:
        if self._vocabulary.is_end_of_generation(token):
            written.finish = "end-of-generation"
            del written.top[len(written.tokens) :]
            return
        written.tokens.append(token)
        written.log_probabilities.append(log_probability)
        written.text += self._vocabulary.piece(token)
        written.ends.append(len(written.text))
        if request.stop(written.text):
            written.finish = "stopped"
        elif len(written.tokens) >= request.max_tokens:
            written.finish = "length"

    def _finished(self) -> list[tuple[int, Continuation]]:
        done = [n for n, writing in self._active.items() if writing.written.finish is not None]
        finished = [self._active.pop(sequence) for sequence in done]
        for sequence, writing in zip(done, finished, strict=True):
            self._held[sequence] = list(writing.request.tokens)
        return [(writing.index, writing.written) for writing in finished]
