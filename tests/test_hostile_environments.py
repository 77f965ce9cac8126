"""Every command in environments that take something away: one sentence, a documented code."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tiny_models

from pyengine.commands.app import COMMANDS

SCRIPT = str(Path(sys.executable).with_name("pyengine"))
NO_ENTRY = """
import pwd
def missing(*_):
    raise KeyError("no entry")
pwd.getpwuid = pwd.getpwnam = missing
"""
# Ends the process by a signal when a module is first looked for.
SIGNAL_AT = """
import os, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == os.environ["SIGNAL_AT"]:
            sys.meta_path.remove(Finder)
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
sys.meta_path.insert(0, Finder)
"""
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")


@dataclass(frozen=True)
class Workplace:
    """Small inputs for every command, made once."""

    folder: Path
    commands: Mapping[str, list[str]]


@dataclass(frozen=True)
class Surroundings:
    """What is taken away: by a shell's redirection, a limit, or the environment."""

    redirection: str = ""
    limits: Mapping[int, int] = field(default_factory=dict)
    without_home: bool = False
    codes: tuple[int, ...] = (0,)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("hostile")
    one, other = folder / "one-f32.gguf", folder / "two-f32.gguf"
    tiny_models.write_spread(one)
    tiny_models.write_spread(other, seed=2)
    (folder / "text.py").write_text("for i in range(10):\n    print(i)\n" * 40)
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(NO_ENTRY)
    subprocess.run(
        [SCRIPT, "quantize", one, "--to", "Q8_0", "--output-dir", folder / "types"], check=True
    )
    comparison = [str(one), str(other), "--corpus", str(folder / "text.py"), "--no-starts"]
    compare = ["compare", *comparison, "--context", "64", "--tokens", "100", "--continuations", "0"]
    one_text = [str(one), "--corpus", str(folder / "text.py"), "--all-documents"]
    (folder / "questions.jsonl").write_text('{"text": "abc"}\n')
    record = folder / "record.json"
    made = subprocess.run([SCRIPT, *compare, "--json"], capture_output=True, check=True)
    record.write_bytes(made.stdout)
    commands = {
        "--version": ["--version"],
        "probe": ["probe", str(one), "--json"],
        "vocab": ["vocab", str(one), "--corpus", str(folder / "text.py")],
        "tokenize": ["tokenize", str(one), "--text", "abc"],
        "score": ["score", str(one), str(folder / "questions.jsonl")],
        "lm-eval": ["lm-eval"],
        "compare": compare,
        "imatrix": ["imatrix", str(one), "--corpus", str(folder / "text.py"), "--context", "64"],
        "sensitivity": ["sensitivity", *one_text, "--tokens", "20", "--context", "64"],
        "quantize": ["quantize", str(one), "--to", "Q8_0", "--dry-run"],
        "verify": ["verify", str(folder / "types" / "one-Q8_0.gguf"), "--from", str(one)],
        "sweep": ["sweep", str(one), "--variants", str(other), "--no-speed", "--tokens", "50"],
        "pick": ["pick", str(one), str(folder / "types"), "--tokens", "50", "--repeats", "1"],
        "recommend": ["recommend", str(record), "--max-kl", "1000"],
        "report": ["report", str(record)],
        "models": ["models", str(folder)],
        "doctor": ["doctor"],
        "evaluate": ["evaluate", str(one), "--limit", "1", "--max-tokens", "1"],
        "paper": ["paper", str(one)],
    }
    assert set(commands) == {"--version", *COMMANDS}
    return Workplace(folder, commands)


