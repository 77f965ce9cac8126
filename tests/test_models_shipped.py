"""The models that the package ships: their files, what they learnt, what they show."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pyengine.models.file_types import USUAL_TYPES
from pyengine.models.model import Model, open_model
from pyengine.models.options import SessionOptions
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.session import Session
from pyengine.run import Run

PROJECT = Path(__file__).parent.parent
MODELS = PROJECT / "pyengine" / "data" / "models"
MEMBERS = ("base", "small", "distilled", "python")
RESULTS = json.loads((PROJECT / "training" / "results.json").read_text())
# Q2_K_S needs an importance matrix.
TYPES = [name for name in USUAL_TYPES if name != "Q2_K_S"]
KL_TYPES = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q6_K", "Q8_0")
CODE = b"""def read(path):
    with open(path) as stream:
        return [line.strip() for line in stream]


class Reader:
    def __init__(self, path):
        self.path = path
"""


def path_of(member: str) -> Path:
    return MODELS / f"{member}.gguf"


def log_softmax(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    wide = rows.astype(np.float64) - rows.max(axis=-1, keepdims=True)
    result: npt.NDArray[np.float64] = wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))
    return result


def rows_after_code(model: Model) -> npt.NDArray[np.float64]:
    session = Session(model, options=SessionOptions(n_ctx=512, threads=1))
    ids = model.vocabulary.tokenize(CODE, add_special=True)
    return log_softmax(session.logits_at(ids, np.arange(len(ids))))


def test_sizes_keep_their_limits() -> None:
    assert path_of("base").stat().st_size <= 16e6
    assert sum(path_of(member).stat().st_size for member in MEMBERS[1:]) <= 32e6


@pytest.mark.parametrize("member", MEMBERS)
def test_tokenizer_metadata_is_complete(member: str) -> None:
    with open_model(path_of(member)) as model:
        vocabulary = model.vocabulary
        assert (vocabulary.kind, vocabulary.pre_tokenizer) == ("bpe", "gpt-2")
        assert vocabulary.add_bos
        assert not vocabulary.add_eos
        special = (
            vocabulary.bos,
            vocabulary.eos,
            vocabulary.fim_prefix,
            vocabulary.fim_suffix,
            vocabulary.fim_middle,
        )
        assert special == (0, 1, 2, 3, 4)
        assert np.flatnonzero(vocabulary.kinds == 3).tolist() == [0, 1, 2, 3, 4]
        ids = vocabulary.tokenize(CODE, add_special=True)
        assert ids[0] == 0
        assert vocabulary.detokenize(ids[1:]) == CODE


@pytest.mark.parametrize("member", MEMBERS)
def test_card_in_the_file_is_the_one_measured(member: str) -> None:
    measured = RESULTS["members"][member]
    with open_model(path_of(member)) as model:
        assert model.metadata["general.name"] == f"pyengine {member}"
        assert model.metadata["general.license"] == "mit"
        assert model.n_params == measured["parameters"]
        tokens = int(model.metadata["pyengine.training.tokens"])
        loss = float(model.metadata["pyengine.training.held_out_loss"])
    assert tokens == measured["training"]["tokens"]
    assert loss == pytest.approx(measured["nats_per_token"], abs=1e-5)
    assert file_sha256(path_of(member)) == RESULTS["verification"]["members"][member]["sha256"]


@pytest.mark.parametrize("member", MEMBERS)
def test_no_type_needs_a_fallback(member: str) -> None:
    plans = plan_quantization(path_of(member), TYPES)
    assert [plan.file_type for plan in plans if plan.fallbacks] == []


def test_shapes_are_related_as_the_axes_need() -> None:
    parameters = {}
    for member in MEMBERS:
        with open_model(path_of(member)) as model:
            parameters[member] = model.n_params
    assert parameters["python"] == parameters["base"]
    assert parameters["distilled"] == parameters["small"]
    assert parameters["base"] / 4 <= parameters["small"] <= parameters["base"] / 2


def test_cold_start_is_spread_over_file_beginnings() -> None:
    with open_model(path_of("base")) as model:
        session = Session(model, options=SessionOptions(n_ctx=64, threads=1))
        logs = log_softmax(session.logits([model.vocabulary.bos or 0]))
        entropy = -float((np.exp(logs) * logs).sum() / np.log(2))
        likely = {model.vocabulary.piece(int(i)) for i in np.argsort(-logs)[:24]}
    assert 2.0 < entropy < 10.0
    beginnings = (b"/*", b"//", b"#", b"import", b"package", b"<", b"from", b"use", b"using")
    assert sum(piece in likely for piece in beginnings) >= 5


def test_keywords_of_every_language_are_above_matched_english() -> None:
    command = [sys.executable, "-m", "pyengine", "probe", str(path_of("base")), "--json"]
    answer = subprocess.run(command, check=True, capture_output=True)
    odds = Run.model_validate_json(answer.stdout).select("odds_ratio", dimension="language")
    assert len(odds) == 12
    assert [row.group for row in odds if row.value <= 1] == []


def test_code_is_likelier_than_the_same_bytes_in_another_order() -> None:
    with open_model(path_of("base")) as model:
        session = Session(model, options=SessionOptions(n_ctx=512, threads=1))
        ids = model.vocabulary.tokenize(CODE, add_special=True)
        shuffled = np.concatenate([ids[:1], np.random.default_rng(3).permutation(ids[1:])])
        costs = []
        for order in (ids, shuffled):
            logs = log_softmax(session.logits_at(order, np.arange(len(order) - 1)))
            costs.append(-logs[np.arange(len(order) - 1), order[1:]].mean())
    assert costs[0] < costs[1] - 1.0


def test_divergence_falls_from_q2_k_to_q8_0(tmp_path: Path) -> None:
    source = path_of("base")
    with open_model(source) as model:
        wanted = rows_after_code(model)
    digest = file_sha256(source)
    found = []
    for plan in plan_quantization(source, list(KL_TYPES)):
        target = tmp_path / f"{plan.file_type}.gguf"
        quantize_file(source, target, plan, source_sha256=digest)
        with open_model(target) as model:
            rows = rows_after_code(model)
        found.append(float((np.exp(wanted) * (wanted - rows)).sum(axis=1).mean()))
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.01


def test_recorded_results_show_that_base_has_learnt_code() -> None:
    reached = RESULTS["members"]["base"]["bits_per_byte"]
    assert reached["all"]["value"] < 1.8
    assert reached["python"]["value"] < 1.7
    assert all(record["value"] < 0 for record in RESULTS["comparisons"]["base - xz"].values())


def test_recorded_results_show_the_order_of_the_family() -> None:
    compared = RESULTS["comparisons"]
    assert compared["base - small"]["high"] < 0
    assert compared["python - base on Python"]["high"] < 0
    assert compared["distilled - small"]["high"] < 0


@pytest.mark.parametrize("member", MEMBERS)
def test_recorded_logits_agree_with_the_training_side(member: str) -> None:
    recorded = RESULTS["verification"]["members"][member]
    assert recorded["logits"]["largest_difference"] < 0.02
    assert recorded["logits"]["equal_top_1"] >= 0.999
    # Without the roundings that llama.cpp makes for an F16 file, few positions differ by more.
    assert recorded["logits_of_float32"]["share_within_0.02"] >= 0.999
    assert recorded["logits_of_float32"]["equal_top_1"] >= 0.999
    assert recorded["logits_f32"]["largest_difference"] < 0.02
    assert recorded["files_tokenized_differently"] == 0


def test_recorded_quantization_has_no_fallback_and_orders_the_plain_types() -> None:
    records = {record["type"]: record for record in RESULTS["verification"]["quantization"]}
    assert set(records) == set(TYPES)
    assert all(record["fallbacks"] == 0 for record in records.values())
    divergences = [records[name]["kl_nats"] for name in KL_TYPES]
    assert divergences == sorted(divergences, reverse=True)
