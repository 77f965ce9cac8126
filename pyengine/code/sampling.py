"""From prompts to answers: generate in parallel, execute each continuation as it ends."""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, TypeAlias

from pyengine.code.answers import Answer, Judged, Outcome, Sample
from pyengine.code.execution import Execution, execute
from pyengine.code.failures import explained
from pyengine.code.options import EvaluationOptions
from pyengine.code.parsing import edit_similarity, loop_of, repetition, shape_of
from pyengine.code.prompting import Prompt, PromptStyle
from pyengine.code.reading import Solution, read_answer, stop_rule
from pyengine.code.sandbox import Limits, Sandbox, SandboxError
from pyengine.code.tasks import Task
from pyengine.models.generation import (
    Continuation,
    GenerationStatistics,
    Generator,
    Request,
)
from pyengine.models.model import Model
from pyengine.models.serving import parallel_session
from pyengine.models.session import Session

MOST_CELLS = 32768
# First tokens of a continuation whose log-probabilities a record holds.
KEPT_LOG_PROBABILITIES = 16
# A continuation of a prompt by a seed whose program is being executed.
Pending: TypeAlias = "tuple[Prompt, int, Continuation, Solution, Future[Execution]]"


class Executor:
    """Runs solutions in the sandbox, each different one once.

    As a context: where it is left by an error or an interrupt, nobody waits for what still runs.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits, jobs: int) -> None:
        self._sandbox = sandbox
        self._limits = limits
        self._pool = ThreadPoolExecutor(jobs)
        self._known: dict[tuple[str, str, bool], Future[Execution]] = {}
        self._stopped = threading.Event()

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stopped.set()
            self._pool.shutdown(wait=False, cancel_futures=True)
            while not all(future.done() for future in self._known.values()):
                self._sandbox.kill()
                time.sleep(0.02)
        self._pool.shutdown()

    def submit(self, task: Task, solution: Solution) -> "Future[Execution]":
        """Return the execution's future; equal solutions of a task share one."""
        key = (task.model_dump_json(), solution.completion, solution.whole)
        if key not in self._known:
            self._known[key] = self._pool.submit(self._execute, task, solution)
        return self._known[key]

    def _execute(self, task: Task, solution: Solution) -> Execution:
        try:
            return self._once(task, solution)
        except SandboxError:
            if self._stopped.is_set():
                raise
        try:  # a machine short of memory may fail once
            return self._once(task, solution)
        except SandboxError as error:
            raise SandboxError(f"{task.name}: {error}") from error

    def _once(self, task: Task, solution: Solution) -> Execution:
        if self._stopped.is_set():
            raise SandboxError("interrupted")
        code, whole = solution.completion, solution.whole
        return execute(task, code, sandbox=self._sandbox, limits=self._limits, whole=whole)


def isolation_settings(sandbox: Sandbox, limits: Limits) -> dict[str, Any]:
    """Return how programs were kept away and what they could use, as a record's options say it."""
    return {
        "isolation": sandbox.isolation.value,
        "cpu_s": limits.cpu_s,
        "wall_s": limits.wall_s,
        "memory_bytes": limits.memory_bytes,
    }


def answer_all(
    model: Model,
    prompts: Sequence[Prompt],
    options: EvaluationOptions,
    executor: Executor,
    statistics: GenerationStatistics,
) -> Iterator[Answer]:
    """Yield each task's answer as soon as all its samples are written and executed.

    `statistics` is counted up meanwhile.
    """
    waiting: dict[str, list[Pending]] = {}

    def finished() -> Iterator[Answer]:
        for name, pending in list(waiting.items()):
            whole = len(pending) == options.samples
            if whole and all(execution.done() for *_, execution in pending):
                yield _answer(waiting.pop(name))

    for continuations in _continuations(model, prompts, options, executor, statistics):
        for pending in continuations:
            waiting.setdefault(pending[0].task.name, []).append(pending)
        yield from finished()
    while waiting:
        open_ones = [execution for pending in waiting.values() for *_, execution in pending]
        wait([one for one in open_ones if not one.done()], return_when=FIRST_COMPLETED)
        yield from finished()


