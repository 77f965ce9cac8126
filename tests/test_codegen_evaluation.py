"""An evaluation from models to its run: honest and paired."""

import json
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from codegen_samples import evaluate, few_tasks, options
from tiny_models import Tiny, write_bpe

from pyengine.code.answers import Outcome
from pyengine.code.evaluation import Evaluation
from pyengine.code.execution import Execution
from pyengine.code.languages import LANGUAGES
from pyengine.code.prompting import PromptStyle, build_prompts
from pyengine.code.sampling import Executor, answer_all
from pyengine.code.sandbox import open_sandbox
from pyengine.code.tasks import own_tasks
from pyengine.errors import OptionError
from pyengine.models.generation import GenerationStatistics, SamplingOptions
from pyengine.models.model import open_model
from pyengine.report.comma_separated import measurements_of
from pyengine.report.evaluate_view import evaluate_document
from pyengine.report.markdown import render_markdown
from pyengine.report.terminal import render_terminal
from pyengine.report.views import pictures_of
from pyengine.run.metrics import METRICS
from pyengine.run.record import Run, to_json
from pyengine.run.storage import parse

pytestmark = pytest.mark.usefixtures("sandbox")


def answers(run: Run, model: str = "") -> list[dict[str, Any]]:
    """Return what a model made of the tasks; the first model where none is named."""
    return run.shown("answer", model or run.models[0].id)


def test_a_model_against_its_quantized_self(shared: Path, tmp_path: Path) -> None:
    whole, quantized = (shared / "models" / f"stories260K-{name}.gguf" for name in ("f32", "q8_0"))
    run = evaluate(tmp_path, [quantized], reference=whole)
    base, variant = (model.id for model in run.models)
    assert (base, variant) == ("stories260K-f32", "stories260K-q8_0")
    assert run.options["reference"] == base
    for model in (base, variant):
        assert [shown["task"] for shown in answers(run, model)] == [t.name for t in few_tasks()]
    assert run.select("kl", model=base) == []
    divergence = run.find("kl", variant)
    assert divergence is not None
    assert 0 < divergence.value < 0.1
    assert (divergence.reference, divergence.n_clusters, divergence.interval) == (base, 6, "t")
    shannon = run.find("jensen_shannon", variant, start="cold")
    assert shannon is not None
    assert 0 < shannon.value < 0.1
    change = run.find("reference_log_probability_change", variant)
    assert change is not None
    assert abs(change.value) < 0.1
    assert change.low <= change.value <= change.high
    sides = run.find("mcnemar_p", variant)
    assert sides is not None
    assert sides.n == 6
    assert all(row.metric in METRICS for row in run.measurements)
    read = parse(json.loads(to_json(run)), "run")
    assert to_json(read) == to_json(run)
    text = render_terminal(evaluate_document(run), width=100, color=False)
    assert "Tasks that change sides" in text
    assert "Difference to stories260K-f32" in text
    assert "| Model" in render_markdown(evaluate_document(run))
    rows = measurements_of([run])
    assert {row["metric"] for row in rows} >= {"pass_at_1", "parse_share", "edit_similarity"}
    assert any(str(row["metric"]).endswith("_change") and row["reference_sha256"] for row in rows)
    assert [picture.name for picture in pictures_of(run)] == ["code-shares", "code-likelihood"]


def test_what_a_reference_says_stands_in_its_answer(writer: Path, tmp_path: Path) -> None:
    run = evaluate(tmp_path, [writer])
    likely = [shown["reference"] for shown in answers(run)]
    total, n = (sum(content[key] for content in likely) for key in ("log_probability", "tokens"))
    mean = run.find("reference_log_probability", run.models[0].id)
    assert mean is not None
    assert mean.value == pytest.approx(total / n, rel=1e-12)
    assert mean.n == n


def test_the_references_may_be_left_unscored(writer: Path, tmp_path: Path) -> None:
    whole = evaluate(tmp_path, [writer], reference=writer)
    part = evaluate(tmp_path, [writer], reference=writer, likelihoods=False)
    assert (whole.options["likelihoods"], part.options["likelihoods"]) == (True, False)
    assert [shown["samples"] for shown in answers(part)] == [s["samples"] for s in answers(whole)]
    assert {shown["reference"] for shown in answers(part)} == {None}
    gone = {row.metric for row in whole.measurements} - {row.metric for row in part.measurements}
    assert gone >= {"reference_log_probability", "reference_bits_per_byte", "kl"}
    assert "pass_at_1_change" not in gone
    shown = render_terminal(evaluate_document(part), width=100)
    assert "per byte" not in shown
    assert "not scored: --no-likelihoods" in shown
    assert "None" not in shown


