"""Run one completion of one task in the sandbox and say how it went."""

import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from pyengine.codegen.languages import LANGUAGES, Language
from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.sandbox import (
    HARNESS,
    Isolation,
    Job,
    Limits,
    Sandbox,
    SandboxError,
    Step,
    interpreter,
)
from pyengine.codegen.tasks import Task
from pyengine.codegen.watch import Ended, StepEnd, Stopped, watch

SIGKILL, SIGXCPU, SIGXFSZ = 9, 24, 25
JAVA_TYPE = re.compile(r"\b(?:class|interface|enum|record)\s+(\w+)")
MEMORY_MARKS = (
    b"MemoryError",
    b"OutOfMemoryError",
    b"heap out of memory",
    b"bad_alloc",
    b"out of memory",
    b"memory allocation of",
    b"Allowed memory size",
    b"NoMemoryError",
    b"error='Not enough space'",  # Java's machine
    b"insufficient memory for the Java",
)


@dataclass(frozen=True)
class Execution:
    """The outcome of one run, a word on why, and what it used."""

    outcome: Outcome
    detail: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0


def execute(
    task: Task,
    completion: str,
    *,
    sandbox: Sandbox,
    limits: Limits | None = None,
    whole: bool = False,
) -> Execution:
    """Run `completion` of `task` against its tests; `whole` as in `Task.solution`.

    Raises:
        SandboxError: The sandbox failed, so that nothing can be said about the program.
    """
    language = LANGUAGES[task.language]
    if missing := language.missing():
        return Execution(Outcome.SKIPPED, missing)
    if not completion.strip():
        return Execution(Outcome.NO_CODE, "the completion is empty")
    limits = limits or Limits()
    solution = task.solution(completion, whole=whole)
    if task.expected is not None:
        return _printed(task, solution, sandbox, limits)
    if task.language == "java":
        return _vouched(task, solution, sandbox, limits)
    return _judged(task, solution, sandbox, limits)


def _printed(task: Task, solution: str, sandbox: Sandbox, limits: Limits) -> Execution:
    """Compare what the program prints, here, with what it must print and never sees."""
    language = LANGUAGES[task.language]
    job = Job(
        {language.file: f"{solution}\n{task.tests}"}, language.steps(), limits, language.roots()
    )
    ended = _run(job, sandbox)
    if failed := _failure(ended, language, limits):
        return failed
    assert task.expected is not None
    printed = ended.stdout.decode("utf-8", "replace")
    if _lines(printed) == _lines(task.expected):
        return _execution(Outcome.PASSED, "", ended)
    detail = f"printed {printed.strip()[:200]!r}"
    return _execution(Outcome.WRONG_ANSWER, detail, ended)


def _vouched(task: Task, solution: str, sandbox: Sandbox, limits: Limits) -> Execution:
    """Let a caller inside the program vouch, with a secret, that the tests came to their end."""
    language = LANGUAGES[task.language]
    secret = secrets.token_hex(16)
    harness = Job(
        {
            language.file: f"{solution}\n{task.tests}",
            "Harness.java": _harness("Harness.java"),
            "names.txt": "\n".join(_names_to_keep(task)),
        },
        [
            Step(step.name, [*step.argv, "Harness.java"], env=step.env, limit_address_space=False)
            if step.name == "build"
            else step
            for step in language.steps(stdin=secret, run=(*language.run[:-1], "harness.Harness"))
        ],
        limits,
        language.roots(),
    )
    ended = _run(harness, sandbox)
    if b"AssertionError" in ended.stderr and ended.stopped is None:
        return _execution(Outcome.WRONG_ANSWER, _first_error(ended.stderr), ended)
    if failed := _failure(ended, language, limits):
        return failed
    if ended.stdout.rstrip().endswith(secret.encode()):
        return _execution(Outcome.PASSED, "", ended)
    return _execution(Outcome.EXCEPTION, "ended before the tests did", ended)


