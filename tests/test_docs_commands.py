"""Every command that README, documentation and help texts show: run on stand-ins, or why not."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import typer
from codegen_samples import TASK_FILE
from command_line import Outcome, run
from documented import PROJECT, Documented, in_help, in_pages, in_sentences
from recipe_samples import sensitivity_of_file
from test_discovery_places import add_to_ollama
from test_docs_pick import trained_with_more

from pyengine.code.sandbox import open_sandbox
from pyengine.commands.app import COMMANDS, app
from pyengine.errors import OptionError
from pyengine.measure.speed import SpeedOptions
from pyengine.run import to_json

# What is not run, by its beginning, and why: it is parsed.
PARSED = {
    "lm-eval": "the harness is not installed with the tests, see test_harness_lm_eval.py",
    "evaluate f16.gguf --tasks humaneval": "asks the hub",
    "evaluate qwen-f16.gguf --tasks humaneval": "asks the hub",
    "evaluate Q4_K_M.gguf --reference f16.gguf --tasks humaneval": "asks the hub",
    "sweep f16.gguf --to Q4_K_M,Q5_K_M,Q6_K": "another line makes two types",
    "sweep f16.gguf --to Q8_0,Q4_K_M --html": "another line makes a page",
    "sweep --variants": "another line names the source, too",
    "sweep f16.gguf --resume": "see test_sweep_resume.py",
    "pick models/ --memory": "see test_docs_pick.py",
    "paper qwen-Q8_0.gguf": "names files of a real model, see test_paper.py",
    "sensitivity f16.gguf --at": "another line makes a page",
    "sweep /shared/": "needs a cluster, see test_measure_dask.py",
    "compare f16.gguf Q4_K_M.gguf --chat": "needs a chat model, see test_chats.py",
    "compare f16.gguf f16.gguf?kv=q4_0 Q4_K_M.gguf --by-position": "needs long documents, "
    "see test_by_position.py",
    "compare f16.gguf f16.gguf?rpc=": "needs another machine, see test_offloading.py",
    "pick f16.gguf models/": "see test_docs_first_minutes.py",
    "pick f16.gguf": "makes types for long, see test_docs_pick.py and test_pick_recipes.py",
    "sensitivity f16.gguf --imatrix": "measures 24 groups, see test_sensitivity_command.py",
    "quantize f16.gguf --to 5GB,4.5bpw": "tiny models have no type as small",
    "quantize f16.gguf --recipe --to 4.5bpw": "tiny models have no type as small",
    "quantize f16.gguf --recipe --to 5GB --speed": "times types for long, see test_pick_recipes.py",
    "quantize f16.gguf --recipe --to Q4_K_M,Q3_K_M --imatrix": "see test_recipe_command.py",
}
# What each takes besides, to be quick, unless it is given.
QUICK = {
    "probe": "--no-split --draws 1 --language python",
    "compare": "--no-starts --continuations 0 --tokens 400 --threads 1 --corpus src/",
    "sweep": "--to Q8_0 --tokens 200 --no-speed --workers 1 --corpus src/",
    "imatrix": "--tokens 600 --corpus src/ --threads 1",
    "sensitivity": "--tokens 200 --groups 1 --corpus src/ --threads 1",
    "pick": "--repeats 1 --corpus src/ --threads 1",
    "evaluate": "--tasks tasks.toml --max-tokens 4 --threads 1 --jobs 1 --no-likelihoods",
    "quantize --recipe": "--sensitivity known.json --corpus src/ --tokens 400 --threads 1",
}
# Those that exit with 1 where something asked for does not hold, as of random weights.
MAY_FAIL = ("pick", "recommend", "verify Q4_K_M.gguf --from f16.gguf --imatrix")
GROUP: Any = typer.main.get_command(app)
COMMAND_LINES = {shlex.join(each.words): each for each in [*in_pages(), *in_help()]}
SYNOPSES = [each for each in COMMAND_LINES.values() if each.is_synopsis]
PLAIN = {text: each for text, each in COMMAND_LINES.items() if not each.is_synopsis}


def reason_not_to_run(text: str) -> str | None:
    plain = text.replace("'", "")
    return next((why for start, why in PARSED.items() if plain.startswith(start)), None)


def name_of(each: Documented) -> str:
    return f"{each.page}: {shlex.join(each.words)}"


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that a command names, as `documented.STAND_INS` lists them."""
    folder = tmp_path_factory.mktemp("stand-ins")
    source = tiny_models.write_spread(folder / "f16.gguf", n_extra=8, spread=1.0, n_head=2)
    trained_with_more(source)
    (folder / "src").mkdir()
    for n in range(16):
        code = f"def f{n}(x):\n    return x + {n}\n\nprint(f{n}(2))\n" * 2
        (folder / "src" / f"m{n}.py").write_text(code)
    (folder / "src" / "main.py").write_text("print('main')\n")
    tasks = TASK_FILE.replace('"one"', '"python/is_even"')
    (folder / "tasks.toml").write_text(tasks)
    (folder / "zig.toml").write_text(ZIG)
    (folder / "questions.jsonl").write_text('{"prompt": "2 + 2 =", "texts": [" 4", " 5"]}\n')
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "print(1)"}]
    (folder / "messages.jsonl").write_text(f"{json.dumps({'messages': said})}\n" * 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        add_stand_ins(folder, source)
    return folder


ZIG = """
language = "zig"
title = "Zig"
version = "0.13"
[[groups]]
class = "reserved"
source = "Zig Language Reference"
url = "https://ziglang.org/documentation/0.13.0/"
words = ["comptime", "defer"]
"""


def add_stand_ins(folder: Path, source: Path) -> None:
    """Make those that commands make."""
    done(run("quantize", source, "--to", "Q4_K_M,Q8_0", "--threads", "1"))
    (folder / "models").mkdir()
    for kind in ("Q4_K_M", "Q8_0"):
        made = folder / f"f16-{kind}.gguf"
        shutil.copy(made, folder / "models")
        made.rename(folder / f"{kind}.gguf")
    shutil.copy(folder / "Q4_K_M.gguf", folder / "model-recipe-Q4_K_M.gguf")
    shutil.copy(source, folder / "models")
    for tag, file in (("latest", source), ("q8_0", folder / "Q8_0.gguf")):
        add_to_ollama(folder, f"registry.ollama.ai/library/qwen2.5-coder/{tag}", file)
    compared = quick(("compare", "f16.gguf", "Q4_K_M.gguf", "--json"))
    record = done(run(*compared)).out
    for name in ("result.json", "old.json"):
        (folder / name).write_text(record)
    (folder / "known.json").write_text(to_json(sensitivity_of_file(source, folder / "src", {})))
    done(run(*quick(("imatrix", "f16.gguf", "-o", "imatrix.gguf"))))
    if sandbox_missing() is None:
        evaluated = done(run(*quick(("evaluate", "f16.gguf", "--json")))).out
        (folder / "evaluate.json").write_text(evaluated)
    (folder / "swept").mkdir()
    shutil.copy(folder / "result.json", folder / "swept" / "results.json")


def done(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.err
    return outcome


def quick(words: tuple[str, ...]) -> list[str]:
    """Return a command's words with the options that let it end soon."""
    recipe = "quantize --recipe" if "--recipe" in words else ""
    added = shlex.split(QUICK.get(recipe or words[0], ""))
    found = [*words]
    for place, word in enumerate(added):
        if word.startswith("--") and not given(word, words):
            value = added[place + 1 : place + 2]
            found += [word, *(each for each in value if not each.startswith("--"))]
    return found


def given(option: str, words: tuple[str, ...]) -> bool:
    """Whether a command has an option, or one that excludes it."""
    excluded = {"--corpus": {"--chat"}, "--to": {"--variants"}}
    return bool({option, *excluded.get(option, ())} & {*words})


# Those that are the same with what makes them quick are run once.
RUN = {
    tuple(sorted(quick(each.words))): each
    for text, each in PLAIN.items()
    if reason_not_to_run(text) is None
}


def test_the_commands_are_found() -> None:
    assert len(RUN) > 70
    assert {each.words[0] for each in PLAIN.values()} == {*COMMANDS}
    assert {each.page for each in SYNOPSES} >= {"docs/compare.md", "docs/reports.md"}
    reasons = {reason_not_to_run(text) for text in PLAIN} - {None}
    assert reasons == {*PARSED.values()}


@pytest.mark.parametrize("each", RUN.values(), ids=name_of)
def test_a_command_runs(
    each: Documented, stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(stand_ins, tmp_path / "here")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(SpeedOptions.__init__.__kwdefaults__ or {}, "seconds", 0.1)
    needs(each.words)
    before = len([*folder.iterdir()])
    with (folder / "questions.jsonl").open() as questions:
        monkeypatch.setattr("sys.stdin", questions)
        found = run(*quick(each.words))
    allowed = (0, 1) if may_fail(each) else (0,)
    assert found.code in allowed, found.err
    assert found.out or len([*folder.iterdir()]) > before


def test_the_python_of_the_readme_runs(
    stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(stand_ins, tmp_path / "here"))
    monkeypatch.setenv("HOME", str(tmp_path / "here"))
    page = (PROJECT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    assert 'corpus="src/")' in block
    code = block.replace('"src/")', '"src/", starts=False, continuations=0, tokens=400, threads=1)')
    exec(compile(code, "README.md", "exec"), {})


def may_fail(each: Documented) -> bool:
    text = shlex.join(each.words)
    return text.startswith(MAY_FAIL) or "--fail-if" in each.words


def needs(words: tuple[str, ...]) -> None:
    """Skip where this machine lacks what the command needs."""
    if {"--html", "--svg", "--png"} & {*words} or (words[0] == "report" and "-o" in words):
        pytest.importorskip("matplotlib", reason="the plots extra is not installed")
    if "--parquet" in words:
        pytest.importorskip("pyarrow", reason="the parquet extra is not installed")
    if ({"evaluate", "evaluate.json"} & {*words}) and (why := sandbox_missing()):
        pytest.skip(why)


@cache
def sandbox_missing() -> str | None:
    """Why programs cannot be run here."""
    try:
        open_sandbox()
    except OptionError as error:
        return str(error)
    return None


@pytest.mark.parametrize("text", [text for text in PLAIN if reason_not_to_run(text)])
def test_what_is_not_run_parses(text: str) -> None:
    command, *words = PLAIN[text].words
    context = GROUP.make_context("pyengine", [command, *words])
    found = GROUP.get_command(context, command)
    assert command == "lm-eval" or found.make_context(command, words, parent=context).params


SENTENCES = [
    *((page, command, rest) for page, command, rest in in_sentences() if command != "lm-eval"),
    *((each.page, each.words[0], each.line) for each in SYNOPSES),
]


@pytest.mark.parametrize(("page", "command", "rest"), SENTENCES)
def test_what_a_sentence_or_a_synopsis_names_exists(page: str, command: str, rest: str) -> None:
    options = set(re.findall(r"(?<!\S)\[?(--?[a-z][\w-]*)", f"{command} {rest}"))
    named = GROUP if command.startswith("-") else GROUP.get_command(None, command)
    assert named is not None, page
    known = {name for param in named.params for name in (*param.opts, *param.secondary_opts)}
    assert options - {"--help"} <= known
