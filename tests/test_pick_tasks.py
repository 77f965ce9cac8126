"""`pick --evaluate`: a file that surely solves fewer tasks than the reference is passed over."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from comparison_samples import Quantize
from evaluation_samples import sides
from run_samples import MADE, made_timings

import pyengine
from pyengine.api import pick as pick_module
from pyengine.errors import InputError, NumbersError, OptionError
from pyengine.measure.models import model_info
from pyengine.models.model import open_model
from pyengine.picking import search
from pyengine.report.pick_view import pick_document
from pyengine.report.sentences.pick import task_sentences, unmet_pick_sentence
from pyengine.report.terminal import render_terminal
from pyengine.run import Note, Run, load

QUICK: dict[str, Any] = {"threads": 1, "repeats": 1, "context": 64, "max_kl": 9}
# Of 40 tasks that the reference solves so many are lost, and the exact p-value of that.
LOST = {0: 1.0, 3: 0.25, 30: 2 / 2**30}
KNOWN = [Note(code="known-tasks", values={"names": ["t"], "why": "example-wrong", "source": "x"})]


@pytest.fixture(scope="module")
def folder(tiny: Path, quantized: Quantize, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and three types of it."""
    made = tmp_path_factory.mktemp("types")
    for path in (tiny, *(quantized(name) for name in ("Q8_0", "Q5_0", "Q4_0"))):
        shutil.copy(path, made)
    return made


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty short programs."""
    made = tmp_path_factory.mktemp("text")
    for i in range(20):
        (made / f"d{i}.py").write_text(f"def f{i}(x):\n    return x + {i}\n\nprint(f{i}(2))\n" * 2)
    return made


class Solving:
    """Stands for `evaluate`: files lose as many of 40 tasks as is said of them."""

    def __init__(self, lost: Mapping[str, int | Exception]) -> None:
        self.lost = lost
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def __call__(self, model: str, *, reference: str, **asked: Any) -> Run:  # noqa: ANN401
        self.asked.append((Path(model).stem, Path(reference).stem, asked))
        lost = self.lost[Path(model).stem]
        if isinstance(lost, Exception):
            raise lost
        models = []
        for name, place in (("0", reference), ("1", model)):
            with open_model(place) as opened:
                models.append(model_info(name, opened))
        return Run(
            command="evaluate",
            options={"tasks": asked["tasks"], "looks": 1, "margin": 0.1, "most_tasks": 40},
            provenance=MADE,
            models=models,
            measurements=sides(lost, 0, LOST[lost], model="1", n=40, n_clusters=40),
            notes=[*KNOWN, Note(code="none-solved", model="1", values={})],
        )


def picked(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    text: Path,
    lost: Mapping[str, int | Exception],
    **asked: Any,  # noqa: ANN401
) -> tuple[str | None, Run, Solving]:
    solving = Solving(lost)
    monkeypatch.setattr(pick_module, "let_solve", solving)
    monkeypatch.setattr(
        search, "time_models", lambda *_: made_timings([])
    )  # speed is not asked for
    found = pyengine.pick(folder, corpus=text, evaluate="own", **{**QUICK, **asked})
    (choice,) = found.shown("choice")
    return choice["chosen"], found, solving


def why(found: Run) -> dict[str, str]:
    return {offer["name"]: offer["why"] for offer in found.shown("offer")}


def test_a_file_that_loses_tasks_is_passed_over_for_the_next(
    monkeypatch: pytest.MonkeyPatch, folder: Path, text: Path, tmp_path: Path
) -> None:
    """Without tasks the smallest would be picked; larger ones were not measured for it."""
    lost = {"tiny-Q4_0": 30, "tiny-Q5_0": 30, "tiny-Q8_0": 3}
    chosen, found, solving = picked(monkeypatch, folder, text, lost, limit=40)
    assert chosen == "tiny-Q8_0"
    assert [(name, base) for name, base, _ in solving.asked] == [
        (name, "tiny") for name in ("tiny-Q4_0", "tiny-Q5_0", "tiny-Q8_0")
    ]
    asked = solving.asked[0][2]
    assert (asked["limit"], asked["until_decided"], asked["likelihoods"]) == (40, True, False)
    assert why(found)["tiny-Q4_0"] == why(found)["tiny-Q5_0"] == "tasks"
    change = found.find("pass_at_1_change", "tiny-Q4_0")
    assert change is not None
    assert (change.value, change.reference) == (-0.75, "tiny")
    told = task_sentences(found)
    assert len(told) == 3
    assert told[0].startswith("tiny-Q4_0 solves less than tiny: pass@1 −75.0 points")
    assert told[0].endswith("30 lost, 0 gained of 40 tasks, p = 1.9e-09. So it is passed over.")
    assert told[2].startswith("tiny-Q8_0 cannot be told from tiny: pass@1 −7.5 points")
    assert unmet_pick_sentence(found) == ""
    assert [note.code for note in found.notes] == ["known-tasks"]  # once, and none of another name
    place = tmp_path / "pick.json"
    found.save(place)
    assert pyengine.recommend(place, max_kl=9).shown("choice")[0]["chosen"] == chosen
    shown = " ".join(render_terminal(pick_document(load(place)), width=120, color=False).split())
    assert "own, 40 at most: not surely fewer solved" in shown
    assert "solves fewer tasks" in shown


def test_the_reference_is_what_remains(
    monkeypatch: pytest.MonkeyPatch, folder: Path, text: Path
) -> None:
    lost = dict.fromkeys(("tiny-Q4_0", "tiny-Q5_0", "tiny-Q8_0"), 30)
    chosen, found, _ = picked(monkeypatch, folder, text, lost)
    assert chosen == "tiny"
    assert unmet_pick_sentence(found) == ""
    size = (folder / "tiny-Q8_0.gguf").stat().st_size
    chosen, found, _ = picked(monkeypatch, folder, text, lost, max_size=f"{size}B")
    assert chosen is None
    (told,) = unmet_pick_sentence(found).split("; ")
    assert "solves fewer tasks than tiny, which does not fit: tiny-Q8_0" in told
    assert told.endswith("75 points fewer")


def test_a_file_that_loses_none_is_asked_alone(
    monkeypatch: pytest.MonkeyPatch, folder: Path, text: Path
) -> None:
    chosen, _, solving = picked(monkeypatch, folder, text, {"tiny-Q4_0": 0})
    assert chosen == "tiny-Q4_0"
    assert len(solving.asked) == 1
    chosen, _, solving = picked(monkeypatch, folder, text, {}, max_kl=0.0)
    assert (chosen, solving.asked) == ("tiny", [])  # nothing to hold the reference against


def test_a_reference_that_cannot_be_evaluated_is_said(
    monkeypatch: pytest.MonkeyPatch, folder: Path, text: Path
) -> None:
    lost = {"tiny-Q4_0": NumbersError("tiny.gguf: computes logits that are NaN")}
    chosen, found, _ = picked(monkeypatch, folder, text, lost)
    assert chosen == "tiny-Q4_0"
    (note,) = found.notes
    assert (note.code, note.model) == ("not-evaluated", "tiny-Q4_0")
    assert "tiny.gguf: computes logits that are NaN" in note.values["message"]
    told = unmet_pick_sentence(found)
    assert told == "whether tiny-Q4_0 solves fewer tasks than tiny is not known"


def test_tasks_that_are_not_there_are_said_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing"):
        pyengine.pick(tmp_path / "none.gguf", evaluate=str(tmp_path / "nothing.toml"))
    with pytest.raises(OptionError, match="limit must be at least 1"):
        pyengine.pick(tmp_path / "none.gguf", evaluate="own", limit=0)


def test_tasks_are_asked_of_real_files(folder: Path, text: Path, tmp_path: Path) -> None:
    """A file of random weights solves nothing, and nothing can be lost of that."""
    tasks = "".join(
        f"[[task]]\nname = 't{i}'\nlanguage = 'python'\nentry_point = 'f{i}'\n"
        f"prompt = '''\ndef f{i}(x):\n'''\nreference = '''\n    return x + {i}\n'''\n"
        f"tests = '''\nassert f{i}(1) == {i + 1}\n'''\n"
        for i in range(13)
    )
    (tmp_path / "tasks.toml").write_text(tasks)
    words: list[str | Path] = ["--corpus", text, "--threads", "1", "--repeats", "1"]
    words += ["--context", "64", "--max-kl", "9", "--evaluate", tmp_path / "tasks.toml"]
    found = run("pick", folder, *words, "--limit", "12")
    assert found.code == 0, found.err
    shown = " ".join(found.out.split())
    assert "0 lost, 0 gained of 12 tasks" in shown
    assert "tiny solves none of these tasks, so none could be lost" in shown
