"""`pyengine probe` from its entry point: what it prints, where, and with which exit code."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_models
from command_line import run
from tiny_models import Tiny

from pyengine.probes.records import ProbeResult
from pyengine.vocabulary.keywords import load_tables

COMMAND = [sys.executable, "-m", "pyengine", "probe"]
FEW = ("--language", "go", "--draws", "20", "--threads", "1")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_models.write_bpe(folder / "one.gguf")
    tiny_models.write_bpe(folder / "two.gguf", Tiny(seed=1))
    tiny_models.write_spm(folder / "spm.gguf")
    tiny_models.write_spm(folder / "no_bytes.gguf", Tiny(byte_tokens=False))
    tiny_models.write_mamba(folder / "mamba.gguf")
    tiny_models.write_bpe(folder / "vocabulary.gguf", Tiny(weights=False))
    tiny_models.write_bpe(folder / "embedding.gguf", Tiny(causal=False))
    tiny_models.write_bpe(folder / "split-00001-of-00002.gguf", Tiny(parts=2))
    whole = (folder / "one.gguf").read_bytes()
    (folder / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    (folder / "garbage.gguf").write_bytes(bytes(range(256)) * 40)
    (folder / "empty.gguf").write_bytes(b"")
    (folder / "folder.gguf").mkdir()
    return folder


def spawn(*arguments: str | Path) -> "subprocess.CompletedProcess[bytes]":
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=300, check=False)


def test_json_is_all_that_a_pipe_gets(models: Path) -> None:
    done, again = (spawn(models / "one.gguf", "--json", *FEW) for _ in range(2))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == again.stdout
    result = ProbeResult.model_validate_json(done.stdout)
    assert (result.kind, result.schema_version, result.random_draws) == ("probe", 1, 20)
    assert (result.provenance.threads, result.provenance.seed) == (1, 0)
    assert [language.language for language in result.models[0].languages] == ["go"]
    assert result.models[0].starts[0].pieces == ["<|begin|>"]


def test_a_report_fits_80_columns_without_colour(models: Path) -> None:
    done = spawn(models / "one.gguf", *FEW)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert max(len(line) for line in done.stdout.decode().splitlines()) <= 80


def test_markdown_has_tables(models: Path) -> None:
    done = run("probe", models / "one.gguf", "--markdown", *FEW)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("#")
    assert "| --" in done.out or "|:--" in done.out or "|--" in done.out


def test_models_of_one_vocabulary_are_compared_token_by_token(models: Path) -> None:
    done = run("probe", models / "one.gguf", models / "two.gguf", "--json", *FEW)
    (against,) = ProbeResult.model_validate_json(done.out).against_first
    assert against.refused is None
    assert against.js_bits is not None
    assert against.kl_bits is not None
    assert 0 < against.js_bits <= 1
    assert against.kl_bits > 0


def test_other_vocabularies_are_refused_with_the_reason(models: Path) -> None:
    done = run("probe", models / "one.gguf", models / "spm.gguf", "--json", *FEW)
    result = ProbeResult.model_validate_json(done.out)
    assert done.code == 0
    assert len(result.models) == 2
    (against,) = result.against_first
    assert (against.js_bits, against.kl_bits) == (None, None)
    assert against.refused is not None
    assert "vocabularies differ" in against.refused
    report = run("probe", models / "one.gguf", models / "spm.gguf", *FEW)
    assert "vocabularies differ" in " ".join(report.out.split())
    assert "Go, + split" in report.out
    assert "effective tokens  " not in report.out
    alike = run("probe", models / "one.gguf", models / "two.gguf", *FEW)
    assert "effective tokens  " in alike.out


def test_models_of_one_name_are_told_apart_by_their_files(models: Path, tmp_path: Path) -> None:
    copy = shutil.copy(models / "one.gguf", tmp_path / "copy.gguf")
    report = run("probe", models / "one.gguf", copy, *FEW)
    assert "(one.gguf)" in report.out
    assert "(copy.gguf)" in report.out


def test_all_tokens_that_were_asked_for_are_listed(models: Path) -> None:
    report = run("probe", models / "one.gguf", "--top", "37", "--start", "bos", *FEW)
    rows = report.out.partition("Most probable first tokens")[2].partition("Softmax")[0]
    assert [line.split()[0] for line in rows.splitlines()[3:]] == [str(i) for i in range(1, 38)]
    assert " [id " in rows  # a padding row has no text


def test_a_start_is_shown_with_its_ids(models: Path) -> None:
    report = run("probe", models / "one.gguf", "--start", "text:if", *FEW)
    assert "<|begin|> if (304, 258)" in report.out


def test_a_split_model_is_probed_by_its_first_part(models: Path) -> None:
    one, split = (
        ProbeResult.model_validate_json(run("probe", models / name, "--json", *FEW).out).models[0]
        for name in ("one.gguf", "split-00001-of-00002.gguf")
    )
    assert split.starts == one.starts
    assert split.languages == one.languages


@pytest.mark.parametrize("name", ["mamba", "no_bytes"])
def test_models_of_other_kinds_are_probed(models: Path, name: str) -> None:
    done = run("probe", models / f"{name}.gguf", "--json", *FEW)
    assert (done.code, done.err) == (0, "")
    (go,) = ProbeResult.model_validate_json(done.out).models[0].languages
    assert go.n_split > 10
    assert go.split_mass is not None
    # Without byte tokens nothing spells a capital, a digit or a mark.
    assert (go.n_unspellable > 0) == (name == "no_bytes")
    report = run("probe", models / f"{name}.gguf", *FEW)
    assert ("left out" in report.out) == (name == "no_bytes")


def test_a_vocabulary_of_few_characters_is_probed(shared: Path) -> None:
    path = shared / "models" / "babyllama-tok105-pad256-f16.gguf"
    done = run("probe", path, "--json", "--language", "python", "--draws", "20", "--threads", "1")
    assert (done.code, done.err) == (0, "")
    (python,) = ProbeResult.model_validate_json(done.out).models[0].languages
    assert python.n_unspellable == sum("_" in word for word in load_tables()["python"].words())
    assert python.n_split == python.n_words - python.n_unspellable


def test_several_starts_at_once(models: Path) -> None:
    starts = ("--start", "eos", "--start", "text:return", "--start", "fence:go")
    done = run("probe", models / "one.gguf", "--json", *starts, *FEW)
    result = ProbeResult.model_validate_json(done.out)
    assert [start.name for start in result.models[0].starts] == ["eos", "text:return", "fence:go"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.gguf"], "no such file"),
        (["cut.gguf"], "cut.gguf"),
        (["garbage.gguf"], "garbage.gguf"),
        (["empty.gguf"], "empty.gguf"),
        (["folder.gguf"], "folder"),
        (["vocabulary.gguf"], "vocabulary"),
        (["embedding.gguf"], "embedding model"),
        (["one.gguf", "--start", "nowhere"], "unknown start 'nowhere'"),
        (["one.gguf", "--start", "chat"], "no chat template"),
        (["one.gguf", "--language", "cobol"], "unknown language 'cobol'"),
        (["one.gguf", "--json", "--markdown"], "exclude"),
        (["one.gguf", "--top", "0"], "--top"),
        (["one.gguf", "--draws", "-1"], "--draws"),
        (["one.gguf", "--threads", "0"], "--threads"),
        (["one.gguf", "--seed", "x"], "--seed"),
        (["one.gguf", "--nonsense"], "--nonsense"),
        (["one.gguf", "--keywords", "missing.toml"], "missing.toml"),
        (["one.gguf", "two.gguf", "--save-logits", "x.npz"], "one model"),
        (["one.gguf", "--save-logits", "missing/x.npz", *FEW], "cannot be written"),
        (["one.gguf", "--save-logits", "one.gguf"], "must end in .npz"),
        (["one.gguf", "--start", "text:" + "if " * 5000], "at most 4096"),
        (["ollama:"], "names no model"),
        (["one\udcff.gguf"], "is not UTF-8"),
        (["one.gguf", "--start", "text:\udcff"], "is not UTF-8"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    models: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(models)
    before = sorted(models.rglob("*"))
    done = run("probe", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("pyengine: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert sorted(models.rglob("*")) == before


def test_the_process_itself_exits_with_2_and_no_traceback(models: Path) -> None:
    done = spawn(models / "cut.gguf")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("probe", "one.gguf", "--json", *FEW), ("--version",)])
def test_a_reader_that_goes_away_is_no_error(models: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pyengine", *arguments]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            command,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=300,
            check=False,
            cwd=models,
        )
    finally:
        os.close(writer)
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 0
    assert done.returncode == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_kill_end_with_130_and_one_line(models: Path, sent: signal.Signals) -> None:
    command = [*COMMAND, *[str(models / "one.gguf")] * 300, "--json", "--threads", "1"]
    # A test run that was started in the background ignores SIGINT, and children inherit that.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(4)
    if process.poll() is not None:
        pytest.skip("the probe was over before it could be interrupted")
    process.send_signal(sent)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == b""
    assert err.decode() == "pyengine: interrupted\n"


def test_help_names_every_option() -> None:
    done = spawn("--help")
    assert (done.returncode, done.stderr) == (0, b"")
    for option in (
        "--start",
        "--keywords",
        "--language",
        "--top",
        "--draws",
        "--seed",
        "--threads",
        "--gpu-layers",
        "--save-logits",
        "--json",
        "--markdown",
    ):
        assert option in done.stdout.decode()
