"""The published benchmarks: their references pass through our executor, canonical wrong ones fail.

By default a sample runs, of the slower languages and the wrong answers a smaller one;
PYENGINE_ALL_TASKS=1 runs them all.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hub_server import Hub, serving
from reference_answers import DEFECTS, NEEDY

from pyengine.code.answers import Outcome
from pyengine.code.benchmarks import HUB, Published, fetch_tasks, load_tasks
from pyengine.code.execution import Execution, execute
from pyengine.code.languages import LANGUAGES
from pyengine.code.sandbox import Limits, Sandbox
from pyengine.code.tasks import Task, TaskFileError
from pyengine.errors import InputError, OptionError

ALL = bool(os.environ.get("PYENGINE_ALL_TASKS"))


def run(pairs: Sequence[tuple[Task, str]], sandbox: Sandbox) -> dict[str, Execution]:
    with ThreadPoolExecutor(2) as pool:
        limits = Limits(cpu_s=30, wall_s=60.0)  # a loaded machine is slow to start Java
        results = pool.map(
            lambda pair: execute(pair[0], pair[1], sandbox=sandbox, limits=limits), pairs
        )
        return {task.name: result for (task, _), result in zip(pairs, results, strict=True)}


def every(tasks: Sequence[Task], step: int) -> list[Task]:
    return list(tasks[:: 1 if ALL else step])


def failures(results: dict[str, Execution]) -> dict[str, str]:
    return {
        name: f"{result.outcome.value}: {result.reason} {result.detail}"
        for name, result in results.items()
        if result.outcome is not Outcome.PASSED
    }


def test_humaneval_references_pass(shared: Path, sandbox: Sandbox) -> None:
    tasks = load_tasks(shared / "tasks" / "HumanEval.jsonl.gz")
    assert len(tasks) == 164
    assert failures(run([(task, task.reference) for task in every(tasks, 4)], sandbox)) == {}


@pytest.mark.parametrize("body", ["    pass\n", "    return 0\n"])
def test_humaneval_wrong_ones_fail(shared: Path, sandbox: Sandbox, body: str) -> None:
    tasks = every(load_tasks(shared / "tasks" / "HumanEval.jsonl.gz"), 20)
    results = run([(task, body) for task in tasks], sandbox)
    assert {result.outcome for result in results.values()} <= {
        Outcome.WRONG_ANSWER,
        Outcome.EXCEPTION,
    }


@pytest.mark.parametrize(
    ("file", "step", "empty", "constant"),
    [
        ("humaneval_js.jsonl.gz", 16, "}\n", "  return 0;\n}\n"),
        ("humaneval_cpp.jsonl.gz", 50, "}\n", "    abort();\n}\n"),
        ("humaneval_java.jsonl.gz", 100, "}\n}\n", "        return null;\n    }\n}\n"),
    ],
)
def test_humaneval_x(
    shared: Path, sandbox: Sandbox, file: str, step: int, empty: str, constant: str
) -> None:
    tasks = load_tasks(shared / "tasks" / file)
    assert len(tasks) == 164
    if missing := LANGUAGES[tasks[0].language].missing():
        pytest.skip(f"not here: {missing}")
    chosen = every(tasks, step)
    failed = failures(run([(task, task.reference) for task in chosen], sandbox))
    skipped = {name for name, why in failed.items() if why.startswith("skipped: library")}
    assert skipped <= NEEDY
    assert failed.keys() - skipped == set(DEFECTS) & {task.name for task in chosen}
    for turn, wrong in enumerate((empty, constant)):
        results = run([(task, wrong) for task in chosen[0 if ALL else turn :: 2 - ALL]], sandbox)
        assert results
        assert all(result.outcome is not Outcome.PASSED for result in results.values())


def test_the_same_number_is_the_same_idea_in_every_language(shared: Path) -> None:
    files = ("HumanEval.jsonl.gz", "humaneval_js.jsonl.gz", "humaneval_java.jsonl.gz")
    first, *others = [load_tasks(shared / "tasks" / file) for file in files]
    ideas = [task.cluster for task in first]
    assert len(set(ideas)) == 164
    for tasks in others:
        assert [task.cluster for task in tasks] == ideas
    assert len({task.name for tasks in (first, *others) for task in tasks}) == 3 * 164


def mbpp(tmp_path: Path) -> Path:
    record = {
        "task_id": 1,
        "text": "Write a function to add two numbers.",
        "code": "class Pair:\r\n  pass\r\ndef add_two(a, b):\r\n  return a + b\r\n",
        "test_setup_code": "",
        "test_list": ["assert add_two(1, 2) == 3", "assert (add_two)(0, 0) == 0"],
        "challenge_test_list": [],
    }
    path = tmp_path / "mbpp.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return path


def test_mbpp(tmp_path: Path, sandbox: Sandbox) -> None:
    (task,) = load_tasks(mbpp(tmp_path))
    assert task.entry_point == "add_two"
    assert "assert add_two(1, 2) == 3" in task.prompt
    assert execute(task, task.reference, sandbox=sandbox).outcome is Outcome.PASSED
    wrong = "def add_two(a, b):\n    return a - b\n"
    assert execute(task, wrong, sandbox=sandbox).outcome is Outcome.WRONG_ANSWER


REST = {"test": "assert f()", "entry_point": "f"}


def line(**fields: object) -> bytes:
    """Return a record as a line of JSON."""
    return json.dumps({"task_id": "JavaScript/1", **fields}).encode()


# Its first block is of a kind that there is not.
DAMAGED = gzip.compress(b"x" * 999, mtime=0)[:10] + b"\x07" + bytes(20)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "has no task"),
        ("a.jsonl", b"{not json", "not JSON lines"),
        ("a.jsonl", b"[1, 2]\n", "not a list of tasks"),
        ("a.jsonl", b'{"canonical_solution": ""}\n', "no field"),
        ("a.jsonl", b'{"something": ""}\n', "neither"),
        ("a.jsonl.gz", b"no gzip", "cannot read"),
        ("a.jsonl.gz", gzip.compress(b"{}\n" * 50, mtime=0)[:-4], "not JSON lines"),
        ("a.toml", b"[[task]]\nname = 1", "a.toml"),
        ("a.toml", b"title = 1", "no \\[\\[task"),
        ("a.toml", b"\xff", "not valid TOML"),
        ("a.jsonl", b"[" * 100_000, "not JSON lines"),
        ("a.jsonl.gz", DAMAGED, "not JSON lines"),
        ("a.jsonl", line(declaration=5, prompt="x", canonical_solution="x", test="x"), "no func"),
        ("a.jsonl", line(declaration="", prompt=5, canonical_solution="x", test="x"), "kind"),
        ("a.jsonl", line(test_list=[], text="x", code="x"), "kind"),
        ("a.jsonl", line(test_list=5, text="x", code="x"), "kind"),
        ("a.jsonl", line(test_list=[5], text="x", code="x"), "kind"),
        ("a.jsonl", line(prompt="\ud800", canonical_solution="x", **REST), "half a character"),
        ("a.parquet", b"x", "not valid Parquet|needs pyarrow"),
    ],
)
def test_bad_files_are_refused_with_a_sentence(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((TaskFileError, OptionError), match=message):
        load_tasks(path)


def test_a_string_may_hold_what_unicode_calls_the_end_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"contract": "\u2028", ' + line(prompt="x", canonical_solution="y", **REST)[1:].decode()
    )
    assert [task.prompt for task in load_tasks(path)] == ["x"]


def test_a_file_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyengine.code.benchmarks.MOST_BYTES", 1000)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(bytes(2000)))
    with pytest.raises(TaskFileError, match="unpacks to more"):
        load_tasks(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in ("missing.toml", "missing.jsonl"):
        with pytest.raises(TaskFileError, match=name):
            load_tasks(tmp_path / name)


def parquet_of(source: Path, target: Path, *, change: bool) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="reading parquet needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    records = [json.loads(line) for line in gzip.decompress(source.read_bytes()).splitlines()]
    if change:
        records[7]["test"] += "# changed"
    parquet.write_table(pyarrow.Table.from_pylist(records), target)
    return target


@pytest.mark.parametrize("change", [False, True])
def test_the_hub_gives_what_was_published(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bool
) -> None:
    """The hub's parquet file, made here from the JSON lines."""
    pytest.importorskip("huggingface_hub", reason="the hub needs huggingface_hub")
    source = shared / "tasks" / "HumanEval.jsonl.gz"
    made = parquet_of(source, tmp_path / "test.parquet", change=change).read_bytes()
    expected = HUB["humaneval"].content
    published = {"humaneval": Published("owner/repo", "test.parquet", content=expected)}
    monkeypatch.setattr("pyengine.code.benchmarks.HUB", published)
    store = tmp_path / "cache" / "datasets--owner--repo"
    (store / "blobs").mkdir(parents=True)
    foreign = store / "blobs" / f"{hashlib.sha256(made).hexdigest()}.incomplete"
    foreign.write_text("mine")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with serving(Hub({"test.parquet": made})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for _ in range(2):
            if change:
                with pytest.raises(TaskFileError, match="content has SHA-256"):
                    fetch_tasks("humaneval")
            else:
                assert fetch_tasks("humaneval") == load_tasks(source)
        fetched = [request for request in hub.requests if request.startswith("GET /datasets")]
        assert len(fetched) == 1, hub.requests  # then it comes from the cache
    assert foreign.read_text() == "mine"
    assert sorted(path.name for path in store.iterdir()) == ["blobs", "refs", "snapshots"]
    assert len(list((store / "blobs").iterdir())) == 2


def test_any_file_of_the_hub_with_the_hash_that_it_must_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub", reason="the hub needs huggingface_hub")
    content = line(prompt="x", canonical_solution="y", **REST)
    right = hashlib.sha256(content).hexdigest()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with serving(Hub({"some.jsonl": content})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for suffix in (f"@{right}", ""):
            (task,) = fetch_tasks(f"hf:owner/repo:some.jsonl{suffix}")
            assert task.name == "JavaScript/1"
        with pytest.raises(TaskFileError, match=f"SHA-256 {right}, expected {'0' * 64}"):
            fetch_tasks(f"hf:owner/repo:some.jsonl@{'0' * 64}")
        monkeypatch.setitem(HUB, "mbpp+", Published("owner/repo", "some.jsonl", sha256="1" * 64))
        with pytest.raises(TaskFileError, match="content has SHA-256"):
            fetch_tasks("mbpp+")
    for name in ("hf:owner", "hf:owner/repo", "hf:owner/repo:a.jsonl@12", "hf:../x:a.jsonl"):
        with pytest.raises(OptionError, match="write hf:OWNER/REPO:FILE"):
            fetch_tasks(name)


def test_a_hub_that_cannot_be_reached_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub", reason="the hub needs huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with serving(Hub({})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(InputError, match="humaneval"):
            fetch_tasks("humaneval")
    assert list(tmp_path.iterdir()) == []


def test_unknown_benchmarks_are_refused() -> None:
    with pytest.raises(OptionError, match="no benchmark"):
        fetch_tasks("humanoid")
