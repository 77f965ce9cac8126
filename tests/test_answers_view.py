"""What models wrote, task by task: in the terminal for one, on the page for all."""

import re
from pathlib import Path

import pytest
from codegen_samples import evaluate
from run_samples import MADE, info
from tiny_models import Tiny, write_bpe

from pyengine.code.partings import Parting, parting_of, probabilities
from pyengine.commands.app import run as command
from pyengine.errors import OptionError
from pyengine.models.model import open_model
from pyengine.report.answers_view import answer_sections, answers_document
from pyengine.report.document import Choice, Code, Document, Paragraph, Section
from pyengine.report.html import render_html
from pyengine.report.markdown import render_markdown
from pyengine.report.terminal import render_terminal
from pyengine.report.views import page_of
from pyengine.run import Exhibit, ModelInfo, Run


def sample(text: str, outcome: str, ids: list[int], **changes: object) -> dict[str, object]:
    usual = {
        "seed": 0, "text": text, "form": "fenced-whole", "completion": text, "finish": "stopped",
        "tokens": len(ids), "ids": ids, "outcome": outcome, "detail": "", "cpu_s": 0.1,
        "wall_s": 0.2, "trimmed": False,
    }  # fmt: skip
    return {**usual, **changes}


def answer(model: str, task: str, made: dict[str, object]) -> Exhibit:
    content = {"task": task, "prompt": "Write <b>f</b>", "prompt_tokens": [1], "samples": [made]}
    return Exhibit(kind="answer", model=model, content=content)


def made(models: int = 2) -> Run:
    """One task that the second model loses, and one that both solve."""
    right, wrong = "def f():\n    return 1\n", "def f():\n    return 2\n"
    failed = sample(
        wrong, "wrong-answer", [5, 7], failure="assertion", detail="AssertionError",
        assertion="assert f() == 1", values="2 == 1", program="import os\n" + wrong,
    )  # fmt: skip
    shown = [
        answer("base", "t/one", sample(right, "passed", [5, 6])),
        answer("base", "t/two", sample(right, "passed", [5, 6])),
        answer("q", "t/one", failed),
        answer("q", "t/two", sample(right, "passed", [5, 6])),
    ]
    flips = {"lost": ["t/one"], "gained": [], "lost_by_form": []}
    parting = {
        "task": "t/one", "n_same": 1, "before": "def", "choices": [" 1", None],
        "by_reference": [0.75, 0.125], "by_model": [0.25, 0.5],
    }  # fmt: skip
    more = [
        Exhibit(kind="flips", model="q", content=flips),
        Exhibit(kind="parting", model="q", content=parting),
    ]
    names: list[ModelInfo] = [info("base", 2.0), info("q", 1.0)][:models]
    kept = shown + more if models == 2 else shown[:2]
    return Run(command="evaluate", provenance=MADE, models=names, exhibits=kept)


def shown(run: Run, task: str = "t/one") -> str:
    return render_terminal(answers_document(run, task), width=100, color=False)


def test_a_task_shows_all_that_became_of_it() -> None:
    text = shown(made())
    for part in (
        "Write <b>f</b>", "base", "q", "passed", "wrong answer: another answer than asked for",
        "assert f() == 1", "2 == 1", "import os", "AssertionError", "a block that defines",
        "the end of the answer's code, after 2 tokens", "0.10 s of CPU, 0.20 s",
    ):  # fmt: skip
        assert part in text
    assert "-     return 1" in text
    assert "+     return 2" in text
    assert (
        "Both wrote the same 1 token, up to 'def'; then base wrote ' 1' (probability 75.0 %; q "
        "gave it 25.0 %), and q the end (50.0 %; base gave it 12.5 %)."
    ) in " ".join(text.split())


def test_what_is_not_there_is_not_said() -> None:
    text = shown(made(models=1), "t/two")
    for part in ("Failed at", "Compared", "Said", "Only", "Both wrote", "Seed", "What was run"):
        assert part not in text
    equal = shown(made(), "t/two")
    assert "Only base" not in equal
    assert "Both wrote" not in equal


def test_an_unknown_task_is_refused_by_name() -> None:
    with pytest.raises(OptionError, match="'t/three'; it has t/one, t/two"):
        answers_document(made(), "t/three")
    empty = made().model_copy(update={"exhibits": []})
    with pytest.raises(OptionError, match="it has no answers"):
        answers_document(empty, "t/one")


