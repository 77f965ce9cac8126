"""Answers of a saved record, read and run again without a model."""

import json
import math
from pathlib import Path

import pytest
from codegen_samples import few_tasks, options
from tiny_models import Tiny, write_bpe

import pyengine
from pyengine.code.evaluation import Evaluation
from pyengine.code.prompting import PromptStyle
from pyengine.code.sandbox import open_sandbox
from pyengine.code.tasks import own_tasks
from pyengine.commands.app import run as command
from pyengine.errors import OptionError
from pyengine.run.record import Exhibit, Note, Run

pytestmark = pytest.mark.usefixtures("sandbox")
TIMES = {"execution_seconds"}


def record(writer: Path, folder: Path, **changes: object) -> Run:
    """Let a model answer six tasks, hard ones where they have holes."""
    beside = bool(changes.pop("beside", False))
    hard = changes.get("style") is PromptStyle.FIM
    tasks = own_tasks(["python"])[-6:] if hard else few_tasks()
    evaluation = Evaluation(tasks, "own", options(folder, **changes), open_sandbox())
    return evaluation.run([writer], reference=writer if beside else None)


@pytest.fixture(scope="module")
def alone(writer: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The answers of one model."""
    return record(writer, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def compared(writer: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Those of a model beside itself."""
    return record(writer, tmp_path_factory.mktemp("compared"), beside=True)


def with_text(run: Run, text: str, *, task: str, **changes: object) -> Run:
    """Return a run in which the first answer to a task is another one."""
    shown = [exhibit.model_copy(deep=True) for exhibit in run.exhibits]
    content = next(e.content for e in shown if e.kind == "answer" and e.content["task"] == task)
    content["samples"][0] |= {"text": text, **changes}
    return run.model_copy(update={"exhibits": shown})


def values(run: Run) -> dict[tuple[str, str, str], float]:
    return {
        (row.metric, row.model, row.group): row.value
        for row in run.measurements
        if row.metric not in TIMES
    }


def note_of(run: Run) -> Note:
    return next(note for note in run.notes if note.code == "rejudged")


@pytest.mark.parametrize("style", [PromptStyle.RAW, PromptStyle.FIM])
def test_the_same_answers_get_the_same_verdicts(
    writer: Path, tmp_path: Path, style: PromptStyle
) -> None:
    if style is PromptStyle.FIM:
        writer = write_bpe(tmp_path / "fim.gguf", Tiny(fim=True))
    before = record(writer, tmp_path, beside=True, style=style)
    after = pyengine.evaluate(rejudge=before)
    assert values(after) == pytest.approx(values(before))
    assert after.options == before.options
    for kind in ("answer", "flips"):
        for old, new in zip(before.shown(kind), after.shown(kind), strict=True):
            for sample in (*old.get("samples", ()), *new.get("samples", ())):
                sample |= {"wall_s": 0, "cpu_s": 0, "detail": ""}
            assert old == new
    assert note_of(after).values["n"] == 0


def test_another_text_gets_another_verdict(alone: Run) -> None:
    task = few_tasks()[0]
    changed = with_text(alone, task.reference, task=task.name, finish="end-of-generation")
    after = pyengine.evaluate(rejudge=changed)
    (model,) = after.models
    passed = [shown["samples"][0]["outcome"] for shown in after.shown("answer")]
    assert passed[0] == "passed"
    expected = sum(outcome == "passed" for outcome in passed) / len(passed)
    found = after.find("pass_at_1", model.id)
    assert found is not None
    assert found.value == pytest.approx(expected)
    assert len(after.select("pass_at_1", group="")) == 1
    samples = after.select("samples", group="outcome=passed")
    assert [row.value for row in samples] == [passed.count("passed")]
    assert note_of(after).values == {
        "n": int(alone.shown("answer")[0]["samples"][0]["outcome"] != "passed"),
        "n_samples": 6,
        "pyengine": pyengine.__version__,
    }
    # what follows from tokens is kept
    kept = ("written_tokens", "writing_seconds", "reference_log_probability")
    for metric in kept:
        assert after.find(metric, model.id) == alone.find(metric, model.id)


def test_twice_judged_says_it_once(alone: Run) -> None:
    once = pyengine.evaluate(rejudge=alone)
    twice = pyengine.evaluate(rejudge=once)
    assert [note.code for note in twice.notes].count("rejudged") == 1


def test_records_that_cannot_be_judged_again(alone: Run) -> None:
    with pytest.raises(OptionError, match="holds no answers"):
        pyengine.evaluate(rejudge=alone.model_copy(update={"command": "compare"}))
    other = alone.model_copy(update={"options": {**alone.options, "tasks": "own"}})
    name = few_tasks()[0].name
    shown = [
        Exhibit(kind="answer", model=e.model, content={**e.content, "task": "python/gone"})
        if e.kind == "answer" and e.content["task"] == name
        else e
        for e in other.exhibits
    ]
    with pytest.raises(OptionError, match="python/gone, which is not among these tasks"):
        pyengine.evaluate(rejudge=other.model_copy(update={"exhibits": shown}))
    shown = [
        Exhibit(kind="answer", model=e.model, content={**e.content, "prompt": "Hello"})
        for e in alone.exhibits
        if e.kind == "answer"
    ]
    with pytest.raises(OptionError, match="asked in other words"):
        pyengine.evaluate(rejudge=alone.model_copy(update={"exhibits": shown}))


def changed(run: Run, **parts: object) -> Run:
    """Return a run in which every answer has other parts; None takes one away."""
    shown = []
    for exhibit in run.exhibits:
        content = {**exhibit.content, **parts}
        kept = {name: value for name, value in content.items() if value is not None}
        shown.append(exhibit.model_copy(update={"content": kept}))
    return run.model_copy(update={"exhibits": shown})


def test_records_of_older_versions_and_damaged_ones_are_refused(alone: Run) -> None:
    samples = [
        {name: value for name, value in sample.items() if name != "text"}
        for sample in alone.exhibits[0].content["samples"]
    ]
    with pytest.raises(OptionError, match="as records of older versions do"):
        pyengine.evaluate(rejudge=changed(alone, samples=samples))
    damaged: tuple[dict[str, object], ...] = ({"samples": None}, {"samples": []}, {"style": "no"})
    for parts in damaged:
        with pytest.raises(OptionError, match="it is damaged"):
            pyengine.evaluate(rejudge=changed(alone, **parts))
    with pytest.raises(OptionError, match="an answer of every model to every task"):
        pyengine.evaluate(rejudge=alone.model_copy(update={"exhibits": []}))


def test_infinite_numbers_of_a_saved_record_are_numbers(compared: Run, tmp_path: Path) -> None:
    before = compared.model_copy(deep=True)
    for exhibit in before.exhibits:
        if exhibit.kind == "answer":
            exhibit.content["reference"] |= {"kl": math.inf}
    before.save(tmp_path / "record.json")
    after = pyengine.evaluate(rejudge=tmp_path / "record.json")
    assert after.shown("answer")[0]["reference"]["kl"] == math.inf


def test_the_record_says_which_tasks_it_was_judged_by_and_keeps_partings(compared: Run) -> None:
    task = few_tasks()[0]
    content = {"task": task.name, "n_same": 0}
    parting = Exhibit(kind="parting", model=compared.models[1].id, content=content)
    whole = compared.model_copy(update={"exhibits": [*compared.exhibits, parting]})
    assert pyengine.evaluate(rejudge=whole).shown("parting") == []  # it changes no side
    turned = with_text(whole, task.reference, task=task.name, finish="end-of-generation")
    after = pyengine.evaluate(rejudge=turned)
    assert after.shown("parting") == [content]
    assert after.options["tasks_sha256"] == compared.options["tasks_sha256"]


def test_notes_of_what_was_missing_then_are_made_anew(alone: Run) -> None:
    old = Note(code="library-skipped", values={"library": "boost", "names": ["python/x"]})
    thought = Note(code="ended-in-thinking", model=alone.models[0].id, values={"n": 9})
    after = pyengine.evaluate(rejudge=alone.model_copy(update={"notes": [old, thought]}))
    assert {"library-skipped", "ended-in-thinking"}.isdisjoint(note.code for note in after.notes)


def test_from_the_command_line(
    writer: Path, alone: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "record.json"
    alone.save(path)
    assert command(["evaluate", "--rejudge", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [note["code"] for note in told["notes"]].count("rejudged") == 1
    assert command(["evaluate", "--rejudge", str(path)]) == 0
    assert "0 of 6 samples came out differently" in " ".join(capsys.readouterr().out.split())
    for words in (["--limit", "3"], [str(writer)], ["--temperature", "1"]):
        assert command(["evaluate", "--rejudge", str(path), *words]) == 2
        assert "judges saved answers" in capsys.readouterr().err
    assert command(["evaluate", "--rejudge", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err


def test_it_takes_no_model(writer: Path, tmp_path: Path) -> None:
    """The file of the model is gone, and it does not matter."""
    gone = tmp_path / "gone.gguf"
    gone.write_bytes(writer.read_bytes())
    before = record(gone, tmp_path / "results")
    gone.unlink()
    assert values(pyengine.evaluate(rejudge=before)) == pytest.approx(values(before))
