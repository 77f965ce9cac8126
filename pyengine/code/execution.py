"""Run one completion of one task in the sandbox and say how it went."""

import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyengine.code.answers import Outcome
from pyengine.code.languages import LANGUAGES, Language, compiled
from pyengine.code.libraries import missing, modules, package_paths
from pyengine.code.sandbox import (
    Isolation,
    Job,
    Limits,
    Process,
    Sandbox,
    SandboxError,
    Step,
    StepEnd,
    interpreter,
)
from pyengine.code.tasks import Task
from pyengine.code.together import CPP_LINKS, TEST_MARKS, one_program
from pyengine.code.view import HARNESS
from pyengine.code.watch import watch

SIGKILL, SIGXCPU, SIGXFSZ = 9, 24, 25
JAVA_PUBLIC = re.compile(r"\bpublic\s+(?:(?:final|abstract)\s+)*(?:class|record)\s+(\w+)")
BRIDGE = "bridge"  # the folder of the judge's and the solver's classes, where they are Java's
# Packages of Go by their paths below the home folder, where Go looks for them.
GO_FILES = {
    "go/src/judge/testing/testing.go": "testing.go",
    "go/src/judge/assert/assert.go": "assert.go",
}
Files = dict[str, str | bytes]
Fate = tuple[Outcome, str, str]  # why as a code, and what was said
# What it means where a solution raises an exception of this kind.
RAISED = {
    **dict.fromkeys(("SyntaxError", "IndentationError", "TabError"), Outcome.SYNTAX_ERROR),
    **dict.fromkeys(("MemoryError", "java.lang.OutOfMemoryError"), Outcome.MEMORY),
}
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
    """The outcome of one run, why as a code, what the program or its judge said, what it used.

    Attributes:
        assertion: the line of the tests that failed, where that is known.
        values: what it compared, or what the solution answered last, as the language writes it.
    """

    outcome: Outcome
    reason: str = ""
    detail: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    assertion: str = ""
    values: str = ""


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
    if lacking := missing(task):
        return Execution(Outcome.SKIPPED, "library", ", ".join(lacking))
    if not completion.strip():
        return Execution(Outcome.NO_CODE, "empty")
    run = _together if task.together else _judged if task.expected is None else _printed
    return run(task, task.solution(completion, whole=whole), sandbox, limits or Limits())


def _printed(task: Task, solution: str, sandbox: Sandbox, limits: Limits) -> Execution:
    """Compare what the program prints, here, with what it must print and never sees."""
    language = LANGUAGES[task.language]
    job = Job(
        {language.file: f"{solution}\n{task.tests}"},
        language.steps(),
        limits,
        language.roots(),
        language.packages(),
    )
    with sandbox.start(job) as ended:
        watch([ended])
    assert task.expected is not None
    printed = ended.said("stdout").decode("utf-8", "replace")
    right = _lines(printed) == _lines(task.expected)
    failed = _failure(ended, language, limits)
    if right and (failed is None or failed[0] is Outcome.TIMED_OUT):
        return _execution((Outcome.PASSED, "", ""), ended)  # it may have left something running
    return _execution(failed or (Outcome.WRONG_ANSWER, "printed", printed.strip()), ended)


def _together(task: Task, solution: str, sandbox: Sandbox, limits: Limits) -> Execution:
    """Run tests and solution in one process, and see whether it came to the end of the tests."""
    language, word = LANGUAGES[task.language], secrets.token_hex(16)
    job = Job(
        _together_files(task, solution, word),
        _together_steps(task, solution, sandbox),
        limits,
        language.roots(),
        [*language.packages(), *package_paths(modules(task))],
    )
    with sandbox.start(job) as ended:
        watch([ended])
    failed = _failure(ended, language, limits)
    said = word.encode() in ended.said("stdout").split()
    if said and (failed is None or failed[0] is Outcome.TIMED_OUT):
        return _execution((Outcome.PASSED, "", ""), ended)
    stderr = ended.said("stderr")
    held = not any(mark in stderr for mark in TEST_MARKS[task.language])
    if failed is not None and failed[0] is Outcome.EXCEPTION and not held:
        failed = Outcome.WRONG_ANSWER, "tests", _first_with(stderr, TEST_MARKS[task.language])
    return _execution(failed or (Outcome.EXCEPTION, "ended-early", ""), ended)


