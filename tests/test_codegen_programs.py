"""Programs of whole answers: with the task's imports and helpers, and nothing defined twice."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from reference_answers import (
    DEFECTS,
    FORMS,
    KINDS,
    NEEDY,
    Given,
    answer,
    judged,
    meaning,
    program,
    right,
    wrong,
)

from pyengine.code.answers import Form, Outcome
from pyengine.code.benchmarks import load_tasks
from pyengine.code.definitions import functions_named, has_substance, text_of
from pyengine.code.execution import execute
from pyengine.code.languages import LANGUAGES
from pyengine.code.reading import read_chat
from pyengine.code.sandbox import Sandbox
from pyengine.code.tasks import Task, own_tasks
from pyengine.text.parsing import error_count, parse

FILES = (
    *("HumanEval.jsonl.gz", "humaneval_js.jsonl.gz", "humaneval_java.jsonl.gz"),
    "humaneval_cpp.jsonl.gz",
)
# How many tasks of a set run in each form, by how long a compiler takes; all on request.
SAMPLED = dict(zip(FILES, (12, 12, 3, 3), strict=True))
# Of these every form of every reference is one program, which is compiled in one form alone.
SAME_PROGRAM = FILES[2:]
# Its reference ends with lines for its tests, which a function alone does not hold.
LONGER = {("CPP/94", "alone")}


@pytest.mark.parametrize("file", [*FILES, "own"])
def test_every_reference_makes_a_program_that_parses(shared: Path, file: str) -> None:
    tasks = own_tasks() if file == "own" else load_tasks(shared / "tasks" / file)
    wrong = [
        (given.task.name, given.form)
        for task in tasks[::3]
        for given in right(task)
        if error_count(parse(program(task, given.text), task.language))
    ]
    assert wrong == []


@pytest.mark.parametrize("file", SAME_PROGRAM)
def test_every_form_of_a_reference_is_the_program_that_was_published(
    shared: Path, file: str
) -> None:
    """Token by token, in every task: so that what holds of one form holds of all."""
    others = {
        (task.name, given.form)
        for task in load_tasks(shared / "tasks" / file)
        for published in [meaning(task, task.solution(task.reference))]
        for given in right(task)
        if meaning(task, program(task, given.text)) != published
    }
    assert others <= LONGER


def outcomes(given: list[Given], sandbox: Sandbox) -> dict[tuple[str, str, str], Outcome]:
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda each: judged(each, sandbox).outcome, given)
        names = [(each.task.name, each.kind, each.form) for each in given]
        return dict(zip(names, found, strict=True))


# They need an import, a helper or both.
LEFT_OUT = {
    "HumanEval.jsonl.gz": ("HumanEval/0", "HumanEval/32", "HumanEval/38", "HumanEval/50"),
    "humaneval_js.jsonl.gz": ("JavaScript/32", "JavaScript/38"),
    "humaneval_java.jsonl.gz": ("Java/38",),
}


@pytest.mark.parametrize("file", LEFT_OUT)
def test_references_pass_without_what_the_prompt_gave(
    shared: Path, sandbox: Sandbox, file: str
) -> None:
    tasks = [task for task in load_tasks(shared / "tasks" / file) if task.name in LEFT_OUT[file]]
    assert len(tasks) == len(LEFT_OUT[file])
    if missing := LANGUAGES[tasks[0].language].missing():
        pytest.skip(f"not here: {missing}")
    given = [each for task in tasks for each in right(task) if each.form == "alone"]
    assert set(outcomes(given, sandbox).values()) == {Outcome.PASSED}


@pytest.mark.parametrize("file", FILES)
def test_references_of_a_sample_pass_in_every_form(
    shared: Path, sandbox: Sandbox, file: str
) -> None:
    """All of them: `python tests/reference_answers.py`."""
    tasks = [t for t in load_tasks(shared / "tasks" / file) if t.name not in NEEDY | DEFECTS.keys()]
    if missing := LANGUAGES[tasks[0].language].missing():
        pytest.skip(f"not here: {missing}")
    few = not os.environ.get("PYENGINE_ALL_TASKS")
    if few:
        tasks = random.Random(17).sample(tasks, SAMPLED[file])
    given = [each for task in tasks for each in right(task)]
    if few and file in SAME_PROGRAM:  # of each task another form
        given = given[:: len(FORMS) + 1]
    found = outcomes(given, sandbox)
    assert {form for _, _, form in found} == set(FORMS)
    assert len(found) == len(given) >= len(tasks)
    assert {key: outcome for key, outcome in found.items() if outcome is not Outcome.PASSED} == {}


@pytest.mark.parametrize("file", FILES)
def test_wrong_answers_of_every_kind_fail(shared: Path, sandbox: Sandbox, file: str) -> None:
    tasks = load_tasks(shared / "tasks" / file)
    if missing := LANGUAGES[tasks[0].language].missing():
        pytest.skip(f"not here: {missing}")
    given = list(wrong(tasks))
    assert {(each.kind, each.form) for each in given} == {(k, f) for k in KINDS for f in FORMS}
    chosen = given[: len(KINDS)] if SAMPLED[file] > 3 else given[1:3]
    for (_, kind, _), outcome in outcomes(chosen, sandbox).items():
        assert outcome in KINDS[kind]


@pytest.mark.parametrize("language", LANGUAGES)
def test_own_references_pass_in_every_form(language: str, sandbox: Sandbox) -> None:
    if missing := LANGUAGES[language].missing():
        pytest.skip(f"not here: {missing}")
    (task,) = own_tasks([language])[3:4]
    assert set(outcomes(list(right(task)), sandbox).values()) == {Outcome.PASSED}
    assert Outcome.PASSED not in outcomes(list(wrong([task])), sandbox).values()


def made(language: str, prompt: str, reference: str, **more: str) -> Task:
    printed = {} if LANGUAGES[language].judged else {"expected": "x"}
    fields = {"name": "t", "entry_point": "f", "tests": "x", **printed, **more}
    return Task(language=language, prompt=prompt, reference=reference, **fields)  # type: ignore[arg-type]


# Prompts with imports, helpers and types before the function, by language, with its solution.
PROMPTS = {
    "python": (
        "import math\nK = 2\ndef help(n):\n    return n\ndef f(n):\n",
        "    return help(n)\n",
    ),
    "javascript": (
        "const fs = require('fs');\nconst help = (n) => n;\nconst f = (n) => {\n",
        "  return help(n);\n}\n",
    ),
    "c": (
        "#include <math.h>\n#define K 2\ntypedef struct { int a; } P;\n"
        "int help(int n) { return n; }\nint f(int n) {\n",
        "  return help(n);\n}\n",
    ),
    "cpp": (
        "#include <vector>\nusing namespace std;\nint help(int n) { return n; }\nint f(int n) {\n",
        "  return help(n);\n}\n",
    ),
    "java": (
        "import java.util.*;\nclass Solution {\n  int help(int n) { return n; }\n"
        "  int f(int n) {\n",
        "    return help(n);\n  }\n}\n",
    ),
    "go": (
        'package main\nimport (\n\t"math"\n)\nfunc help(n int) int { return n }\n'
        "func f(n int) int {\n",
        "\treturn help(n)\n}\n",
    ),
    "rust": (
        "use std::collections::{HashMap, HashSet};\n#[derive(Debug)]\nstruct P;\n"
        "fn help(n: i32) -> i32 { n }\nfn f(n: i32) -> i32 {\n",
        "  help(n)\n}\n",
    ),
    "ruby": ("require 'set'\ndef help(n)\n  n\nend\ndef f(n)\n", "  help(n)\nend\n"),
    "php": (
        "<?php\nconst K = 2;\nfunction help($n) { return $n; }\nfunction f($n) {\n",
        "  return help($n);\n}\n",
    ),
}


@pytest.mark.parametrize("language", PROMPTS)
@pytest.mark.parametrize("form", ["whole", "alone"])
def test_the_preamble_stands_once_whatever_the_answer_repeats(language: str, form: str) -> None:
    task = made(language, *PROMPTS[language])
    source = program(task, answer(task, task.reference, form))
    assert error_count(parse(source, language)) == 0
    root = parse(source, language).root_node
    for name in ("help", "f"):
        assert len(list(functions_named(root, name))) == 1, source
    first = PROMPTS[language][0].splitlines()[0]
    assert source.count({"rust": "HashSet"}.get(language, first)) == 1, source


def test_an_answer_may_define_a_helper_anew() -> None:
    task = made("javascript", *PROMPTS["javascript"])
    own = "function help(n) { return n + 1; }\nconst f = (n) => help(n);\n"
    source = program(task, f"```js\n{own}```")
    assert source == f"const fs = require('fs');\n{own}"


def test_rust_may_import_what_the_prompt_imported() -> None:
    task = made("rust", *PROMPTS["rust"])
    own = "use std::collections::HashMap;\nfn f(n: i32) -> i32 { help(n) }\n"
    source = program(task, f"```rust\n{own}```")
    assert "    pub use std::collections::{HashMap, HashSet};\n" in source
    assert source.endswith(own)


def test_go_imports_each_package_once_and_none_that_is_not_used() -> None:
    task = made("go", *PROMPTS["go"], tests="func main() { fmt.Println(f(1)) }")
    own = 'package main\nimport "fmt"\nfunc f(n int) int { return int(math.Abs(1)) }\n'
    own += "func main() {}\n"
    source = program(task, f"```go\n{own}```")
    assert source.count('import "fmt"') == source.count('import "math"') == 1
    assert source.count("package main") == 1
    assert "func main" not in source  # the tests have it


JAVA_ANSWERS = {
    "the method": "public int f(int n) { return help(n); }\n",
    "a class": "class Solution {\n  public int f(int n) { return help(n); }\n}\n",
    "a public class": "public class Solution { public int f(int n) { return help(n); } }\n",
    "a class of another name": "public class Main {\n  Main() { }\n"
    "  int f(int n) { return help(n); }\n  public static void main(String[] a) { }\n}\n",
    "a package": "package org.x;\nimport java.util.List;\n"
    "class Solution { int f(int n) { return 1; } }\n",
    "an interface first": "interface F { int f(int n); }\n"
    "class Solution implements F { public int f(int n) { return help(n); } }\n",
    "two classes": "class Pair { int a; }\nclass Solution { int f(int n) { return help(n); } }\n",
    "a helper of its own": "class Solution {\n  int help(int m) { return m; }\n"
    "  int f(int n) { return 1; }\n}\n",
}


@pytest.mark.parametrize("form", JAVA_ANSWERS)
def test_a_java_answer_becomes_the_class_asked_for(form: str) -> None:
    task = made("java", *PROMPTS["java"])
    source = program(task, f"```java\n{JAVA_ANSWERS[form]}```")
    root = parse(source, "java").root_node
    assert not root.has_error, source
    (holder,) = [found for made, found in functions_named(root, "f") if has_substance(made)]
    assert holder is not None
    assert text_of(holder).startswith("class Solution"), source
    assert len(list(functions_named(root, "help"))) == 1
    assert source.startswith("import java.util.*;\n")
    assert "package" not in source
    assert "Main" not in source


SHOWN = {
    "python": "x = f(1)\nprint(x)\nassert x\n",
    "javascript": "const x = f(1);\nconsole.log(x);\n",
    "ruby": "x = f(1)\nputs x\n",
    "php": "$x = f(1);\necho $x;\n",
    "c": "int main(void) { return f(1); }\n",
    "cpp": "int main() { return f(1); }\n",
    "rust": "fn main() { f(1); }\n",
    "go": "func main() { f(1) }\n",
}
MAINS = {
    "c": "int main(void) {}",
    "cpp": "int main() {}",
    "rust": "fn main() {}",
    "go": "func main() {}",
}


@pytest.mark.parametrize("language", SHOWN)
def test_what_shows_the_use_of_an_answer_is_not_run(language: str) -> None:
    task = made(language, *PROMPTS[language], tests=MAINS.get(language, "x"))
    alone = answer(task, task.reference, "alone")
    shown = alone.replace("\n```\n", f"\n{SHOWN[language]}```\n")
    assert shown != alone
    assert program(task, shown) == program(task, alone)


def test_what_an_answer_needs_at_its_top_level_stays() -> None:
    task = made("python", *PROMPTS["python"])
    own = "import sys\nsys.setrecursionlimit(9)\nTABLE = [n for n in range(9)]\n"
    source = program(task, f"```python\n{own}def f(n):\n    return TABLE[n]\nf = cache(f)\n```")
    assert own in source
    assert source.endswith("f = cache(f)\n")


def test_a_static_method_is_called_of_its_class() -> None:
    task = made("javascript", *PROMPTS["javascript"])
    for mark, holder in (("static ", "Q.f"), ("", "new Q().f")):
        source = program(task, f"```javascript\nclass Q {{ {mark}f(x) {{ return x; }} }}\n```")
        assert source.endswith(f"const f = (...given) => {holder}(...given);\n")


@pytest.mark.parametrize(
    "own",
    [
        "let f;\nf = function (n) { return n; };",
        "module.exports = { f(n) { return n; } };",
        "module.exports = { g: 1, f: (n) => n };",
        "exports.f = (n) => n;",
        "module.exports.f = function (n) { return n; };",
        "module.exports = function f(n) { return n; };",
        "import fs, { readFileSync } from 'fs';\nexport const f = (n) => n;",
        "import 'fs';\nfunction f(n) { return n; }\nexports.f = f;",
        "export default { f: f };\nfunction f(n) { return n; }",
        "function runTests() { throw new Error(f(1)); }\nconst f = (n) => n;\nrunTests();",
    ],
)
def test_a_function_of_javascript_is_found_where_it_is_given(sandbox: Sandbox, own: str) -> None:
    task = made("javascript", *PROMPTS["javascript"], tests="if (f(3) !== 3) throw new Error('f');")
    found = read_chat(task, f"```javascript\n{own}\n```\n")
    assert found.form is Form.FENCED_WHOLE
    run = execute(task, found.completion, sandbox=sandbox, whole=found.whole)
    assert run.outcome is Outcome.PASSED, (run, task.solution(found.completion, whole=found.whole))


def test_a_value_that_has_a_name_like_a_test_is_no_call_of_one() -> None:
    task = made("python", *PROMPTS["python"])
    own = "def f(n):\n    return n\ntests = [1, 2]\n"
    assert program(task, f"```python\n{own}```").endswith(own)


def test_a_call_that_fills_what_a_function_needs_is_no_showing() -> None:
    task = made("python", *PROMPTS["python"])
    own = "TABLE = []\ndef fill():\n    TABLE.append(1)\ndef f(n):\n    return TABLE[n]\nfill()\n"
    assert program(task, f"```python\n{own}```").endswith(own)


def test_no_method_takes_the_place_of_what_the_answer_calls_so() -> None:
    task = made("python", *PROMPTS["python"])
    own = "class Q:\n    def f(self):\n        return 1\ndef g(n):\n    return n\nf = g\n"
    assert program(task, f"```python\n{own}```").endswith("\nf = g\n")


def test_an_import_that_may_fail_is_not_mere_showing() -> None:
    task = made("python", *PROMPTS["python"])
    tried = "try:\n    import math\nexcept ImportError:\n    print('no math')\n"
    function = "def f(n):\n    return math.floor(n)\n"
    guard = "if __name__ == '__main__':\n    import sys\n    print(f(sys.argv))\n"
    source = program(task, f"```python\n{tried}{function}{guard}```")
    assert source.endswith(f"{tried}{function}")


@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize("kind", ["struct P { int a; };", "enum P { A };", "union P { int a; };"])
def test_types_of_c_keep_their_semicolon(language: str, kind: str) -> None:
    task = made(language, f"{kind}\nint f(int x) {{\n", "  return x;\n}\n")
    own = "int f(int x) { return 1; }\n"
    for code in (own, f"{kind}\n{own}"):
        assert program(task, f"```{language}\n{code}```") == f"{kind}\n{own}"


def test_a_class_of_cpp_keeps_its_semicolon() -> None:
    task = made("cpp", *PROMPTS["cpp"])
    own = "class Q { int a; };\nint f(int x) { return 1; }\n"
    assert program(task, f"```cpp\n{own}```").endswith(f"\n{own}")


@pytest.mark.parametrize("language", ["c", "cpp"])
@pytest.mark.parametrize("own", ["struct P;", "typedef struct P P;", "struct P *g(struct P *p);"])
def test_a_type_that_is_only_named_displaces_none(language: str, own: str) -> None:
    given = "typedef struct P { int a; } P;"
    task = made(language, f"{given}\nint f(int x) {{\n", "  return x;\n}\n")
    code = f"{own}\nint f(int x) {{ return 1; }}\n"
    assert program(task, f"```{language}\n{code}```") == f"{given}\n{code}"


# What must stand first in its file, as an answer has it, by language.
FIRST = {
    "rust": "//! Give a number.\n#![allow(dead_code)]\n",
    "c": "#define _GNU_SOURCE\n",
    "cpp": "#define _USE_MATH_DEFINES\n",
    "php": "<?php\ndeclare(strict_types=1);\n",
    "python": "from __future__ import annotations\n",
}


@pytest.mark.parametrize("language", FIRST)
def test_what_must_stand_first_stands_before_the_preamble(language: str) -> None:
    task = made(language, *PROMPTS[language])
    alone = answer(task, task.reference, "alone")
    plain = program(task, alone)
    source = program(task, alone.replace(f"```{language}\n", f"```{language}\n{FIRST[language]}"))
    assert source == FIRST[language] + plain.removeprefix("<?php\n")


@pytest.mark.parametrize(
    ("own", "made_of"),
    [
        ('import fs from "node:fs";', 'const fs = require("node:fs");'),
        ("import * as os from 'os'", "const os = require('os')"),
        (
            "import {\n  join as j, sep\n} from 'path';",
            "const {\n  join : j, sep\n} = require('path');",
        ),
    ],
)
def test_a_script_asks_for_the_modules_that_an_answer_imports(own: str, made_of: str) -> None:
    task = made("javascript", "const f = (n) => {\n", "  return n;\n}\n")
    code = "const f = (n) => n;\n"
    assert program(task, f"```js\n{own}\n{code}```") == f"{made_of}\n{code}"


DERIVED = "#[derive(Debug, Clone)]\nstruct P;\n"


@pytest.mark.parametrize(
    ("own", "stays"), [("#[derive(Debug)]\nstruct P;\n", ""), ("struct H;\n", DERIVED)]
)
def test_attributes_of_rust_go_or_stay_with_their_item(own: str, stays: str) -> None:
    task = made("rust", f"{DERIVED}fn f(n: i32) -> i32 {{\n", "  n\n}\n")
    own += "fn f(n: i32) -> i32 { n }\n"
    assert program(task, f"```rust\n{own}```") == f"{stays}{own}"


def test_an_attribute_repeated_by_the_answer_stays_with_the_preamble() -> None:
    task = made("rust", "#[derive(Debug)]\nstruct P;\nfn f(n: i32) -> i32 {\n", "  n\n}\n")
    own = "#[derive(Debug)]\nstruct H;\nfn f(n: i32) -> i32 { n }\n"
    assert program(task, f"```rust\n{own}```") == f"#[derive(Debug)]\nstruct P;\n{own}"


def test_a_main_of_rust_goes_with_its_attributes_and_comments() -> None:
    task = made("rust", "fn f(n: i32) -> i32 {\n", "  n\n}\n", tests=MAINS["rust"])
    own = "fn f(n: i32) -> i32 { n }\n"
    shown = f"{own}/// Show it.\n#[allow(unused)]\nfn main() {{}}\n"
    assert program(task, f"```rust\n{shown}```") == own


def test_an_attribute_of_an_import_of_rust_stays_with_it() -> None:
    prompt = "#[cfg(test)]\nuse std::fmt;\nfn f(n: i32) -> i32 {\n"
    source = program(made("rust", prompt, "  n\n}\n"), "```rust\nfn f(n: i32) -> i32 { n }\n```")
    assert "mod given {\n#[cfg(test)]\n    pub use std::fmt;\n}" in source


USED = {
    "python": "def check(n):\n    return n % 2\nODD = [n for n in range(9) if check(n)]\n"
    "def f(x):\n    return x in ODD\n",
    "javascript": "const log = console.log;\nfunction f(x) { log(x); return x; }\n",
    "ruby": "def check(n)\n  n\nend\nLINE = gets\ndef f(x)\n  LINE\nend\n",
}
MORE_USED = {
    "by way of another": "A = [check(1)]\nB = sorted(A)\ndef f(x):\n    return B[x]\n",
    "as a default": "A = [check(1)]\ndef f(x, a=A):\n    return a[x]\n",
    "as global": "A = check(1)\ndef f(x):\n    global A\n    A = x\n",
    "set again": "A = []\nA[0] = check(1)\nA += [check(2)]\ndef f(x):\n    return A\n",
    "in a class": "A = check(1)\nclass Q:\n    def g(self):\n        return A\n"
    "def f(x):\n    return Q().g()\n",
}
# Tables that something fills which alone would be mere showing.
FILLED = {
    "python": "T = {}\nfor n in range(9):\n    T[n] = f(n)\n    print(n)\ndef g():\n    return T\n",
    "python, by a method": "T = []\nwhile f(1):\n    T.append(f(2))\ndef g():\n    return T\n",
    "python, under a condition": "T = {}\nif f(1):\n    T = {1: 2}\ndef g():\n    return T\n",
    "javascript": "const T = [];\nfor (let i = 0; i < 9; i++) { T[i] = f(i); }\n"
    "function g() { return T; }\n",
    "javascript, by a method": "const T = [];\n[1].forEach((n) => { T.push(f(n)); });\n"
    "function g() { return T; }\n",
    "ruby": "T = []\n9.times do |n|\n  T << f(n)\nend\ndef g\n  T\nend\n",
    "php": "$t = [];\nfor ($i = 0; $i < 9; $i++) { $t[$i] = f($i); }\n"
    "function g() { global $t; return $t; }\n",
}
# The same, and no function uses it.
NOT_USED = {
    "python": "for n in [1]:\n    print(f(n))\n",
    "javascript": "for (const n of [1]) console.log(f(n));\n",
    "ruby": "[1].each { |n| puts f(n) }\n",
    "php": "foreach ([1] as $n) { echo f($n); }\n",
}


@pytest.mark.parametrize("kind", FILLED)
def test_what_fills_a_table_that_functions_use_is_not_mere_showing(kind: str) -> None:
    language = kind.partition(",")[0]
    task = made(language, *PROMPTS[language])
    alone = answer(task, task.reference, "alone").removesuffix("```\n")
    shown = f"{alone}{FILLED[kind]}{NOT_USED[language]}```\n"
    assert program(task, shown) == program(task, f"{alone}```\n") + FILLED[kind]


ASSIGNED = "let odd;\nodd = [g(console.log)];\nfunction f(x) { return odd; }\n"


@pytest.mark.parametrize(
    ("language", "own"),
    [*USED.items(), ("javascript", ASSIGNED), *(("python", own) for own in MORE_USED.values())],
)
def test_a_value_that_functions_use_is_not_mere_showing(language: str, own: str) -> None:
    task = made(language, *PROMPTS[language])
    assert program(task, f"```{language}\n{own}```").endswith(own)


@pytest.mark.parametrize(
    "body",
    [
        *("def f(n):\n    return n\n", "def f(x):\n    n = x\n    return n\n"),
        *("def f(x):\n    return [n for n in x]\n", "def f(x):\n    return x.n + g(n=1)\n"),
        "def f(x):\n    return x\ndef main():\n    print(f(n))\n",
    ],
)
def test_a_value_is_mere_showing_though_functions_have_its_name_of_their_own(body: str) -> None:
    task = made("python", *PROMPTS["python"])
    source = program(task, f"```python\n{body}n = int(input())\nprint(f(n))\n```")
    assert source.endswith(f"\n{body}")


def test_go_imports_of_an_answer_go_with_the_main_that_used_them() -> None:
    task = made("go", *PROMPTS["go"], tests="func main() { println(f(1)) }")
    own = 'package main\nimport (\n\t"bufio"\n\t"fmt"\n\t"os"\n\t"sort"\n)\n'
    own += "// f sorts, unlike fmt.Println\nfunc f(n int) int { sort.Ints(nil); return n }\n"
    own += "func main() { fmt.Println(f(1), bufio.NewReader(os.Stdin)) }\n"
    source = program(task, f"```go\n{own}```")
    assert [line for line in source.splitlines() if "import" in line] == ['import "sort"']


@pytest.mark.parametrize(
    ("given", "use", "stays"),
    [
        *(('m "math"', "m.Abs(1)", True), ('m "math"', "math.Abs(1)", False)),
        *(('"math/rand/v2"', "rand.Int()", True), ('"math/rand/v2"', "strand.Int()", False)),
        ('_ "embed"', "1", True),
    ],
)
def test_go_imports_of_the_preamble_are_used_by_their_names(
    given: str, use: str, stays: bool
) -> None:
    prompt = f"package main\nimport {given}\nfunc f(n int) int {{\n"
    own = f"func f(n int) int {{ return int({use}) }}\n"
    source = program(made("go", prompt, "\treturn n\n}\n"), f"```go\n{own}```")
    assert (f"import {given}\n" in source) is stays


def test_go_imports_a_package_once_though_the_answer_names_it() -> None:
    task = made("go", *PROMPTS["go"])
    own = 'import math "math"\nfunc f(n int) int { return int(math.Abs(1)) }\n'
    assert program(task, f"```go\npackage main\n{own}```").count("import") == 1
