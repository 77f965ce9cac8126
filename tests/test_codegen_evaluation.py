"""An evaluation from models to the record: honest and paired."""

import math
from pathlib import Path

import numpy as np
import pytest
from codegen_samples import need_sandbox, writing_model
from tiny_models import Tiny, write_bpe

from pyengine.cli.evaluate import estimate
from pyengine.codegen.aggregate import group, passes, warnings
from pyengine.codegen.evaluation import Evaluation
from pyengine.codegen.linking import link
from pyengine.codegen.measures import reference_text, score_reference
from pyengine.codegen.options import EvaluationOptions
from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.pairing import pair
from pyengine.codegen.prompting import PromptStyle
from pyengine.codegen.records import (
    EvaluationResult,
    ModelEvaluation,
    ReferenceRecord,
    SampleRecord,
    TaskRecord,
    TokenLevelRecord,
)
from pyengine.codegen.sandbox import open_sandbox
from pyengine.codegen.store import TaskStore, task_key
from pyengine.codegen.tasks import Task, own_tasks
from pyengine.engine.embedded import embedded_model
from pyengine.engine.generation import Finish, SamplingOptions
from pyengine.engine.model import open_model
from pyengine.engine.options import SessionOptions
from pyengine.engine.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.engine.session import Session
from pyengine.errors import InputError, ModelFileError, OptionError
from pyengine.reports.evaluate_view import evaluate_document
from pyengine.reports.markdown import render_markdown
from pyengine.reports.measurements import measurements_of
from pyengine.reports.terminal import render_terminal
from pyengine.reports.views import pictures_of


@pytest.fixture(autouse=True)
def sandboxed() -> None:
    need_sandbox()


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writing_model(tmp_path_factory.mktemp("tiny"))


def options(folder: Path, **changes: object) -> EvaluationOptions:
    return EvaluationOptions(
        **{"folder": folder, "max_tokens": 12, "threads": 1, "parallel": 8, **changes}  # type: ignore[arg-type]
    )


def few_tasks(count: int = 6) -> list[Task]:
    return own_tasks(["python"])[:count]


def evaluate(
    folder: Path, models: list[Path], reference: Path | None = None, **changes: object
) -> EvaluationResult:
    evaluation = Evaluation(few_tasks(), "own", options(folder, **changes), open_sandbox())
    return evaluation.run(models, reference=reference)


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
    assert "| Model" in render_markdown(evaluate_document(result))
    rows = measurements_of([result])
    assert {row.metric for row in rows} >= {"pass_at_1", "parse_share", "keyword_rank"}
    assert any(row.group == "difference" and row.reference_sha256 for row in rows)
    assert [picture.name for picture in pictures_of(result)] == ["code-shares", "code-likelihood"]


def test_a_model_is_equal_to_itself(stories: Path, tmp_path: Path) -> None:
    result = evaluate(tmp_path, [stories], reference=stories)
    record = result.paired[0]
    assert (record.lost, record.gained, record.mcnemar_p) == ([], [], 1.0)
    assert {item.value for item in record.difference.values() if item.value == item.value} == {0.0}
    level = result.models[1].token_level
    assert level is not None
    assert level.code_kl == pytest.approx(0.0, abs=1e-9)


def test_samples_and_seeds(stories: Path, tmp_path: Path) -> None:
    sampling = SamplingOptions(temperature=1.0, seed=7)
    first = evaluate(tmp_path / "a", [stories], samples=3, sampling=sampling)
    second = evaluate(tmp_path / "b", [stories], samples=3, sampling=sampling)
    for left, right in zip(first.models[0].tasks, second.models[0].tasks, strict=True):
        assert [sample.seed for sample in left.samples] == [7, 8, 9]
        assert [s.completion for s in left.samples] == [s.completion for s in right.samples]
        assert all(len(s.log_probabilities) <= 12 for s in left.samples)
    assert set(first.models[0].total.pass_at) == {1}


def test_a_long_prompt_is_no_crash(stories: Path, tmp_path: Path) -> None:
    task = few_tasks(1)[0].model_copy(update={"prompt": "# word\n" * 1000})
    evaluation = Evaluation([task], "own", options(tmp_path), open_sandbox())
    sample = evaluation.run([stories]).models[0].tasks[0].samples[0]
    assert sample.outcome is Outcome.NO_CODE
    assert "fills the context" in sample.detail


def test_impossible_options(tmp_path: Path, stories: Path) -> None:
    with pytest.raises(OptionError, match="greedy"):
        evaluate(tmp_path, [stories], samples=2)
    with pytest.raises(OptionError, match="no task is left"):
        evaluate(tmp_path, [stories], style=PromptStyle.FIM)
    holes = Evaluation(
        own_tasks(["c"]), "own", options(tmp_path, style=PromptStyle.FIM), open_sandbox()
    )
    with pytest.raises(OptionError, match="fill-in-the-middle"):
        holes.run([stories])
    with pytest.raises(OptionError, match="no chat template"):
        evaluate(tmp_path, [stories], style=PromptStyle.CHAT)


def test_the_reference_is_scored_as_one_token_at_a_time(stories: Path) -> None:
    with open_model(stories) as model:
        session = Session(model, options=SessionOptions(n_ctx=512, threads=1))
        for task in own_tasks(["python"])[24:27]:
            text = reference_text(task, model.vocabulary, longest=512)
            assert text is not None
            score = score_reference(text.rows(session), text, model.vocabulary)
            nll, places = 0.0, []
            for index in range(text.first, len(text.ids)):
                row = session.logits(text.ids[:index]).astype(np.float64)
                nll -= row[text.ids[index]] - np.logaddexp.reduce(row)
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