def _names_to_keep(task: Task) -> Sequence[str]:
    """Return what the tests of a Java task name and the task does not declare as a type."""
    declared = set(JAVA_TYPE.findall(f"{task.solution(task.reference)}\n{task.tests}"))
    return sorted(set(re.findall(r"[A-Za-z_]\w*", task.tests)) - declared)


def _judged(task: Task, solution: str, sandbox: Sandbox, limits: Limits) -> Execution:
    """Run the tests in one process and the solution in another; only plain values cross."""
    language = LANGUAGES[task.language]
    suffix = "py" if task.language == "python" else "js"
    program = [interpreter(), "-I", "-S"] if suffix == "py" else language.steps()[-1].argv[:1]
    tests = {"support": task.support, "tests": task.tests, "entry_point": task.entry_point}
    requests, answers, verdicts = os.pipe(), os.pipe(), os.pipe()
    ends = [*requests, *answers, *verdicts]

    def job(role: str, files: dict[str, str], fds: dict[int, int]) -> Job:
        argv = [*program, f"/harness/{role}.{suffix}"]
        if sandbox.isolation is Isolation.NONE:
            argv[-1] = argv[-1].replace("/harness", str(HARNESS))
        step = Step("run", argv, limit_address_space=language.address_space, fds=fds)
        return Job(files, [step], limits, language.roots())

    files = {f"solution.{suffix}": solution}
    solver = job("solver", files, {3: requests[0], 4: answers[1]})
    judge = job(
        "judge", {"tests.json": json.dumps(tests)}, {3: answers[0], 4: requests[1], 5: verdicts[1]}
    )
    try:
        with (
            sandbox.start(solver, pass_fds=[requests[0], answers[1]]) as first,
            sandbox.start(judge, pass_fds=[answers[0], requests[1], verdicts[1]]) as second,
        ):
            for end in (requests[0], requests[1], answers[0], answers[1], verdicts[1]):
                os.close(end)
                ends.remove(end)
            solved, judged = watch([first, second], limits, verdict_fd=verdicts[0])
    finally:
        for end in ends:
            os.close(end)
    return _verdict(solved, judged, language, limits)


def _verdict(solved: Ended, judged: Ended, language: Language, limits: Limits) -> Execution:
    if failed := _failure(solved, language, limits, honest_exit=False):
        return failed
    if judged.stopped or not judged.verdict:
        if judged.stopped is Stopped.WALL_TIME:
            return _execution(Outcome.TIMED_OUT, "the tests did not end in time", solved)
        if judged.stopped:
            return _execution(
                Outcome.KILLED, f"the tests passed the limit: {judged.stopped.value}", solved
            )
        return _without_verdict(solved, judged, limits)
    verdict = json.loads(judged.verdict)
    detail = verdict["detail"]
    if verdict["outcome"] == "passed":
        return _execution(Outcome.PASSED, "", solved)
    if verdict["outcome"] == "failed":
        return _execution(Outcome.WRONG_ANSWER, detail, solved)
    if verdict["outcome"] == "gone":
        return _execution(Outcome.EXCEPTION, f"ended before the tests did: {detail}", solved)
    if verdict["kind"] in ("SyntaxError", "IndentationError", "TabError"):
        return _execution(Outcome.SYNTAX_ERROR, detail, solved)
    if verdict["kind"] == "MemoryError":
        return _execution(Outcome.MEMORY, detail, solved)
    return _execution(Outcome.EXCEPTION, detail, solved)