def _continuations(
    model: Model,
    prompts: Sequence[Prompt],
    options: EvaluationOptions,
    executor: Executor,
    statistics: GenerationStatistics,
) -> Iterator[list[Pending]]:
    """Yield, after each step of the model, what it has finished, with its execution under way."""
    seeds = range(options.sampling.seed, options.sampling.seed + options.samples)
    jobs, requests = [], []
    for prompt, seed in ((prompt, seed) for prompt in prompts for seed in seeds):
        most = budget(prompt, model, options)
        if most == 0:
            execution: Future[Execution] = Future()
            execution.set_result(Execution(Outcome.NO_CODE, "no-room"))
            yield [(prompt, seed, Continuation(finish="length"), Solution(""), execution)]
            continue
        rule = stop_rule(prompt)
        sampling = replace(options.sampling, seed=seed)
        jobs.append((prompt, seed, rule))
        requests.append(
            Request(tokens=prompt.tokens, max_tokens=most, sampling=sampling, stop=rule)
        )
    if not requests:
        return
    generator = Generator(session_for(model, requests, options), statistics=statistics)

    def judging(index: int, continuation: Continuation) -> Pending:
        prompt, seed, rule = jobs[index]
        cut_off = continuation.finish == "length"
        solution = read_answer(prompt, continuation.text, end=rule.end, cut_off=cut_off)
        return prompt, seed, continuation, solution, executor.submit(prompt.task, solution)

    for finished in generator.steps(requests):
        yield [judging(index, continuation) for index, continuation in finished]


def budget(prompt: Prompt, model: Model, options: EvaluationOptions) -> int:
    """Return how many tokens a continuation may have; 0 where the prompt leaves no room."""
    wanted = options.max_tokens
    # A template that knows of thinking blocks needs tokens for them too.
    if prompt.style is PromptStyle.CHAT and "think" in (model.chat_template or ""):
        wanted += options.thinking_tokens
    room = (model.n_ctx_train or MOST_CELLS) - len(prompt.tokens)
    return max(0, min(wanted, room))


def session_for(model: Model, requests: Sequence[Request], options: EvaluationOptions) -> Session:
    """Return a session with room for the longest requests, as many at once as asked for."""
    longest = max(len(request.tokens) + request.max_tokens for request in requests)
    parallel = min(options.parallel, len(requests), max(1, MOST_CELLS // longest))
    return parallel_session(model, parallel=parallel, room=longest, threads=options.threads)


def _answer(pending: Sequence[Pending]) -> Answer:
    """Wait for the executions of a task and return its answer."""
    prompt = pending[0][0]
    return Answer(
        task=prompt.task.name,
        language=prompt.task.language,
        level=prompt.task.level,
        idea=prompt.task.cluster,
        style=prompt.style.value,
        prompt=prompt.text,
        prompt_tokens=list(prompt.tokens),
        samples=sorted((_sample(*one) for one in pending), key=lambda sample: sample["seed"]),
    )


def _sample(
    prompt: Prompt,
    seed: int,
    continuation: Continuation,
    solution: Solution,
    execution: "Future[Execution]",
) -> Sample:
    loop, wasted = loop_of(continuation.tokens)
    sample = Sample(
        seed=seed,
        text=continuation.text.decode("utf-8", "replace"),
        finish=continuation.finish or "length",
        tokens=len(continuation.tokens),
        log_probabilities=continuation.log_probabilities[:KEPT_LOG_PROBABILITIES],
        repetition=repetition(continuation.tokens),
        thought_tokens=tokens_within(solution.thought_bytes, continuation.ends),
        ids=list(continuation.tokens),
        loop=loop,
        wasted=wasted,
        **judged(prompt.task, solution, execution.result()),  # type: ignore[typeddict-item]
    )
    return explained(sample)


def tokens_within(n_bytes: int, ends: Sequence[int]) -> int:
    """Return how many tokens begin in the first bytes of a text; `ends` says where each ends."""
    return min(bisect_left(ends, n_bytes) + 1, len(ends)) if n_bytes else 0


def judged(task: Task, solution: Solution, fate: Execution) -> Judged:
    """Return how a solution was read and fared, as a record keeps it."""
    completion, whole = solution.completion, solution.whole
    parses, errors, leaves = shape_of(task, completion, whole=whole)
    return Judged(
        form=solution.form.value,
        completion=completion,
        whole=whole,
        program=task.solution(completion, whole=whole) if completion.strip() else "",
        thinking=solution.thinking,
        open_thought=solution.open_thought,
        trimmed=solution.trimmed,
        outcome=fate.outcome.value,
        reason=fate.reason,
        detail=fate.detail,
        wall_s=fate.wall_s,
        cpu_s=fate.cpu_s,
        parses=parses,
        error_nodes=errors,
        leaves=leaves,
        edit_similarity=edit_similarity(completion, task.reference),
        assertion=fate.assertion,
        values=fate.values,
    )