@pytest.fixture
def embedded() -> Path:
    try:
        return embedded_model()
    except ModelFileError as error:
        pytest.skip(str(error))


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


def sample(outcome: Outcome, *, seed: int = 0, finish: Finish = Finish.STOPPED) -> SampleRecord:
    return SampleRecord(
        seed=seed,
        completion="x",
        whole=False,
        thinking="",
        trimmed=False,
        finish=finish,
        tokens=4,
        log_probabilities=[-0.5],
        outcome=outcome,
        detail="",
        wall_s=0.1,
        parses=outcome is Outcome.PASSED,
        error_nodes=0,
        leaves=10,
        repetition=0.0,
        edit_similarity=0.5,
    )


def record(name: str, outcomes: list[Outcome], *, nll: float = 10.0) -> TaskRecord:
    return TaskRecord(
        task=name,
        language="python",
        level=1,
        style=PromptStyle.RAW,
        prompt="def f",
        prompt_tokens=[1],
        reference=ReferenceRecord(nll=nll, tokens=5, bytes=10, keyword_ranks=[1, 4]),
        samples=[sample(outcome, seed=seed) for seed, outcome in enumerate(outcomes)],
    )


GOOD, BAD, SKIP = Outcome.PASSED, Outcome.WRONG_ANSWER, Outcome.SKIPPED


def test_aggregates() -> None:
    records = [record("a", [GOOD]), record("b", [BAD]), record("c", [SKIP])]
    found = group("all", records, seed=0)
    assert (found.n_tasks, found.n_executed) == (3, 2)
    assert found.pass_at[1].value == 0.5
    assert found.pass_at[1].method == "Wilson over tasks"
    assert found.reference_log_probability.value == -2.0
    assert found.reference_bits_per_byte.value == pytest.approx(1 / math.log(2))
    assert found.keyword_first.value == 0.5
    assert found.keyword_rank.value == pytest.approx(2.0)
    assert found.outcomes == {GOOD: 1, BAD: 1, SKIP: 1}


def test_pass_at_k_over_samples() -> None:
    records = [record("a", [GOOD, BAD, BAD, BAD, BAD]), record("b", [BAD] * 5)]
    found = passes(records, seed=0)
    assert found[1].value == pytest.approx(0.1)
    assert found[5].value == pytest.approx(0.5)
    assert found[5].method.startswith("bootstrap")


def test_suspicious_zeros_are_said() -> None:
    records = [record(str(i), [BAD]) for i in range(12)]
    found = warnings(group("all", records, seed=0), records)
    assert any("Not one of 12" in text for text in found)
    assert warnings(group("all", [record("a", [GOOD])], seed=0), [record("a", [GOOD])]) == []


def evaluation_of(result: EvaluationResult, records: list[TaskRecord]) -> ModelEvaluation:
    return result.models[0].model_copy(
        update={"tasks": records, "groups": [group("all", records, seed=0)]}
    )


def test_pairs_and_links(stories: Path, tmp_path: Path) -> None:
    result = evaluate(tmp_path, [stories])
    better = evaluation_of(result, [record(f"t{i}", [GOOD if i < 9 else BAD]) for i in range(12)])
    worse = evaluation_of(result, [record(f"t{i}", [GOOD if i == 11 else BAD]) for i in range(12)])
    found = pair(worse, better, seed=0)
    assert found.lost == [f"t{i}" for i in range(9)]
    assert found.gained == ["t11"]
    assert found.mcnemar_p == pytest.approx(0.021484375)
    assert "fewer tasks solved" in found.verdict
    assert found.difference["pass_1"].value == pytest.approx(-8 / 12)
    variants = []
    for step in range(6):
        level = TokenLevelRecord(
            code_kl=float(step), keyword_mass_change=0.1, cold_start_js=0.5 * step, pkp=0.2
        )
        records = [record(f"t{i}", [BAD], nll=10.0 + step + i) for i in range(4)]
        variants.append(evaluation_of(result, records).model_copy(update={"token_level": level}))
    links = {(item.token_measure, item.code_measure): item for item in link(variants)}
    assert links["code_kl", "reference_log_probability"].rho.value == pytest.approx(-1.0)
    assert links["keyword_mass_change", "reference_log_probability"].verdict == "cannot be told"
    assert link(variants[:3]) == []


def test_the_running_estimate() -> None:
    records = [record("a", [GOOD]), record("b", [BAD])]
    assert estimate("m", records) == "m: 1 solved (9 to 91 %)"
    assert estimate("m", []) == "m"


def test_store_survives_a_cut_line_and_a_changed_task(tmp_path: Path) -> None:
    first, second = few_tasks(2)
    store = TaskStore(tmp_path, "k" * 64)
    store.put(task_key(first), record("a", [GOOD]))
    store.close()
    with store.path.open("ab") as stream:
        stream.write(b'{"key": "half a li')
    again = TaskStore(tmp_path, "k" * 64)
    assert again.get(task_key(first)) == record("a", [GOOD])
    again.put(task_key(second), record("b", [BAD]))
    again.close()
    assert len(again.path.read_bytes().splitlines()) == 2
    changed = first.model_copy(update={"tests": "assert True"})
    third = TaskStore(tmp_path, "k" * 64)
    assert third.get(task_key(changed)) is None
    third.close()
    with pytest.raises(InputError, match="cannot be written"):
        TaskStore(again.path, "k" * 64)
