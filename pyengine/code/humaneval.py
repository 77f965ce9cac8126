"""Read tasks of HumanEval, HumanEval+ and HumanEval-X as they are published."""

import json
from collections.abc import Mapping
from typing import Any

from pyengine.code.completions import PYTHON_STOPS
from pyengine.code.definitions import asked_for

# The languages of HumanEval-X by the first word of a task's name.
HUMANEVAL_X = {
    "CPP": "cpp",
    "Go": "go",
    "Java": "java",
    "JavaScript": "javascript",
    "Python": "python",
    "Rust": "rust",
}
# What the authors' evaluation includes where a prompt does not (CodeGeeX, benchmark/utils.py).
CPP_HEADERS = (
    *("stdlib.h", "algorithm", "math.h", "stdio.h", "vector", "string", "climits", "cstring"),
    "iostream",
)
# The root that HumanEval/32 asks for is not unique: any is right at which the polynomial is zero.
ROOTS = ("HumanEval/32", "find_zero")


def humaneval(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a task of HumanEval, or of HumanEval+ with tests or inputs.

    A prompt may define more than the function asked for, which its tests may call.
    """
    if str(record["task_id"]).startswith("Mbpp/"):
        raise ValueError(
            "the arguments of MBPP+ have lost their types in JSON; take the hub's file, whose "
            "field 'test' has them"
        )
    tests = [record["test"]] if record.get("test") or not _inputs(record) else []
    if _inputs(record):
        tests.append(_tests_of_inputs(record))
    return {
        "name": record["task_id"],
        "idea": _idea(record),
        "language": "python",
        "prompt": record["prompt"],
        "entry_point": record["entry_point"],
        "tests": "\n".join(tests),
        "reference": record["canonical_solution"],
        "support": record["prompt"],
        "stop": PYTHON_STOPS,
    }


def humaneval_x(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a task of HumanEval-X; C++, Go and Rust are tested in one program."""
    title = str(record["task_id"]).split("/")[0]
    if title not in HUMANEVAL_X:
        raise ValueError(f"HumanEval-X is read for {', '.join(HUMANEVAL_X)}, not for {title}")
    language = HUMANEVAL_X[title]
    prompt, reference = record["prompt"], record["canonical_solution"]
    prelude = _prelude(language, prompt)
    found = asked_for(f"{prompt}{reference}", prompt, language)
    if found is None:
        raise ValueError(f"the prompt ends in no function of {title}")
    name, start = found
    support = {"python": prompt, "javascript": prompt.encode()[:start].decode()}
    return {
        "name": record["task_id"],
        "idea": _idea(record),
        "language": language,
        "prelude": prelude,
        "prompt": prompt,
        "entry_point": name,
        "tests": "\n".join(filter(None, [record.get("test_setup"), record["test"]])),
        "reference": reference,
        "support": support.get(language, ""),
        "stop": PYTHON_STOPS if language == "python" else (),
        "together": language in ("cpp", "go", "rust"),
    }


def _idea(record: Mapping[str, Any]) -> str:
    """Return the problem: one number is the same in every language."""
    return f"HumanEval/{str(record['task_id']).split('/')[-1]}"


def _prelude(language: str, prompt: str) -> str:
    if language != "cpp":
        return ""
    missing = (name for name in CPP_HEADERS if f"#include<{name}>" not in prompt)
    return "".join(f"#include <{name}>\n" for name in missing)


def _inputs(record: Mapping[str, Any]) -> list[Any]:
    """Return the arguments of all calls that HumanEval+ compares with the reference's."""
    return [*(record.get("base_input") or []), *(record.get("plus_input") or [])]


def _tests_of_inputs(record: Mapping[str, Any]) -> str:
    """Return tests that compare a solution with the reference; see harness/inputs.py."""
    name, reference = record["entry_point"], record["prompt"] + record["canonical_solution"]
    root = (record["task_id"], name) == ROOTS
    return (
        "from inputs import compare\n"
        f"compare({name}, {reference!r}, {name!r}, {json.dumps(_inputs(record))!r}, "
        f"{record.get('atol') or 0!r}, root={root})\n"
    )
