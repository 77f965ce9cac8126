"""The record: written and read back, refused where damaged, merged where it belongs together."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyengine.errors import InputError, ResultFileError
from pyengine.run import (
    METRICS,
    Exhibit,
    Measurement,
    ModelInfo,
    Note,
    Provenance,
    Run,
    group_of,
    load,
    members_of,
    merge,
    save,
    schema,
    to_json,
)

PROVENANCE = Provenance(
    pyengine="0.1.0",
    llama_cpp="b1",
    llama_cpp_python="0.3.36",
    python="3.11.7",
    platform="Linux x86_64",
    cpu="test",
    cores=2,
    threads=1,
    devices=["CPU"],
)


def model(name: str, sha256: str = "") -> ModelInfo:
    return ModelInfo(
        id=name,
        path=f"{name}.gguf",
        name=name,
        sha256=sha256 or name,
        architecture="llama",
        file_type="F16",
        n_params=10,
        n_bytes=20,
        file_bytes=30,
        bits_per_weight=16.0,
        n_vocab=5,
        n_embd=4,
        n_layer=1,
        n_ctx_train=64,
        tokenizer="bpe",
        pre_tokenizer="default",
        vocabulary_sha256="v",
    )


def run_of(*names: str) -> Run:
    rows = [
        Measurement("kl", name, "f16", "", 0.5, 0.4, 0.6, 0.95, 0.05, 9, 3, "t") for name in names
    ]
    return Run(
        command="compare",
        provenance=PROVENANCE,
        models=[model("f16"), *map(model, names)],
        measurements=rows,
        exhibits=[Exhibit(kind="axis", model=name, content={"kind": "x"}) for name in names],
        notes=[Note(code="variant-failed", model=name) for name in names],
    )


numbers = st.floats(allow_nan=False, width=64)
measurements = st.builds(
    Measurement,
    st.sampled_from(sorted(METRICS)),
    st.text(),
    st.text(),
    st.text(),
    numbers,
    numbers,
    numbers,
    numbers,
    numbers,
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.sampled_from(["", "t", "wilson"]),
)


@given(st.lists(measurements, max_size=5))
def test_measurements_come_back_as_they_were(rows: list[Measurement]) -> None:
    run = run_of("q4").model_copy(update={"measurements": rows})
    again = Run.model_validate(json.loads(to_json(run)))
    assert again.measurements == rows
    assert to_json(again) == to_json(run)


def test_missing_and_infinite_numbers_come_back(tmp_path: Path) -> None:
    rows = [Measurement("kl", "a", "b", "", math.inf, -math.inf)]
    run = run_of("a").model_copy(update={"measurements": rows})
    save(run, tmp_path / "run.json")
    (row,) = load(tmp_path / "run.json").measurements
    assert (row.value, row.low) == (math.inf, -math.inf)
    assert math.isnan(row.high)
    assert math.isnan(row.error)
    assert "NaN" not in (tmp_path / "run.json").read_text()


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=4))
def test_groups_come_back_as_they_were(members: dict[str, str]) -> None:
    assert members_of(group_of(members)) == members


def damaged(change: Callable[[dict[str, Any]], object]) -> str:
    content = json.loads(to_json(run_of("q4")))
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no schema_version"),
        ('{"schema_version": 1}', "measure again"),
        ('{"schema_version": 99}', "update pyengine"),
        ('{"schema_version": "x"}', "schema version 'x'"),
        (damaged(lambda c: c.pop("models")), "models"),
        (damaged(lambda c: c.update(more=1)), "more"),
        (damaged(lambda c: c["measurements"].pop("n")), "columns"),
        (damaged(lambda c: c["measurements"]["n"].append(1)), "lengths"),
        (damaged(lambda c: c["measurements"].update(value=["x"])), "no number"),
        (damaged(lambda c: c["measurements"].update(value=[True])), "no number"),
        (damaged(lambda c: c["measurements"].update(n=[-1])), "no count"),
        (damaged(lambda c: c["measurements"].update(model=[3])), "no text"),
        (damaged(lambda c: c["measurements"].update(model=7)), "no list"),
        (damaged(lambda c: c.update(measurements=7)), "measurements"),
        (damaged(lambda c: c.update(measurements=[[1]])), "measurements"),
    ],
)
def test_what_is_no_record_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(ResultFileError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_record_in_utf_16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(to_json(run_of("q4")), encoding="utf-16")
    assert load(path) == run_of("q4")


def test_a_variant_of_tomorrow_joins_the_table() -> None:
    joined = merge([run_of("q4"), run_of("q8", "q4")])
    assert [m.id for m in joined.models] == ["f16", "q4", "q8"]
    assert [row.model for row in joined.measurements] == ["q4", "q8"]
    assert [exhibit.model for exhibit in joined.exhibits] == ["q4", "q8"]
    assert [note.model for note in joined.notes] == ["q4", "q8"]


@pytest.mark.parametrize(
    "other",
    [
        run_of("q8").model_copy(update={"command": "sweep"}),
        run_of("q8").model_copy(update={"options": {"margin": 1}}),
        run_of("q8").model_copy(
            update={"measurements": [replace(run_of("q8").measurements[0], reference="x")]}
        ),
        run_of("q8").model_copy(update={"models": [model("f16", "other"), model("q8")]}),
    ],
)
def test_runs_that_do_not_belong_together_are_not_merged(other: Run) -> None:
    with pytest.raises(InputError):
        merge([run_of("q4"), other])


def test_the_schema_is_short_and_lists_the_fields() -> None:
    found = schema()
    assert set(found["properties"]) == set(Run.model_fields)
    assert len(json.dumps(found, indent=2).splitlines()) < 600


def test_a_run_is_laid_out_as_a_table() -> None:
    rows = [
        Measurement("kl", name, "f16", group_of({"language": language}), value)
        for name, value in (("q4", 1.0), ("q8", 2.0))
        for language in ("c", "go")
    ]
    run = run_of("q4", "q8")
    run = run.model_copy(update={"measurements": [*run.measurements, *rows]})
    table = run.table("kl", rows="model", columns="language")
    assert table.rows == ("q4", "q8")
    assert table.columns == ("all", "c", "go")
    assert table.values() == [[0.5, 1.0, 1.0], [0.5, 2.0, 2.0]]
    assert "0.5 ± 0.05" in str(table)
    assert "<td>2</td>" in table._repr_html_()
    assert len(repr(run)) < 2000


def test_metrics_say_what_they_are() -> None:
    for metric in METRICS.values():
        assert metric.title
        assert metric.formula
        assert metric.id.replace("_", "").isalnum()
        assert metric.column or not metric.estimator
