"""Each check of `pyengine doctor`, on machines made up for the purpose, and on this one."""

import ast
import math
import sys
from pathlib import Path

import pytest

from pyengine.doctor import checks, repacking
from pyengine.doctor.checks import Check
from pyengine.doctor.examine import examine
from pyengine.doctor.machine import (
    check_disk,
    check_features,
    check_memory,
    check_threads,
)
from pyengine.doctor.repacking import judged, run_trial, verdict, write_model
from pyengine.doctor.software import mapped_libraries
from pyengine.models.machine import cpu_limit, free_memory, meminfo, memory_limit
from pyengine.models.places import Places
from pyengine.report.doctor_view import doctor_document
from pyengine.report.sentences.machine import advice_words, found_words
from pyengine.report.terminal import render_terminal
from pyengine.report.words import WORDS

GIB = 1 << 30


def found(check: Check) -> str:
    return found_words(check["found"], check["values"])


def advice(check: Check) -> str:
    return advice_words(check["advice"], check["values"]) if check["advice"] else ""


def test_this_machine_is_examined(tmp_path: Path) -> None:
    result = examine(Places(home=tmp_path, environment={}, system=tmp_path))
    known = {check["name"]: check for check in result.shown("check")}
    assert known["llama-cpp-python"]["status"] == "good"
    assert "CPU" in found(known["devices"])
    assert known["weight repacking"]["status"] in ("good", "warn")
    assert "child process" in found(known["weight repacking"])
    if sys.platform == "linux":
        assert known["library"]["status"] == "good"
        assert "GiB free" in found(known["memory"])
    assert "weight repacking" in render_terminal(doctor_document(result))


def test_a_crash_of_the_trial_is_seen_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crasher = tmp_path / "python"
    crasher.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crasher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crasher))
    trial = run_trial(tmp_path / "any.gguf", timeout=10)
    assert trial == {"code": "killed", "signal": "SIGSEGV"}
    check = verdict({"Q4_0": trial, "Q8_0": 0.0})
    assert check["status"] == "warn"
    assert "Q4_0: killed by SIGSEGV" in found(check)
    assert "leave it off" in advice(check)


def test_a_trial_that_hangs_or_lies_is_unsafe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nexec sleep 20\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    trial = run_trial(tmp_path / "x", timeout=0.2)
    assert trial == {"code": "no-answer", "seconds": 0.2}
    for difference in (math.nan, 0.5):
        assert "changes logits" in found(verdict({"Q4_0": judged(difference)}))
    script.write_text("#!/bin/sh\necho no model >&2; exit 3\n")
    assert run_trial(tmp_path / "x", timeout=10) == {"code": "failed", "message": "no model"}


def test_repacking_is_a_small_change_where_it_works(tmp_path: Path) -> None:
    trial = run_trial(write_model(tmp_path / "m.gguf", "Q8_0"), timeout=60)
    assert isinstance(trial, float) or trial["code"] == "killed"
    assert not isinstance(trial, float) or 0 <= trial < repacking._TOLERANCE


@pytest.mark.parametrize(
    ("limit", "load", "status", "says"),
    [
        (None, 0.1, "good", None),
        (None, 9.0, "warn", "other work keeps the cores busy"),
        (0.5, 0.0, "warn", "use --threads 1"),
        (None, None, "good", None),
    ],
)
def test_threads_against_limit_and_load(
    limit: float | None, load: float | None, status: str, says: str | None
) -> None:
    check = check_threads(cores=2, limit=limit, load=load)
    assert check["status"] == status
    assert (says in advice(check)) if says else check["advice"] is None


def test_control_groups_limit_memory_and_processors(tmp_path: Path) -> None:
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("150000 100000\n")
    (group / "memory.max").write_text(f"{GIB}\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text(
        "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\nHugePages_Total: 0\n"
    )
    assert cpu_limit(tmp_path) == 1.5
    assert meminfo(tmp_path)["MemAvailable"] == 8 * GIB
    check = check_memory(tmp_path)
    assert check["status"] == "warn"
    assert found(check) == "8.00 GiB free of 16.0 GiB, limited to 1.00 GiB"
    assert meminfo(tmp_path / "nowhere") == {}
    assert check_memory(tmp_path / "nowhere")["status"] == "note"


