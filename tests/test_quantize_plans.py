"""Types that a size chooses, the table of all, and the notes on what types are not."""

from pathlib import Path

import pytest
import tiny_models

from pyengine import quantize
from pyengine.errors import OptionError
from pyengine.measure.quantize_plans import SizeLimit, largest_within
from pyengine.models.file_types import FILE_TYPES, GENERAL_TYPES
from pyengine.models.gguf import TensorEntry
from pyengine.models.quantize_options import QuantizationPlan
from pyengine.run import Run


def plan(name: str, size: int, *, lacks: bool = False) -> QuantizationPlan:
    """A file of one tensor of 8 weights and so many bytes."""
    return QuantizationPlan(
        file_type=name,
        base_type="q8_0",
        file_bytes=size + 10,
        tensors=(TensorEntry("a", "q8_0", (8,), size),),
        wanted={},
        lacks_importance=("a",) if lacks else (),
    )


PLANS = [plan("Q8_0", 9), plan("Q4_1", 5), plan("Q4_0", 5), plan("IQ2_S", 3, lacks=True)]
SOURCE = Path("x.gguf")


def test_the_largest_within_a_size_and_the_next() -> None:
    found, told = largest_within(SOURCE, PLANS, SizeLimit("18B", n_bytes=18))
    assert found.file_type == "Q4_1"  # the first of equals
    assert told == {
        "asked": "18B",
        "max_bytes": 18,
        "max_bits": None,
        "file_type": "Q4_1",
        "n_types": 3,
        "larger": "Q8_0",
        "larger_bytes": 19,
        "larger_bits": 9.0,
    }
    found, told = largest_within(SOURCE, PLANS, SizeLimit("19B", n_bytes=19))
    assert (found.file_type, told["larger"]) == ("Q8_0", None)
    found, _ = largest_within(SOURCE, PLANS, SizeLimit("5bpw", bits=5.0))
    assert found.file_type == "Q4_1"


def test_none_small_enough_names_the_smallest() -> None:
    with pytest.raises(OptionError) as raised:
        largest_within(SOURCE, PLANS, SizeLimit("14B", n_bytes=14))
    told = str(raised.value)
    assert "no type is as small as 14B; the smallest is Q4_1 with" in told
    assert "with an importance matrix (--imatrix) there is IQ2_S" in told
    with pytest.raises(OptionError, match="and with an importance matrix IQ2_S with"):
        largest_within(SOURCE, PLANS, SizeLimit("1B", n_bytes=1))
    with pytest.raises(OptionError, match=r"Q4_0 with 0\.0 MB, 5\.00 bits per weight$"):
        largest_within(SOURCE, PLANS[2:3], SizeLimit("1B", n_bytes=1))


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "wide.gguf"
    tiny_models.write_plain(path, n_embd=256)
    return path


@pytest.fixture(scope="module")
def every(wide: Path) -> Run:
    return quantize(wide, dry_run=True)


def codes(run: Run) -> set[str]:
    return {note.code for note in run.notes}


def test_without_a_type_a_dry_run_shows_all_the_largest_first(every: Run) -> None:
    files = every.shown("quantized")
    assert {file["file_type"] for file in files} == set(FILE_TYPES)
    sizes = [file["file_bytes"] for file in files]
    assert sizes == sorted(sizes, reverse=True)
    needing = {file["file_type"] for file in files if file["lacks_importance"]}
    assert {"IQ1_S", "Q2_K_S", "IQ3_XS"} <= needing
    assert not {"IQ3_S", "IQ4_XS", "TQ1_0", "Q2_K"} & needing
    ternary = next(note for note in every.notes if note.code == "ternary")
    assert set(ternary.values["names"]) == {"Q2_0", "TQ2_0", "TQ1_0", "Q1_0"}
    unlike = next(note for note in every.notes if note.code == "own-type-unused")
    assert unlike.values["names"] == ["MXFP4_MOE"]  # there are no experts


def test_a_size_is_that_of_the_whole_file(every: Run, wide: Path) -> None:
    sizes = {
        file["file_type"]: file["file_bytes"]
        for file in every.shown("quantized")
        if file["file_type"] in GENERAL_TYPES and not file["lacks_importance"]
    }
    limit = sizes["Q4_K_M"]
    run = quantize(wide, to=[f"{limit}B", f"{limit - 1}b", "Q8_0"], dry_run=True)
    asked = [choice["file_type"] for choice in run.shown("size")]
    assert asked == ["Q4_K_M", max((n for n in sizes if sizes[n] < limit), key=sizes.__getitem__)]
    made = [file["file_type"] for file in run.shown("quantized")]
    assert made == ["Q8_0", *asked]
    assert not codes(run)


def test_bits_per_weight_are_of_all_tensors(every: Run, wide: Path) -> None:
    bits = {f["file_type"]: f["bits_per_weight"] for f in every.shown("quantized")}
    (chosen,) = quantize(wide, to="5.2bpw", dry_run=True).shown("size")
    assert bits[chosen["file_type"]] <= 5.2 < bits[chosen["larger"]]


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("5", "a size has a unit: 5GB, 5bpw"),
        ("5QB", "no file type and no size"),
        ("1.2.3GB", "no file type and no size"),
        ("10kB", "no type is as small as 10kB"),
        ("", "no file type to quantize to was given"),
        (None, "no file type to quantize to was given"),
    ],
)
def test_sizes_that_are_none(wide: Path, tmp_path: Path, to: str | None, reason: str) -> None:
    with pytest.raises(OptionError) as raised:
        quantize(wide, to=to, output_dir=tmp_path)
    assert reason in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_what_no_type_can_be_made_with_is_an_error(wide: Path) -> None:
    with pytest.raises(OptionError, match="'zzz=q8_0' does nothing: it matches no tensor"):
        quantize(wide, tensor_type="zzz=q8_0", dry_run=True)
    run = quantize(wide, tensor_type="attn_q=q8_0", dry_run=True)
    impossible = [n.values["file_type"] for n in run.notes if n.code == "type-impossible"]
    assert impossible == ["F32", "BF16", "F16"]


def test_rules_are_told(wide: Path) -> None:
    run = quantize(wide, to="Q4_K_M", tensor_type="attn_v=Q8_0", output_type="q8_0", dry_run=True)
    (rule,) = run.shown("rule")
    assert rule["pattern"] == "attn_v"
    assert rule["tensor_type"] == "q8_0"
    assert rule["tensors"] == ["blk.0.attn_v.weight", "blk.1.attn_v.weight"]
    assert codes(run) == {"output-tied"}
