"""References and wrong answers of whole sets, in the forms in which chat models give them.

    python tests/reference_answers.py /shared/tasks/*.jsonl.gz own --kept verdicts.jsonl

Every reference is given as a whole program, as its function alone and as its body alone, and must
pass; every task is also given one wrong answer, of one kind and form in turn, and none may pass.
Programs that are equal run once; in C++ and Java those are that differ in comments and white space
alone. What ran is written to a file at once: run again, the campaign goes on, and after a change of
how answers are read only programs that are new run.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from pyengine.code.answers import Outcome
from pyengine.code.benchmarks import load_tasks
from pyengine.code.definitions import COMMENTS, VALUES, functions_named, text_of
from pyengine.code.execution import Execution, execute
from pyengine.code.languages import LANGUAGES
from pyengine.code.parsing import leaves
from pyengine.code.reading import read_chat
from pyengine.code.sandbox import Limits, Sandbox, open_sandbox
from pyengine.code.tasks import Task, own_tasks
from pyengine.text.parsing import parse

FORMS = ("whole", "alone", "body")
# References that fail their own tests as published.
DEFECTS = {
    "JavaScript/112": "returns (z, true): the comma operator gives a boolean, not a pair",
    "JavaScript/155": "counts no digit in 0, the test expects one",
}
# Those that need a package which does not come with the language: skipped.
NEEDY = {"JavaScript/162", "CPP/22", "CPP/137", "CPP/162"}
LIMITS = Limits(cpu_s=30, wall_s=60.0)  # a loaded machine is slow to start Java
# Wrong answers by their kind, and how each may fare: what does not compile names its fault.
KINDS: Mapping[str, frozenset[Outcome]] = {
    "value": frozenset({Outcome.WRONG_ANSWER, Outcome.EXCEPTION, Outcome.SYNTAX_ERROR}),
    "exception": frozenset({Outcome.EXCEPTION}),
    "name": frozenset({Outcome.EXCEPTION, Outcome.SYNTAX_ERROR}),
    "loop": frozenset({Outcome.TIMED_OUT}),
    "syntax": frozenset({Outcome.SYNTAX_ERROR}),
    "exit": frozenset({Outcome.EXCEPTION, Outcome.WRONG_ANSWER}),
}
# Statements that make a wrong body, by language and kind.
WRONG: Mapping[str, Mapping[str, str]] = {
    "python": {
        "value": "return None",
        "exception": "raise ValueError('no')",
        "name": "return nothing_of_this_name",
        "loop": "while True: pass",
        "syntax": "return 2 *",
        "exit": "__import__('os')._exit(0)",
    },
    "javascript": {
        "value": "return undefined;",
        "exception": "throw new Error('no');",
        "name": "return nothing_of_this_name;",
        "loop": "for (;;);",
        "syntax": "return 2 * ;",
        "exit": "process.exit(0);",
    },
    "cpp": {
        "value": "return {};",
        "exception": "throw 1;",
        "name": "return nothing_of_this_name;",
        "loop": "for (volatile int i = 0; ; i++);",
        "syntax": "return 2 * ;",
        "exit": "exit(0);",
    },
    "java": {
        "value": "return {default};",
        "exception": "throw new IllegalStateException();",
        "name": "return nothing_of_this_name;",
        "loop": "while (true) { }",
        "syntax": "return 2 * ;",
        "exit": "System.exit(0); throw null;",
    },
}


class Given(NamedTuple):
    """One answer: what it is, and its text."""

    task: Task
    kind: str
    form: str
    text: str


def function_alone(task: Task, body: str) -> str:
    """Return the task's function with a body, without what stands around it, by the parser."""
    source = f"{task.prelude}{task.prompt}{body}{task.suffix}{task.closing}"
    root = parse(source, task.language).root_node
    node = [found for found, _ in functions_named(root, task.entry_point)][-1]
    while node.parent is not None and node.type in VALUES:
        node = node.parent
    return text_of(node)


def answer(task: Task, body: str, form: str) -> str:
    """Return a body as a chat model would give it."""
    whole = f"{task.prompt}{body}{task.suffix}{task.closing}"
    code = {"whole": whole, "body": body}.get(form) or function_alone(task, body)
    return f"It is:\n```{task.language}\n{code.rstrip()}\n```\n"


def program(task: Task, text: str) -> str:
    """Return the program that is made of an answer."""
    found = read_chat(task, text)
    return task.solution(found.completion, whole=found.whole)


