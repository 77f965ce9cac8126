"""Run one completion of one task in the sandbox and say how it went."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyengine.code.languages import LANGUAGES, Language, compiled
from pyengine.code.outcomes import Outcome
from pyengine.code.sandbox import (
    Isolation,
    Job,
    Limits,
    Sandbox,
    SandboxError,
    Step,
    interpreter,
)
from pyengine.code.tasks import Task
from pyengine.code.view import HARNESS
from pyengine.code.watch import Ended, StepEnd, Stopped, watch

SIGKILL, SIGXCPU, SIGXFSZ = 9, 24, 25
JAVA_PUBLIC = re.compile(r"\bpublic\s+(?:(?:final|abstract)\s+)*(?:class|record)\s+(\w+)")
BRIDGE = "bridge"  # the folder of the judge's and the solver's classes, where they are Java's
Files = dict[str, str | bytes]
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
    """The outcome of one run, why as a code, what the program or its judge said, what it used."""

    outcome: Outcome
    reason: str = ""
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
    if language.missing():
        return Execution(Outcome.SKIPPED, "toolchain")
    if not completion.strip():
        return Execution(Outcome.NO_CODE, "empty")
    limits = limits or Limits()
    solution = task.solution(completion, whole=whole)
    if task.expected is not None:
        return _printed(task, solution, sandbox, limits)
    return _judged(task, solution, sandbox, limits)


def _printed(task: Task, solution: str, sandbox: Sandbox, limits: Limits) -> Execution:
    """Compare what the program prints, here, with what it must print and never sees."""
    language = LANGUAGES[task.language]
    job = Job(
        {language.file: f"{solution}\n{task.tests}"}, language.steps(), limits, language.roots()
    )
    ended = _run(job, sandbox)
    assert task.expected is not None
    printed = ended.stdout.decode("utf-8", "replace")
    right = _lines(printed) == _lines(task.expected)
    failed = _failure(ended, language, limits)
    if right and failed and failed.outcome is Outcome.TIMED_OUT:
        failed = None  # it has said all, and left something running
    if failed:
        return failed
    if right:
        return _execution(Outcome.PASSED, "", ended)
    return _execution(Outcome.WRONG_ANSWER, "printed", ended, printed.strip())


def _judged(task: Task, solution: str, sandbox: Sandbox, limits: Limits) -> Execution:
    """Run the tests in one process and the solution in another; only plain values cross."""
    language = LANGUAGES[task.language]
    requests, answers, verdicts = os.pipe(), os.pipe(), os.pipe()
    ends = [*requests, *answers, *verdicts]

    def job(role: str, files: Files, fds: dict[int, int]) -> Job:
        steps = _steps(role, task, next(iter(files)), fds, sandbox)
        return Job(files, steps, limits, language.roots())

    solver = job("solver", _solution_files(task, solution), {3: requests[0], 4: answers[1]})
    judge = job("judge", _test_files(task), {3: answers[0], 4: requests[1], 5: verdicts[1]})
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


def _solution_files(task: Task, solution: str) -> Files:
    if task.language == "java":
        public = JAVA_PUBLIC.search(solution)
        return {f"{public[1] if public else 'Solution'}.java": solution, **_bridge()}
    return {"solution.py" if task.language == "python" else "solution.js": solution}


def _bridge() -> dict[str, bytes]:
    classes = compiled(HARNESS)
    return {f"{BRIDGE}/{name}": content for name, content in classes.items()}


def _test_files(task: Task) -> Files:
    if task.language == "java":
        reference = task.solution(task.reference)
        named = {"entry_point.txt": task.entry_point, "reference.java": reference}
        return {**named, "tests.java": task.tests, **_bridge()}
    tests = {"support": task.support, "tests": task.tests, "entry_point": task.entry_point}
    return {"tests.json": json.dumps(tests)}


def _steps(role: str, task: Task, file: str, fds: dict[int, int], sandbox: Sandbox) -> list[Step]:
    """Return the steps that start the judge, or build `file` and start the solution's solver."""
    language = LANGUAGES[task.language]
    folder = str(HARNESS) if sandbox.isolation is Isolation.NONE else "/harness"
    *built, run = language.steps()
    if task.language == "python":
        argv = [interpreter(), "-I", "-S", f"{folder}/{role}.py"]
    elif task.language == "javascript":
        argv = [run.argv[0], f"{folder}/{role}.js"]
    else:
        opened = ("--add-opens", "java.base/java.io=ALL-UNNAMED")
        argv = [*run.argv[:-3], *opened, "-cp", f"{BRIDGE}:.", "pyengine.Bridge", role]
    builds = [replace(step, argv=[*step.argv[:-1], file]) for step in built if role == "solver"]
    return [*builds, Step("run", argv, limit_address_space=language.address_space, fds=fds)]


