"""What follows from the records of single tasks, and how they are kept."""

import io
import math
from pathlib import Path

import pytest
from codegen_samples import evaluate, few_tasks

from pyengine.cli.evaluation import estimate
from pyengine.codegen.aggregate import group, passes, warnings
from pyengine.codegen.linking import link
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
from pyengine.codegen.store import TaskStore, task_key
from pyengine.engine.generation import Finish
from pyengine.errors import InputError


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


def test_tasks_that_are_all_alike_are_no_certainty() -> None:
    """Resampling zeros gives zeros; the rate of twelve failed tasks is still not known to be 0."""
    failed = [record(str(i), [BAD] * 3) for i in range(12)]
    found = group("all", failed, seed=0)
    for share in (found.pass_at[1], found.parse_share):
        assert (share.value, share.low) == (0.0, 0.0)
        assert share.high == pytest.approx(0.2425, abs=1e-4)  # Wilson's for 0 of 12
        assert share.method == "Wilson over tasks, which are all alike"
    solved = group("all", [record(str(i), [GOOD] * 3) for i in range(12)], seed=0)
    assert solved.pass_at[1].low == pytest.approx(1 - 0.2425, abs=1e-4)
    assert found.edit_similarity.method == "bootstrap over tasks, 2,000 resamples"


def test_suspicious_zeros_are_said() -> None:
    records = [record(str(i), [BAD]) for i in range(12)]
    found = warnings(group("all", records, seed=0), records)
    assert any("Not one of 12" in text for text in found)
    assert warnings(group("all", [record("a", [GOOD])], seed=0), [record("a", [GOOD])]) == []


def evaluation_of(result: EvaluationResult, records: list[TaskRecord]) -> ModelEvaluation:
    return result.models[0].model_copy(
        update={"tasks": records, "groups": [group("all", records, seed=0)]}
    )


@pytest.mark.usefixtures("sandbox")
def test_pairs_and_links(writer: Path, tmp_path: Path) -> None:
    result = evaluate(tmp_path, [writer])
    better = evaluation_of(result, [record(f"t{i}", [GOOD if i < 9 else BAD]) for i in range(12)])
    worse = evaluation_of(result, [record(f"t{i}", [GOOD if i == 11 else BAD]) for i in range(12)])
    found = pair(worse, better, seed=0)
    assert found.lost == [f"t{i}" for i in range(9)]
    assert found.gained == ["t11"]
    assert found.mcnemar_p == pytest.approx(0.021484375)
    assert "fewer tasks solved" in found.verdict
    assert found.difference["pass_1"].value == pytest.approx(-8 / 12)
    same = pair(worse, worse, seed=0).difference
    for name in ("pass_1", "parse_share", "keyword_first"):
        assert same[name].value == 0.0
        assert same[name].high == -same[name].low == pytest.approx(0.2425, abs=1e-4)
    assert same["error_nodes"].high == 0.0
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
    with pytest.raises(InputError, match="is not a folder"):
        TaskStore(again.path, "k" * 64)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_is_one_sentence_also_when_the_store_is_closed(tmp_path: Path) -> None:
    store = TaskStore(tmp_path, "k" * 64)
    store.close()
    store._stream = io.FileIO("/dev/full", "a")
    with pytest.raises(InputError, match="No space left"):
        store.put("a", record("a", [GOOD]))
    store.close()


def test_a_record_may_be_replaced(tmp_path: Path) -> None:
    store = TaskStore(tmp_path, "k" * 64)
    for outcome in (SKIP, GOOD):
        store.put("a", record("a", [outcome]))
        assert store.get("a") == record("a", [outcome])
    store.close()
    again = TaskStore(tmp_path, "k" * 64)
    assert again.get("a") == record("a", [GOOD])
    again.close()