def test_the_limits_of_a_group_and_of_those_above_it_count(tmp_path: Path) -> None:
    top, own = tmp_path / "sys" / "fs" / "cgroup", tmp_path / "proc" / "self" / "cgroup"
    service = top / "system.slice" / "run.service"
    service.mkdir(parents=True)
    own.parent.mkdir(parents=True)
    own.write_text("0::/system.slice/run.service\n")
    (service / "memory.max").write_text("max\n")
    (service / "cpu.max").write_text("50000 100000\n")
    (service.parent / "memory.max").write_text(f"{3 * GIB}\n")
    (service.parent / "cpu.max").write_text("max 100000\n")
    assert (memory_limit(tmp_path), cpu_limit(tmp_path)) == (3 * GIB, 0.5)
    assert free_memory(tmp_path) == 3 * GIB
    (service.parent / "memory.current").write_text(f"{2 * GIB}\n")
    (service.parent / "memory.stat").write_text(
        f"anon {GIB}\nfile {GIB}\ninactive_file {GIB // 2}\nactive_file {GIB // 2}\n"
    )
    assert free_memory(tmp_path) == 2 * GIB, "what is held of files can be given up"


def test_the_limits_of_version_1_count(tmp_path: Path) -> None:
    top, own = tmp_path / "sys" / "fs" / "cgroup", tmp_path / "proc" / "self" / "cgroup"
    own.parent.mkdir(parents=True)
    own.write_text("9:name=systemd:/x\n4:memory:/docker/abc\n2:cpu,cpuacct:/../elsewhere\n0::/\n")
    (top / "memory" / "docker" / "abc").mkdir(parents=True)
    (top / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (top / "memory" / "docker" / "abc" / "memory.limit_in_bytes").write_text(f"{2 * GIB}\n")
    (top / "cpu").mkdir()
    (top / "cpu" / "cpu.cfs_quota_us").write_text("250000\n")
    (top / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert (memory_limit(tmp_path), cpu_limit(tmp_path)) == (2 * GIB, 2.5)
    (top / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cpu_limit(tmp_path) is None


def test_two_copies_of_the_library_are_wrong(tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    line = "7f00-7f01 r-xp 00000000 08:01 {n} {path}\n"
    maps.write_text(
        line.format(n=1, path="/a/libllama.so")
        + line.format(n=1, path="/a/libllama.so")
        + "7f00-7f01 rw-p 00000000 00:00 0\n"
    )
    assert mapped_libraries(maps)["status"] == "good"
    with maps.open("a") as file:
        file.write(line.format(n=2, path="/b with space/libllama.so"))
    check = mapped_libraries(maps)
    assert check["status"] == "bad"
    assert found(check) == "/a/libllama.so and /b with space/libllama.so"


def test_missing_instruction_sets_are_named() -> None:
    good = check_features("X", "CPU : SSE3 = 1 | AVX2 = 1 | FMA = 1 | F16C = 1 | ")
    assert good["status"] == "good"
    poor = check_features("X", "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 0 | ")
    assert poor["status"] == "warn"
    assert "AVX2, FMA, F16C" in advice(poor)
    assert check_features("M", "CPU : NEON = 1 | ")["status"] == "good"


def test_a_package_that_is_missing_is_named_so() -> None:
    values = {"installed": None, "built_with": "1"}
    assert found_words("binding", values) == "none installed, built with 1"


def test_the_disk_of_a_folder_yet_to_be_made(tmp_path: Path) -> None:
    check = check_disk("cache", tmp_path / "not" / "yet")
    assert "GiB free at" in found(check)


def strings(node: ast.AST) -> set[str]:
    constants = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def test_every_code_has_words_and_all_words_a_code() -> None:
    trees = [ast.parse(path.read_text()) for path in Path(checks.__file__).parent.glob("*.py")]
    calls = [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "check"
    ]
    assert len(calls) > 12
    assert set().union(*(strings(call.args[2]) for call in calls)) == {
        code.partition("/")[0] for code in WORDS["found"]
    }
    given = set().union(*(strings(call.args[4]) for call in calls if len(call.args) > 4))
    assert given <= set(WORDS["advice"].keys())
    assert set(WORDS["advice"].keys()) <= set().union(*map(strings, trees))