def _together_files(task: Task, solution: str, word: str) -> Files:
    if task.language == "python":
        said = {"solution": solution, "tests": task.tests, "word": word}
        return {"tests.json": json.dumps(said)}
    source = one_program(task.language, solution, task.tests, word)
    beside = {} if task.language != "go" else GO_FILES
    return {
        LANGUAGES[task.language].file: source,
        **{path: (HARNESS / name).read_bytes() for path, name in beside.items()},
    }


def _together_steps(task: Task, solution: str, sandbox: Sandbox) -> list[Step]:
    *built, run = LANGUAGES[task.language].steps()
    if task.language == "python":
        argv = [interpreter(), "-I", "-S", f"{_harness_folder(sandbox)}/unittests.py"]
        return [replace(run, argv=argv)]
    if task.language == "java":  # its asserts are off by default
        return [*built, replace(run, argv=[run.argv[0], "-ea", *run.argv[1:]])]
    if task.language == "cpp":
        links = [link for folder, link in CPP_LINKS.items() if folder in solution]
        built = [replace(step, argv=[*step.argv, *links]) for step in built]
    return [*built, run]


def _harness_folder(sandbox: Sandbox) -> str:
    return str(HARNESS) if sandbox.isolation is Isolation.NONE else "/harness"


def _judged(task: Task, solution: str, sandbox: Sandbox, limits: Limits) -> Execution:
    """Run the tests in one process and the solution in another; only plain values cross."""
    language = LANGUAGES[task.language]
    requests, answers, verdicts = os.pipe(), os.pipe(), os.pipe()
    packages = package_paths(modules(task))
    ends = [*requests, *answers, *verdicts]

    def job(role: str, files: Files, fds: dict[int, int]) -> Job:
        steps = _steps(role, task, next(iter(files)), fds, sandbox)
        return Job(files, steps, limits, language.roots(), packages)

    solver = job("solver", _solution_files(task, solution), {3: requests[0], 4: answers[1]})
    judge = job("judge", _test_files(task), {3: answers[0], 4: requests[1], 5: verdicts[1]})
    try:
        with (
            sandbox.start(solver, pass_fds=[requests[0], answers[1]]) as solved,
            sandbox.start(judge, pass_fds=[answers[0], requests[1], verdicts[1]]) as judged,
        ):
            for end in (requests[0], requests[1], answers[0], answers[1], verdicts[1]):
                os.close(end)
                ends.remove(end)
            watch([solved, judged], verdict_fd=verdicts[0])
    finally:
        for end in ends:
            os.close(end)
    failed = _failure(solved, language, limits, honest_exit=False)
    if failed:
        return _execution(failed, solved)
    assertion, values = _where(judged)
    found = _execution(_verdict(judged, limits), solved)
    return replace(found, assertion=assertion, values=values)


def _solution_files(task: Task, solution: str) -> Files:
    if task.language == "java":
        public = JAVA_PUBLIC.search(solution)
        return {f"{public[1] if public else 'Solution'}.java": solution, **_bridge()}
    return {"solution.py" if task.language == "python" else "solution.js": solution}


def _bridge() -> dict[str, bytes]:
    return {f"{BRIDGE}/{name}": content for name, content in compiled(HARNESS).items()}


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
    folder = _harness_folder(sandbox)
    *built, run = language.steps()
    if task.language == "python":
        argv = [interpreter(), "-I", "-S", f"{folder}/{role}.py"]
    elif task.language == "javascript":
        argv = [run.argv[0], f"{folder}/{role}.js"]
    else:
        opened = ("--add-opens", "java.base/java.io=ALL-UNNAMED")
        argv = [*run.argv[:-3], *opened, "-cp", f"{BRIDGE}:.", "pyengine.Bridge", role]
    builds = [replace(step, argv=[*step.argv[:-1], file]) for step in built if role == "solver"]
    return [*builds, replace(run, argv=argv, fds=fds)]


def _verdict(judged: Process, limits: Limits) -> Fate:
    """Say what the tests found."""
    if judged.stopped in ("wall time", "CPU time"):
        return Outcome.TIMED_OUT, "tests", ""
    if judged.stopped:
        return Outcome.KILLED, "tests", ""
    if not judged.said("verdict"):
        return _without_verdict(judged, limits)
    verdict = json.loads(judged.said("verdict"))
    said, detail, kind = verdict["outcome"], verdict["detail"], verdict.get("kind")
    if said == "passed":
        return Outcome.PASSED, "", ""
    if said == "failed":
        return Outcome.WRONG_ANSWER, "tests", detail
    if said == "gone":
        return Outcome.EXCEPTION, "ended-early", ""
    return RAISED.get(kind, Outcome.EXCEPTION), "raised", detail


