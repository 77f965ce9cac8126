"""Continue many prompts at once: parallel sequences, shared prefixes, llama.cpp's samplers."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.prefix_tree import tree_batch
from pyengine.models.session import Session

# First tokens of a continuation whose log-probabilities are kept.
KEPT_LOG_PROBABILITIES = 16


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
        log_probabilities: natural logarithms of the first tokens' probabilities under the model's
            own distribution over the vocabulary, before any filter or temperature.
        finish: why it ended; None while it goes on.
    """

    tokens: list[int] = field(default_factory=list)
    text: bytes = b""
    log_probabilities: list[float] = field(default_factory=list)
    finish: Finish | None = None


@dataclass
class GenerationStatistics:
    """Tokens and seconds spent; prompt tokens count once where they are shared."""

    prompt_tokens: int = 0
    prompt_s: float = 0.0
    generated_tokens: int = 0
    generation_s: float = 0.0


class Generator:
    """Continues requests on one session, as many at a time as it has sequences."""

    def __init__(self, session: Session, *, statistics: GenerationStatistics | None = None) -> None:
        """Take over the session's memory while generating.

        Args:
            session: with n_seq_max sequences, and n_ctx tokens over all of them.
            statistics: counted up while generating; new ones where None.
        """
        self._session = session
        self._vocabulary = session.model.vocabulary
        self._n_tokens = min(self._vocabulary.size, session.model.n_vocab)
        # By sequence: the index of each request, what it asks for, its sampler and its text so far.
        self._active: dict[int, tuple[int, Request, _core.Sampler, Continuation]] = {}
        self.statistics = statistics or GenerationStatistics()

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Continuation]]:
        """Yield (index, continuation) as each request finishes, in no certain order.

        Raises:
            OptionError: a request is empty, or does not fit the session's context alone.
        """
        self._check(requests)
        context = self._session.context
        context.clear()
        self._active.clear()
        waiting = list(enumerate(requests))[::-1]
        while waiting or self._active:
            admitted = self._next(waiting)
            if admitted:
                self._admit(admitted)
            else:
                self._step()
            yield from self._finished()

    def _check(self, requests: Sequence[Request]) -> None:
        for request in requests:
            if len(request.tokens) == 0 or request.max_tokens < 1:
                raise OptionError("a request needs at least one token and max_tokens of at least 1")
            n_positions = self._session.model.n_positions or self._session.context.n_ctx
            room = min(self._session.context.n_ctx, n_positions)
            if self._cells(request) > room:
                raise OptionError(
                    f"a prompt of {len(request.tokens)} tokens and {request.max_tokens} new ones "
                    f"do not fit into a context of {room}"
                )

    @staticmethod
    def _cells(request: Request) -> int:
        return len(request.tokens) + request.max_tokens

    def _next(self, waiting: list[tuple[int, Request]]) -> dict[int, tuple[int, Request]]:
        """Take from `waiting` what fits the free sequences and cells: sequence -> request."""
        context = self._session.context
        free = [number for number in range(context.n_seq_max) if number not in self._active]
        cells = context.n_ctx - sum(
            self._cells(request) for _, request, *_ in self._active.values()
        )
        batch = context.n_batch
        limit = 1 if self._session.model.is_recurrent else len(free)
        taken: dict[int, tuple[int, Request]] = {}
        while waiting and len(taken) < min(limit, len(free)):
            request = waiting[-1][1]
            if self._cells(request) > cells or len(request.tokens) > batch:
                break
            cells -= self._cells(request)
            batch -= len(request.tokens)
            taken[free[len(taken)]] = waiting.pop()
        return taken

    def _admit(self, admitted: dict[int, tuple[int, Request]]) -> None:
        started = time.perf_counter()
        sequences = list(admitted)
        batch = tree_batch([list(admitted[sequence][1].tokens) for sequence in sequences])
        members = [[sequences[i] for i in through] for through in batch.sequences]
        self._session.decode(batch.ids, batch.positions, members, batch.outputs)
        self.statistics.prompt_tokens += len(batch.ids)
        self.statistics.prompt_s += time.perf_counter() - started
        for sequence, (index, request) in admitted.items():
            self._active[sequence] = index, request, request.sampling.sampler(), Continuation()
        self._sample(sequences, batch.rows)

    def _step(self) -> None:
        started = time.perf_counter()
        sequences = list(self._active)
        positions, ids = [], []
        for _, request, _, written in self._active.values():
            positions.append(len(request.tokens) + len(written.tokens) - 1)
            ids.append(written.tokens[-1])
        self._session.decode(
            ids, positions, [[sequence] for sequence in sequences], [True] * len(ids)
        )
        self._sample(sequences, list(range(len(sequences))))
        self.statistics.generation_s += time.perf_counter() - started

    def _sample(self, sequences: list[int], rows: list[int]) -> None:
        items = [self._active[sequence] for sequence in sequences]
        samplers = [sampler for _, _, sampler, _ in items]
        ids, log_probabilities = _core.sample_rows(
            self._session.context, samplers, np.asarray(rows, dtype=np.int32), self._n_tokens
        )
        for (_, request, _, written), token, log_probability in zip(
            items, ids, log_probabilities, strict=True
        ):
            self._take(request, written, int(token), float(log_probability))
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
        if request.stop(written.text):
            written.finish = "stopped"
        elif len(written.tokens) >= request.max_tokens:
            written.finish = "length"

    def _finished(self) -> Iterator[tuple[int, Continuation]]:
        for sequence, (index, _, _, written) in list(self._active.items()):
            if written.finish is not None:
                del self._active[sequence]
                self._session.context.truncate_sequence(sequence, 0)
                yield index, written
