"""Run tests of `unittest` in the process of a Python solution, and say a word when all have held.

Started as `python -I -S /harness/unittests.py`; ./tests.json holds `solution`, `tests` and `word`,
and goes before a line of the solution runs.
"""

import json
import os
import re
import sys
import types
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from packages import add_packages

MODULE = "__test__"  # as the authors of BigCodeBench call it


def main() -> int:
    with open("tests.json", encoding="utf-8", errors="surrogatepass") as stream:
        job = json.load(stream)
    os.unlink("tests.json")
    add_packages()
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    source = f"{job['solution']}\n{job['tests']}"
    exec(compile(source, f"{MODULE}.py", "exec"), module.__dict__)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    if result.testsRun and result.wasSuccessful():
        sys.stdout.write(f"\n{job['word']}\n")
        sys.stdout.flush()
        return 0
    found = [*result.errors, *result.failures]
    for _, trace in found[:1]:
        raised = [line for line in trace.splitlines() if re.match(r"[A-Za-z_][\w.]*(: |$)", line)]
        sys.stderr.write(f"{raised[-1] if raised else trace}\n")
    return 1


sys.exit(main())