def run_in(
    workplace: Workplace, name: str, around: Surroundings, out: Path
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command; what it is to write goes into a folder of its own."""
    out.mkdir()
    arguments = list(workplace.commands[name])
    if name == "sweep":
        arguments += ["--output-dir", str(out / "sweep"), "--context", "64"]
        arguments += ["--corpus", str(workplace.folder / "text.py"), "--workers", "1"]
    if name == "evaluate":
        arguments += ["--results", str(out / "results")]
    environment = dict(os.environ)
    if around.without_home:
        environment = {**environment, "PYTHONPATH": str(workplace.folder / "hook")}
        del environment["HOME"]

    def limit() -> None:
        for kind, most in around.limits.items():
            resource.setrlimit(kind, (most, most))

    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {around.redirection}', "sh", SCRIPT, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
        cwd=out,
        env=environment,
        preexec_fn=limit,
    )


# No sandbox may start within the limits, and then evaluate says so; compare and sweep need memory.
SURROUNDINGS = {
    "no home": Surroundings(without_home=True),
    "stdin and stdout closed": Surroundings("<&- >&-", codes=(2,)),
    "stderr closed": Surroundings("2>&-"),
    "stdout full": Surroundings(">/dev/full", codes=(2,)),
    "stdout and stderr full": Surroundings(">/dev/full 2>/dev/full", codes=(2,)),
    "64 descriptors": Surroundings(limits={resource.RLIMIT_NOFILE: 64}, codes=(0, 2, 3)),
    "512 MiB of addresses": Surroundings(limits={resource.RLIMIT_AS: 512 << 20}, codes=(0, 2, 3)),
    "200 MiB of addresses": Surroundings(limits={resource.RLIMIT_AS: 200 << 20}, codes=(0, 2, 3)),
}
# Most commands take turns, since their way to the streams is that of the others; `report` and
# `--version` go through all.
TURNS = {
    "evaluate": {"no home", "64 descriptors"},
    "sweep": {"no home", "64 descriptors"},
    "doctor": {"no home", "512 MiB of addresses"},
    "tokenize": {"no home", "stdin and stdout closed", "stdout full", "200 MiB of addresses"},
    "score": {"no home", "stdout full", "64 descriptors"},
    # Of a package that may not be there; its --help is its own.
    "lm-eval": set(),
    "recommend": {"no home", "stderr closed", "stdout and stderr full", "512 MiB of addresses"},
    "models": {"no home", "stdin and stdout closed", "stdout full", "64 descriptors"},
    "compare": {"no home", "64 descriptors", "512 MiB of addresses"},
    "sensitivity": {"no home", "64 descriptors", "200 MiB of addresses"},
    "paper": {"no home", "stdin and stdout closed", "64 descriptors"},
    "vocab": {"no home", "stdin and stdout closed", "200 MiB of addresses"},
    "quantize": {"no home", "stdout full", "512 MiB of addresses"},
    "probe": {"no home", "stderr closed", "200 MiB of addresses"},
    "pick": {"no home", "stdin and stdout closed", "64 descriptors"},
    "imatrix": {"no home", "stderr closed", "512 MiB of addresses"},
    "verify": {"no home", "stdout and stderr full", "200 MiB of addresses"},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_every_command_ends_in_order(workplace: Workplace, tmp_path: Path, name: str) -> None:
    around = SURROUNDINGS[name]
    if "full" in around.redirection and not Path("/dev/full").exists():
        pytest.skip("/dev/full is Linux's")
    chosen = [c for c in workplace.commands if name in TURNS.get(c, {name})]

    def ended(command: str) -> "subprocess.CompletedProcess[bytes]":
        return run_in(workplace, command, around, tmp_path / command.strip("-"))

    with ThreadPoolExecutor(2) as pool:
        for command, result in zip(chosen, pool.map(ended, chosen), strict=True):
            said = result.stderr.decode()
            codes = (0, 2) if command == "evaluate" and around.codes == (0,) else around.codes
            assert result.returncode in codes, (command, result.returncode, said)
            assert "Traceback" not in said, (command, said)
            sentence = said.startswith("pyengine: ") and said.count("\n") == 1
            assert sentence or (said == "" and "2>" in around.redirection) or not result.returncode
            if not result.returncode:
                assert said == "", (command, said)


def test_evaluate_without_a_home_names_the_option(workplace: Workplace, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(workplace.folder / "hook")}
    for name in ("HOME", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    ended = subprocess.run(
        [SCRIPT, *workplace.commands["evaluate"]], capture_output=True, check=False, env=environment
    )
    assert ended.returncode == 2
    assert b"--results" in ended.stderr


def test_a_user_who_is_not_there_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    from pyengine.commands.app import run

    assert run(["probe", "~nosuchuser/x.gguf"]) == 2
    assert capsys.readouterr().err == (
        "pyengine: ~nosuchuser/x.gguf: there is no home folder for ~nosuchuser\n"
    )


@pytest.mark.parametrize("number", [2, 15])
@pytest.mark.parametrize(
    "module",
    [
        "ctypes",
        "pyengine._core",
        "numpy",
        "typer",
        "pyengine.commands.probe",
        "pydantic",
        "rich.table",
    ],
)
def test_a_signal_while_it_starts_is_one_sentence(tmp_path: Path, module: str, number: int) -> None:
    (tmp_path / "sitecustomize.py").write_text(SIGNAL_AT)
    changed = {"PYTHONPATH": str(tmp_path), "SIGNAL_AT": module, "SIGNAL": str(number)}
    ended = subprocess.run(
        [SCRIPT, "probe"],
        capture_output=True,
        check=False,
        env={**os.environ, **changed},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's & ignores it
    )
    assert (ended.returncode, ended.stderr) == (130, b"pyengine: interrupted\n")
    assert ended.stdout == b""


def refuses(make: Callable[[Path], object], path: Path, *arguments: str) -> None:
    make(path)
    ended = subprocess.run(
        [SCRIPT, *arguments], capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL
    )
    said = ended.stderr.decode()
    assert ended.returncode == 2, said
    assert said.count("\n") == 1, said
    assert path.name in said


def bind_socket(path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


# Commands and functions that are given a pipe to which nobody writes; prints what each says.
ON_A_PIPE = """
import contextlib, io, json, sys
from pathlib import Path
from pyengine import _core, open_model
from pyengine.commands.app import run
from pyengine.models.gguf import check_gguf, parts_sha256, read_head
from pyengine.models.quantize import file_sha256, plan_quantization
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.errors import PyengineError

pipe, model = sys.argv[1:]
commands = [
    ["probe", pipe],
    ["vocab", "--corpus", pipe],
    ["compare", "embedded:small", pipe],
    ["quantize", pipe, "--to", "Q8_0"],
    ["quantize", model, "--to", "Q8_0", "--dry-run", "--imatrix", pipe],
    ["models", pipe],
    ["vocab", "--keywords", pipe],
]
functions = [
    lambda: _core.check_gguf(pipe),
    lambda: _core.gguf_tensors(pipe),
    lambda: _core.gguf_float_vectors(pipe),
    lambda: _core.gguf_string(pipe, "general.name"),
    lambda: _core.gguf_int32_list(pipe, "tokenizer.ggml.token_type"),
    lambda: _core.Model(pipe),
    lambda: check_gguf(pipe),
    lambda: open_model(pipe),
    lambda: read_head(pipe),
    lambda: parts_sha256([Path(pipe)]),
    lambda: file_sha256(Path(pipe)),
    lambda: plan_quantization(Path(model), ["Q8_0"], options=QuantizeOptions(imatrix=Path(pipe))),
]
for words in commands:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = run(words)
    print(json.dumps([words, code, said.getvalue()]), flush=True)
for number, function in enumerate(functions):
    try:
        function()
        print(json.dumps([number, 0, "went on"]), flush=True)
    except PyengineError as error:
        print(json.dumps([number, 2, str(error) + "\\n"]), flush=True)
"""


def test_a_pipe_is_not_waited_for(workplace: Workplace, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    argv = [sys.executable, "-c", ON_A_PIPE, str(pipe), str(workplace.folder / "one-f32.gguf")]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert (len(told), done.returncode) == (19, 0), (told[-1:], done.stderr)
    for what, code, said in told:
        assert code == 2, (what, said)
        assert said.count("\n") == 1, (what, said)
        assert pipe.name in said, (what, said)


def test_sockets_and_devices_are_refused(tmp_path: Path) -> None:
    refuses(bind_socket, tmp_path / "s.json", "report", str(tmp_path / "s.json"))
    refuses(
        lambda path: path.symlink_to("/dev/zero"),
        tmp_path / "zero.json",
        *("report", str(tmp_path / "zero.json")),
    )
