"""From prompts to samples: generate in parallel, execute each continuation as it ends."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pyengine.code.answers import Sample
from pyengine.code.chat import FenceStop
from pyengine.code.execution import Execution, execute
from pyengine.code.measures import edit_similarity, repetition, shape_of
from pyengine.code.options import EvaluationOptions
from pyengine.code.outcomes import Outcome
from pyengine.code.prompting import Prompt, PromptStyle, Solution, read_answer, stop_rule, thinks
from pyengine.code.sandbox import Sandbox, SandboxError
from pyengine.code.stopping import CompletionStop
from pyengine.code.tasks import Task
from pyengine.models.generation import (
    Continuation,
    GenerationStatistics,
    Generator,
    Request,
)
from pyengine.models.model import Model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session

MOST_CELLS = 32768
Stop = CompletionStop | FenceStop


@dataclass(frozen=True)
class Asked:
    """A task with what is sent for it."""

    task: Task
    prompt: Prompt


@contextmanager
def named(task: Task) -> Iterator[None]:
    """Add the task's name to what the sandbox complains of."""
    try:
        yield
    except SandboxError as error:
        raise SandboxError(f"{task.name}: {error}") from error


@dataclass
class Executor:
    """Runs solutions in the sandbox, each different one once.

    As a context: where it is left by an error or an interrupt, nobody waits for what still runs.
    """

    sandbox: Sandbox
    options: EvaluationOptions
    pool: ThreadPoolExecutor
    _known: dict[tuple[str, str, bool], "Future[Execution]"] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        self._stopped.set()
        self.pool.shutdown(wait=False, cancel_futures=True)
        while not all(future.done() for future in self._known.values()):
            self.sandbox.kill()
            time.sleep(0.02)

    def submit(self, task: Task, solution: Solution) -> "Future[Execution]":
        """Return the execution's future; equal solutions of a task share one."""
        key = (task.model_dump_json(), solution.completion, solution.whole)
        if key not in self._known:
            self._known[key] = self.pool.submit(self._execute, task, solution)
        return self._known[key]

    def _execute(self, task: Task, solution: Solution) -> Execution:
        try:
            return self._once(task, solution)
        except SandboxError:
            if self._stopped.is_set():
                raise
            # A machine short of memory may fail once.
            with named(task):
                return self._once(task, solution)

    def _once(self, task: Task, solution: Solution) -> Execution:
        if self._stopped.is_set():
            raise SandboxError("interrupted")
        return execute(
            task,
            solution.completion,
            sandbox=self.sandbox,
            limits=self.options.limits,
            whole=solution.whole,
        )


@dataclass(frozen=True)
class Pending:
    """A continuation whose program is being executed."""

    asked: Asked
    seed: int
    continuation: Continuation | None
    solution: Solution
    execution: "Future[Execution]"

    def sample(self) -> Sample:
        """Wait for the execution and return the sample."""
        execution, continuation, solution = (
            self.execution.result(),
            self.continuation,
            self.solution,
        )
        task = self.asked.task
        shape = shape_of(task, solution.completion, whole=solution.whole)
        return Sample(
            seed=self.seed,
            completion=solution.completion,
            whole=solution.whole,
            thinking=solution.thinking,
            trimmed=solution.trimmed,
            finish=(continuation and continuation.finish) or "length",
            tokens=len(continuation.tokens) if continuation else 0,
            log_probabilities=list(continuation.log_probabilities) if continuation else [],
            outcome=execution.outcome.value,
            reason=execution.reason,
            detail=execution.detail,
            wall_s=execution.wall_s,
            cpu_s=execution.cpu_s,
            parses=shape.parses,
            error_nodes=shape.error_nodes,
            leaves=shape.leaves,
            repetition=repetition(continuation.tokens) if continuation else 0.0,
            edit_similarity=edit_similarity(solution.completion, task.reference),
        )


def budget(asked: Asked, model: Model, options: EvaluationOptions) -> int:
    """Return how many tokens a continuation may have; 0 where the prompt leaves no room."""
    wanted = options.max_tokens
    if asked.prompt.style is PromptStyle.CHAT and thinks(model):
        wanted += options.thinking_tokens
    room = (model.n_ctx_train or MOST_CELLS) - len(asked.prompt.tokens)
    return max(0, min(wanted, room))


def sample(
    model: Model,
    asked: Sequence[Asked],
    options: EvaluationOptions,
    executor: Executor,
    statistics: GenerationStatistics,
) -> Iterator[Pending]:
    """Yield each continuation with its execution under way, as the model finishes them.

    `statistics` is counted up meanwhile.
    """
    seeds = range(options.sampling.seed, options.sampling.seed + options.samples)
    jobs = [(item, seed) for item in asked for seed in seeds]
    fitting = [(item, seed) for item, seed in jobs if budget(item, model, options) > 0]
    nothing = Solution("")
    for item, seed in jobs:
        if budget(item, model, options) == 0:
            execution = executor.pool.submit(Execution, Outcome.NO_CODE, "no-room")
            yield Pending(item, seed, None, nothing, execution)
    if not fitting:
        return
    rules: list[Stop] = [stop_rule(item.task, item.prompt) for item, _ in fitting]
    requests = [
        Request(
            tokens=item.prompt.tokens,
            max_tokens=budget(item, model, options),
            sampling=replace(options.sampling, seed=seed),
            stop=rule,
        )
        for (item, seed), rule in zip(fitting, rules, strict=True)
    ]
    generator = Generator(session_for(model, requests, options), statistics=statistics)
    for index, continuation in generator.run(requests):
        item, seed = fitting[index]
        solution = read_answer(
            item.task,
            item.prompt,
            continuation.text,
            end=rules[index].end,
            cut_off=continuation.finish == "length",
        )
        execution = executor.submit(item.task, solution)
        yield Pending(item, seed, continuation, solution, execution)


def session_for(model: Model, requests: Sequence[Request], options: EvaluationOptions) -> Session:
    """Return a session with room for the longest requests, as many at once as asked for."""
    longest = max(len(request.tokens) + request.max_tokens for request in requests)
    parallel = min(options.parallel, len(requests), max(1, MOST_CELLS // longest))
    cells = longest * parallel
    return Session(
        model,
        options=SessionOptions(
            n_ctx=cells,
            n_batch=cells,
            n_ubatch=min(512, cells),
            n_seq_max=parallel,
            max_rows=parallel,
            threads=options.threads,
        ),
    )
