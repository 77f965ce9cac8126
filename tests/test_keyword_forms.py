"""Three sets of tokens stand for keywords; whoever sees two of their numbers is told why."""

import re
from pathlib import Path

import numpy as np
import pytest
import report_samples
import synthetic_probe
from scipy.special import softmax

from pyengine.commands.app import run
from pyengine.measure.probe import probe_run
from pyengine.measure.start_tokens import natural_start
from pyengine.measure.starts import ALL_LANGUAGES, keyword_sets
from pyengine.measure.subjects import padding_ids
from pyengine.models.model import Vocabulary, open_model
from pyengine.models.session import Session
from pyengine.report.compare_view import compare_document
from pyengine.report.document import Document
from pyengine.report.html import render_html
from pyengine.report.markdown import render_markdown
from pyengine.report.probe_view import probe_document
from pyengine.report.sweep_view import sweep_document
from pyengine.report.terminal import render_terminal
from pyengine.report.words import TERMS
from pyengine.run import Run
from pyengine.vocabulary.keywords import load_tables

DOCS = Path(__file__).parent.parent / "docs" / "probe.md"


def spellings(words: set[str], name: str) -> set[str]:
    """Every text that counts, written out."""
    if name == "bare":
        return words
    spaced = {before + word for word in words for before in ("", " ", "\n", "\t")}
    if name == "any spacing":
        return spaced
    cases = {case(word) for word in words for case in (str.lower, str.upper, str.capitalize)}
    return spaced | cases | {f" {word}" for word in cases}


def token_ids(vocabulary: Vocabulary, texts: set[str]) -> list[int]:
    found = (vocabulary.token(text.encode()) for text in texts)
    return sorted({token for token in found if token is not None})


def test_the_page_has_the_three_numbers_of_the_embedded_model(
    embedded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_model(embedded) as model:
        row = Session(model).logits(natural_start(model.vocabulary).ids)
        words = {word for table in load_tables("reference").values() for word in table.words()}
        p = softmax(row.astype(np.float64))
        sets = {
            name: token_ids(model.vocabulary, spellings(words, name))
            for name in ("bare", "any spacing", "all forms")
        }
        masses = {name: float(p[ids].sum()) for name, ids in sets.items()}
        padding = padding_ids(model.vocabulary, model.n_vocab)
        counted = keyword_sets(model.vocabulary, padding)[ALL_LANGUAGES].tolist()
    assert set(sets["bare"]) < set(sets["any spacing"]) < set(sets["all forms"])
    assert counted == sets["any spacing"]  # what comparisons and sweeps count
    assert run(["probe", str(embedded), "--no-split", "--json"]) == 0
    probe = Run.model_validate_json(capsys.readouterr().out)
    (bare,) = probe.select("form_mass", group="start=natural;form=bare")
    assert bare.value == pytest.approx(masses["bare"], rel=1e-6)
    told = re.findall(r"^\| \*(.*?)\* .* (\S+) % \|$", DOCS.read_text(encoding="utf-8"), re.M)
    assert {name: float(number) for name, number in told} == {
        name: round(100 * mass, 1) for name, mass in masses.items()
    }


def texts(document: Document) -> list[str]:
    """The document in every view, with single spaces and no escapes."""
    views = (
        render_terminal(document, width=80, color=False),
        render_markdown(document),
        render_html(document),
    )
    return [" ".join(view.replace("\\", "").split()) for view in views]


def test_a_probe_says_which_forms_it_counts() -> None:
    document = probe_document(probe_run([synthetic_probe.decoded()], synthetic_probe.options()))
    for text in texts(document):
        assert TERMS["bare"] in text
        assert TERMS["any_spacing"] in text
        assert TERMS["all_forms"] in text
    (starts,) = (table for table in document.tables() if table.title == "Spread over starts")
    assert "bare keywords" in [column.header for column in starts.columns]
    languages = next(table for table in document.tables() if "by language" in table.title)
    assert {"bare", "all forms"} <= {column.header for column in languages.columns}


def test_a_sweep_does() -> None:
    document = sweep_document(report_samples.sample_sweep(), report_samples.sample_timings())
    (variants,) = (table for table in document.tables() if table.title == "Variants")
    assert "Keywords in any spacing" in [column.header for column in variants.columns]
    assert all(TERMS["any_spacing"] in text for text in texts(document))


def test_a_comparison_does(result: Run) -> None:
    document = compare_document(result)
    assert all(TERMS["any_spacing"] in text for text in texts(document))
    starts = next(table for table in document.tables() if table.title == "Cold and warm starts")
    assert "Keywords in any spacing" in [column.header for column in starts.columns]
    assert [t for t in document.tables() if t.title.startswith("Keywords in any spacing")]
