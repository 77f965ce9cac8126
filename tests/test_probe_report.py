"""The probe's reports, character for character, at a width of 80.

PYENGINE_UPDATE_GOLDEN=1 writes them anew; read the difference before keeping it.
"""

import os
from pathlib import Path

import pytest
import synthetic_probe

from pyengine.probes.analysis import analyze
from pyengine.probes.records import ProbeResult
from pyengine.reports.markdown import render_markdown
from pyengine.reports.probe_view import probe_document
from pyengine.reports.terminal import render_terminal

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def result() -> ProbeResult:
    names = (("synthetic", "v" * 64), ("other", "w" * 64))
    measurements = [
        synthetic_probe.measurement(name=name, vocabulary_sha256=sha256) for name, sha256 in names
    ]
    return analyze(measurements, synthetic_probe.options())


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("PYENGINE_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_terminal_report(result: ProbeResult) -> None:
    text = render_terminal(probe_document(result), width=80, color=False)
    assert max(map(len, text.splitlines())) <= 80
    check("probe.txt", text)


def test_the_markdown_report(result: ProbeResult) -> None:
    check("probe.md", render_markdown(probe_document(result)))


def test_the_record_survives_json(result: ProbeResult) -> None:
    assert ProbeResult.model_validate_json(result.model_dump_json()) == result
