"""Gates over runs with made-up numbers: each passes, fails, or cannot be judged and fails."""

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import Outcome, run
from evaluation_samples import RATE, made, sides
from run_samples import control, estimate, failure, infinite, info, made_run, made_timings

import pyengine
from pyengine.choose.candidates import judged_in
from pyengine.choose.gates import check_conditions, nameable
from pyengine.choose.recommend import recommend
from pyengine.errors import InputError, OptionError
from pyengine.run import Exhibit, Measurement, Note, Run, save

GIB = 1 << 30
ROWS = (
    control("kl", 1e-6),
    estimate("kl", "Q8_0", 0.01, 0.001),
    estimate("kl", "Q4_0", 0.2, 0.01),
    estimate("same_first_choice", "Q8_0", 0.98, 0.001),
    estimate("same_first_choice", "Q4_0", 0.8, 0.001),
)
MODELS = [info("model", 8), info("Q8_0", 4), info("Q4_0", 2)]


def compared(*notes: Note, rows: tuple[Measurement, ...] = ROWS) -> Run:
    return made_run(MODELS, rows, command="compare", notes=notes)


def codes(run: Run, condition: str, **more: object) -> dict[str, str]:
    found = pyengine.gates(run, fail_if=condition, **more)  # type: ignore[arg-type]
    return {check.model: check.code for check in found.rows}


def failing(run: Run, condition: str) -> list[str]:
    return [
        check.model for check in pyengine.gates(run, fail_if=condition).rows if not check.passed
    ]


@pytest.mark.parametrize(
    ("condition", "fails"),
    [
        ("kl > 0.1", ["Q4_0"]),
        ("kl_high > 0.0121", ["Q4_0"]),
        ("kl_high > 0.0119", ["Q8_0", "Q4_0"]),
        ("same_first_choice < 90%", ["Q4_0"]),
        ("size > 3GiB", ["Q8_0"]),
        ("kl > 0.1 and size > 3GiB", []),
        ("not kl <= 0.1", ["Q4_0"]),
        ("bits_per_weight == 2", ["Q4_0"]),
        ("tokens < 20000", []),
        ("1 > 2", []),
    ],
)
def test_every_variant_is_judged(condition: str, fails: list[str]) -> None:
    assert failing(compared(), condition) == fails
    assert pyengine.gates(compared(), fail_if=condition).passed is not bool(fails)


def test_what_is_not_known_fails_with_the_reason() -> None:
    lonely = estimate("kl", "Q8_0", 0.01, math.nan, n_clusters=1)
    run = compared(rows=(*ROWS[:1], lonely, *ROWS[2:]))
    assert codes(run, "kl > 0.1") == {"Q8_0": "holds-not", "Q4_0": "holds"}
    assert codes(run, "kl_high > 1") == {"Q8_0": "unknown", "Q4_0": "holds-not"}
    assert codes(run, "pass_at_1 < 10%") == dict.fromkeys(("Q8_0", "Q4_0"), "not-measured")
    assert codes(run, "kl > 9 and cold_kl > 9") == dict.fromkeys(("Q8_0", "Q4_0"), "not-measured")
    assert codes(run, "1 / (size - 4GiB) > 1")["Q8_0"] == "undefined"


def test_a_mean_that_leaves_infinite_divergences_out_fails() -> None:
    run = compared(infinite("Q8_0"))
    assert codes(run, "kl > 1") == {"Q8_0": "infinite", "Q4_0": "holds-not"}
    assert codes(run, "kl_reverse_low > 1 or kl > 1")["Q8_0"] == "infinite"
    assert codes(run, "same_first_choice < 0.5")["Q8_0"] == "holds-not"
    assert codes(run, "kl_max > 1")["Q8_0"] == "not-measured"


def test_what_failed_passes_no_gate() -> None:
    dead = compared(failure("Q8_0", "killed", "text 3"), failure("Q2_K", "not a GGUF file"))
    assert codes(dead, "size > 100GiB") == {"Q8_0": "failed", "Q4_0": "holds-not", "Q2_K": "failed"}


def test_two_copies_are_two_variants() -> None:
    models = [info("model", 8), info("a", 4, sha256="same"), info("b", 4, sha256="same")]
    run = made_run(models, [estimate("kl", "a", 0.1), estimate("kl", "b", 0.1)])
    assert failing(run, "kl > 0.05") == ["a", "b"]


