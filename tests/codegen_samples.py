"""What tests of evaluations need: a sandbox, and a model that writes."""

from pathlib import Path

import pytest
from conftest import SHARED
from tiny_models import Tiny, write_bpe

from pyengine.codegen.sandbox import open_sandbox
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


def need_sandbox() -> None:
    """Skip the test where this machine has no sandbox."""
    try:
        open_sandbox()
    except OptionError as error:
        pytest.skip(str(error))


def writing_model(folder: Path) -> Path:
    """Return a model that writes words where it is at hand, one that writes at random elsewhere."""
    real = SHARED / "models" / "stories260K-f32.gguf"
    return real if real.exists() else write_bpe(folder / "tiny.gguf", Tiny(fim=False))
