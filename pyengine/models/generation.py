"""Continue many prompts at once, each in a sequence of its own; a shared beginning is copied."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.prefix_tree import common_prefix
from pyengine.models.session import Session

# First tokens of a continuation whose log-probabilities are kept.
KEPT_LOG_PROBABILITIES = 16
# Fewer tokens are decoded again rather than copied with the whole memory of their sequence.
FEWEST_COPIED = 8


# Why a continuation ended.
Finish: TypeAlias = Literal["end-of-generation", "stopped", "length"]


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


@dataclass(frozen=True, kw_only=True)
class Request:
    """One prompt as token ids, and how far and by what rule to continue it.

    `stop` sees the text so far, as bytes, after each token; True ends the continuation.
    """

    tokens: Sequence[int]
    max_tokens: int
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    stop: Callable[[bytes], bool] = lambda _: False


@dataclass
class Continuation:
    """What a model writes after one prompt.

    Attributes:
        tokens: the ids, without the token that ended the generation.
        text: their pieces, joined; may end inside a character.
        ends: where in the text each of them ends.
        log_probabilities: natural logarithms of the first tokens' probabilities under the model's
            own distribution over the vocabulary, before any filter or temperature.
        finish: why it ended; None while it goes on.
    """

    tokens: list[int] = field(default_factory=list)
    text: bytes = b""
    ends: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
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
        self._check(requests)
        self._context.clear()
        self._active.clear()
        self._held.clear()
        waiting = list(enumerate(requests))[::-1]
        while waiting or self._active:
            if waiting and len(self._active) < self._context.n_seq_max:
                self._admit(*waiting.pop())
            else:
                self._close_gaps()
                self._step()
            yield self._finished()

    def _check(self, requests: Sequence[Request]) -> None:
        room = self._context.n_ctx // self._context.n_seq_max
        room = min(room, self._session.model.n_positions or room)
        for request in requests:
            if len(request.tokens) == 0 or request.max_tokens < 1:
                raise OptionError("a request needs at least one token and max_tokens of at least 1")
            if len(request.tokens) + request.max_tokens > room:
                raise OptionError(
                    f"a prompt of {len(request.tokens)} tokens and {request.max_tokens} new ones "
                    f"do not fit into a context of {room}"
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
        for item, token, log_probability in zip(items, ids, log_probabilities, strict=True):
            self._take(item.request, item.written, int(token), float(log_probability))
        self.statistics.generated_tokens += len(items)

    def _take(
        self, request: Request, written: Continuation, token: int, log_probability: float
    ) -> None:
        if len(written.log_probabilities) < KEPT_LOG_PROBABILITIES:
            written.log_probabilities.append(log_probability)
        if self._vocabulary.is_end_of_generation(token):
            written.finish = "end-of-generation"
            return
        written.tokens.append(token)
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
