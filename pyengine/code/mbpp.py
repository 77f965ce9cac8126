"""Read tasks of MBPP and MBPP+ as they are published."""

import re
from collections.abc import Mapping
from typing import Any


def mbpp(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a task: text and asserts in a docstring, as the authors' prompt does.

    (Austin et al. 2021.) MBPP+ shows the asserts too, and judges by its own `test` alone, which has
    their arguments among its own.
    """
    shown = list(record["test_list"])
    match = re.search(r"assert\s+[(\s]*(?:\w+\()*?(\w+)\s*\(", shown[0])
    code = str(record["code"]).replace("\r\n", "\n")
    defined = re.findall(r"^def\s+(\w+)", code, re.MULTILINE)
    called = [name for name in re.findall(r"(\w+)\s*\(", shown[0]) if name in defined]
    if not match or not called:
        raise ValueError(f"no call of a function in {shown[0]!r}")
    lines = "\n".join(shown)
    setup = [record.get("test_setup_code") or "", *(record.get("test_imports") or [])]
    tests = [record["test"]] if record.get("test") else shown
    return {
        "name": f"MBPP/{record['task_id']}",
        "language": "python",
        "prompt": f'"""\n{record.get("text") or record["prompt"]}\n{lines}\n"""\n',
        "entry_point": called[0],
        "tests": "\n".join([*filter(None, setup), *tests]),
        "reference": code,
        "stop": ("\nassert", '\n"""', "\nprint(", "\nif __name__"),
    }
