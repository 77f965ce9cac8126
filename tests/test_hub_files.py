"""What the Hugging Face hub reads of results, read back by its own library and by PyYAML."""

import math
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from evaluation_samples import RATE, made
from report_samples import sample_sweep
from run_samples import TEXT, estimate, info, made_run, made_timings

from pyengine.code.benchmarks import repository_of
from pyengine.errors import InputError
from pyengine.report.hub_files import eval_results, model_index, yaml
from pyengine.run import Run, save

reader = pytest.importorskip("yaml", reason="PyYAML is not installed")
cards = pytest.importorskip("huggingface_hub.repocard_data", reason="the extra `hub` is not here")
hub = pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": [1.5, "x"], "c": {"d": True, "e": None, "f": []}},
        [{"a": [{"b": 1}, {"c": 2}]}, "x: y", "- z", "yes", "", "null", "1.0", "#", "'\"\\"],
        {"small": 1e-05, "large": 1.25e20, "whole": 3.0, "negative": -0.5, "Δp": "größe ≤ 語"},
    ],
)
def test_yaml_comes_back(value: Any) -> None:  # noqa: ANN401
    assert reader.safe_load(yaml(value)) == value


def evaluated(**options: object) -> Run:
    found = made(RATE)
    told = {"tasks": "humaneval", "tasks_sha256": "t" * 64, "temperature": 0.0, **options}
    models = [m.model_copy(update={"settings": {"style": "chat"}}) for m in found.models]
    return found.model_copy(update={"options": {**found.options, **told}, "models": models})


def results_of(text: str) -> dict[str, list[Any]]:
    """The results of each model, as the hub's library reads them."""
    data = reader.safe_load(text)
    return {
        entry["name"]: cards.model_index_to_eval_results([entry])[1]
        for entry in data["model-index"]
    }


def test_a_model_index_of_a_comparison() -> None:
    found = results_of(model_index(sample_sweep(3)))
    assert [*found] == ["model", "model-Q0", "model-Q1", "model-Q2"]
    (kl,) = [one for one in found["model-Q1"] if one.metric_type == "kl"]
    assert kl.metric_value == 0.00075
    assert kl.metric_name == "KL divergence"
    assert kl.task_type == "text-generation"
    assert kl.dataset_name == "pyengine's corpus of programs, 30 documents"
    assert kl.dataset_args == {"sha256": TEXT.sha256}
    assert kl.metric_args["low"] < kl.metric_value < kl.metric_args["high"]
    assert not [one for one in found["model"] if one.metric_type == "kl"]


def test_a_model_index_of_an_evaluation() -> None:
    (found,) = results_of(model_index(evaluated(dataset="openai/openai_humaneval")))["base"]
    assert (found.metric_type, found.metric_value) == ("pass_at_1", 0.5)
    assert (found.dataset_type, found.dataset_name) == ("openai/openai_humaneval", "humaneval")
    (own,) = results_of(model_index(evaluated(tasks="own", dataset=None)))["base"]
    assert own.dataset_type == "pyengine-tasks"


def test_numbers_without_an_interval_have_no_ends() -> None:
    rows = [estimate("kl", "a", 0.1, math.nan), estimate("ppl", "a", math.nan)]
    (found,) = results_of(model_index(made_run([info("m", 2), info("a", 1)], rows)))["a"]
    assert set(found.metric_args) == {"n", "n_clusters"}


def test_evaluation_results() -> None:
    text = eval_results(evaluated(dataset="openai/openai_humaneval"))
    (found,) = hub.parse_eval_result_entries(reader.safe_load(text))
    assert (found.dataset_id, found.task_id) == ("openai/openai_humaneval", "default")
    assert found.value == 0.5
    assert found.notes == (
        "pass@1 of base, 95 % interval 0.09 to 0.91, 2 tasks, 1 sample each at temperature 0, "
        "chat prompts; pyengine 0.1.0"
    )
    again = hub.eval_result_entries_to_yaml([found])
    assert again == reader.safe_load(text)


@pytest.mark.parametrize("found", [sample_sweep(3), evaluated(tasks="own", dataset=None)])
def test_what_is_of_no_data_set_of_the_hub_is_refused(found: Run) -> None:
    with pytest.raises(InputError, match="no data set of the hub"):
        eval_results(found)


def test_what_has_no_results_is_refused() -> None:
    with pytest.raises(InputError, match="'speed' has no results for a model card"):
        model_index(made_timings([info("a", 1)]))


def test_data_sets_are_known_by_their_names() -> None:
    assert repository_of("humaneval") == "openai/openai_humaneval"
    assert repository_of("hf:a/b:c/d.jsonl") == "a/b"
    assert repository_of("own") is None
    assert repository_of("tasks.toml") is None


def test_the_command_line(tmp_path: Path) -> None:
    record = tmp_path / "sweep.json"
    save(sample_sweep(3), record)
    alone = run("report", record, "--model-index")
    assert alone.code == 0
    assert alone.out == model_index(sample_sweep(3))
    card = run("report", record, "--model-index", "--markdown").out
    assert card.startswith(f"---\n{alone.out}---\n\n# Quantizations of model\n")
    parsed = hub.ModelCard(card, ignore_metadata_errors=False)
    assert parsed.data.model_name == "model-Q2"
    assert parsed.text.startswith("\n# Quantizations of model")
    refused = run("report", record, "--eval-results")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.count("\n") == 1
    assert run("report", record, record, "--model-index").code == 2
    for other in ("--model-index", "--markdown"):
        assert "leave out the other" in run("report", record, "--eval-results", other).err
