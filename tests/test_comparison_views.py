"""How comparisons and sweeps are shown, from made-up measurements."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from run_samples import (
    MADE,
    control,
    estimate,
    failure,
    info,
    made_run,
    made_timings,
    ratio,
)

from pyengine.report.compare_view import compare_document
from pyengine.report.comparison_pictures import comparison_pictures, picture_labels
from pyengine.report.document import Picture
from pyengine.report.listing import TABLES
from pyengine.report.markdown import render_markdown
from pyengine.report.measured import measured_cell
from pyengine.report.numbers import significant
from pyengine.report.sentences.comparison import (
    axis_sentence,
    bits_sentence,
    compare_sentences,
    unmet_sentence,
)
from pyengine.report.sentences.notes import note_sentence
from pyengine.report.sweep_view import sweep_document
from pyengine.report.tables import Cell
from pyengine.report.terminal import render_terminal
from pyengine.run import Exhibit, Measurement, Note, Run, load, save
from pyengine.run.metrics import METRICS

KL = {"m-Q8": 0.0001, "m-Q5": 0.01, "m-Q4": 0.0099, "m-Q2": 0.08}
SIZES = {"m-Q2": 3.0, "m-Q8": 8.0, "m-Q5": 5.0, "m-Q4": 4.5}
FLOORS = {"kl": 1e-8, "keyword_mass_change": 1e-8, "bits_per_byte_change": 1e-8}


def sweep(floors: dict[str, float] | None = None) -> tuple[Run, Run]:
    """A sweep of four variants and one that could not be opened, and timings of two models."""
    models = [info("m", 16.0), *(info(name, size) for name, size in SIZES.items())]
    rows = [control(name, floor, "m") for name, floor in (floors or FLOORS).items()]
    for name, kl in KL.items():
        rows += [
            estimate("kl", name, kl, kl / 100, reference="m"),
            estimate("same_first_choice", name, 1 - kl, 0.001, reference="m"),
            estimate("bits_per_byte", name, 1.5, 0.01, reference=""),
            Measurement("keyword_mass_change", name, "m", "start=cold", -kl),
        ]
    names = list(KL)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            r = KL[first] / KL[second]
            rows.append(ratio(first, second, r, 0.001 * r))
    run = made_run(models, rows, notes=[failure("m-Q3", "the process died with SIGSEGV")])
    return run, made_timings(models[:2])


def test_the_report_fits_80_columns_and_says_what_matters() -> None:
    text = render_terminal(sweep_document(*sweep()), width=80)
    assert max(len(line) for line in text.splitlines()) <= 80
    lines = text.splitlines()
    order = [line.split()[0] for line in lines if line.startswith(("m ", "Q"))]
    assert order[:6] == ["m", "Q8", "Q5", "Q4", "Q2", "Q3"]  # source, then by size; then failures
    assert any(line.startswith("Q5 ") and "hardly, beaten" in line for line in lines)
    assert any(line.startswith("Q3 ") and line.endswith("failed") for line in lines)
    assert "Q5 is beaten by Q4, which is no larger: 1.01 times its damage" in " ".join(text.split())
    assert "The smallest that is surely hardly changed is Q4, 4.50 GiB." in " ".join(text.split())
    assert "SIGSEGV" in text
    assert "1,234 (1,200–1,300)" in text


def test_the_wide_report_is_one_table() -> None:
    text = render_markdown(sweep_document(*sweep()))
    row = next(line for line in text.splitlines() if line.startswith("| **Q2** "))
    for part in ("200 ms", "9.00 GiB", "1,234", "50.0", "0.08000 ± 0.00080"):
        assert part in row


def test_without_timings_no_column_of_them_is_shown() -> None:
    (table,) = (t for t in sweep_document(sweep()[0]).tables() if t.title == "Variants")
    assert not {"Load", "Memory", "Prompt", "Generation"} & {c.header for c in table.columns}


def test_differences_below_the_floor_are_not_shown() -> None:
    # A start is one position, and the floor is that of a mean over 20,000 tokens.
    keywords = 0.05 / math.sqrt(20_000)
    floors = {"kl": 0.0005, "keyword_mass_change": keywords, "bits_per_byte_change": 0.0003}
    text = render_terminal(sweep_document(sweep(floors)[0]), width=200)
    variants = text.split("\nSteps in damage")[0]
    q8 = next(line for line in variants.split("\n") if line.startswith("Q8"))
    assert "≤ 0.00050" in q8  # nats
    assert "≤ 5.0" in q8  # percentage points
    assert "−8.00" in text
    assert "Each file beside itself, computed in another order" in text


def test_a_sweep_of_one_document_has_no_verdict() -> None:
    run, _ = sweep()
    alone = [replace(row, n_clusters=1, low=math.nan, high=math.nan) for row in run.measurements]
    text = render_terminal(sweep_document(run.model_copy(update={"measurements": alone})))
    assert "gives no interval, so there is no verdict" in " ".join(text.split())


def compared(*rows: Measurement, floors: dict[str, float] | None = None) -> Run:
    """A comparison of two variants with a number in every table."""
    models = [info("m", 16.0), info("m-Q8", 8.0), info("m-Q4", 4.0)]
    every = [m.id for m in METRICS.values() if m.needs_reference and m.id != "kl_ratio"]
    made = [control(name, (floors or {}).get(name, 1e-9), "m") for name in every]
    for quantile in ("0", "1"):
        for name in ("kl", "delta_p"):
            floor = (floors or {}).get(name, 0.0)
            made.append(Measurement(name, "m", "m", f"quantile={quantile}", floor))
    for number, model in enumerate(models[1:], 1):
        name = model.id
        made += [estimate(metric, name, 0.1 * number, 0.01, reference="m") for metric in every]
        made += [estimate("ppl", name, 9.0, math.nan, reference="")]
        for group in ("language=go", "class=keyword", "confidence=0.00–0.25"):
            for metric in ("kl", "same_first_choice"):
                made.append(estimate(metric, name, 0.1 * number, 0.01, reference="m", group=group))
        for metric in ("keyword_mass_change", "keyword_kl"):
            group = "language=go"
            made.append(estimate(metric, name, 0.1 * number, 0.01, reference="m", group=group))
        for metric in ("kl", "total_variation"):
            made.append(estimate(metric, name, 0.1, 0.01, reference="m", group="start=cold"))
        for place, level in enumerate(LEVELS):
            value = 0.01 * (len(LEVELS) - place)
            for metric in ("kl", "delta_p"):
                made.append(Measurement(metric, name, "m", f"quantile={level}", value * number))
    made.append(estimate("ppl", "m", 8.0, math.nan, reference=""))
    made.append(ratio("m-Q8", "m-Q4", 0.5, 0.05))
    return made_run(models, [*rows, *made], command="compare")


LEVELS = TABLES["quantiles"]["only"]
HEADINGS = (
    *("Distance from the reference", "Other distances", "Distribution over tokens"),
    *("By language", "By class of token", "By confidence of the reference"),
    "Cold and warm starts",
    "Keywords in any spacing, in their language's documents",
)


def test_every_table_knows_the_floor() -> None:
    """A floor above everything: what does not rise above it is not shown as a difference."""
    high = dict.fromkeys(METRICS, 1000.0) | {"keyword_mass_change": 10.0}
    text = render_terminal(compare_document(compared(floors=high)), width=400)
    for title in HEADINGS:
        assert "≤ 1" in text.split(f"\n{title}")[1].split("\n\n")[0], title
    low = render_terminal(compare_document(compared()), width=400)
    for title in HEADINGS[3:]:
        assert "≤" not in low.split(f"\n{title}")[1].split("\n\n")[0], title


def test_an_unknown_error_is_explained_where_one_is_shown() -> None:
    """A part within one document has none; below the floor there is nothing to explain."""
    alone = estimate(
        "kl", "m-Q8", 0.5, math.nan, reference="m", group="class=comment", n_clusters=1
    )
    for floors, notes in (({}, 1), ({"kl": 1000.0}, 0)):
        text = render_terminal(compare_document(compared(alone, floors=floors)), width=400)
        table = text.split("\nBy class of token")[1].split("\n\n")[0]
        assert table.count("0.500 ± ?") == table.count("“± ?”") == notes


@pytest.mark.parametrize("width", [80, 200])
def test_the_quantiles_that_llama_perplexity_prints_are_shown(width: int) -> None:
    """Of KL and of Δp, in per cent, beside each other."""
    run = compared()
    lines = render_terminal(compare_document(run), width=width).split("\n")
    lines = lines[lines.index("Distribution over tokens") :]
    for level in LEVELS:
        name = TABLES["quantiles"]["names"][level]
        (line,) = (line for line in lines[:18] if line.startswith(f"{name} "))
        wanted = []
        for model in ("m-Q8", "m-Q4"):
            for metric, scale in (("kl", 1), ("delta_p", 100)):
                found = run.find(metric, model, quantile=level)
                assert found is not None
                wanted.append(significant(scale * found.value))
        assert line.removeprefix(name).split() == wanted


def test_pairs_are_judged_by_the_margin_of_the_record() -> None:
    def row(run: Run) -> str:
        text = render_terminal(compare_document(run), width=400)
        table = text.split("\nVariants against each other")[1].split("\n\n")[0]
        return next(line for line in table.split("\n") if line.startswith("m-Q"))

    assert row(compared()).endswith("different")
    assert "2.00 (1.63–2.45)" in row(compared())
    rows = [r for r in compared().measurements if r.metric != "kl_ratio"]
    near = compared().model_copy(
        update={"measurements": [*rows, ratio("m-Q8", "m-Q4", 1.01, 0.02)]}
    )
    assert row(near).endswith("alike")
    narrow = near.model_copy(update={"options": {"margin": 0.01}})
    assert row(narrow).endswith("not told apart")


def test_parts_that_stand_out_are_named() -> None:
    run = compared(
        estimate("kl", "m-Q8", 0.05, 0.01, reference="m", group="class=indentation"),
        estimate("kl", "m-Q8", 0.2, 0.01, reference="m", group="class=identifier"),
    )
    text = render_terminal(compare_document(run), width=400)
    words = "changes less than the average token: indentation; more: identifier."
    assert f"m-Q8 {words}" in text


@pytest.mark.parametrize(
    ("metric", "value", "error", "shown"),
    [
        ("kl", 0.01234, 0.00056, "0.01234 ± 0.00056"),
        ("delta_p", -0.01234, 0.00056, "−1.234 ± 0.056"),
        ("same_first_choice", 0.9712, 0.0051, "97.12 ± 0.51 %"),
        ("rank_correlation", 0.91234, 0.0012, "0.9123 ± 0.0012"),
        ("bits_per_byte", 1.23456, math.nan, "1.23 ± ?"),
        ("delta_p_rms", 0.0123, math.nan, "1.23 %"),
        ("size", 8.0 * (1 << 30), math.nan, "8.00 GiB"),
        ("bits_per_weight", 4.8567, math.nan, "4.86"),
        ("load_seconds", 0.2, math.nan, "200 ms"),
        ("prompt_speed", 1234.0, math.nan, "1,234"),
        ("kl", math.inf, math.nan, "∞"),
    ],
)
def test_a_number_is_written_in_its_metrics_style(
    metric: str, value: float, error: float, shown: str
) -> None:
    n_clusters = 1 if metric == "bits_per_byte" else 0
    row = estimate(metric, "a", value, error, n_clusters=n_clusters)
    cell = measured_cell(row, {"metric": metric})
    assert isinstance(cell, Cell)
    assert cell.text == shown
    assert cell.value == value


def test_a_missing_number_is_a_dash() -> None:
    assert measured_cell(None, {"metric": "kl"}) is None
    assert measured_cell(estimate("kl", "a", math.nan), {"metric": "kl"}) is None


def test_another_vocabulary_is_compared_by_bits() -> None:
    group = "documents=whole"
    values = {"n_vocab": 300, "tokenizer": "bpe"}
    values |= {"reference_n_vocab": 260, "reference_tokenizer": "spm"}
    rows = [
        estimate("bits_per_byte", "m", 1.0, 0.01, reference="", group=group, n=500),
        estimate("bits_per_byte", "a", 1.2, 0.01, reference="", group=group, n=500),
        estimate("bits_per_byte_change", "a", 0.2, 0.01, reference="m", group=group, n=500),
        Measurement("keyword_string_mass", "m", "", "language=go", 0.2, n=25),
        Measurement("keyword_string_mass", "a", "", "language=go", 0.1, n=25),
    ]
    note = Note(code="other-vocabulary", model="a", values=values)
    run = made_run([info("m", 1), info("a", 1)], rows, command="compare", notes=[note])
    assert bits_sentence(run, "a") == (
        "a: 1.200 bits per byte, the reference 1.000; the 95 % interval of the difference is "
        "0.180 to 0.220, on 500 bytes."
    )
    assert compare_sentences(run, 0.1)[0] == bits_sentence(run, "a")
    text = render_terminal(compare_document(run), width=200)
    assert "a has another vocabulary (bpe, 300 entries) than the reference (spm, 260)" in text
    assert "20.0 %" in text.split("\nKeywords as strings")[1]
    assert "0.200 ± 0.010" in text.split("\nBits per byte")[1]


def test_every_code_has_words() -> None:
    for kind, reason in (("quantization", "other-types"), ("fine-tuning", "named")):
        content = {"kind": kind, "reason": reason, "tensors_of_other_type": 2}
        assert kind in axis_sentence(content)
    assert "killed" in note_sentence(failure("a", "killed", "text 3"))
    assert "text 3" in note_sentence(failure("a", "killed", "text 3"))
    early = Note(code="stopped-early", values={"why": "precision"})
    assert "as much was known as was asked" in note_sentence(early)
    assert "a" in note_sentence(Note(code="speed-failed", model="a", values={"message": "x"}))


def test_a_gate_says_why_it_fails() -> None:
    assert unmet_sentence("a", "exceeds", {"value": 0.5, "low": 0.4, "high": 0.6}, 0.1) == (
        "a: mean KL divergence 0.5, whose 95 % interval 0.4 to 0.6 exceeds 0.1 nats"
    )
    lonely = unmet_sentence("a", "no-interval", {"value": 0.5}, 0.1)
    assert "one document gives no interval" in lonely
    infinite = unmet_sentence("a", "infinite", {"n_tokens": 3}, 0.1)
    assert "infinite KL divergence at 3 tokens" in infinite


def test_pictures_leave_out_what_all_names_share() -> None:
    def labels(*names: str) -> list[str]:
        run = made_run([info("m", 9), *(info(name, 1) for name in names)], [], command="compare")
        return list(picture_labels(run).values())

    assert labels("tiny-Q8_0", "tiny-Q4_0") == ["m (reference)", "Q8_0", "Q4_0"]
    assert labels("tiny-Q8_0") == ["m (reference)", "tiny-Q8_0"]
    assert labels("Q4_K_M", "Q4_K_S") == ["m (reference)", "Q4_K_M", "Q4_K_S"]


def test_records_survive_their_json(tmp_path: Path) -> None:
    for number, run in enumerate(sweep()):
        path = tmp_path / f"{number}.json"
        save(run, path)
        again = load(path)
        assert again.model_dump_json() == run.model_dump_json()
        assert again.provenance == MADE


def test_exhibits_are_shown() -> None:
    top = [{"token": 1, "text": "\x1b[31m", "probability": 0.5}]
    position = {
        "document": "a.py",
        "language": "python",
        "token_index": 3,
        "place": [2, 5],
        "before": "def ",
        "target": "f",
        "class": "identifier",
        "kl": 1.25,
        "delta_p": -0.5,
        "reference_top": top,
        "variant_top": top,
    }
    run = compared()
    shown = run.model_copy(
        update={"exhibits": [Exhibit(kind="position", model="m-Q8", content=position)]}
    )
    text = render_terminal(compare_document(shown), width=200)
    assert "a.py:2:5 (identifier)" in text
    assert "\x1b" not in text


def arithmetic_pictures(**beyond: float) -> list[Picture]:
    """The picture of damage beside arithmetic of a run with so much beyond arithmetic, or none."""
    run, _ = sweep()
    rows = [
        estimate("kl_beyond_arithmetic", f"m-{name}", value, 0.001, reference="m")
        for name, value in beyond.items()
    ]
    more = run.model_copy(update={"measurements": [*run.measurements, *rows]})
    pictures = [block for block in comparison_pictures(more) if isinstance(block, Picture)]
    return [picture for picture in pictures if picture.name == "arithmetic"]


def test_the_picture_of_arithmetic_shows_what_is_not_damage() -> None:
    (picture,) = arithmetic_pictures(Q8=0.00004, Q4=0.009)
    whole, noise = picture.chart.series
    assert picture.chart.categories == ("Q8", "Q4")
    assert whole.values == pytest.approx((0.0001, 0.0099))
    assert noise.values == pytest.approx((0.00006, 0.0009))
    # the interval is the divergence's own
    assert whole.lows[0] == pytest.approx(0.0001 - 2 * 0.0001 / 100, rel=0.01)


def test_arithmetic_that_explains_nothing_is_no_mark_on_a_logarithmic_axis() -> None:
    (picture,) = arithmetic_pictures(Q8=0.0002, Q4=0.009)
    assert picture.chart.series[1].values[0] is None
    assert arithmetic_pictures(Q8=0.0002) == []
    assert arithmetic_pictures() == []
