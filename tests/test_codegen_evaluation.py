"""An evaluation from models to the record: honest and paired."""

from pathlib import Path

import numpy as np
import pytest
from codegen_samples import evaluate, few_tasks, options
from tiny_models import Tiny, write_bpe

from pyengine.codegen.evaluation import Evaluation
from pyengine.codegen.languages import LANGUAGES
from pyengine.codegen.measures import reference_text, score_reference
from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.prompting import PromptStyle
from pyengine.codegen.records import EvaluationResult
from pyengine.codegen.sandbox import open_sandbox
from pyengine.codegen.tasks import own_tasks
from pyengine.comparison.subjects import padding_ids
from pyengine.engine.generation import SamplingOptions
from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.engine.session import Session
from pyengine.errors import OptionError
from pyengine.reports.evaluate_view import evaluate_document
from pyengine.reports.markdown import render_markdown
from pyengine.reports.measurements import measurements_of
from pyengine.reports.terminal import render_terminal
from pyengine.reports.views import pictures_of

pytestmark = pytest.mark.usefixtures("sandbox")


def test_a_model_against_its_quantized_self(shared: Path, tmp_path: Path) -> None:
    whole, quantized = (shared / "models" / f"stories260K-{name}.gguf" for name in ("f32", "q8_0"))
    result = evaluate(tmp_path, [quantized], reference=whole)
    base, variant = result.models
    assert [task.task for task in base.tasks] == [task.name for task in few_tasks()]
    assert base.token_level is None
    assert variant.token_level is not None
    assert 0 < variant.token_level.code_kl < 0.1
    assert 0 < variant.token_level.cold_start_js < 0.1
    difference = result.paired[0].difference["reference_log_probability"]
    assert abs(difference.value) < 0.1
    assert difference.low <= difference.value <= difference.high
    assert result.paired[0].n_tasks == 6
    read = EvaluationResult.model_validate_json(result.model_dump_json())
    assert read.model_dump_json() == result.model_dump_json()
    text = render_terminal(evaluate_document(result), width=100, color=False)
    assert "Tasks that change sides" in text
    assert "Difference to stories260K-f32" in text
    assert "| Model" in render_markdown(evaluate_document(result))
    rows = measurements_of([result])
    assert {row.metric for row in rows} >= {"pass_at_1", "parse_share", "keyword_rank"}
    assert any(row.group == "difference" and row.reference_sha256 for row in rows)
    assert [picture.name for picture in pictures_of(result)] == ["code-shares", "code-likelihood"]


def test_a_model_is_equal_to_itself(writer: Path, tmp_path: Path) -> None:
    result = evaluate(tmp_path, [writer], reference=writer)
    record = result.paired[0]
    assert (record.lost, record.gained, record.mcnemar_p) == ([], [], 1.0)
    assert {item.value for item in record.difference.values() if item.value == item.value} == {0.0}
    level = result.models[1].token_level
    assert level is not None
    assert level.code_kl == pytest.approx(0.0, abs=1e-9)


def test_samples_and_seeds(writer: Path, tmp_path: Path) -> None:
    sampling = SamplingOptions(temperature=1.0, seed=7)
    first = evaluate(tmp_path / "a", [writer], samples=3, sampling=sampling)
    second = evaluate(tmp_path / "b", [writer], samples=3, sampling=sampling)
    for left, right in zip(first.models[0].tasks, second.models[0].tasks, strict=True):
        assert [sample.seed for sample in left.samples] == [7, 8, 9]
        assert [s.completion for s in left.samples] == [s.completion for s in right.samples]
        assert all(len(s.log_probabilities) <= 12 for s in left.samples)
    assert set(first.models[0].total.pass_at) == {1}


