"""The probe's reports, character for character, at a width of 80.

PYENGINE_UPDATE_GOLDEN=1 writes them anew; read the difference before keeping it.
"""

import os
from pathlib import Path

import pytest
import synthetic_probe

from pyengine.measure.probe import probe_run
from pyengine.report.markdown import render_markdown
from pyengine.report.probe_pictures import probe_pictures
from pyengine.report.probe_view import probe_document, reason_words
from pyengine.report.terminal import render_terminal
from pyengine.report.words import WORDS
from pyengine.run import Run, load, save

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def run() -> Run:
    names = (("synthetic", "v" * 64), ("other", "w" * 64))
    decoded = [
        synthetic_probe.decoded(name=name, vocabulary_sha256=sha256) for name, sha256 in names
    ]
    return probe_run(decoded, synthetic_probe.options())


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("PYENGINE_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_terminal_report(run: Run) -> None:
    text = render_terminal(probe_document(run), width=80, color=False)
    assert max(map(len, text.splitlines())) <= 80
    check("probe.txt", text)


def test_the_markdown_report(run: Run) -> None:
    check("probe.md", render_markdown(probe_document(run)))


def test_the_record_survives_json(run: Run, tmp_path: Path) -> None:
    save(run, tmp_path / "run.json")
    again = load(tmp_path / "run.json")
    assert probe_document(again) == probe_document(run)
    assert probe_pictures(again) == probe_pictures(run)


def test_a_record_holds_no_sentence(run: Run) -> None:
    text = run.model_dump_json()
    assert not [words for words in WORDS["starts"].values() if words in text]
    assert "differ" not in text


def test_every_start_has_its_reason_in_words() -> None:
    assert reason_words("fence-after-bos") == "an opened code block after BOS"


def test_one_model_has_a_picture_of_its_starts(run: Run) -> None:
    one = probe_run([synthetic_probe.decoded()], synthetic_probe.options())
    assert [p.name for p in probe_pictures(one)] == [
        *("first-tokens", "starts", "keyword-mass", "coverage")
    ]
    assert [p.name for p in probe_pictures(run)] == ["first-tokens", "keyword-mass", "coverage"]
