"""`pyengine probe` from its entry point: what it prints, where, and with which exit code."""

import math
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

from pyengine.commands.app import COMMANDS
from pyengine.run import SCHEMA_VERSION, Note, Run
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


def test_a_folder_stands_for_its_models(models: Path, tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        (tmp_path / name).symlink_to(models / name)
    done = run("probe", tmp_path, "--json", *FEW)
    probe = Run.model_validate_json(done.out)
    assert [model.path for model in probe.models] == [
        str(tmp_path / name) for name in ("one.gguf", "two.gguf")
    ]


def counted(probe: Run, language: str, tokens: str) -> float:
    (row,) = probe.select("keyword_count", group=f"language={language};tokens={tokens}")
    return row.value


def test_json_is_all_that_a_pipe_gets(models: Path) -> None:
    done, again = (spawn(models / "one.gguf", "--json", *FEW) for _ in range(2))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == again.stdout
    probe = Run.model_validate_json(done.stdout)
    assert (probe.command, probe.options["draws"]) == ("probe", 20)
    assert probe.schema_version == SCHEMA_VERSION
    assert (probe.provenance.threads, probe.provenance.seed) == (1, 0)
    assert [table["language"] for table in probe.shown("keyword-table")] == ["go"]
    assert {row.members["language"] for row in probe.select(dimension="language")} == {"go"}
    assert probe.shown("start")[0]["pieces"] == ["<|begin|>"]


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
    probe = Run.model_validate_json(done.out)
    assert probe.notes == []
    js, kl = probe.select(model="two", reference="one")
    assert (js.metric, kl.metric) == ("jensen_shannon", "kl")
    assert 0 < js.value <= math.log(2)
    assert kl.value > 0


def test_other_vocabularies_are_refused_with_the_reason(models: Path) -> None:
    done = run("probe", models / "one.gguf", models / "spm.gguf", "--json", *FEW)
    probe = Run.model_validate_json(done.out)
    assert done.code == 0
    assert len(probe.models) == 2
    assert probe.notes == [Note(code="not-compared", model="spm", values={"why": "vocabulary"})]
    assert probe.select(reference="one", model="spm") == []
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
        Run.model_validate_json(run("probe", models / name, "--json", *FEW).out)
        for name in ("one.gguf", "split-00001-of-00002.gguf")
    )
    assert split.shown("start") == one.shown("start")
    assert [row.value for row in split.measurements] == [row.value for row in one.measurements]


@pytest.mark.parametrize("name", ["mamba", "no_bytes"])
def test_models_of_other_kinds_are_probed(models: Path, name: str) -> None:
    done = run("probe", models / f"{name}.gguf", "--json", *FEW)
    assert (done.code, done.err) == (0, "")
    probe = Run.model_validate_json(done.out)
    assert counted(probe, "go", "several") > 10
    assert len(probe.select("split_mass")) == 1
    # Without byte tokens nothing spells a capital, a digit or a mark.
    assert (counted(probe, "go", "none") > 0) == (name == "no_bytes")
    report = run("probe", models / f"{name}.gguf", *FEW)
    assert ("left out" in report.out) == (name == "no_bytes")


def test_a_vocabulary_of_few_characters_is_probed(shared: Path) -> None:
    path = shared / "models" / "babyllama-tok105-pad256-f16.gguf"
    done = run("probe", path, "--json", "--language", "python", "--draws", "20", "--threads", "1")
    assert (done.code, done.err) == (0, "")
    probe, words = Run.model_validate_json(done.out), load_tables()["python"].words()
    unspellable = counted(probe, "python", "none")
    assert unspellable == sum("_" in word for word in words)
    assert counted(probe, "python", "several") == len(words) - unspellable


def test_several_starts_at_once(models: Path) -> None:
    starts = ("--start", "eos", "--start", "text:return", "--start", "fence:go")
    done = run("probe", models / "one.gguf", "--json", *starts, *FEW)
    probe = Run.model_validate_json(done.out)
    names = [start["name"] for start in probe.shown("start")]
    assert names == ["eos", "text:return", "fence:go"]


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


@pytest.mark.parametrize("command", ["probe", "vocab"])
def test_no_name_is_the_embedded_model(command: str) -> None:
    found = run(command, *(FEW if command == "probe" else ("--language", "go")))
    assert found.code == 0, found.err
    assert "base" in found.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_there_by_its_short_name(command: str) -> None:
    assert run(command, "-h").out == run(command, "--help").out != ""
    assert run("-h").code == 0