def _without_verdict(solved: Ended, judged: Ended, limits: Limits) -> Execution:
    """Say why the tests did not come to a verdict: they may choke on what a solution gave them."""
    last = judged.steps[-1] if judged.steps else None
    if last is None or last.status >= 0:
        reason = judged.stderr.decode("utf-8", "replace").strip()[-300:]
        raise SandboxError(f"the judge gave no verdict: {reason or 'it said nothing'}")
    outcome, how = Outcome.WRONG_ANSWER, f"ended with signal {-last.status}"
    if any(mark in judged.stderr for mark in MEMORY_MARKS):
        outcome, how = Outcome.MEMORY, "ran out of memory"
    outcome, how = _by_signal(last, limits) or (outcome, how)
    return _execution(outcome, f"the tests, with what the solution gave them: {how}", solved)


def _failure(
    ended: Ended, language: Language, limits: Limits, *, honest_exit: bool = True
) -> Execution | None:
    """Return why the job failed as far as its processes tell, or None."""
    if ended.stopped is Stopped.WALL_TIME:
        return _execution(Outcome.TIMED_OUT, f"longer than {limits.wall_s:g} s", ended)
    if ended.stopped is Stopped.MEMORY:
        return _execution(Outcome.MEMORY, f"more than {limits.memory_bytes >> 20} MiB", ended)
    if ended.stopped is Stopped.OUTPUT:
        return _execution(Outcome.KILLED, f"printed more than {limits.output_bytes} bytes", ended)
    if not ended.steps and ended.began:
        return _execution(Outcome.KILLED, "killed the process that watched it", ended)
    if not ended.steps:
        reason = ended.stderr.decode("utf-8", "replace").strip()[-300:]
        raise SandboxError(f"the sandbox did not report how the program ended: {reason}")
    last = ended.steps[-1]
    if last.status == 0:
        return None
    if outcome := _by_signal(last, limits):
        return _execution(outcome[0], outcome[1], ended)
    if any(mark in ended.stderr for mark in MEMORY_MARKS):
        return _execution(Outcome.MEMORY, _last_line(ended.stderr), ended)
    if last.name == "build" and last.cpu_s >= limits.cpu_s - 0.5:  # a part of it was killed
        return _execution(Outcome.TIMED_OUT, f"built for more than {limits.cpu_s} s of CPU", ended)
    if last.name == "build" or any(m.encode() in ended.stderr for m in language.syntax_marks):
        return _execution(Outcome.SYNTAX_ERROR, _first_error(ended.stderr), ended)
    if not honest_exit and last.status > 0:
        return None  # the judge knows better what a closed channel meant
    return _execution(Outcome.EXCEPTION, _ending(last, ended.stderr), ended)


def _by_signal(last: StepEnd, limits: Limits) -> tuple[Outcome, str] | None:
    if last.status == -SIGXCPU or (last.status == -SIGKILL and last.cpu_s >= limits.cpu_s - 0.5):
        return Outcome.TIMED_OUT, f"more than {limits.cpu_s} s of CPU time"
    if last.status == -SIGXFSZ:
        return Outcome.KILLED, f"wrote a file of more than {limits.file_bytes} bytes"
    if last.status == -SIGKILL:
        return Outcome.KILLED, "ended by SIGKILL"
    return None


def _ending(last: StepEnd, stderr: bytes) -> str:
    how = f"signal {-last.status}" if last.status < 0 else f"status {last.status}"
    return f"{how}: {_last_line(stderr)}" if stderr.strip() else f"ended with {how}"


def _run(job: Job, sandbox: Sandbox) -> Ended:
    with sandbox.start(job) as process:
        return watch([process], job.limits)[0]


def _execution(outcome: Outcome, detail: str, ended: Ended) -> Execution:
    cpu_s = sum(step.cpu_s for step in ended.steps)
    detail = detail.encode("utf-8", "replace").decode()[:300]  # a record holds no half characters
    return Execution(outcome, detail, round(ended.wall_s, 4), round(cpu_s, 4))


def _lines(text: str) -> Sequence[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _last_line(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


def _first_error(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return next((line.strip() for line in lines if "error" in line.lower()), _last_line(data))[:300]


def _harness(name: str) -> str:
    return (HARNESS / name).read_text(encoding="utf-8")
