"""The rule of choice, on candidates made for the purpose, and the command around it."""

from pathlib import Path

import pytest
from command_line import run

from pyengine.comparison.records import EstimateRecord
from pyengine.errors import InputError, OptionError
from pyengine.recommendation.choose import Limits, choose, told_apart
from pyengine.recommendation.recommend import recommend
from pyengine.recommendation.records import Candidate
from pyengine.results import Provenance
from pyengine.sweep.records import StepVerdict, SweepResult, SweepRow, SweepTimings
from pyengine.sweep.speed_record import SpeedRecord

GIB = 1 << 30
MADE = Provenance(
    pyengine="0",
    llama_cpp="0",
    llama_cpp_python="0",
    python="3",
    platform="any",
    cpu="any",
    cores=2,
    threads=1,
    devices=["CPU"],
    seed=1,
)


def estimate(value: float, error: float) -> EstimateRecord:
    return EstimateRecord(
        value=value,
        se_independent=error / 2,
        se_clustered=error,
        low=value - 2 * error,
        high=value + 2 * error,
        n=20_000,
        n_clusters=30,
    )


def row(name: str, gib: float, kl: float | None, error: float = 0.0001) -> SweepRow:
    return SweepRow(
        name=name,
        sha256=name.lower() * 8,
        file_bytes=int(gib * GIB),
        bits_per_weight=gib,
        file_type=name,
        is_reference=name == "F16",
        failure=None if kl is not None else "killed by SIGKILL",
        kl=None if kl is None else estimate(kl, error),
        same_top=None if kl is None else estimate(1 - kl, 0.001),
    )


def sweep(*rows: SweepRow, floor: float | None = 1e-6, margin: float = 0.005) -> SweepResult:
    return SweepResult(
        provenance=MADE,
        reference="model",
        reference_sha256="r" * 64,
        corpus_sha256="c" * 64,
        n_tokens=20_000,
        n_documents=30,
        method="windows",
        margin=margin,
        floor=floor,
        rows=list(rows),
    )


USUAL = (
    row("F16", 15, 0.0),
    row("Q8_0", 8, 0.001),
    row("Q6_K", 6, 0.004),
    row("Q4_K_M", 4.5, 0.03),
    row("Q2_K", 3, 0.4),
)


def test_the_smallest_within_the_margin_is_chosen() -> None:
    result = recommend([sweep(*USUAL)])
    assert (result.chosen, result.qualified, result.margin) == ("Q6_K", True, 0.005)
    assert "smallest file" in result.why
    assert "A margin of 0.031 nats would admit Q4_K_M" in result.what_would_change


def test_the_promise_made_about_the_margin_is_kept() -> None:
    assert recommend([sweep(*USUAL)], max_kl=0.031).chosen == "Q4_K_M"


def test_the_whole_interval_must_be_within() -> None:
    wide = row("Q5", 5, 0.0049, error=0.001)
    result = recommend([sweep(*USUAL, wide)])
    assert result.chosen == "Q6_K"
    assert "More tokens could show that Q5" in result.what_would_change


def test_noise_counts_as_equal() -> None:
    result = recommend(
        [sweep(row("Q8_0", 8, 0.001), row("Q9", 9, 0.0001), floor=0.002)], max_kl=0.0
    )
    assert (result.chosen, result.qualified) == ("Q8_0", True)
    assert "not above that of the reference against itself" in result.why


def test_where_none_qualifies_the_best_that_fits_is_named() -> None:
    result = recommend([sweep(*USUAL)], memory=5 * GIB)
    assert (result.chosen, result.qualified) == ("Q4_K_M", False)
    assert "With 6.00 GiB of memory, Q6_K would fit" in result.what_would_change
    assert recommend([sweep(*USUAL)], memory=6 * GIB).chosen == "Q6_K"


