"""Read tasks of BigCodeBench: calls of many libraries, and tests of `unittest`."""

import ast
from collections.abc import Mapping
from typing import Any

from pyengine.code.completions import PYTHON_STOPS


def bigcodebench(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a task; its tests handle objects of libraries and patch them.

    So they run in the solution's process. Chat models are asked in words, as the set does.
    """
    libraries = record.get("libs") or []
    if isinstance(libraries, str):  # as a list is written in Python
        libraries = ast.literal_eval(libraries)
    return {
        "name": record["task_id"],
        "language": "python",
        "prompt": record["complete_prompt"],
        "instruction": record.get("instruct_prompt") or "",
        "entry_point": record["entry_point"],
        "tests": record["test"],
        "reference": record["canonical_solution"],
        "stop": PYTHON_STOPS,
        "together": True,
        "libraries": tuple(libraries),
    }
