"""The forms in which sets of programming tasks are published, and every field of them.

A field is read, or it is known to say nothing of the judgement, or the task is refused: a test that
is left out without a word makes wrong answers right.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyengine.code.bigcodebench import bigcodebench
from pyengine.code.humaneval import humaneval, humaneval_x
from pyengine.code.mbpp import mbpp
from pyengine.code.multipl_e import multipl_e
from pyengine.code.tasks import Task, TaskFileError, build_task

Record = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """One form: what tells it from the others, and what its fields are for.

    Attributes:
        title: its name.
        marks: fields that only it has, all of them.
        read: fields that decide what is asked and how it is judged.
        described: fields that say nothing of that.
        convert: gives a task's fields; raises ValueError where they make none.
    """

    title: str
    marks: frozenset[str]
    read: frozenset[str]
    described: frozenset[str]
    convert: Callable[[Record], Mapping[str, Any]]


HUMANEVAL = frozenset({"task_id", "prompt", "entry_point", "canonical_solution", "test"})
# What the first that fits says is taken.
FORMATS = (
    Format(
        title="BigCodeBench",
        marks=frozenset({"complete_prompt"}),
        read=frozenset({"task_id", "complete_prompt", "instruct_prompt", "canonical_solution"})
        | {"test", "entry_point", "libs"},
        # the prompt without its docstring, and that in parts
        described=frozenset({"code_prompt", "doc_struct"}),
        convert=bigcodebench,
    ),
    Format(
        title="MultiPL-E",
        marks=frozenset({"prompt", "tests", "language"}),
        read=frozenset({"name", "language", "prompt", "tests"}),
        # how the Python task was translated; our parser finds where an answer ends
        described=frozenset({"doctests", "original", "prompt_terminology", "stop_tokens"})
        | {"task_id", "entry_point"},
        convert=multipl_e,
    ),
    Format(
        title="HumanEval-X",
        marks=frozenset({"declaration"}),
        read=HUMANEVAL | {"declaration", "import", "test_setup"},
        # the docstring in parts, tests that the prompt shows, and HumanEvalPack's repairs
        described=frozenset({"text", "example_test", "docstring", "signature", "instruction"})
        | {"buggy_solution", "bug_type", "failure_symptoms"},
        convert=humaneval_x,
    ),
    Format(
        title="MBPP",
        marks=frozenset({"test_list"}),
        read=frozenset({"task_id", "text", "prompt", "code", "test_list", "test_setup_code"})
        | {"test_imports", "test"},
        # where it is from, and tests that the authors' own figures leave out
        described=frozenset({"source_file", "challenge_test_list"}),
        convert=mbpp,
    ),
    Format(
        title="HumanEval",
        marks=frozenset({"canonical_solution"}),
        read=HUMANEVAL | {"base_input", "plus_input", "atol"},
        # what holds of the arguments, to which the authors have held them
        described=frozenset({"contract"}),
        convert=humaneval,
    ),
)


def convert(record: Record, path: Path) -> Task:
    """Return the task that a published record is.

    Raises TaskFileError where it is of no known form, lacks a field, or has one that is not
    understood.
    """
    named = repr(record.get("task_id", record.get("name")))
    form = next((form for form in FORMATS if form.marks <= record.keys()), None)
    if form is None:
        known = ", ".join(form.title for form in FORMATS)
        raise TaskFileError(f"{path}: {named}: neither a task of {known} nor one of ours")
    for field in record.keys() - form.read - form.described:
        if record[field] not in (None, "", [], {}):
            raise TaskFileError(
                f"{path}: {named}: the field {field!r} is not one of {form.title}'s that are "
                "understood, and might decide whether an answer is right"
            )
    try:
        return build_task({"level": 3, **form.convert(record)}, path)
    except KeyError as error:
        raise TaskFileError(f"{path}: {named} has no field {error}") from error
    except (TypeError, AttributeError, IndexError) as error:
        raise TaskFileError(f"{path}: {named} has a field of another kind: {error}") from error
    except ValueError as error:
        raise TaskFileError(f"{path}: {named}: {error}") from error