def test_the_page_lets_choose_by_outcome_and_by_side() -> None:
    (section,) = answer_sections(made())
    assert isinstance(section, Section)
    choice, *tasks = section.blocks
    assert isinstance(choice, Choice)
    assert [mark for mark, _ in choice.marks] == ["all", "failed", "lost", "passed", "wrong-answer"]
    assert [(task.title, task.marks) for task in tasks if isinstance(task, Section)] == [
        ("t/one: passed · wrong answer", ("all", "failed", "lost", "passed", "wrong-answer")),
        ("t/two: passed · passed", ("all", "passed")),
    ]
    page = render_html(Document("x", (section,)))
    assert 'data-marks="all failed lost passed wrong-answer"' in page
    assert page.count('type="radio"') == 5
    assert page.count(" checked>") == 1
    for mark, _ in choice.marks:
        rule = f'body:has(#shown-{mark}:checked) details[data-marks]:not([data-marks~="{mark}"])'
        assert rule in page
    assert "Write &lt;b&gt;f&lt;/b&gt;" in page
    assert re.search(r'<b class="good">\+     return 2</b>', page)


def test_markdown_and_hostile_text() -> None:
    hostile = "\x1b[31mred</pre><script>x</script>\u202e"
    run = made()
    content = run.exhibits[0].content
    content["samples"][0]["text"] = hostile
    for text in (
        render_markdown(answers_document(run, "t/one")),
        render_terminal(answers_document(run, "t/one"), width=80, color=True),
        render_html(answers_document(run, "t/one")),
    ):
        assert "\x1b[31mred" not in text
        assert "\u202e" not in text
    assert "<script>" not in render_html(answers_document(run, "t/one"))
    code = Code("Title", (("def f():", "plain"), ("    return 1", "good")))
    assert "**Title**\n\n    def f():\n        return 1" in render_markdown(Document("x", (code,)))


def with_ids(ids: list[int], finish: str = "stopped", prompt: int = 1) -> dict[str, object]:
    return {
        "task": "t", "prompt_tokens": [prompt, 2], "samples": [{"ids": ids, "finish": finish}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (with_ids([5, 6, 7]), with_ids([5, 8, 7]), (1, (6, 8))),
        (with_ids([5]), with_ids([6]), (0, (5, 6))),
        (with_ids([5, 6]), with_ids([5, 6]), None),
        (with_ids([5, 6]), with_ids([5], "end-of-generation"), (1, (6, None))),
        (with_ids([], "end-of-generation"), with_ids([5]), (0, (None, 5))),
        (with_ids([5, 6]), with_ids([5], "stopped"), None),
        (with_ids([5], "length"), with_ids([5, 6]), None),
        (with_ids([5, 6]), with_ids([5, 7], prompt=3), None),
    ],
)
def test_where_answers_part(
    first: dict[str, object], second: dict[str, object], expected: tuple[int, object] | None
) -> None:
    found = parting_of(first, second)  # type: ignore[arg-type]
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert (found.n_same, found.choices) == expected
    assert found.context == (1, 2, *first["samples"][0]["ids"][: found.n_same])  # type: ignore[index]


def test_probabilities_are_of_the_whole_vocabulary(tmp_path: Path) -> None:
    path = write_bpe(tmp_path / "tiny.gguf", Tiny())
    with open_model(path) as model:
        ids = tuple(model.vocabulary.tokenize("def f").tolist())
        partings = [Parting("t", ids, 1, (token, None)) for token in range(model.n_vocab)]
        found = probabilities(model, partings, threads=1)
        ends = [i for i in range(model.n_vocab) if model.vocabulary.is_end_of_generation(i)]
    assert sum(one for one, _ in found) == pytest.approx(1.0)
    assert found[0][1] == pytest.approx(sum(found[i][0] for i in ends))


def test_from_the_command_line(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, quantized = (shared / "models" / f"stories260K-{name}.gguf" for name in ("f32", "q8_0"))
    run = evaluate(tmp_path / "results", [quantized], reference=whole)
    path = tmp_path / "record.json"
    run.save(path)
    task = run.shown("answer")[0]["task"]
    assert command(["report", str(path), "--show", task]) == 0
    text = capsys.readouterr().out
    assert text.startswith(task)
    assert "What was written" in text
    assert command(["report", str(path), "--show", "none"]) == 2
    assert "no task of this record is called 'none'" in capsys.readouterr().err
    page = page_of([run])
    sections = [block for block in page.blocks if isinstance(block, Section)]
    answers = next(block for block in sections if block.title == "Answers")
    assert len(answers.blocks) == 1 + 6
    assert not any(isinstance(block, Paragraph) for block in page.blocks[-1:])
