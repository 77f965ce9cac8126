"""Every sentence about comparisons, sweeps and choices: said where it is true, and only there."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from run_samples import (
    TEXT,
    control,
    estimate,
    failure,
    infinite,
    info,
    made_run,
    made_timings,
    ratio,
)
from sentence_runs import DIED, ONE, OTHER, a_run, a_sweep, two

from pyengine.choose.recommend import recommend
from pyengine.choose.verdicts import steps
from pyengine.report.comparison_pictures import comparison_pictures
from pyengine.report.document import Paragraph, Picture
from pyengine.report.recommend_view import recommend_document
from pyengine.report.sentences.choice import gate_sentence, unmet_choice_sentence
from pyengine.report.sentences.comparison import (
    beaten_sentences,
    bits_sentence,
    card_sentence,
    compare_sentences,
    daily_sentence,
    damage_sentence,
    damage_words,
    of_positions,
    padding_sentences,
    pairs_sentence,
    perplexity_sentences,
    quantile_sentences,
    ratio_ends,
    scale_sentence,
    source_bits_sentences,
    speed_sentence,
    standing_out_sentences,
    step_sentences,
    step_words,
    sweep_sentence,
    unmet_sentence,
)
from pyengine.report.sentences.notes import ended_sentences, infinite_sentences
from pyengine.report.sentences.scored import scored_words
from pyengine.run import Measurement, Note, Run


def told(run: Run, margin: float = 0.1) -> str:
    (sentence,) = step_sentences(run, margin).values()
    return sentence


def test_a_variant_is_on_the_steps_that_its_interval_reaches() -> None:
    assert damage_sentence(a_run(), "a") == (
        "a: a little changed, KL divergence 0.0500 nats per token (95 % interval 0.0480 to 0.0520)."
    )
    assert damage_sentence(a_run(kl=0.02), "a").startswith("a: hardly or a little changed, KL")
    assert damage_sentence(a_run(error=0.03), "a").startswith("a: at the floor to clearly changed")
    assert damage_sentence(a_run(kl=0.9), "a").startswith("a: badly changed, KL")
    assert damage_sentence(a_run(kl=0.2), "a").startswith("a: clearly changed, KL")


def test_a_variant_is_at_the_floor_only_with_its_whole_interval() -> None:
    floor = damage_sentence(a_run(kl=0.002, error=0.0001, floor=0.003), "a")
    assert floor.startswith("a: at the floor: its KL divergence of 0.00200 nats per token")
    assert "is no more than the order of computation gives, 0.00300." in floor
    reaching = damage_sentence(a_run(kl=0.002, error=0.001, floor=0.003), "a")
    assert reaching.startswith("a: at the floor or hardly changed, KL divergence")


def test_without_an_interval_nothing_is_said_of_a_step() -> None:
    alone = damage_sentence(a_run(error=math.nan, documents=1), "a")
    assert alone == "a: KL divergence 0.0500 nats per token; one document gives no interval."
    assert "one document" not in damage_sentence(a_run(), "a")


def test_an_infinite_token_comes_before_everything() -> None:
    words = damage_sentence(a_run(notes=[infinite("a", 1)]), "a")
    assert words == "a: infinite KL divergence from the reference at 1 token of 20,000."
    assert "infinite" not in damage_sentence(a_run(notes=[infinite("b")]), "a")
    assert len(infinite_sentences(a_run(notes=[infinite("a")]))) == 1
    assert infinite_sentences(a_run()) == []


def test_windows_are_not_called_documents() -> None:
    assert "20,000 tokens of 30 windows)" in damage_sentence(a_run(population=ONE), "a")
    assert "window" not in damage_sentence(a_run(), "a")


def test_over_how_much_is_said_of_each_that_is_not_over_the_whole() -> None:
    assert "document" not in damage_sentence(a_run(), "a")
    assert "0.0520, 20,000 tokens of 12 documents)." in damage_sentence(a_run(documents=12), "a")


def test_daily_life_is_told_as_far_as_it_was_measured() -> None:
    same = estimate("same_first_choice", "a", 0.92, reference="m")
    clear = estimate("clear_change", "a", 0.0123, reference="m")
    again = Measurement("same_first_choice", "a", "a", "", 0.97, n=800)
    assert daily_sentence(a_run(), "a") == ""
    assert daily_sentence(a_run(same), "a") == (
        " It writes another next token at 8 of 100 positions."
    )
    assert daily_sentence(a_run(same, clear), "a").endswith(
        "at 8 of 100 positions, at 1 of 100 clearly so."
    )
    assert damage_sentence(a_run(same, clear, again), "a").endswith(
        "1 of 100 clearly so; computed in another order, it differs from itself at 3 of 100 "
        "(over 800 positions)."
    )


@pytest.mark.parametrize(
    ("share", "n", "words"),
    [
        (0.08, 1000, "8 of 100"),
        (0.014, 1000, "1 of 100"),
        (0.0096, 1000, "1 of 100"),
        (0.006, 1000, "6 of 1,000"),
        (0.00021, 100_000, "2 of 10,000"),
        (0.0, 8000, "none of 8,000"),
        (1.0, 8000, "100 of 100"),
    ],
)
def test_a_share_is_so_many_of_so_many(share: float, n: int, words: str) -> None:
    assert of_positions(share, n) == words


def test_two_variants_are_told_apart_only_by_the_test() -> None:
    assert told(two(1.4, 0.03)) == "a has 1.40 times the damage of b (1.34 to 1.46)."
    within = told(two(1.05, 0.005))
    assert (
        within == "a has 1.05 times the damage of b (1.04 to 1.06), a difference of less than 10 %."
    )
    assert "less than" not in told(two(1.05, 0.005), 0.02)
    alike = told(two(1.01, 0.02))
    assert (
        alike
        == "a cannot be told apart from b: 1.01 times its damage (0.970 to 1.05), within 10 %."
    )
    open_case = told(two(1.2, 0.15))
    assert "a cannot be told apart from b: 1.20 times its damage (0.93 to 1.5); about" in open_case
    assert open_case.endswith("more documents would separate them.")
    hopeless = told(two(1.01, 0.2))
    assert hopeless.startswith("a cannot be told apart from b: 1.01 times its damage")
    assert "more document" not in hopeless
    for certain in (told(two(1.4, 0.03)), within):
        assert "cannot be told" not in certain


def test_without_a_ratio_the_truth_is_told() -> None:
    assert told(two(1.0, 0.0)) == "b and a have the same damage in every document."
    run = two(1.4, notes=[infinite("a", 2)])
    assert told(run) == "a and b have no ratio: a has infinite divergence at 2 tokens."
    both = two(1.4, notes=[infinite("a", 2), infinite("b", 1)])
    assert "a has infinite divergence at 2 tokens and b has infinite divergence at 1" in told(both)

    def exact(*values: float) -> str:
        rows = [estimate("kl", n, v, 0.0) for n, v in zip("ab", values, strict=True)]
        return told(made_run([info("m", 4), info("a", 2), info("b", 1)], rows))

    assert exact(0.0, 0.0) == "b and a equal the reference in every row."
    assert exact(0.0, 0.1) == "a equals the reference in every row, and b does not."
    rows = [replace(row, n_clusters=1, error=math.nan) for row in two(1.4).measurements]
    alone = two(1.4).model_copy(update={"measurements": rows})
    assert told(alone) == "a has 1.40 times the damage of b; one document gives no interval."


def test_the_ends_of_a_ratio_have_the_digits_that_tell_them_apart() -> None:
    assert ratio_ends(replace(ratio("a", "b", 1.4), low=1.31, high=1.52)) == "1.3 to 1.5"
    assert ratio_ends(replace(ratio("a", "b", 1.4), low=1.391, high=1.411)) == "1.39 to 1.41"
    assert ratio_ends(replace(ratio("a", "b", 1.1), low=1.013, high=1.24)) == "1.01 to 1.24"
    assert ratio_ends(replace(ratio("a", "b", 0.9), low=0.84, high=0.9991)) == "0.840 to 0.999"


def test_a_step_in_few_words() -> None:
    def words(run: Run, margin: float = 0.1) -> str:
        (pair,) = steps(run, margin).values()
        return step_words(pair, margin)

    assert words(two(1.4)) == "worse"
    assert words(two(1.05, 0.005)) == "worse, by less than 10 %"
    assert words(two(1.01, 0.02)) == "alike"
    assert words(two(1.2, 0.15)).startswith("not told apart; about ")
    assert words(two(1.01, 0.2)) == "not told apart"


def test_beaten_needs_the_test_and_a_file_that_is_no_larger() -> None:
    assert beaten_sentences(two(1.4), {"a": "A"}) == [
        "A is beaten by b, which is no larger: 1.40 times its damage (1.38 to 1.42)."
    ]
    assert beaten_sentences(two(1.4, sizes=(1, 1)), {}) != []
    assert beaten_sentences(two(1.4, sizes=(1, 2)), {}) == []
    assert beaten_sentences(two(1.4, 0.5), {}) == []
    assert beaten_sentences(two(1.4, notes=[infinite("b")]), {}) == []


def test_for_what_intervals_of_ratios_hold() -> None:
    assert "looks" not in pairs_sentence(two(1.4), 0.1)
    looked = TEXT.model_copy(update={"looks": 3})
    assert "pairs (Holm) and for 3 looks;" in pairs_sentence(a_run(population=looked), 0.1)


def test_a_sweep_names_the_smallest_that_is_surely_hardly_changed() -> None:
    def said(*rows: Measurement, notes: Sequence[Note] = ()) -> str:
        run = a_sweep(*rows, notes=notes)
        return sweep_sentence(run, {model.id: model.id.upper() for model in run.models})

    good, small = estimate("kl", "a", 0.01, 0.001), estimate("kl", "b", 0.0195, 0.001)
    best = said(good, small)
    assert best.startswith("2 variants over 20,000 tokens of 30 documents. The smallest that is su")
    assert "surely hardly changed is A, 4.00 GiB. A: hardly changed, KL divergence 0.0100" in best
    sure = replace(small, high=0.02)
    assert "is B, 3.00 GiB. B: hardly changed" in said(good, sure)
    assert "is A" in said(good, sure, notes=[infinite("b")])
    none = said(small)
    assert none.endswith(
        "None is surely hardly changed; the least is B: hardly or a little changed."
    )
    assert said(replace(sure, n_clusters=1)).endswith(
        "One document gives no interval, so there is no verdict."
    )
    # What its own arithmetic may give is no damage, as `recommend` takes it too.
    noisy = estimate("kl", "a", 0.03, 0.001)
    assert "is A, 4.00 GiB. A: at the floor" in said(noisy, control("kl", 0.2, "a"))
    nothing = sweep_sentence(made_run([info("m", 8)], [], notes=[failure("a", "x")]), {})
    assert nothing == "1 variant. None was compared over text, so there is no verdict."
    only = said(good, notes=[infinite("a")])
    assert only.endswith("None is surely hardly changed.")


def test_ties_in_size_go_by_damage() -> None:
    rows = [estimate("kl", "a", 0.01, 0.001), estimate("kl", "b", 0.005, 0.001)]
    run = made_run([info("m", 8), info("a", 4), info("b", 4)], rows)
    assert "is b, 4.00 GiB" in sweep_sentence(run, {"a": "a", "b": "b"})


def test_a_comparison_says_all_and_only_what_there_is() -> None:
    whole = compare_sentences(two(1.4), 0.1)
    assert [line.split(" ")[0] for line in whole] == ["2", "a:", "b:", "a"]
    assert whole[0] == "2 variants over 20,000 tokens of 30 documents."
    assert compare_sentences(a_run(kl=None), 0.1) == [
        "Only starts were measured, so there is no verdict over text."
    ]
    failed = compare_sentences(a_run(notes=[DIED, Note(code="stopped-early")]), 0.1)
    assert any("killed" in line for line in failed)
    assert not any("ended early" in line for line in failed)
    assert ended_sentences(a_run(notes=[DIED])) == []
    assert len(ended_sentences(a_run(notes=[Note(code="stopped-early")]))) == 1


@pytest.mark.parametrize(
    ("run", "words", "short"),
    [
        (a_run(), "a little changed", "a little"),
        (a_run(kl=0.02), "hardly or a little changed", "hardly or a little"),
        (a_run(kl=0.0005, error=0.0), "at the floor", "at the floor"),
        (a_run(notes=[infinite("a", 1)]), "infinite at 1 token", "infinite"),
        (a_run(kl=None), "not measured over text", "not measured"),
        (a_run(notes=[DIED]), "failed: killed", "failed"),
        (a_run(kl=None, notes=[OTHER]), "another vocabulary than the reference's", "other vocab"),
        (a_run(documents=1), "undecided: one document gives no interval", "no interval"),
    ],
)
def test_damage_in_few_words(run: Run, words: str, short: str) -> None:
    assert damage_words(run, "a") == words
    assert damage_words(run, "a", short=True).startswith(short)


def test_bits_are_told_of_models_with_other_vocabularies_alone() -> None:
    assert bits_sentence(a_run(), "a") == ""
    group = {"group": "documents=whole"}
    rows = [
        estimate("bits_per_byte", "m", 1.0, reference="", **group),  # type: ignore[arg-type]
        estimate("bits_per_byte", "a", 1.2, reference="", **group),  # type: ignore[arg-type]
    ]
    for error, n_clusters, words in (
        (0.01, 30, "the 95 % interval of the difference is 0.180 to 0.220"),
        (0.2, 30, "they cannot be told apart"),
        (math.nan, 1, "one document gives no interval"),
    ):
        change = estimate(
            *("bits_per_byte_change", "a", 0.2, error),
            n_clusters=n_clusters,
            group="documents=whole",
        )
        assert words in bits_sentence(a_run(*rows, change, kl=None), "a")


def test_bits_of_variants_are_told_as_changes_over_their_own_tokens() -> None:
    """Variants that stopped at other documents have levels that do not compare."""
    source = replace(estimate("bits_per_byte", "m", 1.0336), n=24_000)
    change = estimate("bits_per_byte_change", "a", 0.01, reference="m")
    (said,) = source_bits_sentences(a_run(source, change))
    assert "the source has 1.0336 bits per byte over 24,000 bytes" in said
    assert source_bits_sentences(a_run(source)) == []
    assert source_bits_sentences(a_run(change)) == []


DIMENSIONS = ("class", "language")


def test_parts_are_named_where_they_stand_out() -> None:
    def row(value: float, n_clusters: int, dimension: str = "class") -> Measurement:
        group = f"{dimension}=x"
        return estimate("kl", "a", value, 0.01, reference="m", group=group, n_clusters=n_clusters)

    # The rest of the tokens, of one document: it holds the mean where it is.
    rest = [replace(row(0.05, 1, name), n=10**9, group=f"{name}=rest") for name in DIMENSIONS]
    named, how = standing_out_sentences(a_run(*rest, row(0.5, 5)), ["a"], "class")
    assert named == "a changes less than the average token: none; more: x."
    assert how.startswith("Named are parts of 5 documents or more")
    assert standing_out_sentences(a_run(*rest, row(0.5, 4)), ["a"], "class") == []
    assert standing_out_sentences(a_run(*rest, row(0.051, 30)), ["a"], "class") == []
    assert (
        len(standing_out_sentences(a_run(*rest, row(0.5, 5, "language")), ["a"], "language")) == 2
    )


def test_what_stands_below_tables() -> None:
    assert perplexity_sentences(a_run()) == []
    ppl = Measurement("ppl", "m", "", "", 8.0, n=20_000)
    assert "8.0000 over 20,000 tokens" in perplexity_sentences(a_run(ppl))[0]
    assert padding_sentences(a_run()) == []
    assert padding_sentences(a_run(estimate("padding_mass", "a", 0.0))) == []
    assert "0.100 %" in padding_sentences(a_run(estimate("padding_mass", "a", 0.001)))[0]
    delta = estimate("delta_p", "a", 0.01, reference="m")
    assert quantile_sentences(a_run(delta), ["a 1 ± 2"], ["3"])[0].endswith(
        "Mean: a 1 ± 2 (± one standard error over 30 documents)."
    )
    assert len(quantile_sentences(a_run(delta), [], ["3"])) == 1
    assert len(quantile_sentences(a_run(delta), [], ["≤ 3"])) == 2
    assert scored_words(a_run()) == "20,000 tokens of 30 documents"
    assert scored_words(a_run(population=None)) == ""
    assert "over no text" in card_sentence(a_run(population=None))
    assert "over 20,000 tokens of 30 documents" in card_sentence(a_run())
    assert "hardly: up to 0.02 nats" in scale_sentence()
    assert speed_sentence(made_timings([info("a", 1)])).startswith("Speeds of 1 model.")


def test_why_a_gate_is_shut() -> None:
    numbers = {"value": 0.5, "low": 0.4, "high": 0.6}
    assert "interval 0.4 to 0.6 exceeds 0.1" in unmet_sentence("a", "exceeds", numbers, 0.1)
    assert "one document" in unmet_sentence("a", "no-interval", {"value": 0.5}, 0.1)
    assert "at 1 token" in unmet_sentence("a", "infinite", {"n_tokens": 1}, 0.1)
    assert "killed" in unmet_sentence("a", "failed", {"message": "killed"}, 0.1)
    assert "no KL" in unmet_sentence("a", "not-measured", {}, 0.1)


def test_a_caption_tells_of_arithmetic_only_where_it_is_known() -> None:
    def caption(run: Run) -> str:
        pictures = [b for b in comparison_pictures(run) if isinstance(b, Picture)]
        assert [each.name for each in pictures] == ["size-kl"]  # no quantiles, no other picture
        return pictures[0].caption

    assert "alone would give that file (0.0010 to 0.0010 nats)" in caption(a_run())
    rows = [row for row in a_run().measurements if not row.is_control]
    assert "dash" not in caption(a_run().model_copy(update={"measurements": rows}))


def test_who_is_beaten_or_infinite_is_not_on_the_line() -> None:
    def on_line(run: Run) -> list[str]:
        (first, *_) = [b for b in comparison_pictures(run) if isinstance(b, Picture)]
        return [point.label for point in first.chart.points if point.on_front]

    assert on_line(two(0.8)) == ["a", "b"]
    assert on_line(two(1.4)) == ["b"]
    assert on_line(two(0.8, notes=[infinite("a", 1)])) == ["b"]


def said(run: Run) -> str:
    return " ".join(b.text for b in recommend_document(run).blocks if isinstance(b, Paragraph))


def test_a_choice_says_what_it_is() -> None:
    rows = [estimate("kl", "a", 0.01, 0.001), estimate("kl", "b", 0.05, 0.001)]
    run = a_sweep(control("kl", 1e-6, "m"), *rows)

    def answer(**asked: object) -> str:
        return said(recommend([run], **asked))  # type: ignore[arg-type]

    assert answer().startswith("Use a. a (4.00 GiB) is the smallest file whose divergence")
    assert "--max-kl 0.053 would admit b" in answer()
    assert answer(max_kl=0.001).startswith("Nothing qualifies; the best is a.")
    assert answer(max_kl=0.001, size=int(3.5 * 2**30)).startswith(
        "Nothing qualifies; the best that fits is b."
    )
    assert answer(memory=1).startswith("Nothing fits. None fits 1 B of memory")
    assert answer(variant="a").startswith("a qualifies.")
    assert answer(variant="b").startswith("b does not qualify.")
    assert "'kl > 0.001' holds for a, so it fails." in answer(fail_if="kl > 0.001")
    assert "'kl > 1' does not hold for a." in answer(fail_if="kl > 1")
    assert "'kl > 1' fails, as no variant fits." in answer(fail_if="kl > 1", memory=1)


def test_why_nothing_qualifies() -> None:
    unsure = a_sweep(control("kl", 1e-6, "m"), estimate("kl", "a", 0.01, math.nan, n_clusters=1))
    found = recommend([unsure], fail_if="kl_high > 1")
    assert "kl_high of a cannot be known: one document gives no interval" in gate_sentence(found)
    assert "one document gives no interval" in unmet_choice_sentence(recommend([unsure]))
    known = recommend([a_sweep(control("kl", 1e-6, "m"), estimate("kl", "a", 0.9))])
    assert unmet_choice_sentence(known) == "no variant is surely within 0.02 nats per token"
