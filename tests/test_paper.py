"""What the paper says beside numbers that are known by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from paper_samples import MODEL, cold, paper_run
from run_samples import MADE, info

import pyengine
from pyengine.errors import OptionError
from pyengine.measure.paper.claims import claim_lines, kind_of_pair
from pyengine.measure.paper.cold import Cold
from pyengine.measure.paper.lines import Line, difference_interval
from pyengine.measure.paper.programs import Evaluated, evaluated, program_lines, setting_lines
from pyengine.measure.paper.published import cold_rows, is_model, programs, union_table
from pyengine.measure.paper.quantizations import changes, cold_lines, published_numbers
from pyengine.measure.paper.weaknesses import weakness_values
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.run import Measurement, ModelInfo, Run
from pyengine.vocabulary.tokenizer import Tokenizer

LINE = Line(table="D.5", quantity="pkp", paper=0.2)
THREE = np.array([0.3, 0.1, 0.25])


def named(name: str, file_type: str = "F16") -> ModelInfo:
    return info(f"{name}-{file_type}", 1).model_copy(update={"name": name})


def solved(name: str, file_type: str, passed: int, *, style: str = "chat") -> Run:
    """A record of `evaluate` over HumanEval."""
    one = named(name, file_type).model_copy(update={"settings": {"style": style}})
    share = Measurement("pass_at_1", one.id, "", "", passed / 164, n=164)
    rate = replace(share, low=0.2, high=0.9, interval="wilson")
    options = {"n_tasks": 164, "n_in_set": 164, "samples": 1, "max_tokens": 256, "temperature": 0.0}
    return Run(
        command="evaluate", options=options, provenance=MADE, models=[one], measurements=[rate]
    )


def test_exact_numbers_agree_to_the_digit() -> None:
    assert Line(table="D.1", quantity="x", paper="97.1", here="97.1").exact().agrees == "yes"
    assert Line(table="D.1", quantity="x", paper="97.1", here="97.2").exact().agrees == "no"


def test_a_cold_start_agrees_within_the_range_over_the_starts() -> None:
    inside = LINE.over_starts(THREE)
    assert (inside.agrees, inside.here, inside.low, inside.high) == ("yes", 0.3, 0.1, 0.3)
    assert Line(table="D.5", quantity="x", paper=0.05).over_starts(THREE).agrees == "no"


@pytest.mark.parametrize(
    ("holds", "agrees", "reason"),
    [
        ([True, True, True], "yes", ""),
        ([False, False, False], "no", ""),
        ([True, False, True], "cannot", "depends-on-start"),
    ],
)
def test_a_direction_holds_at_every_start_or_at_none(
    holds: list[bool], agrees: str, reason: str
) -> None:
    line = LINE.claim(THREE, holds)
    assert (line.agrees, line.reason) == (agrees, reason)


def test_a_reason_leaves_a_line_undecided() -> None:
    assert LINE.over_starts(THREE).unless("", "").agrees == "yes"
    line = LINE.over_starts(THREE).unless("", "other-model")
    assert (line.agrees, line.reason, line.here) == ("cannot", "other-model", 0.3)


def test_shares_differ_as_newcombe_published() -> None:
    low, high = difference_interval((48, 80), (56, 70))  # Newcombe 1998, table II, example (a)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert Line(table="D.6", quantity="x").share_of((48, 80), (56, 70)).agrees == "no"
    assert Line(table="D.6", quantity="x").share_of((22, 164), (25, 164)).agrees == "yes"


def test_the_papers_words_are_as_many_as_it_counts() -> None:
    assert len(union_table()) == 276
    assert len(cold_rows()) == 14
    assert [sum(row.table == name for row in programs()) for name in ("D.6", "D.7")] == [22, 10]


@pytest.mark.parametrize(
    ("file_type", "expected"),
    [
        ("Q2_K", (-0.157, 0.404, 0.4850, 0.1223, 0.496, 0.059465, 0.189829)),
        ("Q4_K_S", (0.151, -0.073, 0.5965, 0.0221, 0.617, 0.069426, 0.154501)),
        ("Q8_0", (0.0, 0.0, 0.5905, 0.0, 0.591, 0.069304, 0.162861)),
    ],
)
def test_what_follows_from_the_papers_numbers(file_type: str, expected: tuple[float, ...]) -> None:
    names = ("pkp_change", "stp_change", "other", "total_variation", "import_share")
    found = published_numbers(file_type)
    ours = [found[n] for n in (*names, "pkp_without_import", "stp_without_markdown")]
    assert ours == pytest.approx(expected, abs=6e-4)


def test_kap_is_pkp_over_276_in_every_row() -> None:
    for row in cold_rows().values():
        assert row["kap"] == pytest.approx(row["pkp"] / 276, abs=6e-7)


def test_cold_starts_are_what_was_put_in() -> None:
    numbers = cold("Q8_0").numbers
    assert numbers["pkp"] == pytest.approx([11 / 64, 2 / 15])  # "if" and "for"
    assert numbers["stp"] == pytest.approx([8 / 64, 2 / 15])  # "(" and "=="
    assert numbers["other"] == pytest.approx([45 / 64, 11 / 15])
    assert numbers["kap"] == pytest.approx([11 / 64 / 276, 2 / 15 / 276])
    assert numbers["keyword_max"] == pytest.approx([8 / 64, 1 / 15])
    assert numbers["special_mean"] == pytest.approx([4 / 64, 1 / 15])
    assert numbers["keyword_q75"].tolist() == [0, 0]  # 274 words are no token
    words = [8 / 64, 3 / 64] + [0] * 274
    assert numbers["keyword_std"][0] == pytest.approx(np.std(words, ddof=1))
    assert numbers["import_share"].tolist() == [0, 0]


def test_changes_are_against_the_other_model_start_by_start() -> None:
    changed = changes(cold("Q2_K", keywords=0.5, special=2.0), cold("Q8_0"))
    assert changed["pkp_change"] == pytest.approx([-0.5, -0.5], rel=1e-5)
    assert changed["stp_change"] == pytest.approx([1.0, 1.0], rel=1e-5)
    # 5.5/64 less, 8/64 more, the others 2.5/64 less
    assert changed["total_variation"][0] == pytest.approx(8 / 64, rel=1e-5)


def lines_of(*colds: Cold) -> dict[tuple[str, str], Line]:
    models = {one.info.id: one for one in colds}
    return {(line.about, line.quantity): line for line in cold_lines(models)}


def test_levels_are_judged_for_the_papers_model_alone() -> None:
    found = lines_of(cold("Q8_0"), cold("Q2_K", keywords=0.6))
    assert found["Q8_0", "pkp"].agrees == "no"  # 0.107 is below both starts: 0.133 and 0.172
    assert found["Q2_K", "pkp"].agrees == "yes"  # 0.090 is between 0.080 and 0.103
    other = lines_of(cold("Q8_0", name="Another"))["Q8_0", "pkp"]
    assert (other.agrees, other.reason) == ("cannot", "other-model")
    assert other.here == pytest.approx(11 / 64)


def test_members_of_a_mass_stand_beside_the_papers() -> None:
    found = lines_of(cold("Q8_0"))
    needed = found["Q8_0", "keywords_needed"]
    assert (needed.here, needed.paper) == ("2/2/2/2", "7/8/11/16")  # it prints 6/7/10/15
    assert (needed.agrees, found["Q8_0", "keywords_top"].here) == ("no", 0)
    assert found["Q8_0 #", "special_token"].here == 0  # no token here
    assert found["Q8_0 **", "special_token"].paper == 0.13966


def test_rows_that_the_paper_lacks_and_changes_without_q8_0() -> None:
    found = lines_of(cold("F16"), cold("Q2_K"))
    assert found["F16", "row"].reason == "no-such-row"
    assert found["Q2_K", "pkp_change"].reason == "no-baseline"
    assert ("Q8_0", "pkp_change") not in lines_of(cold("Q8_0"))


def claims(*colds: Cold, reference: int | None = None, done: tuple[Run, ...] = ()) -> list[Line]:
    models = {one.info.id: one for one in colds}
    first = "" if reference is None else colds[reference].info.id
    infos = [one.info for one in colds]
    return list(claim_lines(models, infos, first, evaluated(done)))


def claim(lines: list[Line], quantity: str) -> tuple[str, str]:
    (found,) = [(x.agrees, x.reason) for x in lines if x.quantity == quantity]
    return found


def test_guidelines_are_directions_against_q8_0() -> None:
    moved = claims(cold("Q8_0"), cold("Q2_K", keywords=0.9, special=1.4))
    assert claim(moved, "pkp_change_way") == claim(moved, "stp_change_way") == ("yes", "")
    other = claims(cold("Q8_0"), cold("Q2_K", keywords=1.1, special=0.9))
    assert claim(other, "pkp_change_way") == claim(other, "stp_change_way") == ("no", "")
    near = claims(cold("Q8_0"), cold("Q4_K_M", keywords=1.04, special=1.07))
    assert claim(near, "pkp_change_near") == ("yes", "")
    assert claim(near, "stp_change_near") == ("no", "")
    assert claim(claims(cold("Q6_K")), "pkp_change_near") == ("cannot", "no-baseline")


def test_quantization_alters_where_it_moves_more_than_q8_0_does() -> None:
    ladder = (cold("F16"), cold("Q8_0", keywords=1.01))
    assert claim(claims(*ladder, cold("Q2_K", keywords=0.5), reference=0), "altered") == ("yes", "")
    assert claim(claims(*ladder, cold("Q2_K"), reference=0), "altered") == ("no", "")
    fewer = Cold(ladder[1].decoded, 1)  # a file without one of the starts
    assert claim(claims(ladder[0], fewer, cold("Q2_K"), reference=0), "altered") == ("no", "")
    one = cold("Q2_K").decoded
    fed = (replace(one.starts[0], ids=(5,)), *one.starts[1:])
    elsewhere = Cold(replace(one, starts=fed), 2)
    for found, reason in (
        (claims(*ladder, elsewhere, reference=0), "other-start"),
        (claims(*ladder), "no-reference"),
        (claims(cold("F16"), cold("Q2_K"), reference=0), "no-baseline"),
        (claims(cold("F16"), reference=0), "no-pair"),
    ):
        assert claim(found, "altered") == ("cannot", reason)


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        ("Qwen2.5 Coder 7B Instruct GGUF", "qwen2.5-coder-7b-instruct", "quantized"),
        ("Qwen2.5-Coder-7B", "Qwen2.5-Coder-7B-Instruct", "tuned"),
        ("Qwen2.5-7B", "Qwen2.5-1.5B", "scaled"),
        ("Qwen2.5-7B", "DeepSeek R1 Distill Qwen 7B", "distilled"),
        ("Qwen2.5-7B", "Llama 3.1 8B", "other"),
    ],
)
def test_pairs_are_known_by_their_names(a: str, b: str, kind: str) -> None:
    assert kind_of_pair(named(a), named(b)) == kind_of_pair(named(b), named(a)) == kind


def test_one_tokenizer_keeps_the_same_words_whole() -> None:
    base, tuned = cold("F16", "Some-7B"), cold("F16", "Some-7B-Instruct")
    assert claim(claims(base, tuned, reference=0), "coverage_tuned") == ("no", "")
    assert claim(claims(base, tuned, reference=0), "coverage_scaled") == ("cannot", "no-pair")


def test_a_cold_start_tells_of_programs_only_with_files_enough() -> None:
    files = [cold("F16", f"model-{i}", keywords=1 - i / 9) for i in range(6)]
    runs = [solved(f"model-{i}", "F16", 90 - 10 * i) for i in range(6)]
    assert claim(claims(*files, done=tuple(runs)), "readiness") == ("yes", "")
    backwards = [solved(f"model-{i}", "F16", 20 + 10 * i) for i in range(6)]
    assert claim(claims(*files, done=tuple(backwards)), "readiness") == ("no", "")
    mixed = [solved(f"model-{i}", "F16", n) for i, n in enumerate((30, 60, 20, 70))]
    assert claim(claims(*files, done=tuple(mixed)), "readiness") == ("cannot", "undecided")
    assert claim(claims(*files, done=tuple(runs[:3])), "readiness") == ("cannot", "too-few-records")


def program(done: list[Evaluated], about: str) -> Line:
    (found,) = [x for x in program_lines(done) if x.table == "D.6" and x.about == about]
    return found


def test_pass_rates_stand_beside_the_papers_of_the_same_model_and_type() -> None:
    row = f"{MODEL} BF16"
    assert Line(table="D.6", quantity="x").share_of((1, 9), (40, 164)).low == pytest.approx(
        0.185, abs=5e-4
    )
    near, far = (evaluated([solved(MODEL, "F16", n)]) for n in (45, 140))
    assert (program(near, row).agrees, program(near, row).paper) == ("yes", 40 / 164)
    assert (program(far, row).agrees, program(far, row).reason) == ("no", "other-harness")
    same = evaluated([solved(MODEL, "F16", 140, style="uncut")])
    assert (program(same, row).agrees, program(same, row).reason) == ("no", "")
    quantized = evaluated([solved(MODEL, "Q2_K", 19)])
    assert program(quantized, row).reason == "other-type"
    assert program(quantized, f"{MODEL} Q2_K").agrees == "yes"
    assert program([], row).reason == "no-record"
    ends = (program([], row).paper_low, program([], row).paper_high)
    assert ends == pytest.approx((0.185, 0.315), abs=5e-4)
    few = solved(MODEL, "F16", 45)
    few.options["n_in_set"] = 20
    assert program(evaluated([few]), row).reason == "other-tasks"
    plus = solved(MODEL, "F16", 45)
    plus.options["tasks"] = "humaneval+"
    assert program(evaluated([plus]), row).reason == "other-tasks"
    stranger = program(evaluated([solved("Another", "Q8_0", 80)]), "Another-Q8_0")
    assert (stranger.reason, stranger.paper, stranger.here) == ("no-such-row", None, 80 / 164)


def test_settings_stand_beside_the_papers() -> None:
    lines = {x.quantity: x for x in setting_lines(evaluated([solved(MODEL, "F16", 45)]))}
    assert [lines[n].agrees for n in ("n_tasks", "max_tokens", "prompt")] == [
        "yes",
        "cannot",
        "cannot",
    ]
    assert lines["prompt"].reason == "other-settings"
    assert {x.reason for x in setting_lines([])} == {"no-record"}


def test_the_papers_harness_stands_beside_ours() -> None:
    ours, theirs = solved(MODEL, "F16", 140), solved(MODEL, "F16", 41, style="uncut")
    done = evaluated([theirs, ours, theirs])
    assert [one.style for one in done] == ["chat", "uncut"]
    beside = [x for x in program_lines(done) if x.about == f"{MODEL} BF16"]
    assert [(x.agrees, x.reason) for x in beside] == [("no", "other-harness"), ("yes", "")]
    lines = [x for x in setting_lines(done) if x.quantity in ("prompt", "whole_text")]
    assert [x.agrees for x in lines] == ["cannot", "yes", "cannot", "yes"]


def test_instruct_models_are_held_against_their_base_uncut() -> None:
    base = MODEL.removesuffix("-Instruct")
    tuned, less = (solved(MODEL, "F16", n, style="uncut") for n in (80, 20))
    parent = solved(base, "F16", 79, style="uncut")
    assert claim(claims(done=(parent, tuned)), "instruct_below_base") == ("cannot", "undecided")
    assert claim(claims(done=(parent, less)), "instruct_below_base") == ("yes", "")
    more = solved(base, "F16", 1, style="uncut")
    assert claim(claims(done=(more, tuned)), "instruct_below_base") == ("no", "")
    assert claim(claims(done=(tuned,)), "instruct_below_base") == ("cannot", "no-pair")
    cut = (solved(base, "F16", 79), solved(MODEL, "F16", 20))
    assert claim(claims(done=cut), "instruct_below_base") == ("cannot", "no-such-harness")


def test_halving_is_a_ratio_of_two_records() -> None:
    pair = (solved(MODEL, "F16", 80), solved(MODEL, "Q2_K", 60))
    (line,) = [x for x in claims(done=pair) if x.quantity == "halved"]
    assert (line.agrees, line.here) == ("no", 0.75)
    assert (line.low, line.high) == pytest.approx((0.581, 0.968), abs=5e-4)
    less = (solved(MODEL, "F16", 120), solved(MODEL, "Q2_K", 30))
    assert claim(claims(done=less), "halved") == ("yes", "other-harness")
    near = (solved(MODEL, "F16", 100), solved(MODEL, "Q2_K", 50))
    assert claim(claims(done=near), "halved") == ("cannot", "undecided")
    none = (solved(MODEL, "F16", 100), solved(MODEL, "Q2_K", 0))
    assert claim(claims(done=none), "halved") == ("cannot", "none-solved")
    assert claim(claims(done=pair[:1]), "halved") == ("cannot", "no-record")


def test_weaknesses_are_answered_by_numbers(embedded: Path) -> None:
    tokenizer = Tokenizer(open_model(embedded, options=ModelOptions(vocabulary_only=True)))
    first, other = cold("F16"), cold("Q2_K", keywords=0.5)
    models = {one.info.id: one for one in (first, other)}
    done = evaluated([solved(MODEL, "F16", 40)])
    found = weakness_values(tokenizer, models, first.info.id, done)
    assert (found[1]["ids"], found[1]["n"]) == ([11], 2)
    assert (found[1]["low"], found[1]["high"]) == pytest.approx((2 / 15, 11 / 64))
    assert found[7] == {"ratio": pytest.approx(1.0)}
    shares = np.array([8, 3]) / 11
    assert found[4]["effective"] == pytest.approx(np.exp(-np.sum(shares * np.log(shares))))
    (named_kl,) = found[5]["kl"]
    kl = 11 / 64 * np.log(2) + 13 / 64 * np.log(13 / 18.5)  # "zz" takes what keywords lose
    assert named_kl == ("Q2_K", pytest.approx(kl, rel=1e-5))
    assert found[10] == {"low": 0.2, "high": 0.9}
    both = [*done, *evaluated([solved(MODEL, "F16", 8, style="uncut")])]
    told = weakness_values(tokenizer, models, first.info.id, both)[9]
    assert (told["passed"], told["uncut"], told["of"]) == (40, 8, 164)
    assert set(weakness_values(tokenizer, {}, "", [])) == {17, 18, 20}


def test_names_are_told_apart() -> None:
    assert is_model(named("Qwen2.5 Coder 7B Instruct GGUF"), MODEL)
    assert not is_model(named("Qwen2.5 Coder 7B"), MODEL)
    assert not is_model(named("Qwen2.5 Coder 7B Instruct Abliterated"), MODEL)


def test_a_record_of_another_command_is_refused(tmp_path: Path) -> None:
    paper_run().save(tmp_path / "run.json")
    with pytest.raises(OptionError, match="a run of paper"):
        pyengine.paper("embedded:small", record=tmp_path / "run.json")


def test_the_tokenizer_of_qwen_is_as_published(shared: Path) -> None:
    done = run("paper", shared / "vocabs" / "ggml-vocab-qwen2.gguf", "--json")
    found = Run.model_validate_json(done.out)
    lines = {one["table"]: one["lines"] for one in found.shown("paper-table")}
    for table in ("B.1", "B.5", "D.1", "D.2", "D.3", "E.1", "E.3"):
        assert {line["agrees"] for line in lines[table]} == {"yes"}, table
    assert [len(lines[table]) for table in ("B.5", "D.1", "D.2")] == [26, 29, 10]
    assert {line["reason"] for line in lines["D.6"]} == {"no-record"}
    assert "D.5" not in lines  # no weights
    weaknesses = {one["number"]: one["values"] for one in found.shown("paper-weakness")}
    assert weaknesses[18] == {"dead": 441, "white": 425}
    assert weaknesses[20] == {"lost": 1336}


def test_a_model_is_held_against_itself(tmp_path: Path) -> None:
    record = tmp_path / "run.json"
    solved("pyengine small", "F16", 3).save(record)
    words = ("--reference", "embedded:small", "--record", record, "--threads", "1")
    done = run("paper", "embedded:small", *words)
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    for said in ("D.5 Cold starts by quantization", "none of the paper's", "Warm starts of small"):
        assert said in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.gguf"], "no such file"),
        (["embedded:small", "--record", "missing.json"], "missing.json"),
        (["embedded:small", "--reference", "missing.gguf"], "no such file"),
        (["embedded:small", "--json", "--markdown"], "exclude"),
    ],
)
def test_bad_input_is_one_sentence(words: list[str], said: str) -> None:
    done = run("paper", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err
