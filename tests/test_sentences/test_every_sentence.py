"""Every sentence is printed where its condition holds, and is not where it does not.

The tables of cases stand in the modules beside this one, one for each module of sentences. A new
sentence without a case of each kind fails here.
"""

from collections.abc import Iterator

import choice_cases
import code_cases
import comparison_cases
import file_cases
import gate_cases
import machine_cases
import note_cases
import paper_cases
import pick_cases
import pytest
import recipe_cases
import scored_cases
import sensitivity_cases
import start_cases
import verification_cases
import vocabulary_cases
from said import Case, Leaf, leaves, parts_of, printed

from pyengine.report.words import WORDS

TABLES = (
    *(choice_cases.CASES, code_cases.CASES, comparison_cases.CASES, file_cases.CASES),
    *(machine_cases.CASES, note_cases.CASES, scored_cases.CASES, start_cases.CASES),
    *(vocabulary_cases.CASES, pick_cases.CASES, recipe_cases.CASES, gate_cases.CASES),
    *(sensitivity_cases.CASES, verification_cases.CASES, paper_cases.CASES),
)
CASES = [(topic, case) for table in TABLES for topic, cases in table.items() for case in cases]
# Of these only what stands in [[…]] has a condition; a table or picture always has the rest.
SHOWN = ("facts", "pictures")
# What every call of its function prints.
ALWAYS = {
    *(("answer-titles", "difference"), ("evaluation", "parting")),
    *(("axes", "axis"), ("below-tables", "delta-p"), ("comparison", "model-card")),
    *(("comparison", "speed"), ("damage", "scale"), ("evaluation", "interval")),
    *(
        ("origin", "repeat"),
        ("pairs", "hold"),
        ("pick", "against"),
        *(("paper-held", "answer"), ("paper-held", "with-range")),
        ("probe", "answer"),
    ),
    *(("probe", "several"), ("probe", "token"), ("quantization", "importance")),
    *(("recipes", "predicted"), ("badge", "label"), ("hub", "notes")),
    *(("tokens", "answer"), ("tokens", "marked")),
    ("vocabulary", "answer"),
}


@pytest.mark.parametrize(("topic", "case"), CASES, ids=lambda value: str(value))
def test_a_case_prints_these_words_and_no_others(topic: str, case: Case) -> None:
    found = {
        code
        for leaf, code in printed(case)
        if leaf.topic == topic and (topic not in SHOWN or parts_of(leaf))
    }
    assert sorted(found) == sorted(set(case.codes))


def said() -> Iterator[Leaf]:
    """The words of all sentences; terms and languages are values of other words."""
    return (leaf for leaf in leaves(WORDS) if leaf.topic not in ("terms", "languages"))


def cases_of(leaf: Leaf) -> list[Case]:
    """The cases of the functions that print some words, in some case."""
    cases = [case for topic, case in CASES if topic == leaf.topic]
    functions = {case.function for case in cases if leaf.code in case.bare}
    return [case for case in cases if case.function in functions]


def test_every_sentence_is_printed_in_some_case() -> None:
    missing = [f"{leaf.topic}: {leaf.code}" for leaf in said() if not cases_of(leaf)]
    assert not [name for name in missing if not name.startswith(SHOWN)]


def test_every_sentence_is_not_printed_in_another_case() -> None:
    always = {
        (leaf.topic, leaf.code)
        for leaf in said()
        if leaf.topic not in SHOWN and all(leaf.code in case.bare for case in cases_of(leaf))
    }
    assert always == ALWAYS


def test_every_part_is_printed_and_not_printed() -> None:
    missing = []
    for leaf in said():
        cases = [case for case in cases_of(leaf) if leaf.code in case.bare]
        for name in parts_of(leaf):
            part = f"{leaf.code}[{name}]"
            if {part in case.parts for case in cases} != {True, False}:
                missing.append(f"{leaf.topic}: {part}")
    assert not missing
