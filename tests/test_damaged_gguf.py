"""Two thousand damaged GGUFs: a typed error or a usable model each, and the process lives."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import damage
import damage_campaign
import pytest
import tiny_architectures
import tiny_models

from pyengine.commands.app import run
from pyengine.errors import ModelFileError
from pyengine.models import gguf, model, options, session, trial

# Opens every file of a folder and decodes with what opens; says how far it came.
CHILD = """
import sys
from pathlib import Path
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.errors import ModelFileError, PyengineError

options = SessionOptions(n_ctx=32, n_batch=32, n_ubatch=32, max_rows=1, threads=1)
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(path.name, end=" ", flush=True)
    try:
        with open_model(path) as model:
            vocabulary = model.vocabulary
            vocabulary.pieces()
            logits = Session(model, options=options).logits([0, vocabulary.size - 1])
            assert logits.shape == (model.n_vocab,)
            try:
                vocabulary.tokenize(b"if (a) {\\n\\xff}")
            except PyengineError:
                pass
        print("valid")
    except ModelFileError:
        print("ModelFileError")
    except PyengineError as error:
        print(type(error).__name__)
"""


# As sitecustomize.py: the trial's process dies at its start.
ABORT = "import os, sys\nif 'pyengine.models.child' in sys.orig_argv: os.abort()\n"


def open_all(folder: Path) -> tuple[int, list[tuple[str, str]]]:
    """Return the exit status of a child that opens all files, and what it said of each."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # the sanitizers' settings too
    )
    sys.stderr.write(done.stderr)
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return done.returncode, [(line[0], line[1] if len(line) > 1 else "DIED") for line in lines]


def damage_folder(source: bytes, folder: Path, *, seed: int, count: int) -> dict[str, str]:
    folder.mkdir()
    ways = {}
    for i, (way, data) in enumerate(damage.damaged(source, seed=seed, count=count)):
        name = f"{i:05d}.gguf"
        (folder / name).write_bytes(data)
        ways[name] = way
    return ways


def assert_survived(folder: Path, ways: dict[str, str]) -> Counter[str]:
    status, outcomes = open_all(folder)
    last = outcomes[-1][0] if outcomes else "nothing"
    assert status == 0, f"the process died on {last}: {ways.get(last)}"
    assert {name for name, _ in outcomes} == set(ways)
    return Counter(outcome for _, outcome in outcomes)


@pytest.mark.parametrize(("architecture", "seed"), [("llama", 1), ("llama", 2), ("qwen2", 3)])
def test_damaged_generated_models(tmp_path: Path, architecture: str, seed: int) -> None:
    source = tmp_path / "source.gguf"
    tiny_models.write_plain(source, architecture=architecture)
    ways = damage_folder(source.read_bytes(), tmp_path / "damaged", seed=seed, count=700)
    outcomes = assert_survived(tmp_path / "damaged", ways)
    assert outcomes["ModelFileError"] > 300
    assert outcomes["valid"] > 30  # the damage reaches the parts that only weigh on numbers


@pytest.mark.parametrize(
    "name", ["stories260K-q8_0", "tiny-rwkv-7v0-834k-f16", "tiny-rwkv-6v0-3m-q5_0"]
)
def test_damaged_real_models(tmp_path: Path, shared: Path, name: str) -> None:
    source = (shared / "models" / f"{name}.gguf").read_bytes()
    ways = damage_folder(source, tmp_path / "damaged", seed=len(name), count=70)
    assert_survived(tmp_path / "damaged", ways)


@pytest.mark.parametrize("architecture", tiny_architectures.ARCHITECTURES)
def test_a_part_of_the_campaign(tmp_path: Path, architecture: str) -> None:
    figures = damage_campaign.campaign(architecture, tmp_path, seed=5, files=4)
    assert figures.faults == []
    assert figures.outcomes.total() == 4
    assert figures.memory < damage_campaign.MEMORY


@pytest.mark.parametrize("architecture", tiny_architectures.ARCHITECTURES)
def test_what_the_campaign_damages_is_usable(tmp_path: Path, architecture: str) -> None:
    path = tiny_architectures.write(tmp_path / "model.gguf", architecture)
    assert damage_campaign.use_api(path) == "usable"
    assert damage_campaign.use_command_line(path) == ""


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_the_undamaged_models_are_valid(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path, architecture=architecture)
    summary = gguf.check_gguf(path)
    assert summary.reviewed
    assert summary.architecture == architecture
    assert summary.n_vocab == 288
    assert summary.n_bytes == path.stat().st_size
    table = {entry.name: entry for entry in gguf.read_tensor_table(path)}
    assert table["token_embd.weight"].shape == (32, 288)
    assert table["token_embd.weight"].n_bytes == 4 * 32 * 288
    with model.open_model(path) as opened:
        limits = options.SessionOptions(n_ctx=32, threads=1)
        assert session.Session(opened, options=limits).logits([1]).shape == (288,)