def test_timings_add_speed_and_memory() -> None:
    run, timings = compared(), made_timings(MODELS)
    assert codes(run, "generation_speed < 10")["Q8_0"] == "not-measured"
    assert codes(run, "generation_speed < 60", timings=timings)["Q8_0"] == "holds"
    assert codes(run, "memory > 10GiB", timings=timings)["Q8_0"] == "holds-not"
    assert codes(run, "memory > 8GiB", timings=timings)["Q8_0"] == "holds"


def test_limits_are_gates_too() -> None:
    found = pyengine.gates(compared(infinite("Q4_0")), max_kl=0.05)
    assert [(c.model, c.code, c.passed) for c in found.rows] == [
        ("Q8_0", "within", True),
        ("Q4_0", "infinite", False),
    ]
    solved = pyengine.gates(made(RATE), fail_under=0.05)
    assert [(c.model, c.code) for c in solved.rows if c.passed] == [("base", "within")]
    assert pyengine.gates(made(RATE), fail_under=0.2).rows[0].code == "below"
    with pytest.raises(InputError, match="a record of 'compare' holds no solved tasks"):
        pyengine.gates(compared(), fail_under=0.5)
    with pytest.raises(InputError, match="a record of 'evaluate' holds no divergences"):
        pyengine.gates(made(RATE), max_kl=0.5)


def test_of_an_evaluation_the_variants_are_judged() -> None:
    note = Note(code="model-failed", model="tiny-Q2_K", values={"message": "computes no numbers"})
    run = made(RATE, *sides(3, 0, 0.25), notes=(note,))
    assert codes(run, "pass_at_1_change < -10%") == {"small-Q2_K": "holds", "tiny-Q2_K": "failed"}
    alone = run.model_copy(update={"options": {**run.options, "reference": None}})
    assert codes(alone, "pass_at_1 < 40%")["base"] == "holds-not"
    assert codes(alone, "pass_at_1_low < 40%")["base"] == "holds"


def picked(chosen: str | None) -> Run:
    """A pick with its choice, as `recommend` shows it."""
    base = compared().model_copy(update={"command": "pick"})
    judged = recommend([base], max_kl=1)
    first, *candidates = judged.exhibits
    choice = Exhibit(kind="choice", model="", content={**first.content, "chosen": chosen})
    options = {**judged.options, "context": 512}
    return base.model_copy(update={"exhibits": [choice, *candidates], "options": options})


def test_of_a_pick_the_chosen_file_is_judged() -> None:
    assert codes(picked("Q4_0"), "kl > 0.1") == {"Q4_0": "holds"}
    assert codes(picked("Q8_0"), "kl > 0.1") == {"Q8_0": "holds-not"}
    assert codes(picked("model"), "kl_high > 0.1") == {"model": "holds-not"}
    assert codes(picked(None), "kl > 0.1") == {"": "nothing-chosen"}


def test_what_holds_no_variant_has_no_gates() -> None:
    with pytest.raises(InputError, match="a record of 'speed' holds nothing that a gate"):
        judged_in(made_timings(MODELS))
    with pytest.raises(InputError, match="no variant"):
        judged_in(made_run(MODELS[:1], ROWS[:1]))


def test_names_are_those_of_the_registry() -> None:
    assert {"kl", "kl_high", "kl_99", "cold_entropy", "pass_at_1_low", "memory"} <= {*nameable()}
    check_conditions(["kl_max > 3 or cold_kl > 1", "size > 4GiB"])
    with pytest.raises(OptionError, match="there is no metric 'same_top'"):
        check_conditions(["same_top < 0.9"])
    with pytest.raises(OptionError, match="there is no metric 'kll'; there is kl"):
        pyengine.gates(compared(), fail_if="kll > 1")
    with pytest.raises(OptionError, match="expected a number or a name"):
        check_conditions(["kl >"])


def test_a_recommendation_has_the_same_gate() -> None:
    def gate(condition: str) -> tuple[str, bool]:
        (choice,) = recommend([compared()], variant="Q4_0", fail_if=condition).shown("choice")
        return choice["gate"], choice["failed"]

    assert gate("kl > 0.1") == ("holds", True)
    assert gate("kl > 0.3") == ("holds-not", False)
    assert gate("pass_at_1 < 0.3") == ("not-measured", True)
    assert gate("1 / (size - 2GiB) > 0") == ("undefined", True)
    with pytest.raises(OptionError):
        gate("kll > 1")