def test_tasks_are_measured_again_when_their_toolchain_has_come(
    writer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing := LANGUAGES["c"].missing():
        pytest.skip(missing)
    tasks = [*few_tasks(1), *own_tasks(["c"])[:2]]

    def outcomes() -> tuple[list[Outcome], dict[str, str]]:
        found = Evaluation(tasks, "own", options(tmp_path), open_sandbox()).run([writer])
        samples = [task.samples[0].outcome for task in found.models[0].tasks]
        return samples, found.skipped

    with monkeypatch.context() as without:
        without.setattr("pyengine.codegen.languages.find_tool", lambda _: None)
        before, skipped = outcomes()
    assert before[1:] == [Outcome.SKIPPED] * 2
    assert "gcc not found" in skipped["c"]
    after, skipped = outcomes()
    assert after[0] is before[0]
    assert Outcome.SKIPPED not in after
    assert skipped == {}
    with monkeypatch.context() as without:  # what was measured stays so, and is not called skipped
        without.setattr("pyengine.codegen.languages.find_tool", lambda _: None)
        assert outcomes() == (after, {})


def test_a_long_prompt_is_no_crash(writer: Path, tmp_path: Path) -> None:
    task = few_tasks(1)[0].model_copy(update={"prompt": "# word\n" * 1000})
    evaluation = Evaluation([task], "own", options(tmp_path), open_sandbox())
    sample = evaluation.run([writer]).models[0].tasks[0].samples[0]
    assert sample.outcome is Outcome.NO_CODE
    assert "fills the context" in sample.detail


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


def test_the_reference_is_scored_as_one_token_at_a_time(writer: Path) -> None:
    with open_model(writer) as model:
        session = Session(model, options=SessionOptions(n_ctx=512, threads=1))
        padding = padding_ids(model.vocabulary, model.n_vocab)
        for task in own_tasks(["python"])[24:27]:
            text = reference_text(task, model.vocabulary, longest=512)
            assert text is not None
            score = score_reference(text.rows(session), text, model.vocabulary)
            nll, places = 0.0, []
            for index in range(text.first, len(text.ids)):
                row = session.logits(text.ids[:index]).astype(np.float64)
                nll -= row[text.ids[index]] - np.logaddexp.reduce(np.delete(row, padding))
                if index in text.keywords:
                    places.append(int((row > row[text.ids[index]]).sum()) + 1)
            assert score.nll == pytest.approx(nll, rel=1e-3)
            assert score.keyword_ranks == pytest.approx(places, abs=2)
            written = b"".join(model.vocabulary.piece(token) for token in text.targets)
            assert task.reference.encode().endswith(written[-len(task.reference) // 2 :])
            assert score.bytes == len(written)
            for index in text.keywords:
                piece = model.vocabulary.piece(text.ids[index]).strip()
                assert piece
                assert any(
                    word.startswith(piece) or piece.startswith(word)
                    for word in (b"for", b"in", b"return", b"while", b"if", b"def", b"not")
                )


CHAT_TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def test_a_chat_model_gets_its_template(tmp_path: Path) -> None:
    made = write_bpe(tmp_path / "tiny-instruct.gguf", Tiny(chat_template=CHAT_TEMPLATE))
    result = evaluate(tmp_path / "kept", [made])
    model = result.models[0]
    assert model.style is PromptStyle.CHAT
    first = model.tasks[0]
    assert first.prompt.startswith("[user] Complete this Python code.")
    assert first.prompt.endswith("[assistant] ")
    assert few_tasks()[0].prompt in first.prompt
    with open_model(made) as opened:
        text = opened.vocabulary.detokenize(first.prompt_tokens, remove_special=True)
        assert text.strip() == first.prompt.encode().strip()
        assert first.prompt_tokens[0] == opened.vocabulary.bos
        assert first.prompt_tokens[1] != opened.vocabulary.bos


def test_holes_are_filled_with_the_models_own_tokens(tmp_path: Path) -> None:
    made = write_bpe(tmp_path / "tiny.gguf", Tiny(fim=True))
    tasks = own_tasks(["c"])
    chosen = options(tmp_path, style=PromptStyle.FIM)
    model = Evaluation(tasks, "own", chosen, open_sandbox()).run([made]).models[0]
    hole = next(task for task in model.tasks if task.task == "c/gcd#fim")
    with open_model(made) as opened:
        vocabulary = opened.vocabulary
        marks = [vocabulary.fim_prefix, vocabulary.fim_suffix, vocabulary.fim_middle]
        assert [token for token in hole.prompt_tokens if token in marks] == marks
        assert hole.prompt_tokens[-1] == vocabulary.fim_middle
    assert all("\n" not in sample.completion for task in model.tasks for sample in task.samples)


def log_probability(path: Path) -> float:
    """Return the mean log-probability of a token of all our reference solutions."""
    scores = []
    with open_model(path) as model:
        session = Session(model, options=SessionOptions(n_ctx=512, threads=1))
        for task in own_tasks():
            text = reference_text(task, model.vocabulary, longest=512)
            assert text is not None
            scores.append(score_reference(text.rows(session), text, model.vocabulary))
    return -sum(score.nll for score in scores) / sum(score.tokens for score in scores)


def test_two_bits_are_worse_than_eight(embedded: Path, tmp_path: Path) -> None:
    """By the sensitive measure, over all tasks: those solved are too few to tell."""
    found = {}
    for name in ("Q2_K", "Q8_0"):
        path = tmp_path / f"{name}.gguf"
        (plan,) = plan_quantization(embedded, [name])
        quantize_file(embedded, path, plan, source_sha256=file_sha256(embedded))
        found[name] = log_probability(path)
    assert found["Q2_K"] < found["Q8_0"]
    assert found["Q8_0"] == pytest.approx(log_probability(embedded), abs=0.01)