def test_a_model_is_equal_to_itself(writer: Path, tmp_path: Path) -> None:
    run = evaluate(tmp_path, [writer], reference=writer)
    base, other = (model.id for model in run.models)
    assert other == f"{base} (2)"
    assert run.shown("flips", other) == [{"lost": [], "gained": [], "lost_by_form": []}]
    chance = run.find("mcnemar_p", other)
    assert chance is not None
    assert chance.value == 1.0
    changes = [row for row in run.measurements if row.metric.endswith("_change")]
    assert {row.value for row in changes} == {0.0}
    assert len(changes) > 5
    divergence = run.find("kl", other)
    assert divergence is not None
    assert divergence.value == pytest.approx(0.0, abs=1e-9)


def test_a_variant_with_another_vocabulary(writer: Path, tmp_path: Path) -> None:
    other = write_bpe(tmp_path / "other.gguf", Tiny(fim=True))
    run = evaluate(tmp_path / "kept", [other], reference=writer)
    assert run.select("kl") == []
    assert run.find("reference_bits_per_byte_change", "other") is not None
    assert run.find("reference_log_probability_change", "other") is None


def test_samples_and_seeds(writer: Path, tmp_path: Path) -> None:
    sampling = SamplingOptions(temperature=1.0, seed=7)
    first = evaluate(tmp_path / "a", [writer], samples=3, sampling=sampling)
    second = evaluate(tmp_path / "b", [writer], samples=3, sampling=sampling)
    for left, right in zip(answers(first), answers(second), strict=True):
        assert [sample["seed"] for sample in left["samples"]] == [7, 8, 9]
        written = [[s["completion"] for s in item["samples"]] for item in (left, right)]
        assert written[0] == written[1]
        assert all(len(s["log_probabilities"]) <= 12 for s in left["samples"])
    assert {row.metric for row in first.measurements if "pass_at" in row.metric} == {"pass_at_1"}


class Late(Future[Execution]):
    """A judgement that is not there yet when it is first asked for."""

    asked = False

    def done(self) -> bool:
        before, self.asked = self.asked, True
        return before


class LateExecutor:
    """Judges all alike, a moment later."""

    def submit(self, *_: object) -> Future[Execution]:
        late = Late()
        late.set_result(Execution(Outcome.WRONG_ANSWER))
        return late


def test_an_answer_is_there_while_others_are_written(writer: Path, tmp_path: Path) -> None:
    with open_model(writer) as model:
        first, second = build_prompts(few_tasks(2), model, PromptStyle.RAW)
        assert model.n_ctx_train is not None
        room = model.n_ctx_train - 3  # the first has no room for more than three tokens
        first = replace(first, tokens=(first.tokens * room)[:room])
        statistics = GenerationStatistics()
        executor = cast(Executor, LateExecutor())
        found = answer_all(model, [first, second], options(tmp_path), executor, statistics)
        assert next(found)["task"] == first.task.name
        written = statistics.generated_tokens
        assert next(found)["task"] == second.task.name
        assert written < statistics.generated_tokens