@pytest.mark.parametrize(
    ("field", "raw", "reason"),
    [
        ("version", b"\x01\x00\x00\x00", "version 1"),
        ("version", b"\x00\x00\x00\x03", "byte order"),
        ("tensor_count", b"\xff" * 8, "claims"),
        ("llama.block_count.value", b"\x00" * 4, "block_count"),
        ("llama.block_count.value", b"\x01\x02\x00\x00", "block_count"),
        ("llama.attention.head_count.value", b"\x00" * 4, "head_count"),
        ("llama.attention.head_count.value", b"\x05\x00\x00\x00", "head_count"),
        ("llama.context_length.value", b"\x00" * 4, "context_length"),
        ("llama.attention.layer_norm_rms_epsilon.value", b"\x00\x00\xc0\x7f", "finite"),
        ("llama.rope.dimension_count.value", b"\x07\x00\x00\x00", "rope.dimension_count"),
        ("token_embd.weight.type", b"\x1a\x00\x00\x00", "cannot be computed with"),
        ("output_norm.weight.dim0", b"\x00" * 8, "impossible shape"),
        ("tokenizer.ggml.tokens.count", b"\xff\xff\xff\xff\x00\x00\x00\x00", "claims"),
    ],
)
def test_each_refusal_names_the_file_and_the_reason(
    tmp_path: Path, field: str, raw: bytes, reason: str
) -> None:
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path)
    data = bytearray(path.read_bytes())
    place = next(f for f in damage.structure(bytes(data)) if f.name.endswith(field))
    data[place.offset : place.offset + len(raw)] = raw
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=reason) as caught:
        model.open_model(path)
    assert str(caught.value).startswith(str(path))


def test_a_rotation_of_no_dimension_is_refused(tmp_path: Path) -> None:
    """In phi3, which no reading of its graph covers, it would never end."""
    path = tiny_architectures.write(tmp_path / "model.gguf", "phi3")
    data = damage.with_value(
        path.read_bytes(), "phi3.rope.dimension_count", 4, (0).to_bytes(4, "little")
    )
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"rope\.dimension_count must be even and at least 2"):
        model.open_model(path)


def test_a_repeated_token_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path)
    path.write_bytes(path.read_bytes().replace(b"<0x41>", b"<0x42>"))
    with pytest.raises(ModelFileError, match="same text"):
        gguf.check_gguf(path)


def test_a_truncated_file_says_how_much_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path)
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    with pytest.raises(ModelFileError, match=f"ends at byte .* has {len(data) - 100}"):
        gguf.check_gguf(path)


def test_all_parts_of_a_split_model_are_checked(tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00002.gguf"
    tiny_models.write_plain(first, parts=2)
    assert gguf.check_gguf(first).n_tensors == 20
    with model.open_model(first) as opened:
        assert opened.n_layer == 2
    second = tmp_path / "m-00002-of-00002.gguf"
    with pytest.raises(ModelFileError, match="first part"):
        gguf.check_gguf(second)
    second.write_bytes(second.read_bytes()[:-8])
    with pytest.raises(ModelFileError, match=r"00002-of-00002.*truncated"):
        gguf.check_gguf(first)
    second.unlink()
    with pytest.raises(ModelFileError, match="No such file"):
        gguf.check_gguf(first)


def test_checking_a_large_vocabulary_is_quick(shared: Path) -> None:
    path = shared / "vocabs" / "ggml-vocab-qwen2.gguf"
    begin = time.process_time()
    summary = gguf.check_gguf(path)
    assert time.process_time() - begin < 0.2  # 15 ms when nothing else runs
    assert summary.n_vocab == 151_936


def test_a_trial_turns_a_death_into_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path)
    trial.try_open(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match="truncated"):
        trial.try_open(path)


def test_a_trial_survives_what_the_check_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(ABORT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path)
    with pytest.raises(ModelFileError, match="SIGABRT"):
        trial.try_open(path)


def test_unreviewed_architectures_are_tried_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    monkeypatch.setattr(trial, "try_open", lambda path, **_: tried.append(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path, architecture="llama")
    trial.try_where_needed(path)
    assert tried == []
    tiny_models.write_plain(path, architecture="gemma")
    assert not gguf.check_gguf(path).reviewed
    vocabulary = options.ModelOptions(vocabulary_only=True)
    trial.try_where_needed(path, options=vocabulary)  # its tokenizer is a known one
    assert tried == []
    trial.try_where_needed(path)
    assert tried == [path]


def test_the_command_line_survives_what_the_check_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(ABORT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path, architecture="gemma")
    assert run(["probe", str(path)]) == 2
    complaint = capsys.readouterr().err
    assert "SIGABRT" in complaint
    assert complaint.count("\n") == 1


def test_the_structure_reader_agrees_with_the_check(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    tiny_models.write_plain(path)
    fields = damage.structure(path.read_bytes())
    names = json.dumps([field.name for field in fields])
    assert names.count(".n_dims") == gguf.check_gguf(path).n_tensors
