"""Sensitivity: groups rounded in memory against files that hold the same weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import tiny_models
from llama_quantize_hashes import write_importance
from test_weight_rounding import made_of, patched

from pyengine.errors import ModelKindError, OptionError
from pyengine.measure.compare import compare
from pyengine.measure.decode import observe
from pyengine.measure.engine import Processes
from pyengine.measure.options import CompareOptions
from pyengine.measure.rounding_types import RoundingTypes, known_type, weight_errors
from pyengine.measure.sensitivity import SensitivityOptions, measure_sensitivity
from pyengine.measure.sensitivity_groups import TensorGroup, groups_of, leaves
from pyengine.measure.tensor_kinds import kinds_of, to_divide
from pyengine.measure.variants import Rounding, Variant
from pyengine.models.gguf import TensorEntry, read_tensor_table
from pyengine.models.quantize import quantizable
from pyengine.run import Run, to_json
from pyengine.text.documents import Corpus, Document

OPTIONS = SensitivityOptions(at="q4_K", n_groups=6, tokens=300, n_ctx=64, threads=1)
TEXT = b"def area(r):\n    # of a circle\n    return 3.14 * r ** 2\n\nprint(area(2))\n"


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(tuple(Document(f"{n}.py", "python", TEXT + b"%d" % n) for n in range(14)), "test")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return tiny_models.write_gpt2(folder / "tiny-f32.gguf", tiny_models.Tiny(scale=0.3))


class Here(Processes):
    """Runs here what belongs in processes; test_hostile_environments.py starts those."""

    def call(self, variant: Variant, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401, ARG002
        return function(*arguments)


class Interrupted(Here):
    """Is interrupted at the fourth group, and notes what was measured."""

    most = 3
    observed: ClassVar[list[str]] = []

    def call(self, variant: Variant, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
        if function is observe:
            if len(self.observed) == self.most:
                raise KeyboardInterrupt
            self.observed.append(variant.id)
        return super().call(variant, function, *arguments)


@pytest.fixture(scope="module")
def run(source: Path, corpus: Corpus) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyengine.measure.sensitivity.Processes", Here)
        return measure_sensitivity(source, corpus, options=OPTIONS)


def group(run: Run, kind: str) -> TensorGroup:
    return next(one for one in groups_of(run) if one.kind == kind)


def test_leaves_are_all_that_is_quantized(run: Run, source: Path) -> None:
    names = [name for one in leaves(run) for name in one.tensors]
    assert sorted(names) == sorted(quantizable(source))
    assert len(leaves(run)) == OPTIONS.n_groups == run.options["groups"]
    assert len(groups_of(run)) == len(leaves(run)) + 1


def test_the_most_sensitive_kind_is_divided(run: Run) -> None:
    kinds = {one.kind: one for one in reversed(groups_of(run))}
    layered = [one for one in kinds.values() if len(one.tensors) > 1]
    (divided,) = (one for one in groups_of(run) if not one.leaf)
    assert divided.kl == max(one.kl for one in layered)
    halves = [one for one in leaves(run) if one.kind == divided.kind]
    assert [(one.first_layer, one.last_layer) for one in halves] == [(0, 0), (1, 1)]
    row = run.find("kl", run.models[1].id, tensors=f"{divided.kind} 1")
    assert row is not None
    assert (row.value, row.low, row.high) == (halves[1].kl, halves[1].low, halves[1].high)


def test_groups_are_as_far_as_files_of_their_weights(
    run: Run, source: Path, corpus: Corpus, tmp_path: Path
) -> None:
    comparing = CompareOptions(
        windows=OPTIONS.windows(len(corpus)),
        threads=1,
        starts=False,
        continuations=0,
        precision=0,
        seed=OPTIONS.seed,
    )
    files = {}
    for kind, groups in {"ffn_down": [group(run, "ffn_down")], "all": leaves(run)}.items():
        types = [(name, "q4_0") for one in groups for name in one.tensors]
        files[kind] = patched(source, types).rename(tmp_path / f"{kind}.gguf")
    compared = compare(source, list(files.values()), corpus=corpus, options=comparing)
    for kind in files:
        for metric in ("kl", "same_first_choice"):
            where = {} if kind == "all" else {"tensors": kind}
            found = run.find(metric, run.models[1].id, **where)
            expected = compared.find(metric, kind)
            assert found is not None
            assert expected is not None
            assert found.value == expected.value
            assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
            assert (found.n, found.n_clusters) == (expected.n, expected.n_clusters)


def test_other_types_are_predicted_by_their_weight_errors(run: Run) -> None:
    one = group(run, "ffn_up")
    assert one.measured_types == {"q4_0": 2}  # rows of 32 hold no q4_K
    choices = {choice.type: choice for choice in one.choices}
    assert choices["q4_0"].kl == one.kl
    assert choices["f32"].kl == choices["f32"].weight_error == 0
    for choice in one.choices:
        scale = choice.weight_error / choices["q4_0"].weight_error
        assert choice.kl == pytest.approx(one.kl * scale)
    assert choices["q8_0"].n_bytes == one.n_weights * 34 // 32
    assert [c.n_bytes for c in one.choices] == sorted(c.n_bytes for c in one.choices)
    (note,) = run.notes
    assert note.code == "rounded-to-nearest"
    n_tensors = sum(len(leaf.tensors) for leaf in leaves(run))
    assert note.values == {"asked": "q4_K", "types": {"q4_0": n_tensors}}


def test_what_was_measured_is_not_measured_again(
    run: Run, source: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("nothing is decoded")

    monkeypatch.setattr("pyengine.measure.sensitivity.Processes", Here)
    monkeypatch.setattr("pyengine.measure.engine.measure_chunk", fail)
    again = measure_sensitivity(source, corpus, options=OPTIONS)
    assert to_json(again) == to_json(run)


def test_what_was_measured_before_an_interruption_is_kept(
    source: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyengine.measure.sensitivity.Processes", Interrupted)
    monkeypatch.setattr(Interrupted, "observed", [])
    other = replace(OPTIONS, n_ctx=48)
    with pytest.raises(KeyboardInterrupt):
        measure_sensitivity(source, corpus, options=other)
    monkeypatch.setattr(Interrupted, "most", 99)
    run = measure_sensitivity(source, corpus, options=other)
    assert len(Interrupted.observed) == len(set(Interrupted.observed)) == len(groups_of(run)) + 1


def test_an_importance_matrix_changes_what_is_measured(source: Path) -> None:
    matrix = write_importance(source.with_name("imatrix.gguf"), source)
    name = "blk.1.ffn_down.weight"
    (tensor,) = (row for row in read_tensor_table(source) if row.name == name)
    types = RoundingTypes(covered=[name])
    plain = weight_errors(source, [tensor], types)[name]
    weighted = weight_errors(source, [tensor], types, imatrix=str(matrix))[name]
    assert plain.keys() == weighted.keys() == {*types.of(tensor), "f32"}
    assert all(plain[kind] != weighted[kind] for kind in plain if kind != "f32")
    how = Variant(id="", path="x", sha256="y", rounding=Rounding(tensors=((name, "q4_0"),)))
    other = replace(how, rounding=replace(how.rounding, imatrix="a", imatrix_sha256="b"))
    moved = replace(other, rounding=replace(other.rounding, imatrix="c", threads=2))
    assert how.identity() != other.identity() == moved.identity()


def test_a_quantized_source_is_refused(
    source: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyengine.measure.sensitivity.Processes", Here)
    file = made_of(source, "Q8_0")
    with pytest.raises(ModelKindError, match=r"is q8_0: .* against a model of floats"):
        measure_sensitivity(file, corpus, options=OPTIONS)


def entry(name: str, columns: int = 256) -> TensorEntry:
    return TensorEntry(name, "f16", (columns, 4), 2 * columns * 4)


def test_types_that_tensors_can_have() -> None:
    types = RoundingTypes(covered=["b"])
    assert types.nearest(entry("a"), "q4_K") == "q4_K"
    assert types.nearest(entry("a", 64), "q4_K") == "q4_0"
    assert types.nearest(entry("a", 64), "q6_K") == "q5_1"
    assert types.nearest(entry("a", 64), "q2_K") == "mxfp4"
    assert types.nearest(entry("a"), "iq2_xxs") == "q2_K"
    assert types.nearest(entry("b"), "iq2_xxs") == "iq2_xxs"
    assert "iq2_xxs" not in types.of_all([entry("a"), entry("b")])
    assert types.of_all([entry("a", 64), entry("b")])[0] == "mxfp4"
    assert types.of_all([entry("a", 33)]) == ["f16"]
    assert types.n_bytes([entry("a"), entry("b")], "q4_K") == 2 * 4 * 144
    assert known_type("Q4_k") == "q4_K"
    with pytest.raises(OptionError, match="no type 'q4_k_m' to round to; use one of q4_0, "):
        known_type("q4_k_m")


def test_kinds_and_their_halves() -> None:
    names = [f"blk.{n}.ffn_down.weight" for n in (10, 2, 7, 0, 1)]
    first, second = kinds_of([entry(name) for name in ["token_embd.weight", *names]])
    assert (first.name, first.layers) == ("token_embd", ())
    assert second.layers == (0, 1, 2, 7, 10)
    lower, upper = second.halves()
    assert (lower.name, upper.name) == ("ffn_down 0-2", "ffn_down 7-10")
    assert [part.name for part in upper.halves()] == ["ffn_down 7", "ffn_down 10"]
    assert second.n_weights == 5 * 4 * 256


def test_what_is_divided_next() -> None:
    layers = {"a": 1, "b": 4, "c": 4, "d": 2}
    parts = kinds_of(
        [entry(f"blk.{n}.{k}.weight") for k, count in layers.items() for n in range(count)]
    )
    kl = dict(zip(parts, (9.0, 4.0, 3.0, 1.5), strict=True))
    assert [part.name for part in to_divide(kl, 5)] == ["b"]
    assert [part.name for part in to_divide(kl, 6)] == ["b", "c"]
    assert [part.name for part in to_divide(kl, 8)] == ["b", "c"]  # and the halves of b
    assert len(to_divide(kl, 100)) == 3
    assert to_divide(kl, 4) == []
    assert to_divide({parts[0]: 9.0}, 5) == []
    assert to_divide({parts[1]: 0.0}, 5) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"at": "q9"}, "no type 'q9'"),
        ({"n_groups": 0}, "groups must be at least 1, not 0"),
        ({"threads": 0}, "threads must be from 1 to 512, not 0"),
        ({"tokens": 0}, "tokens"),
    ],
)
def test_impossible_options(values: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        SensitivityOptions(**values).check()  # type: ignore[arg-type]
