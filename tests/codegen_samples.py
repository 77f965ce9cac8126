"""What tests of evaluations share: a sandbox, a model that writes, a short evaluation.

The fixtures are a plugin that conftest.py names.
"""

from pathlib import Path

import pytest
from conftest import SHARED
from tiny_models import Tiny, write_bpe

from pyengine.codegen.evaluation import Evaluation
from pyengine.codegen.options import EvaluationOptions
from pyengine.codegen.records import EvaluationResult
from pyengine.codegen.sandbox import Sandbox, open_sandbox
from pyengine.codegen.tasks import Task, own_tasks
from pyengine.errors import OptionError

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


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes words where it is at hand, one that writes at random elsewhere."""
    real = SHARED / "models" / "stories260K-f32.gguf"
    if real.exists():
        return real
    return write_bpe(tmp_path_factory.mktemp("writer") / "tiny.gguf", Tiny(fim=False))


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
) -> EvaluationResult:
    """Evaluate models on the first tasks."""
    evaluation = Evaluation(few_tasks(), "own", options(folder, **changes), open_sandbox())
    return evaluation.run(models, reference=reference)
