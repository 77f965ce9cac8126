"""The rule of choice, on candidates made for the purpose, and the command around it."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from command_line import run
from run_samples import (
    control,
    estimate,
    failure,
    infinite,
    info,
    made_run,
    made_timings,
    ratio,
)

import pyengine
from pyengine.choose.candidates import Candidate, candidates_of
from pyengine.choose.recommend import Limits, choose, recommend, told_apart
from pyengine.choose.scale import HARDLY
from pyengine.errors import InputError, OptionError
from pyengine.models.memory import forecast
from pyengine.report.document import Paragraph
from pyengine.report.recommend_view import recommend_document
from pyengine.report.terminal import render_terminal
from pyengine.run import Measurement, ModelInfo, Run, load, save

GIB = 1 << 30
Row = tuple[ModelInfo, list[Measurement]]


def row(name: str, gib: float, kl: float, error: float = 0.0001, *, sha256: str = "") -> Row:
    model = info(name, gib, sha256=sha256 or name.lower() * 8, file_type=name)
    rows = [estimate("kl", name, kl, error), estimate("same_first_choice", name, 1 - kl, 0.001)]
    return model, rows


def sweep(
    *rows: Row,
    floor: float = 1e-6,
    margin: float = 0.1,
    reference: str = "r" * 64,
    pairs: Sequence[Measurement] = (),
) -> Run:
    models = [info("model", 15, sha256=reference), *(model for model, _ in rows)]
    found = [control("kl", floor), *(m for _, some in rows for m in some), *pairs]
    return made_run(models, found, margin=margin)


class Told:
    """A recommendation, and what is said of it."""

    def __init__(self, run: Run) -> None:
        (choice,) = run.shown("choice")
        self.chosen, self.qualified = choice["chosen"], choice["qualified"]
        self.candidates = [Candidate.of(content) for content in run.shown("candidate")]
        paragraphs = [b.text for b in recommend_document(run).blocks if isinstance(b, Paragraph)]
        self.answer, self.why, self.what_would_change = paragraphs
        self.limit = run.options["max_kl"]


def told(*runs: Run, max_kl: float | None = 0.005, **limits: Any) -> Told:  # noqa: ANN401
    return Told(recommend(runs, max_kl=max_kl, **limits))


USUAL = (
    row("Q8_0", 8, 0.001),
    row("Q6_K", 6, 0.004),
    row("Q4_K_M", 4.5, 0.03),
    row("Q2_K", 3, 0.4),
)


def test_the_smallest_within_the_limit_is_chosen() -> None:
    result = told(sweep(*USUAL))
    assert (result.chosen, result.qualified, result.limit) == ("Q6_K", True, 0.005)
    assert "smallest file" in result.why
    assert "--max-kl 0.031 would admit Q4_K_M" in result.what_would_change


def test_without_a_limit_the_smallest_that_is_hardly_changed_is_chosen() -> None:
    between = row("Q5", 5, 0.0198, error=0.0001), row("Q4", 4, 0.0199, error=0.0001)
    result = told(sweep(*USUAL, *between), max_kl=None)
    assert (result.chosen, result.limit) == ("Q5", HARDLY)  # the interval of Q4 goes beyond


def test_the_promise_made_about_the_limit_is_kept() -> None:
    assert told(sweep(*USUAL), max_kl=0.031).chosen == "Q4_K_M"


def test_the_whole_interval_must_be_within() -> None:
    wide = row("Q5", 5, 0.0049, error=0.001)
    result = told(sweep(*USUAL, wide))
    assert result.chosen == "Q6_K"
    assert "More tokens could show that Q5" in result.what_would_change


def test_noise_counts_as_equal() -> None:
    result = told(sweep(row("Q8_0", 8, 0.001), row("Q9", 9, 0.0001), floor=0.002), max_kl=0.0)
    assert (result.chosen, result.qualified) == ("Q8_0", True)
    assert "no more than the order of computation gives" in result.why
    unsure = row("Q7", 7, 0.0019, error=0.0001)  # its interval reaches above the floor
    assert told(sweep(row("Q8_0", 8, 0.001), unsure, floor=0.002), max_kl=0.0).chosen == "Q8_0"


def test_where_none_qualifies_the_best_that_fits_is_named() -> None:
    result = told(sweep(*USUAL), memory=5 * GIB)
    assert (result.chosen, result.qualified) == ("Q4_K_M", False)
    assert "With 6.00 GiB of memory, Q6_K would fit" in result.what_would_change
    assert told(sweep(*USUAL), memory=6 * GIB).chosen == "Q6_K"
    enough = told(sweep(*USUAL), memory=5 * GIB, size=6 * GIB)
    assert "With 6.00 GiB of memory, Q6_K would fit" in enough.what_would_change


def test_ties_go_to_the_smaller_file_unless_a_paired_test_told_them_apart() -> None:
    one, other = row("A", 4, 0.050, error=0.002), row("B", 3, 0.052, error=0.002)
    result = told(sweep(one, other))
    assert result.chosen == "B"
    assert "smallest of 2 that cannot be told apart" in result.why
    paired = sweep(one, other, pairs=[ratio("B", "A", 1.04, 0.002)])
    assert told(paired).chosen == "B"  # a difference of less than the margin of 10 %
    narrow = sweep(one, other, pairs=[ratio("B", "A", 1.04, 0.002)], margin=0.03)
    assert told(narrow).chosen == "A"
    noisy = sweep(one, other, pairs=[ratio("B", "A", 1.3, 0.3)])
    alike = told(noisy)
    assert alike.chosen == "B"
    assert "A (4.00 GiB) comes closest" in alike.what_would_change


def test_a_variant_with_an_infinite_token_is_no_candidate() -> None:
    run = sweep(*USUAL)
    result = told(run.model_copy(update={"notes": [infinite("Q6_K", 2)]}))
    assert result.chosen == "Q8_0"
    (out,) = [c for c in result.candidates if c.excluded]
    assert (out.name, out.excluded, out.n_infinite) == ("Q6_K", "infinite", 2)
    smaller = [infinite(name) for name in ("Q6_K", "Q4_K_M", "Q2_K")]
    alone = told(run.model_copy(update={"notes": smaller}))
    assert "No smaller file can be judged, and only" in alone.what_would_change
    judged = told(run.model_copy(update={"notes": [infinite("Q6_K", 2)]}), variant="Q6_K")
    assert judged.why == "Q6_K (6.00 GiB) cannot be judged: its divergence is infinite at 2 tokens."


def test_evaluations_add_numbers_that_conditions_may_name() -> None:
    """By the file's hash; what compare measures over more text stays compare's."""
    compared = sweep(*USUAL)
    file = compared.models[1].model_copy(update={"id": "another name"})
    rows = [
        Measurement("pass_at_1", file.id, "", "", 0.25, 0.1, 0.5, 0.95, n=40, interval="wilson"),
        Measurement("pass_at_1", file.id, "", "language=c", 0.75, n=4),
        Measurement("kl", file.id, "model", "", 9.0, n=400),
    ]
    changes = {"command": "evaluate", "models": [file], "measurements": rows, "options": {}}
    evaluated = compared.model_copy(update=changes)
    first, *others = candidates_of([compared, evaluated])
    assert first.numbers["pass_at_1"] == 0.25
    assert first.numbers["pass_at_1_low"] == 0.1
    assert first.numbers["kl"] == first.kl == 0.001
    assert not any("pass_at_1" in other.numbers for other in others)
    with pytest.raises(InputError, match="no variant"):
        recommend([evaluated])


def test_one_variant_is_judged_alone() -> None:
    asked = sweep(*USUAL, row("Q5", 5, 0.0049, error=0.001))
    good = told(asked, variant="Q8_0")
    assert good.why.startswith("Q8_0 (8.00 GiB) is within 0.005 nats per token: KL 0.001 nats")
    assert good.what_would_change == "Only --max-kl below 0.0012 nats would rule it out."
    open_case = told(asked, variant="q5")
    assert not open_case.qualified
    assert open_case.why.startswith("Whether Q5 (5.00 GiB) is within 0.005 nats per token is undec")
    assert "More tokens could decide it." in open_case.what_would_change
    bad = told(asked, variant="Q2_K")
    assert bad.why.startswith("Q2_K (3.00 GiB) is beyond 0.005 nats per token")
    large = told(asked, variant="Q8_0", size=GIB)
    assert (large.chosen, large.why[:39]) == (None, "Q8_0 (8.00 GiB) does not fit 1.00 GiB o")


def test_a_divergence_without_an_interval_qualifies_nothing() -> None:
    result = told(sweep(row("Q8_0", 8, 0.001, math.nan)))
    assert (result.chosen, result.qualified) == ("Q8_0", False)
    assert "nan" not in result.why + result.what_would_change
    assert "More text" in result.what_would_change
    none = told(sweep(row("Q8_0", 8, math.nan, math.nan)))
    assert none.chosen is None


def test_a_copy_of_the_reference_is_ruled_out_by_nothing() -> None:
    copy = row("Q8_0", 8, 0.0, error=0.0)
    result = told(sweep(copy, floor=0.0), max_kl=0.0)
    assert (result.chosen, result.qualified) == ("Q8_0", True)
    assert "KL 0 nats over 20,000 tokens" in result.why
    assert "no --max-kl would rule it out" in result.what_would_change


def test_files_of_one_name_are_told_apart() -> None:
    there = row("Q4", 4, 0.001, sha256="abcdef0123456789")
    here = row("Q4", 5, 0.002)
    result = told(sweep(here), sweep(there))
    assert result.chosen == "Q4 (abcdef01)"
    assert [c.name for c in result.candidates] == ["Q4 (abcdef01)", "Q4 (q4q4q4q4)"]


def test_equal_files_in_every_respect_have_one_answer() -> None:
    rows = [row(name, 4, 0.001) for name in ("B", "A", "C")]
    assert told(sweep(*rows)).chosen == "A"
    assert told(sweep(*reversed(rows))).chosen == "A"


def test_nothing_fits() -> None:
    result = told(sweep(*USUAL), memory=GIB)
    assert result.chosen is None
    assert "None fits 1.00 GiB of memory: the smallest that can be judged, Q2_K" in result.why
    assert "With 3.00 GiB of memory, Q2_K would fit" in result.what_would_change


def test_failed_variants_are_no_candidates() -> None:
    unopened = failure("Q2_K", "killed by SIGKILL")
    died = failure("Q3", "killed by SIGKILL", "text 3")
    run = sweep(row("Q8_0", 8, 0.001), row("Q3", 4, 0.001))
    result = told(run.model_copy(update={"notes": [unopened, died]}))
    assert result.chosen == "Q8_0"
    excluded = {c.name: (c.excluded, c.message) for c in result.candidates if c.excluded}
    assert excluded == dict.fromkeys(("Q2_K", "Q3"), ("failed", "killed by SIGKILL"))
    everything_failed = told(sweep().model_copy(update={"notes": [unopened]}))
    assert everything_failed.chosen is None
    assert "nothing to choose from" in everything_failed.why


def test_measured_memory_counts_where_it_is_given() -> None:
    timings = made_timings([model for model, _ in USUAL if model.id == "Q6_K"])
    assert told(sweep(*USUAL), timings, memory=8 * GIB).chosen == "Q8_0"


def test_conditions_name_metrics_by_their_ids() -> None:
    run = sweep(*USUAL)
    more = [
        Measurement("kl", "Q8_0", "model", "quantile=0.99", 0.25),
        Measurement("keyword_mass_change", "Q8_0", "model", "start=cold", -0.5),
    ]
    found = candidates_of([run.model_copy(update={"measurements": [*run.measurements, *more]})])
    numbers = next(c.numbers for c in found if c.name == "Q8_0")
    assert numbers["kl"] == 0.001
    assert numbers["kl_low"] < numbers["kl"] < numbers["kl_high"]
    assert numbers["kl_99"] == 0.25
    assert numbers["cold_keyword_mass_change"] == -0.5
    assert numbers["same_first_choice"] == pytest.approx(0.999)
    assert {"size", "memory", "tokens", "bits_per_weight"} <= set(numbers)


def test_records_that_cannot_be_set_against_each_other_are_refused() -> None:
    run = sweep(*USUAL)
    with pytest.raises(InputError, match="different references"):
        recommend([run, sweep(*USUAL, reference="x" * 64)])
    assert run.population is not None
    population = run.population.model_copy(update={"sha256": "x" * 64})
    with pytest.raises(InputError, match="different texts"):
        recommend([run, run.model_copy(update={"population": population})])
    with pytest.raises(InputError, match="no variant"):
        recommend([sweep()])
    with pytest.raises(InputError, match="no variant"):
        recommend([made_timings([info("model", 1)])])
    with pytest.raises(InputError, match="compares no variants"):
        recommend([recommend([run])])
    with pytest.raises(OptionError, match="negative"):
        recommend([run], max_kl=-1)
    with pytest.raises(OptionError, match="names none of the variants"):
        recommend([run], variant="Q7")


def test_choose_ignores_names_in_told_apart() -> None:
    by_name = {candidate.name: candidate for candidate in candidates_of([sweep(*USUAL)])}
    assert told_apart(by_name["Q8_0"], by_name["Q2_K"], {})
    assert not told_apart(by_name["Q8_0"], by_name["Q8_0"], {})
    assert choose([], Limits(kl=1.0), {}) == (None, False, [])


def test_a_recommendation_survives_its_json(tmp_path: Path) -> None:
    run = recommend([sweep(*USUAL, row("Q1", 2, math.nan, math.nan))])
    save(run, tmp_path / "r.json")
    assert load(tmp_path / "r.json").model_dump_json() == run.model_dump_json()


def test_the_command_is_a_gate(tmp_path: Path) -> None:
    record = tmp_path / "sweep.json"
    save(sweep(*USUAL), record)
    good = run("recommend", record)
    assert good.code == 0
    assert "Use Q6_K." in good.out
    none = run("recommend", record, "--max-kl", "0.0001")
    assert none.code == 1
    assert "Nothing qualifies; the best is Q8_0." in none.out
    assert none.err.strip() == "pyengine: no variant is surely within 0.0001 nats per token"
    failed = run("recommend", record, "--variant", "Q4_K_M", "--fail-if", "kl > 0.02")
    assert failed.code == 1
    assert "'kl > 0.02' holds for Q4_K_M" in failed.err
    passed = run("recommend", record, "--variant", "Q4_K_M", "--fail-if", "kl > 0.2", "--json")
    assert passed.code == 0
    assert passed.out.startswith("{")
    wrong = run("recommend", record, "--fail-if", "kl >")
    assert wrong.code == 2
    assert run("recommend", record, "--memory", "lots").code == 2


def test_gates_fail_and_say_why_where_one_document_gives_no_interval(tmp_path: Path) -> None:
    record = tmp_path / "sweep.json"
    model, (kl, same) = row("Q8_0", 8, 0.001, math.nan)
    alone = [replace(each, n_clusters=1) for each in (kl, replace(same, low=math.nan))]
    save(sweep((model, alone)), record)
    found = run("recommend", record, "--max-kl", "1")
    assert found.code == 1
    assert "Q8_0 is not surely within 1 nats per token: one document gives no interval" in found.err
    for condition in ("kl_high > 0.02", "same_first_choice_low < 50% or kl_high > 1"):
        gate = run("recommend", record, "--fail-if", condition)
        assert gate.code == 1
        assert "cannot be known: one document gives no interval" in gate.err
        assert "cannot be known" in gate.out
    assert run("recommend", record, "--fail-if", "kl > 0.02").code == 0  # needs no interval
    assert run("recommend", record, "--fail-if", "kl_height > 0.02").code == 2


def test_a_forecast_counts_before_what_was_measured(tmp_path: Path) -> None:
    timings = made_timings([model for model, _ in USUAL if model.id == "Q6_K"])
    needed = {model.sha256: 9 * GIB for model, _ in USUAL if model.id == "Q6_K"}
    result = recommend(
        [sweep(*USUAL), timings],
        memory=8 * GIB,
        memory_is_free=True,
        needed=needed,
        context=4096,
    )
    assert result.shown("choice")[0]["chosen"] == "Q8_0"
    save(result, tmp_path / "r.json")
    page = render_terminal(recommend_document(load(tmp_path / "r.json")), width=100)
    assert "at most 8.00 GiB, what is free here now" in page
    assert "for a context of 4,096 tokens" in page
    assert re.search(r"Q6_K .* 9\.00 GiB .* too much memory", page)


def test_memory_is_forecast_where_the_files_are_here(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "Q6_K.gguf")
    usual = sweep(*USUAL)
    here = {"path": str(path), "file_bytes": path.stat().st_size}
    models = [m.model_copy(update=here if m.id == "Q6_K" else {}) for m in usual.models]
    result = pyengine.recommend(usual.model_copy(update={"models": models}), context=64)
    found = {c["name"]: c for c in result.shown("candidate")}
    assert found["Q6_K"]["memory"] == forecast(path, 64).main
    assert (found["Q6_K"]["memory_context"], found["Q8_0"]["memory_context"]) == (64, 0)
    assert result.options["memory_is_free"]
    assert result.options["memory"] > 0
    assert pyengine.recommend(usual).options["memory"] is None, "a record of another machine"