def test_ties_go_to_the_smaller_file_unless_a_paired_test_told_them_apart() -> None:
    one, other = row("A", 4, 0.050, error=0.002), row("B", 3, 0.052, error=0.002)
    result = recommend([sweep(one, other)])
    assert result.chosen == "B"
    assert "smallest of 2 that cannot be told apart" in result.why
    step = StepVerdict(
        against="A",
        difference=estimate(0.002, 0.0001),
        adjusted_p=0.001,
        verdict="different",
        more_tokens=None,
    )
    paired = other.model_copy(update={"step": step})
    assert recommend([sweep(one, paired)], max_kl=0.001).chosen == "A"
    assert recommend([sweep(one, paired)], max_kl=0.003).chosen == "B"  # a difference too small


def test_equivalence_at_the_records_margin_says_nothing_at_a_narrower_one() -> None:
    one, other = row("A", 4, 0.0001, error=0.00001), row("B", 3, 0.0005, error=0.00001)
    step = StepVerdict(
        against="A",
        difference=estimate(0.0004, 0.00001),
        adjusted_p=1e-8,
        verdict="equivalent",  # within the 0.005 nats of the sweep
        more_tokens=None,
    )
    record = sweep(one, other.model_copy(update={"step": step}))
    narrow = recommend([record], max_kl=0.00001)
    assert (narrow.chosen, narrow.qualified) == ("A", False)
    assert "told apart" not in narrow.why
    assert recommend([record], max_kl=0.00005, memory=3 * GIB).chosen == "B"
    noisy = step.model_copy(update={"adjusted_p": 0.3})
    alike = recommend([sweep(one, other.model_copy(update={"step": noisy}))], max_kl=0.00001)
    assert alike.chosen == "B"
    assert "A (4.00 GiB) comes closest" in alike.what_would_change


def test_one_variant_is_judged_alone() -> None:
    asked = sweep(*USUAL, row("Q5", 5, 0.0049, error=0.001))
    good = recommend([asked], variant="Q8_0")
    assert good.why.startswith("Q8_0 (8.00 GiB) is within 0.005 nats per token: KL 0.001 nats")
    assert good.what_would_change == "Only a margin below 0.0012 nats would rule it out."
    open_case = recommend([asked], variant="q5")
    assert not open_case.qualified
    assert open_case.why.startswith("Whether Q5 (5.00 GiB) is within 0.005 nats per token is undec")
    assert "More tokens could decide it." in open_case.what_would_change
    bad = recommend([asked], variant="Q2_K")
    assert bad.why.startswith("Q2_K (3.00 GiB) is beyond 0.005 nats per token")
    large = recommend([asked], variant="Q8_0", size=GIB)
    assert (large.chosen, large.why[:39]) == (None, "Q8_0 (8.00 GiB) does not fit 1.00 GiB o")


def test_a_divergence_without_an_interval_qualifies_nothing() -> None:
    alone = estimate(0.001, float("nan"))
    lonely = row("Q8_0", 8, 0.001).model_copy(update={"kl": alone})
    result = recommend([sweep(lonely)])
    assert (result.chosen, result.qualified) == ("Q8_0", False)
    assert "nan" not in result.why + result.what_would_change
    assert "More text" in result.what_would_change
    broken = alone.model_copy(update={"value": float("nan")})
    none = recommend([sweep(lonely.model_copy(update={"kl": broken}))])
    assert none.chosen is None


def test_a_copy_of_the_reference_is_ruled_out_by_nothing() -> None:
    copy = row("Q8_0", 8, 0.0, error=0.0)
    result = recommend([sweep(copy, floor=0.0)], max_kl=0.0)
    assert (result.chosen, result.qualified) == ("Q8_0", True)
    assert "KL 0 nats over 20,000 tokens" in result.why
    assert "no margin would rule it out" in result.what_would_change


def test_files_of_one_name_are_told_apart() -> None:
    there = row("Q4", 4, 0.001).model_copy(update={"sha256": "abcdef0123456789"})
    here = row("Q4", 5, 0.002)
    result = recommend([sweep(here), sweep(there)])
    assert result.chosen == "Q4 (abcdef01)"
    assert [c.name for c in result.candidates] == ["Q4 (abcdef01)", "Q4 (q4q4q4q4)"]