def test_tasks_are_measured_again_when_their_toolchain_has_come(
    writer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing := LANGUAGES["c"].missing():
        pytest.skip(f"not here: {missing}")
    tasks = [*few_tasks(1), *own_tasks(["c"])[:2]]

    def outcomes() -> tuple[list[str], dict[str, list[str]]]:
        found = Evaluation(tasks, "own", options(tmp_path), open_sandbox()).run([writer])
        samples = [shown["samples"][0]["outcome"] for shown in answers(found)]
        notes = [note.values for note in found.notes if note.code == "language-skipped"]
        return samples, {values["language"]: values["tools"] for values in notes}

    with monkeypatch.context() as without:
        without.setattr("pyengine.code.languages.find_tool", lambda _: None)
        before, skipped = outcomes()
    assert before[1:] == ["skipped"] * 2
    assert skipped["c"] == ["gcc"]
    after, skipped = outcomes()
    assert after[0] == before[0]
    assert "skipped" not in after
    assert skipped == {}
    with monkeypatch.context() as without:  # what was measured stays so, and is not called skipped
        without.setattr("pyengine.code.languages.find_tool", lambda _: None)
        assert outcomes() == (after, {})


def test_an_evaluation_that_cuts_nothing_goes_on_where_a_raw_one_ends(
    writer: Path, tmp_path: Path
) -> None:
    styles = (PromptStyle.RAW, PromptStyle.UNCUT)
    raw, uncut = (evaluate(tmp_path, [writer], style=style) for style in styles)
    assert uncut.models[0].settings["style"] == "uncut"
    for short, whole in zip(answers(raw), answers(uncut), strict=True):
        first, second = short["samples"][0], whole["samples"][0]
        assert second["text"].startswith(first["text"])
        assert second["completion"] == second["text"]


def test_a_long_prompt_is_no_crash(writer: Path, tmp_path: Path) -> None:
    task = few_tasks(1)[0].model_copy(update={"prompt": "# word\n" * 1000})
    evaluation = Evaluation([task], "own", options(tmp_path), open_sandbox())
    (shown,) = answers(evaluation.run([writer]))
    assert shown["reference"] is None
    (sample,) = shown["samples"]
    assert sample["outcome"] == "no-code"
    assert sample["reason"] == "no-room"


def test_impossible_options(tmp_path: Path, writer: Path) -> None:
    with pytest.raises(OptionError, match="greedy"):
        evaluate(tmp_path, [writer], samples=2)
    with pytest.raises(OptionError, match="no task is left"):
        evaluate(tmp_path, [writer], style=PromptStyle.FIM)
    holes = Evaluation(
        own_tasks(["c"]), "own", options(tmp_path, style=PromptStyle.FIM), open_sandbox()
    )
    with pytest.raises(OptionError, match="fill-in-the-middle"):
        holes.run([writer])
    with pytest.raises(OptionError, match="no chat template"):
        evaluate(tmp_path, [writer], style=PromptStyle.CHAT)


CHAT_TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def test_a_chat_model_gets_its_template(tmp_path: Path) -> None:
    made = write_bpe(tmp_path / "tiny-instruct.gguf", Tiny(chat_template=CHAT_TEMPLATE))
    run = evaluate(tmp_path / "kept", [made])
    assert run.models[0].settings["style"] == "chat"
    first = answers(run)[0]
    assert first["prompt"].startswith("[user] Complete this Python code.")
    assert first["prompt"].endswith("[assistant] ")
    assert few_tasks()[0].prompt in first["prompt"]
    with open_model(made) as opened:
        text = opened.vocabulary.detokenize(first["prompt_tokens"], remove_special=True)
        assert text.strip() == first["prompt"].encode().strip()
        assert first["prompt_tokens"][0] == opened.vocabulary.bos
        assert first["prompt_tokens"][1] != opened.vocabulary.bos


def test_a_thought_that_the_budget_ends_is_counted_as_such(tmp_path: Path) -> None:
    """The template begins the thought, and a model that writes at random never ends it."""
    thinking = CHAT_TEMPLATE.replace("[assistant] ", "[assistant] <think>")
    made = write_bpe(tmp_path / "tiny-instruct.gguf", Tiny(chat_template=thinking))
    run = evaluate(tmp_path / "kept", [made], max_tokens=5, thinking_tokens=9)
    name = run.models[0].id
    samples = [shown["samples"][0] for shown in answers(run)]
    cut = [sample for sample in samples if sample["tokens"]]  # one prompt leaves no room
    assert len(cut) > 2
    for sample in cut:
        assert (sample["finish"], sample["open_thought"]) == ("length", True)
        assert sample["thought_tokens"] == sample["tokens"] == 14
        assert sample["failure"] in ("cut-off-thinking", "loop")
    values = {metric: run.find(metric, name) for metric in ("thought_tokens", "answer_tokens")}
    thoughts, rest = values["thought_tokens"], values["answer_tokens"]
    assert thoughts is not None
    assert rest is not None
    assert thoughts.value == pytest.approx(sum(s["tokens"] for s in samples) / len(samples))
    assert rest.value == 0.0
    share = run.find("thought_cut_share", name)
    assert share is not None
    assert share.value == pytest.approx(len(cut) / len(samples))
    text = " ".join(render_terminal(evaluate_document(run), width=100, color=False).split())
    assert f"{len(cut)} of 6 samples were cut off in a thought; give more" in text
    assert "tokens of thoughts on average" in text
    assert f"{len(cut)} of 6 samples were cut off in a thought." in text  # loops among them too


def test_holes_are_filled_with_the_models_own_tokens(tmp_path: Path) -> None:
    made = write_bpe(tmp_path / "tiny.gguf", Tiny(fim=True))
    tasks = own_tasks(["c"])
    chosen = options(tmp_path, style=PromptStyle.FIM)
    run = Evaluation(tasks, "own", chosen, open_sandbox()).run([made])
    hole = next(shown for shown in answers(run) if shown["task"] == "c/gcd#fim")
    with open_model(made) as opened:
        vocabulary = opened.vocabulary
        marks = [vocabulary.fim_prefix, vocabulary.fim_suffix, vocabulary.fim_middle]
        assert [token for token in hole["prompt_tokens"] if token in marks] == marks
        assert hole["prompt_tokens"][-1] == vocabulary.fim_middle
    samples = [sample for shown in answers(run) for sample in shown["samples"]]
    assert all("\n" not in sample["completion"] for sample in samples)