def _where(judged: Process) -> tuple[str, str]:
    """Return the assertion that failed and what it compared, as far as the judge says so."""
    verdict = json.loads(judged.said("verdict") or b"{}")
    assertion, values = (str(verdict.get(name, "")) for name in ("assertion", "values"))
    return _whole(assertion), _whole(values)


def _without_verdict(judged: Process, limits: Limits) -> Fate:
    """Say why the tests did not come to a verdict: they may choke on what a solution gave them."""
    last = judged.steps[-1] if judged.steps else None
    short_of_memory = any(mark in judged.said("stderr") for mark in MEMORY_MARKS)
    if last is None or (last.status >= 0 and not short_of_memory):
        reason = judged.said("stderr").decode("utf-8", "replace").strip()[-300:]
        raise SandboxError(f"the judge gave no verdict: {reason or 'it said nothing'}")
    outcome = Outcome.MEMORY if short_of_memory else Outcome.WRONG_ANSWER
    by_signal = _by_signal(last, limits)
    return by_signal[0] if by_signal else outcome, "tests-choked", ""


def _failure(
    ended: Process, language: Language, limits: Limits, *, honest_exit: bool = True
) -> Fate | None:
    """Return why the job failed as far as its processes tell, or None."""
    if ended.stopped is not None:
        return {
            "wall time": (Outcome.TIMED_OUT, "wall-time", ""),
            "CPU time": (Outcome.TIMED_OUT, "cpu-time", ""),
            "memory": (Outcome.MEMORY, "limit", ""),
            "output": (Outcome.KILLED, "output", ""),
        }[ended.stopped]
    steps, stderr = ended.steps, ended.said("stderr")
    if not steps and ended.began:
        return Outcome.KILLED, "supervisor", ""
    if not steps:
        reason = stderr.decode("utf-8", "replace").strip()[-300:]
        raise SandboxError(f"the sandbox did not report how the program ended: {reason}")
    last = steps[-1]
    if last.status == 0:
        return None
    if fate := _by_signal(last, limits):
        return fate
    if any(mark in stderr for mark in MEMORY_MARKS):
        return Outcome.MEMORY, "said", _last_line(stderr)
    if last.name == "build" and _at_cpu_limit(last, limits):  # a part of it was killed
        return Outcome.TIMED_OUT, "build", ""
    if last.name == "build" or any(mark.encode() in stderr for mark in language.syntax_marks):
        return Outcome.SYNTAX_ERROR, "said", _first_error(stderr)
    if not honest_exit and last.status > 0:
        return None  # the judge knows better what a closed channel meant
    how = f"signal-{-last.status}" if last.status < 0 else f"status-{last.status}"
    return Outcome.EXCEPTION, how, _last_line(stderr)


def _by_signal(last: StepEnd, limits: Limits) -> Fate | None:
    if last.status == -SIGXCPU or (last.status == -SIGKILL and _at_cpu_limit(last, limits)):
        return Outcome.TIMED_OUT, "cpu-time", ""
    if last.status == -SIGXFSZ:
        return Outcome.KILLED, "file-size", ""
    if last.status == -SIGKILL:
        return Outcome.KILLED, "signal-9", ""
    return None


def _at_cpu_limit(last: StepEnd, limits: Limits) -> bool:
    """Say whether a step had its CPU time, as the kernel counts it where it kills for that.

    It then counts whole ticks, and reports the time exactly: on a busy machine they differ.
    """
    return last.cpu_s >= 0.75 * limits.cpu_s


def _execution(fate: Fate, ended: Process) -> Execution:
    outcome, reason, detail = fate
    cpu_s = sum(step.cpu_s for step in ended.steps)
    return Execution(outcome, reason, _whole(detail)[:300], round(ended.wall_s, 4), round(cpu_s, 4))


def _whole(text: str) -> str:
    """Return a text without half characters, which a record cannot hold."""
    return text.encode("utf-8", "replace").decode()


def _lines(text: str) -> Sequence[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _last_line(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


def _first_with(data: bytes, marks: Sequence[bytes]) -> str:
    """Return the first line that has one of these marks."""
    found = (line for line in data.splitlines() if any(mark in line for mark in marks))
    return next(found, b"").decode("utf-8", "replace").strip()[:300]


def _first_error(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    # a linker says what it misses before it says that there was an error
    marked = (line.strip() for line in lines if re.search(r"error|undefined reference", line, re.I))
    return next(marked, _last_line(data))[:300]
