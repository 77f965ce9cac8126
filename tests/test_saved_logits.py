"""Saved logits say the same as the model that they came from, or say that they are damaged."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import synthetic_probe
import tiny_models
from command_line import run

from pyengine.errors import InputError, ResultFileError
from pyengine.measure.cold_rows import load_rows, save_rows
from pyengine.measure.probe import probe_run
from pyengine.run import Note, Run, to_json

FEW = ("--language", "go", "--language", "python", "--draws", "20", "--seed", "7", "--threads", "1")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What a live probe printed, and the file that it saved."""
    folder = tmp_path_factory.mktemp("saved")
    model = tiny_models.write_bpe(folder / "tiny.gguf")
    done = run("probe", model, "--json", "--save-logits", folder / "rows.npz", *FEW)
    assert (done.code, done.err) == (0, "")
    return done.out, folder / "rows.npz"


def test_a_saved_probe_prints_the_same_bytes(saved: tuple[str, Path]) -> None:
    out, path = saved
    again = run("probe", path, "--json", *FEW)
    assert (again.code, again.err) == (0, "")
    assert again.out == out
    assert Run.model_validate_json(out).notes == []


def test_words_that_were_not_measured_are_not_made_up(
    saved: tuple[str, Path], tmp_path: Path
) -> None:
    table = tmp_path / "own.toml"
    table.write_text(
        'language = "own"\nversion = "1"\n'
        '[[groups]]\nclass = "reserved"\nsource = "mine"\nwords = ["if", "unheardof"]\n'
    )
    done = run("probe", saved[1], "--json", "--keywords", table, "--language", "own")
    own = Run.model_validate_json(done.out)
    assert own.notes == [Note(code="split-words-not-measured", model="tiny")]
    (none,) = own.select("keyword_count", group="language=own;tokens=none")
    assert none.value == 0
    # The geometric mean would be that of other words.
    for metric in ("split_mass", "keyword_string_mass", "geometric_mean"):
        assert own.select(metric) == []
    assert "were not measured" in run("probe", saved[1], "--keywords", table).out


def test_saved_logits_bring_their_own_starts(saved: tuple[str, Path]) -> None:
    done = run("probe", saved[1], "--start", "bos")
    assert done.code == 2
    assert "--start" in done.err


def test_a_measurement_comes_back_as_it_was(tmp_path: Path) -> None:
    before = synthetic_probe.decoded()
    save_rows(tmp_path / "rows.npz", before)
    after = load_rows(tmp_path / "rows.npz")
    np.testing.assert_array_equal(after.rows, before.rows)
    assert (after.info, after.provenance) == (before.info, before.provenance)
    assert (after.starts, after.strings) == (before.starts, before.strings)
    assert after.unspellable == before.unspellable
    options = synthetic_probe.options()
    assert to_json(probe_run([after], options)) == to_json(probe_run([before], options))


def rewrite(path: Path, target: Path, **changed: np.ndarray) -> Path:
    with np.load(path) as arrays:
        np.savez_compressed(target, **{**arrays, **changed})
    return target


def check_refused(path: Path, said: str) -> None:
    with pytest.raises(ResultFileError, match=said):
        load_rows(path)
    done = run("probe", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert path.name in done.err


def header(path: Path) -> dict[str, object]:
    with np.load(path) as arrays:
        found: dict[str, object] = json.loads(arrays["header"].tobytes())
    return found


def packed(content: object) -> np.ndarray:
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


def test_another_format_is_named(saved: tuple[str, Path], tmp_path: Path) -> None:
    changed = packed({**header(saved[1]), "format": 99})
    check_refused(rewrite(saved[1], tmp_path / "x.npz", header=changed), "format 99")


@pytest.mark.parametrize("content", [[], 3, None, "text", {}, {"format": 3}])
def test_a_header_that_is_none_is_refused(
    saved: tuple[str, Path], tmp_path: Path, content: object
) -> None:
    path = rewrite(saved[1], tmp_path / "x.npz", header=packed(content))
    check_refused(path, "not a file of saved logits")


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("logits", np.zeros((1, 5), np.float32)),
        ("logits", np.zeros((2, 3, 4), np.float32)),
        ("kinds", np.zeros(3, np.uint8)),
        ("piece_offsets", np.zeros(3, np.int64)),
        ("piece_bytes", np.zeros(0, np.uint8)),
        ("logits", np.array([["a"]])),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    saved: tuple[str, Path],
    tmp_path: Path,
    name: str,
    array: np.ndarray,
) -> None:
    check_refused(rewrite(saved[1], tmp_path / "x.npz", **{name: array}), "do not fit|not a file")


@pytest.mark.parametrize(
    "changed",
    [
        {"starts": [{"name": "bos", "ids": [10**6], "reason": "bos"}] * 6},
        {"strings": {"else": 0.5}},
        {"strings": {"else": float("nan")}},
    ],
)
def test_an_impossible_start_or_probability_is_refused(
    saved: tuple[str, Path], tmp_path: Path, changed: dict[str, object]
) -> None:
    content = {**header(saved[1]), **changed}
    check_refused(rewrite(saved[1], tmp_path / "x.npz", header=packed(content)), "fit")


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_cut_file_is_refused(saved: tuple[str, Path], tmp_path: Path, keep: float) -> None:
    data = saved[1].read_bytes()
    path = tmp_path / "cut.npz"
    path.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    check_refused(path, "not a file of saved logits")


def test_damaged_content_is_refused(saved: tuple[str, Path], tmp_path: Path) -> None:
    data = bytearray(saved[1].read_bytes())
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "flipped.npz"
    path.write_bytes(data)
    check_refused(path, "not a file of saved logits")


def test_a_missing_file_and_a_foreign_archive_are_refused(tmp_path: Path) -> None:
    check_refused(tmp_path / "missing.npz", "no such file")
    with zipfile.ZipFile(tmp_path / "foreign.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    check_refused(tmp_path / "foreign.npz", "not a file of saved logits")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        save_rows(tmp_path / "missing" / "rows.npz", synthetic_probe.decoded())
    assert list(tmp_path.iterdir()) == []
