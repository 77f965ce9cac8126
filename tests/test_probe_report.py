"""The probe's reports, character for character, at a width of 80.

PYENGINE_UPDATE_GOLDEN=1 writes them anew; read the difference before keeping it.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import synthetic_probe
from synthetic_probe import standing

from pyengine.measure.probe import probe_run
from pyengine.report.markdown import render_markdown
from pyengine.report.probe_pictures import probe_pictures
from pyengine.report.probe_view import probe_document
from pyengine.report.sentences.starts import reason_words, standing_sentence
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


def test_several_languages_stand_out() -> None:
    said = standing_sentence(
        standing({"go": 0.001, "c": 0.049, "php": 0.3}, {"go": 0.1, "c": 0.2, "php": 0.9})
    )
    assert said == (
        " The keywords of 2 of 3 languages hold more than English words of the same length and "
        "forms (p < 0.05, whichever keyword is left out); C's hold the most of them, 20.0 % beside "
        "1.00 %."
    )


def test_one_language_stands_out() -> None:
    said = standing_sentence(standing({"go": 0.001, "c": 0.05}, {"go": 0.1, "c": 0.2}))
    assert said == (
        " Of 2 languages, only the keywords of Go hold more than English words of the same length "
        "and forms (p < 0.05, whichever keyword is left out): 10.0 % beside 1.00 %."
    )


def test_nothing_stands_out_at_the_limit() -> None:
    said = standing_sentence(standing({"go": 0.05, "c": 0.2}, {"go": 0.1, "c": 0.2}))
    assert said == (
        " No language's keywords stand out from English words of the same length and forms "
        "(least p 0.050; 2 languages compared)."
    )


def test_nothing_is_said_where_no_language_was_compared() -> None:
    assert standing_sentence(standing({}, {})) == ""


def terminal(run: Run) -> str:
    return " ".join(render_terminal(probe_document(run), width=80, color=False).split())


def test_words_left_out_are_counted_where_there_are_some() -> None:
    told = "Words with characters that this tokenizer has no token for, left out: 1."
    decoded = synthetic_probe.decoded()
    assert told in terminal(probe_run([decoded], synthetic_probe.options()))
    every = dataclasses.replace(decoded, unspellable=frozenset(), strings={"while": -3, "let": -4})
    assert "left out: " not in terminal(probe_run([every], synthetic_probe.options()))


def test_split_words_that_were_not_measured_are_named() -> None:
    told = "–: words of several tokens were not measured."
    decoded = synthetic_probe.decoded()
    assert told not in terminal(probe_run([decoded], synthetic_probe.options()))
    without = dataclasses.replace(decoded, strings={})
    assert told in terminal(probe_run([without], synthetic_probe.options()))


def test_a_context_beyond_training_is_warned_of() -> None:
    told = "was given contexts of up to 129 tokens and was trained with 128"
    decoded = synthetic_probe.decoded()
    for longest, said in ((128, False), (129, True)):
        one = dataclasses.replace(decoded, longest=longest)
        assert (told in terminal(probe_run([one], synthetic_probe.options()))) is said


def test_different_vocabularies_are_told_of_where_they_differ() -> None:
    told = "The vocabularies differ."
    shas = ("v" * 64, "v" * 64), ("v" * 64, "w" * 64)
    for pair, said in zip(shas, (False, True), strict=True):
        decoded = [
            synthetic_probe.decoded(name=name, vocabulary_sha256=sha256)
            for name, sha256 in zip(("one", "two"), pair, strict=True)
        ]
        text = terminal(probe_run(decoded, synthetic_probe.options()))
        assert (told in text) is said
        assert ("equal ids do not mean equal tokens" in text) is said
        assert ("entropy [nats]" in text) is not said


@pytest.mark.parametrize("different", ["start", "rows"])
def test_models_that_cannot_be_compared_say_why(different: str) -> None:
    one, two = (synthetic_probe.decoded(name=name) for name in ("one", "two"))
    if different == "start":
        two = dataclasses.replace(two, starts=two.starts[::-1])
    else:
        two = dataclasses.replace(two, rows=np.pad(two.rows, ((0, 0), (0, 1)), constant_values=-9))
    alike = terminal(probe_run([one, one], synthetic_probe.options()))
    text = terminal(probe_run([one, two], synthetic_probe.options()))
    for code, words in WORDS["not-compared"].items():
        assert words not in alike
        assert (words in text) is (code == different)