def test_a_table_of_gates_prints_itself() -> None:
    found = pyengine.gates(compared(), fail_if=["kl > 0.1", "size > 3GiB"])
    assert str(found).splitlines()[1].split() == [
        "Q8_0",
        "--fail-if",
        "kl",
        ">",
        "0.1",
        "True",
        "holds-not",
    ]
    assert len(found.rows) == 4


@pytest.fixture
def record(tmp_path: Path) -> Path:
    save(compared(), tmp_path / "compare.json")
    return tmp_path / "compare.json"


def test_a_saved_record_is_held(record: Path) -> None:
    passed = run("report", record, "--fail-if", "kl > 0.5")
    assert (passed.code, passed.err) == (0, "")
    assert "--fail-if kl > 0.5" in passed.out
    assert "Q4_0" in passed.out
    failed = run("report", record, "--fail-if", "kl > 0.1", "--fail-if", "size > 3GiB")
    assert failed.code == 1
    assert failed.err == (
        "pyengine: 'kl > 0.1' holds for Q4_0 (kl 0.2000), so it fails; "
        "'size > 3GiB' holds for Q8_0 (size 4.00 GiB), so it fails\n"
    )
    table = run("report", record, "--markdown", "--fail-if", "kl > 0.5").out
    assert "| **Q8_0** | passes | kl 0.01000 |" in table


def test_bad_gates_are_bad_input(record: Path, tmp_path: Path) -> None:
    def refused(*arguments: str | Path) -> Outcome:
        found = run("report", *arguments)
        assert found.code == 2
        assert found.err.count("\n") == 1
        return found

    assert "no metric 'kll'" in refused(record, "--fail-if", "kll > 1").err
    assert "name one" in refused(record, "--junit", tmp_path / "x.xml").err
    assert "not a record" in refused(record, "--baseline", write(tmp_path / "b.json", "{}")).err
    assert "not of 2" in refused(record, record, "--fail-if", "kl > 1").err
    missing = refused(record, "--fail-if", "kl > 1", "--junit", tmp_path / "no" / "x.xml")
    assert "cannot be written" in missing.err
    assert not list(tmp_path.glob("*.xml"))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_junit_has_a_case_for_each_variant_and_gate(record: Path, tmp_path: Path) -> None:
    target = tmp_path / "gates.xml"
    found = run(
        *("report", record, "--fail-if", "kl > 0.1", "--fail-if", "pass_at_1 < 1"),
        *("--junit", target),
    )
    assert found.code == 1
    root = ElementTree.fromstring(target.read_bytes())
    assert root.tag == "testsuites"
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("4", "3", "0")
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == [
        "--fail-if kl > 0.1",
        "--fail-if pass_at_1 < 1",
    ]
    told = {
        (suite.get("name"), case.get("name")): [
            failure.get("type") for failure in case.iter("failure")
        ]
        for suite in suites
        for case in suite.findall("testcase")
    }
    assert list(told.values()) == [[], ["holds"], ["not-measured"], ["not-measured"]]
    first = target.read_bytes()
    run("report", record, "--fail-if", "kl > 0.1", "--fail-if", "pass_at_1 < 1", "--junit", target)
    assert target.read_bytes() == first


def test_hostile_names_stay_xml(tmp_path: Path) -> None:
    name = 'a"<b>&\x1b[31m\u202e\x00'
    models = [info("model", 8), info(name, 4)]
    save(made_run(models, [estimate("kl", name, 0.2)]), tmp_path / "r.json")
    target = tmp_path / "gates.xml"
    assert run("report", tmp_path / "r.json", "--fail-if", "kl > 0.1", "--junit", target).code == 1
    (case,) = ElementTree.fromstring(target.read_bytes()).iter("testcase")
    assert case.get("name") == 'a"<b>&<U+001B>[31m<U+202E><U+0000>'


@pytest.mark.parametrize(
    ("gate", "message", "color"),
    [
        (["--fail-if", "kl > 0.5"], "2 gates passed", "brightgreen"),
        (["--fail-if", "kl > 0.1"], "1 of 2 gates failed", "red"),
        ([], "KL 0.010 to 0.20 nats", "orange"),
    ],
)
def test_a_badge(record: Path, tmp_path: Path, gate: list[str], message: str, color: str) -> None:
    run("report", record, *gate, "--badge", tmp_path / "badge.json")
    badge = json.loads((tmp_path / "badge.json").read_text(encoding="utf-8"))
    assert badge == {"schemaVersion": 1, "label": "pyengine", "message": message, "color": color}
