"""Every command that writes, killed and resumed in folders full of somebody else's files.

A small seeded part of the campaign in kills.py.
"""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")

import numpy as np
from kills import Command, commands, kill_once, undisturbed
from sweep_samples import SmallSweep

from pyengine.commands.app import run
from pyengine.errors import InputError
from pyengine.measure.contexts import Context
from pyengine.measure.observers import Block
from pyengine.measure.saved_rows import SaveRows

# More than one where the command writes for most of its time.
KILLS = {"quantize": 2, "download": 2}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Command]]:
    with commands(tmp_path_factory.mktemp("inputs")) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["sweep", "quantize", "evaluate", "download", "probe", "compare", "report"]
)
def test_a_killed_command_touches_nothing_and_goes_on(
    known: dict[str, Command], name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name == "evaluate":
        request.getfixturevalue("sandbox")
    rng = random.Random(name)
    expected, seconds = undisturbed(known[name], tmp_path / "place")
    for _ in range(KILLS.get(name, 1)):
        moment = rng.uniform(0.3, 1.0) * seconds
        assert kill_once(known[name], tmp_path / "place", moment, expected).faults == []


@pytest.mark.parametrize("name", ["results.json", "timings.json", "evaluate.json"])
@pytest.mark.parametrize("content", ["mine", "{}", '{"kind": "other"}', "[1]", ""])
def test_a_sweep_replaces_no_table_of_somebody_else(
    sweep: SmallSweep,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str,
) -> None:
    (tmp_path / name).write_text(content)
    assert run(sweep.command(tmp_path, "--evaluate", "own")) == 2
    assert f"{name}: exists and is not a file that pyengine wrote" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_lock_of_somebody_else_is_not_cut(sweep: SmallSweep, tmp_path: Path) -> None:
    (tmp_path / "sweep.lock").write_text("mine")
    assert run(sweep.command(tmp_path, "--no-speed", "--json")) == 0
    assert (tmp_path / "sweep.lock").read_text() == "mine"


def test_a_refused_sweep_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "sweep"
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(40))
    arguments = ["sweep", str(tmp_path / "bad.gguf"), "--output-dir", str(folder)]
    assert run(arguments) == 2
    assert run([*arguments, "--corpus", "/nowhere"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["bad.gguf"]


def test_a_variant_of_somebody_else_is_not_replaced(
    sweep: SmallSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    theirs = tmp_path / "models" / "tiny-Q8_0.gguf"
    theirs.write_text("mine")
    assert run(sweep.command(tmp_path)) == 2
    assert "is not a file that pyengine quantized" in capsys.readouterr().err
    assert theirs.read_text() == "mine"


def test_pictures_of_somebody_else_are_not_replaced(
    known: dict[str, Command], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = known["report"].words[1]
    arguments = ["report", record, "--svg", str(tmp_path), "--png", str(tmp_path)]
    assert run(arguments) == 0
    assert run(arguments) == 0  # what is ours is replaced
    names = sorted(path.name for path in tmp_path.iterdir())
    assert {name[-4:] for name in names} == {".svg", ".png"}
    for option in ("--svg", "--png"):
        name = f"sweep-size-kl.{option[2:]}"  # the first that is drawn
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_text("<svg>mine</svg>")
        assert run(["report", record, option, str(tmp_path)]) == 2
        assert f"{name}: exists and is not a file" in capsys.readouterr().err
        assert (tmp_path / name).read_text() == "<svg>mine</svg>"
        (tmp_path / name).write_bytes(whole)


def test_saved_rows_of_somebody_else_are_not_replaced(tmp_path: Path) -> None:
    numbers = np.arange(2)
    context = Context(numbers.astype(np.int32), numbers, numbers.astype(np.int32))
    rows = np.ones((2, 5), dtype=np.float32)
    block = Block(
        places=numbers,
        rows=rows,
        reference=rows,
        targets=context.targets,
        token_sets=np.array(["", ""]),
        padding=np.empty(0, dtype=np.int32),
        threads=1,
        variant="q4",
    )

    def save() -> None:
        SaveRows(str(tmp_path), [context], 3, {"q4": 0}).offer(block)

    path = tmp_path / "reference-window000003.npz"
    for _ in range(2):  # what is ours is replaced
        save()
    assert np.load(path)["logits"].shape == (2, 5)
    for content in (b"mine", (tmp_path / "variant0-window000003.npz").read_bytes()[:-30]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="exists and is not a file that pyengine wrote"):
            save()
        assert path.read_bytes() == content


def test_a_store_of_somebody_else_is_not_cut(
    known: dict[str, Command], tmp_path: Path, sandbox: object, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = sandbox
    words = [word.format(place=tmp_path) for word in known["evaluate"].words]
    assert run(words) == 0
    (folder,) = (tmp_path / "kept").iterdir()
    first, *others = sorted(folder.iterdir())
    kept = {path: path.read_bytes() for path in others}
    first.write_bytes(first.read_bytes()[:-9])  # a damaged answer is measured again
    (folder / "mine.json").write_text('{"mine": 1}')
    assert run(words) == 0
    assert json.loads(first.read_bytes())["key"] == first.stem
    assert {path: path.read_bytes() for path in others} == kept
    assert (folder / "mine.json").read_text() == '{"mine": 1}'
    shutil.rmtree(folder)
    folder.write_bytes(b"mine")
    capsys.readouterr()
    assert run(words) == 2
    assert str(folder) in capsys.readouterr().err
    assert folder.read_bytes() == b"mine"