def judged(given: Given, sandbox: Sandbox) -> Execution:
    """Return how an answer fares."""
    found = read_chat(given.task, given.text)
    limits = LIMITS
    if given.kind == "loop":  # it never ends; a compiler does
        limits = Limits(cpu_s=5 if LANGUAGES[given.task.language].build else 1, wall_s=20.0)
    return execute(given.task, found.completion, sandbox=sandbox, limits=limits, whole=found.whole)


def right(task: Task) -> Iterator[Given]:
    """Yield the reference in every form."""
    yield from (Given(task, "right", form, answer(task, task.reference, form)) for form in FORMS)


def wrong_body(task: Task, kind: str) -> str:
    """Return a body that is wrong in one way, with what closes the reference."""
    statement = WRONG[task.language][kind]
    if "{default}" in statement:
        statement = statement.replace("{default}", _default(task))
    margin = "        " if task.language == "java" else "    "
    closing = {"python": "\n", "java": "\n    }\n}\n"}.get(task.language, "\n}\n")
    return f"{margin}{statement}{closing}"


def _default(task: Task) -> str:
    """Return the value by which Java fills what holds a result of the task."""
    root = parse(task.solution(task.reference), "java").root_node
    found = [node for node, _ in functions_named(root, task.entry_point)][-1]
    kind = found.child_by_field_name("type")
    assert kind is not None
    if "type_identifier" in kind.type or "generic" in kind.type or "array" in kind.type:
        return "null"
    return "false" if "boolean" in kind.type else "0"


def wrong(tasks: list[Task]) -> Iterator[Given]:
    """Yield a wrong answer to each task, of each kind and form in turn; its own if it has one."""
    turns = [(kind, form) for form in FORMS for kind in KINDS]
    for task, (kind, form) in zip(tasks, cycle(turns), strict=False):
        if task.wrong is not None:
            yield Given(task, "own", form, answer(task, task.wrong, form))
        elif task.language in WRONG:
            yield Given(task, kind, form, answer(task, wrong_body(task, kind), form))


def meaning(task: Task, source: str) -> str:
    """Return what a program is by its language: where white space means nothing, its tokens."""
    if task.language not in ("cpp", "java"):
        return source
    tokens = [leaf for leaf in leaves(source.encode(), task.language) if leaf.type not in COMMENTS]
    return "\0".join(map(text_of, tokens))


def campaign(
    tasks: list[Task], kept: Path, sandbox: Sandbox, most_wrong: int | None
) -> Iterator[tuple[Given, str]]:
    """Judge everything that is to be given; yield each answer and how it fared."""
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    known = dict(json.loads(line) for line in lines)
    here = [task for task in tasks if not LANGUAGES[task.language].missing()]
    chosen = [*(each for task in here for each in right(task)), *islice(wrong(here), most_wrong)]
    for given in chosen:
        source = meaning(given.task, program(given.task, given.text))
        asked = f"{given.task.name}\0{given.task.tests}\0{source}"
        key = hashlib.sha256(asked.encode()).hexdigest()
        if key not in known:
            run = judged(given, sandbox)
            known[key] = f"{run.outcome.value} {run.reason} {run.detail}".strip()
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, known[key]]) + "\n")
        yield given, known[key]


def _fault(given: Given, said: str) -> bool:
    """Return whether an answer fared otherwise than it must."""
    passed, name = said.startswith(Outcome.PASSED.value), given.task.name
    if given.kind != "right":
        return passed
    return not passed and name not in DEFECTS and not (name in NEEDY and said.startswith("skipped"))


def main() -> int:
    """Run the campaign; print each fault and how many answers fared how; 1 where there are any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", nargs="+", help="files of tasks, or own")
    parser.add_argument("--kept", type=Path, required=True, help="verdicts, as they come")
    parser.add_argument("--wrong", type=int, help="at most so many wrong answers of each set")
    asked = parser.parse_args()
    sandbox, faults = open_sandbox(), 0
    for name in asked.sets:
        tasks = own_tasks() if name == "own" else load_tasks(Path(name))
        count: Counter[str] = Counter()
        for given, said in campaign(tasks, asked.kept, sandbox, asked.wrong):
            count[f"{given.task.language:12} {given.kind:10} {given.form:6} {said.split()[0]}"] += 1
            if _fault(given, said):
                faults += 1
                sys.stdout.write(f"{given.task.name} {given.kind} {given.form}: {said[:300]}\n")
                sys.stdout.flush()
        sys.stdout.write(f"{Path(name).name}\n")
        sys.stdout.write("".join(f"  {key}: {n}\n" for key, n in sorted(count.items())))
        sys.stdout.flush()
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
