"""What became of gates, for other programs: JUnit's XML, and a badge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.etree import ElementTree

from pyengine.choose.gates import Check
from pyengine.choose.scale import step_of
from pyengine.choose.verdicts import infinite_tokens
from pyengine.plain_text import safe
from pyengine.report.sentences import gates
from pyengine.run.record import Run

GOOD, BAD = "brightgreen", "red"
# Of a badge without gates, by the step of damage of the farthest variant.
COLORS = {
    "floor": GOOD,
    "hardly": GOOD,
    "little": "yellowgreen",
    "clearly": "orange",
    "badly": BAD,
}


def junit_xml(run: Run, checks: Sequence[Check]) -> str:
    """Write a test suite for each gate, and in it a test case for each variant.

    A gate that fails, for whatever reason, is a failure whose type is its code; one for which there
    is nothing to judge is skipped. Equal runs give equal bytes: there is no time in it.
    """
    suites = ElementTree.Element("testsuites", _about(f"pyengine {run.command}", checks))
    for title in dict.fromkeys(check.title for check in checks):
        own = [check for check in checks if check.title == title]
        suite = ElementTree.SubElement(suites, "testsuite", _about(safe(title), own))
        for check in own:
            _case(suite, run, check)
    ElementTree.indent(suites, " ")
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(suite: ElementTree.Element, run: Run, check: Check) -> None:
    names = {"classname": f"pyengine.{run.command}", "name": safe(check.model or check.gate)}
    case = ElementTree.SubElement(suite, "testcase", names)
    told = safe(gates.check_sentence(check))
    if check.skipped:
        ElementTree.SubElement(case, "skipped", message=told)
    elif not check.passed:
        ElementTree.SubElement(case, "failure", message=told, type=check.code).text = told
    listed = [gates.change_words(d) for d in check.values.get("differences", ())]
    if listed or (told and check.passed):
        output = ElementTree.SubElement(case, "system-out")
        output.text = safe("\n".join([told, *listed]))


def _about(name: str, checks: Sequence[Check]) -> dict[str, str]:
    counts = {
        "tests": len(checks),
        "failures": sum(not check.passed for check in checks),
        "errors": 0,
        "skipped": sum(check.skipped for check in checks),
    }
    return {"name": name, **{key: str(n) for key, n in counts.items()}}


def badge_json(run: Run, checks: Sequence[Check]) -> str:
    """Write a badge for shields.io's endpoint: whether gates pass, else how far variants are."""
    content = {
        "schemaVersion": 1,
        "label": gates.badge_label(),
        "message": gates.badge_words(run, checks),
        "color": _color(run, checks),
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _color(run: Run, checks: Sequence[Check]) -> str:
    if checks:
        return GOOD if all(check.passed for check in checks) else BAD
    if infinite_tokens(run):
        return BAD
    divergences = [row.value for row in run.select("kl", group="")]
    if run.command == "evaluate" or not divergences:
        return "blue" if run.select("pass_at_1", group="") else "lightgrey"
    return COLORS[step_of(max(divergences), 0.0)]