def test_equal_files_in_every_respect_have_one_answer() -> None:
    rows = [row(name, 4, 0.001) for name in ("B", "A", "C")]
    assert recommend([sweep(*rows)]).chosen == "A"
    assert recommend([sweep(*reversed(rows))]).chosen == "A"


def test_nothing_fits() -> None:
    result = recommend([sweep(*USUAL)], memory=GIB)
    assert result.chosen is None
    assert "None fits 1.00 GiB of memory: the smallest that was measured, Q2_K" in result.why
    assert "With 3.00 GiB of memory, Q2_K would fit" in result.what_would_change


def test_failed_rows_are_no_candidates() -> None:
    result = recommend([sweep(row("Q2_K", 3, None), row("Q8_0", 8, 0.001))])
    assert result.chosen == "Q8_0"
    excluded = next(c for c in result.candidates if c.name == "Q2_K")
    assert "killed by SIGKILL" in (excluded.excluded or "")
    everything_failed = recommend([sweep(row("Q2_K", 3, None))])
    assert everything_failed.chosen is None


def test_measured_memory_counts_where_it_is_given() -> None:
    speed = SpeedRecord(
        key="k",
        variant_sha256="q6_k" * 8,
        machine="any",
        threads=1,
        load_seconds=[1.0],
        prompt_tokens=10,
        prompt_tokens_per_second=[1.0],
        generated_tokens=10,
        generated_tokens_per_second=[1.0],
        peak_memory_bytes=9 * GIB,
        empty_memory_bytes=GIB,
        devices=["CPU"],
    )
    timings = SweepTimings(provenance=MADE, models={"Q6_K": speed}, failures={})
    assert recommend([sweep(*USUAL), timings], memory=8 * GIB).chosen == "Q8_0"


def test_records_that_cannot_be_set_against_each_other_are_refused() -> None:
    other = sweep(*USUAL).model_copy(update={"reference_sha256": "x" * 64})
    with pytest.raises(InputError, match="different references"):
        recommend([sweep(*USUAL), other])
    elsewhere = sweep(*USUAL).model_copy(update={"corpus_sha256": "x" * 64})
    with pytest.raises(InputError, match="different texts"):
        recommend([sweep(*USUAL), elsewhere])
    with pytest.raises(InputError, match="no variant"):
        recommend([sweep(row("F16", 15, 0.0))])
    with pytest.raises(OptionError, match="negative"):
        recommend([sweep(*USUAL)], max_kl=-1)
    with pytest.raises(OptionError, match="names none of the variants"):
        recommend([sweep(*USUAL)], variant="Q7")


def test_choose_ignores_names_in_told_apart() -> None:
    made = recommend([sweep(*USUAL)]).candidates
    by_name: dict[str, Candidate] = {candidate.name: candidate for candidate in made}
    assert told_apart(by_name["Q8_0"], by_name["Q2_K"], {}, 0.005)
    assert not told_apart(by_name["Q8_0"], by_name["Q8_0"], {}, 0.005)
    assert choose([], Limits(margin=1.0), {}).chosen is None


def test_the_command_is_a_gate(tmp_path: Path) -> None:
    record = tmp_path / "sweep.json"
    record.write_text(sweep(*USUAL).model_dump_json())
    good = run("recommend", record)
    assert good.code == 0
    assert "Use Q6_K." in good.out
    none = run("recommend", record, "--max-kl", "0.0001")
    assert none.code == 1
    assert "Nothing qualifies; the best is Q8_0." in none.out
    assert none.err.strip() == "pyengine: no variant qualifies"
    failed = run("recommend", record, "--variant", "Q4_K_M", "--fail-if", "kl > 0.02")
    assert failed.code == 1
    assert "'kl > 0.02' holds for Q4_K_M" in failed.err
    passed = run("recommend", record, "--variant", "Q4_K_M", "--fail-if", "kl > 0.2", "--json")
    assert passed.code == 0
    assert passed.out.startswith("{")
    wrong = run("recommend", record, "--fail-if", "kl >")
    assert wrong.code == 2
    assert run("recommend", record, "--memory", "lots").code == 2