def _verdict(solved: Ended, judged: Ended, language: Language, limits: Limits) -> Execution:
    if failed := _failure(solved, language, limits, honest_exit=False):
        return failed
    if judged.stopped or not judged.verdict:
        if judged.stopped in (Stopped.WALL_TIME, Stopped.CPU_TIME):
            return _execution(Outcome.TIMED_OUT, "tests", solved)
        if judged.stopped:
            return _execution(Outcome.KILLED, "tests", solved)
        return _without_verdict(solved, judged, limits)
    verdict = json.loads(judged.verdict)
    detail = verdict["detail"]
    if verdict["outcome"] == "passed":
        return _execution(Outcome.PASSED, "", solved)
    if verdict["outcome"] == "failed":
        return _execution(Outcome.WRONG_ANSWER, "tests", solved, detail)
    if verdict["outcome"] == "gone":
        return _execution(Outcome.EXCEPTION, "ended-early", solved)
    if verdict["kind"] in ("SyntaxError", "IndentationError", "TabError"):
        return _execution(Outcome.SYNTAX_ERROR, "raised", solved, detail)
    if verdict["kind"] in ("MemoryError", "java.lang.OutOfMemoryError"):
        return _execution(Outcome.MEMORY, "raised", solved, detail)
    return _execution(Outcome.EXCEPTION, "raised", solved, detail)


def _without_verdict(solved: Ended, judged: Ended, limits: Limits) -> Execution:
    """Say why the tests did not come to a verdict: they may choke on what a solution gave them."""
    last = judged.steps[-1] if judged.steps else None
    short_of_memory = any(mark in judged.stderr for mark in MEMORY_MARKS)
    if last is None or (last.status >= 0 and not short_of_memory):
        reason = judged.stderr.decode("utf-8", "replace").strip()[-300:]
        raise SandboxError(f"the judge gave no verdict: {reason or 'it said nothing'}")
    outcome = Outcome.MEMORY if short_of_memory else Outcome.WRONG_ANSWER
    by_signal = _by_signal(last, limits)
    return _execution(by_signal[0] if by_signal else outcome, "tests-choked", solved)


def _failure(
    ended: Ended, language: Language, limits: Limits, *, honest_exit: bool = True
) -> Execution | None:
    """Return why the job failed as far as its processes tell, or None."""
    if ended.stopped is Stopped.WALL_TIME:
        return _execution(Outcome.TIMED_OUT, "wall-time", ended)
    if ended.stopped is Stopped.CPU_TIME:
        return _execution(Outcome.TIMED_OUT, "cpu-time", ended)
    if ended.stopped is Stopped.MEMORY:
        return _execution(Outcome.MEMORY, "limit", ended)
    if ended.stopped is Stopped.OUTPUT:
        return _execution(Outcome.KILLED, "output", ended)
    if not ended.steps and ended.began:
        return _execution(Outcome.KILLED, "supervisor", ended)
    if not ended.steps:
        reason = ended.stderr.decode("utf-8", "replace").strip()[-300:]
        raise SandboxError(f"the sandbox did not report how the program ended: {reason}")
    last = ended.steps[-1]
    if last.status == 0:
        return None
    if outcome := _by_signal(last, limits):
        return _execution(outcome[0], outcome[1], ended)
    if any(mark in ended.stderr for mark in MEMORY_MARKS):
        return _execution(Outcome.MEMORY, "said", ended, _last_line(ended.stderr))
    if last.name == "build" and last.cpu_s >= limits.cpu_s - 0.5:  # a part of it was killed
        return _execution(Outcome.TIMED_OUT, "build", ended)
    if last.name == "build" or any(m.encode() in ended.stderr for m in language.syntax_marks):
        return _execution(Outcome.SYNTAX_ERROR, "said", ended, _first_error(ended.stderr))
    if not honest_exit and last.status > 0:
        return None  # the judge knows better what a closed channel meant
    how = f"signal-{-last.status}" if last.status < 0 else f"status-{last.status}"
    return _execution(Outcome.EXCEPTION, how, ended, _last_line(ended.stderr))


def _by_signal(last: StepEnd, limits: Limits) -> tuple[Outcome, str] | None:
    if last.status == -SIGXCPU or (last.status == -SIGKILL and last.cpu_s >= limits.cpu_s - 0.5):
        return Outcome.TIMED_OUT, "cpu-time"
    if last.status == -SIGXFSZ:
        return Outcome.KILLED, "file-size"
    if last.status == -SIGKILL:
        return Outcome.KILLED, "signal-9"
    return None


def _run(job: Job, sandbox: Sandbox) -> Ended:
    with sandbox.start(job) as process:
        return watch([process], job.limits)[0]


def _execution(outcome: Outcome, reason: str, ended: Ended, detail: str = "") -> Execution:
    cpu_s = sum(step.cpu_s for step in ended.steps)
    detail = detail.encode("utf-8", "replace").decode()[:300]  # a record holds no half characters
    return Execution(outcome, reason, detail, round(ended.wall_s, 4), round(cpu_s, 4))


def _lines(text: str) -> Sequence[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _last_line(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


def _first_error(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return next((line.strip() for line in lines if "error" in line.lower()), _last_line(data))[:300]
