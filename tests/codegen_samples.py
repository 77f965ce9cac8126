"""What tests of evaluations share: a sandbox, a model that writes, a short evaluation.

The fixtures are a plugin that conftest.py names.
"""

import time
from pathlib import Path

import pytest
from conftest import SHARED
from tiny_models import Tiny, write_bpe

from pyengine.code.answers import Outcome
from pyengine.code.cgroup import MemoryGroup
from pyengine.code.evaluation import Evaluation
from pyengine.code.execution import Execution, execute
from pyengine.code.options import EvaluationOptions
from pyengine.code.sandbox import Isolation, Limits, Sandbox, open_sandbox, works
from pyengine.code.tasks import Task, own_tasks
from pyengine.errors import OptionError
from pyengine.run.record import Run

MIB = 1 << 20
# What a hostile program may have.
LIMITS = Limits(cpu_s=2, wall_s=4, memory_bytes=256 * MIB, processes=32, disk_bytes=32 * MIB)
NO_LIMIT = 1 << 50  # of a cgroup that only measures
# A file of tasks as a user writes it.
TASK_FILE = """
language = "python"
[[task]]
name = "one"
entry_point = "f"
prompt = "def f():"
reference = " return 1"
tests = "assert f() == 1"
"""


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The sandbox of this machine; without one the test is skipped."""
    try:
        return open_sandbox()
    except OptionError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=[Isolation.BUBBLEWRAP, Isolation.NAMESPACES])
def each_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Every way to isolate that works here, not only the first."""
    isolation: Isolation = request.param
    if reason := works(isolation):
        pytest.skip(f"{isolation.value} does not work here: {reason}")
    return Sandbox(isolation)


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes words where it is at hand, one that writes at random elsewhere."""
    real = SHARED / "models" / "stories260K-f32.gguf"
    if real.exists():
        return real
    return write_bpe(tmp_path_factory.mktemp("writer") / "tiny.gguf", Tiny(fim=False))


def peak_bytes(group: MemoryGroup) -> int:
    """Return the most memory that a group has had, files and all, by either version of cgroups."""
    names = ("memory.peak", "memory.max_usage_in_bytes")
    found = [path for name in names if (path := group._path / name).exists()]
    return int(found[0].read_text())


def few_tasks(count: int = 6) -> list[Task]:
    """Return the first of our own tasks."""
    return own_tasks(["python"])[:count]


def options(folder: Path, **changes: object) -> EvaluationOptions:
    """Return options of an evaluation that takes seconds."""
    return EvaluationOptions(
        **{"folder": folder, "max_tokens": 12, "threads": 1, "parallel": 8, **changes}  # type: ignore[arg-type]
    )


def evaluate(
    folder: Path, models: list[Path], reference: Path | None = None, **changes: object
) -> Run:
    """Evaluate models on the first tasks."""
    evaluation = Evaluation(few_tasks(), "own", options(folder, **changes), open_sandbox())
    return evaluation.run(models, reference=reference)


def attempt(sandbox: Sandbox, body: str, *, setup: str = "") -> Execution:
    """Run a program whose `attack` returns "harmed" only where the harm was done."""
    task = Task(
        name="hostile",
        language="python",
        prompt="",
        entry_point="attack",
        tests='assert attack() == "harmed"',
        reference="",
    )
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    program = f"{setup}\ndef attack():\n{lines}\n"
    started = time.monotonic()
    execution = execute(task, program, sandbox=sandbox, limits=LIMITS)
    assert time.monotonic() - started < 10 * LIMITS.wall_s
    assert execution.outcome is not Outcome.PASSED, execution
    return execution
