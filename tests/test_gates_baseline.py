"""A run held against an earlier one: what counts as worse, and what is no baseline."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from evaluation_samples import RATE, made
from run_samples import TEXT, control, estimate, failure, infinite, info, made_run, made_timings

import pyengine
from pyengine.choose.baseline import Difference, differences
from pyengine.choose.gates import Check
from pyengine.errors import InputError
from pyengine.run import Exhibit, Measurement, Population, Run, save
from pyengine.statistics.success import clustered_share_change


def compared(
    *rows: Measurement,
    files: tuple[str, ...] = ("Q8_0", "Q4_0"),
    population: Population | None = TEXT,
    command: str = "compare",
) -> Run:
    models = [info("model", 8), *(info(name, 4) for name in files)]
    return made_run(models, rows, command=command, population=population)


def kl(model: str, value: float, error: float = 0.01, *, metric: str = "kl") -> Measurement:
    return estimate(metric, model, value, error)


def judged(now: Run, before: Run) -> list[Check]:
    return list(pyengine.gates(now, baseline=before).rows)


def codes(now: Run, before: Run) -> dict[str, str]:
    return {check.model: check.code for check in judged(now, before)}


def only(now: Measurement, before: Measurement) -> Difference:
    (found,) = differences(compared(now), now.model, compared(before), before.model)
    return found


def test_worse_is_beyond_both_intervals() -> None:
    before = compared(kl("Q8_0", 0.1), kl("Q4_0", 0.1))
    # Both reach 0.02 to either side, so a change reaches 0.02 * sqrt(2) = 0.0283.
    now = compared(kl("Q8_0", 0.128), kl("Q4_0", 0.129))
    assert codes(now, before) == {"Q8_0": "not-worse", "Q4_0": "worse"}
    assert codes(before, now) == {"Q8_0": "not-worse", "Q4_0": "not-worse"}
    assert pyengine.gates(now, baseline=before).passed is False
    assert pyengine.gates(before, baseline=now).passed is True


def test_settings_are_held_against_the_same_settings() -> None:
    plain, ours = info("model", 8), info("Q8_0", 4)
    kv = "?kv=q4_0"
    files = [m.model_copy(update={"id": m.id + kv, "variant": kv}) for m in (plain, ours)]
    rows = [kl("Q8_0", 0.1), *(kl(model.id, 0.3) for model in files)]
    found = made_run([plain, ours, *files], rows, population=TEXT)
    assert set(codes(found, found).values()) == {"not-worse"}
    assert codes(found, made_run([plain, ours], rows[:1], population=TEXT)) == {
        "Q8_0": "not-worse",
        **{model.id: "new" for model in files},
    }


def test_of_some_metrics_more_is_better() -> None:
    fewer, more = (kl("Q8_0", share, metric="same_first_choice") for share in (0.8, 0.9))
    assert only(fewer, more).worse
    assert not only(more, fewer).worse


def test_the_interval_of_a_change() -> None:
    before = replace(kl("Q8_0", 0.3), low=0.25, high=0.42, interval="wilson")
    now = replace(kl("Q8_0", 0.5), low=0.41, high=0.53, interval="sequence")
    found = only(now, before)
    assert (found.low, found.high) == pytest.approx(
        (0.2 - math.sqrt(0.09**2 + 0.12**2), 0.2 + math.sqrt(0.03**2 + 0.05**2))
    )


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
def test_a_change_is_covered_as_often_as_it_says(shared: float) -> None:
    """Of independent runs 95 times in 100, and more often where both have errors in common."""
    draws = np.random.default_rng(7).normal(size=(3, 1000))
    common = math.sqrt(shared) * draws[0]
    first, second = (1 + common + math.sqrt(1 - shared) * own for own in draws[1:])
    covered = 0
    for a, b in zip(first, second, strict=True):
        now, before = (
            replace(kl("Q8_0", value), low=value - 1.96, high=value + 1.96) for value in (a, b)
        )
        found = only(now, before)
        covered += found.low <= 0 <= found.high
    assert covered > (930 if shared == 0 else 985)
    assert shared or covered < 970


def test_only_what_has_a_better_direction_and_an_interval_is_compared() -> None:
    no_interval = estimate("delta_p_rms", "Q8_0", 0.1, math.nan)
    timed = Measurement("prompt_speed", "Q8_0", "", "", 10.0, 9.0, 11.0, interval="range")
    other = (kl("Q8_0", 0.1, metric="entropy_change"), estimate("kl", "Q8_0", 9, group="class=x"))
    rows = (kl("Q8_0", 0.1), kl("Q8_0", 0.1, metric="jensen_shannon"), no_interval, timed, *other)
    earlier = compared(*(replace(row, value=row.value / 2) for row in rows))
    found = differences(compared(*rows), "Q8_0", earlier, "Q8_0")
    assert [difference.metric for difference in found] == ["kl", "jensen_shannon"]


def test_what_was_never_seen_has_no_interval_and_equal_files_have() -> None:
    exact = (kl("Q8_0", 0.0, 0.0), kl("Q8_0", 0.0, 0.0, metric="clear_change"))
    now = compared(kl("Q8_0", 0.001, 0.0001), kl("Q8_0", 0.001, 0.0001, metric="clear_change"))
    found = list(differences(now, "Q8_0", compared(*exact), "Q8_0"))
    assert [(difference.metric, difference.worse) for difference in found] == [("kl", True)]


def test_what_arithmetic_gives_is_not_worse() -> None:
    before = compared(kl("Q8_0", 0.001, 0.0001))
    now = kl("Q8_0", 0.002, 0.0001)
    assert codes(compared(now, control("kl", 0.001)), before)["Q8_0"] == "worse"
    assert codes(compared(now, control("kl", 0.003)), before)["Q8_0"] == "not-worse"


def test_files_are_known_by_name_else_by_type() -> None:
    now = compared(kl("new-Q8_0", 0.9), kl("new-Q4_0", 0.1), files=("new-Q8_0", "new-Q4_0"))
    by_type = compared(kl("Q8_0", 0.1), kl("Q4_0", 0.1))
    assert codes(now, by_type) == {"new-Q8_0": "worse", "new-Q4_0": "not-worse"}
    moved = [m.model_copy(update={"path": f"elsewhere/{m.path}"}) for m in now.models]
    elsewhere = now.model_copy(update={"models": moved})
    assert codes(now, elsewhere) == {"new-Q8_0": "not-worse", "new-Q4_0": "not-worse"}
    two = compared(kl("a-Q8_0", 0.1), kl("new-Q4_0", 0.1), files=("a-Q8_0", "b-Q8_0", "new-Q4_0"))
    (new, old) = judged(now, two)
    assert (new.code, new.passed, new.skipped, old.code) == ("new", True, True, "not-worse")
    with pytest.raises(InputError, match="no file of the name or type"):
        judged(compared(kl("z", 0.1), files=("z",)), by_type)


def test_what_cannot_be_compared_fails() -> None:
    before = compared(kl("Q8_0", 0.1), kl("Q4_0", 0.1))
    lonely = compared(estimate("kl", "Q8_0", 0.1, math.nan, n_clusters=1), kl("Q4_0", 0.1))
    assert codes(lonely, before) == {"Q8_0": "nothing", "Q4_0": "not-worse"}
    endless = before.model_copy(update={"notes": [infinite("Q8_0")]})
    assert codes(endless, before)["Q8_0"] == "infinite"
    assert codes(endless, endless)["Q8_0"] == "not-worse"
    dead = before.model_copy(update={"notes": [failure("Q4_0", "killed"), failure("Q2_K", "no")]})
    assert codes(dead, before) == {"Q8_0": "not-worse", "Q4_0": "failed", "Q2_K": "failed"}


@pytest.mark.parametrize(
    ("field", "value"), [("sha256", "d" * 64), ("seed", 8), ("document_tokens", 256), ("n_ctx", 64)]
)
def test_other_text_is_one_sentence(field: str, value: object) -> None:
    now = compared(kl("Q8_0", 0.1))
    other = compared(kl("Q8_0", 0.1), population=TEXT.model_copy(update={field: value}))
    with pytest.raises(InputError, match=rf"over other text \({field} differ\)"):
        judged(now, other)


def test_more_documents_of_the_same_text_are_no_other_text() -> None:
    longer = TEXT.model_copy(update={"n_scored_documents": 36, "n_tokens": 25_000, "looks": 8})
    rows = (kl("Q8_0", 0.1), kl("Q4_0", 0.1))
    assert codes(compared(*rows), compared(*rows, population=longer, command="sweep")) == {
        "Q8_0": "not-worse",
        "Q4_0": "not-worse",
    }


def test_what_is_no_baseline() -> None:
    now = compared(kl("Q8_0", 0.1))
    with pytest.raises(InputError, match="'evaluate' has no numbers to hold those of 'compare'"):
        judged(now, made(RATE))
    with pytest.raises(InputError, match="'speed' has no numbers"):
        judged(now, made_timings([info("Q8_0", 4)]))
    with pytest.raises(InputError, match="without text"):
        judged(now, compared(kl("Q8_0", 0.1), population=None))


def solved(*outcomes: str, low: float = 0.0, high: float = 1.0, **options: object) -> Run:
    """An evaluation of one model: the outcome of one sample for each task, each its own idea."""
    share = outcomes.count("passed") / len(outcomes)
    row = Measurement("pass_at_1", "base", "", "", share, low, high, 0.95, interval="wilson")
    answers = [
        Exhibit(
            kind="answer",
            model="base",
            content={"task": f"t{i}", "idea": f"i{i}", "samples": [{"outcome": outcome}]},
        )
        for i, outcome in enumerate(outcomes)
    ]
    base = made(row)
    told = {**base.options, "reference": None, **options}
    alone = {"models": [info("base", 2)], "exhibits": answers, "options": told}
    return base.model_copy(update=alone)


def test_pass_at_1_is_paired_over_tasks() -> None:
    before = solved(*["passed"] * 20, *["wrong-answer"] * 20)
    now = solved(*["passed"] * 8, *["wrong-answer"] * 32)
    (found,) = differences(now, "base", before, "base")
    paired = clustered_share_change(np.array([0.0] * 8 + [-1.0] * 12 + [0.0] * 20), np.ones(40))
    assert (found.change, found.low, found.high) == (paired.value, paired.low, paired.high)
    assert found.worse
    assert judged(now, before)[0].code == "worse"
    assert judged(before, now)[0].code == "not-worse"
    # As many changes to both sides, which two intervals alone would not tell from none.
    mixed = solved(*["wrong-answer", "passed"] * 20)
    assert not next(differences(mixed, "base", before, "base")).worse


def test_skipped_tasks_are_not_paired_and_other_tasks_no_baseline() -> None:
    before = solved("passed", "passed", "skipped", "wrong-answer")
    now = solved("passed", "skipped", "passed", "wrong-answer")
    (found,) = differences(now, "base", before, "base")
    assert found.change == 0.0
    with pytest.raises(InputError, match=r"over other tasks \(tasks_sha256, samples differ\)"):
        judged(now, solved("passed", tasks_sha256="x", samples=5))


def test_a_baseline_whose_values_do_not_fit_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = solved("passed", "wrong-answer")
    (first, *_) = before.exhibits
    broken = first.model_copy(update={"content": {"task": "t0", "samples": [{}]}})
    save(before.model_copy(update={"exhibits": [broken]}), tmp_path / "old.json")
    monkeypatch.setattr("pyengine.commands.evaluate.evaluate", lambda **_: before)
    found = run("evaluate", "base.gguf", "--json", "--baseline", tmp_path / "old.json")
    assert found.code == 2
    assert found.err.startswith(f"pyengine: {tmp_path / 'old.json'}: damaged record: its values")


def test_the_command_line(tmp_path: Path) -> None:
    before, now = tmp_path / "before.json", tmp_path / "now.json"
    distances = ("kl", "kl_reverse", "jensen_shannon", "hellinger")
    for path, value in ((before, 0.1), (now, 0.2)):
        rows = (kl("Q8_0", value, 0.001, metric=metric) for metric in distances)
        save(compared(*rows, files=("Q8_0",)), path)
    assert run("report", before, "--baseline", before).code == 0
    found = run("report", now, "--baseline", before, "--junit", tmp_path / "gates.xml")
    assert found.code == 1
    assert found.err == (
        f"pyengine: Q8_0 is worse than in {before}: KL divergence 0.200, before 0.100 "
        "(change 0.0972 … 0.1028), Reverse KL 0.200, before 0.100 (change 0.0972 … 0.1028), "
        "and 2 metrics more\n"
    )
    assert "Compared: KL divergence, Reverse KL, Jensen–Shannon, Hellinger." in found.out
    listed = (tmp_path / "gates.xml").read_text(encoding="utf-8")
    assert "Hellinger 0.200, before 0.100 (change 0.0972 … 0.1028)" in listed
