"""Comparisons from the command line, impossible ones, and how a comparison is shown."""

import math
from pathlib import Path

import pytest
from comparison_samples import (
    SOURCES,
    Quantize,
)

from pyengine.cli.app import run
from pyengine.cli.compare import check_threshold
from pyengine.comparison import (
    CompareOptions,
    ComparisonResult,
    compare,
)
from pyengine.corpus import Corpus
from pyengine.errors import InputError, OptionError, ThresholdNotMet
from pyengine.reports.compare_view import compare_document
from pyengine.reports.numbers import at_most, significant
from pyengine.reports.terminal import render_terminal


def test_bad_input_is_named(tiny: Path, tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(InputError, match="no such file"):
        compare(tiny, [tmp_path / "missing.gguf"], corpus=corpus)
    with pytest.raises(OptionError, match="nothing to compare"):
        compare(tiny, [], corpus=corpus)
    for options in (
        CompareOptions(margin=-1),
        CompareOptions(margin=float("nan")),
        CompareOptions(precision=float("nan")),
        CompareOptions(precision=0),
        CompareOptions(threads=0),
        CompareOptions(greedy=-1),
    ):
        with pytest.raises(OptionError):
            compare(tiny, [tiny], corpus=corpus, options=options)


def test_report_shows_verdict_both_errors_and_the_floor(result: ComparisonResult) -> None:
    text = render_terminal(compare_document(result), width=200, color=False)
    for words in (
        "tiny-Q8_0",
        "null control",
        "By class of token",
        "Where it differs most",
        "First divergence of greedy continuations",
        "Cold and warm starts",
        "independent",
        "every token is scored once",
    ):
        assert words in text


def test_every_table_knows_the_floor(result: ComparisonResult) -> None:
    """A floor above everything: what does not rise above it is not shown as a difference."""
    assert result.null is not None
    high = dict.fromkeys(result.null.floors, 1000.0)
    high["keyword_mass_change"] = 10.0  # in per cent
    null = result.null.model_copy(update={"floors": high, "largest": high})
    document = compare_document(result.model_copy(update={"null": null}))
    text = render_terminal(document, width=400, color=False)
    for title in (
        "Distance from the reference",
        "Other distances",
        "Distribution over tokens",
        "Variants against each other",
        "By language",
        "By class of token",
        "By confidence of the reference",
        "Keywords in any spacing, in their language's documents",
        "Cold and warm starts",
    ):
        assert "≤ 1" in text.split(f"\n{title}")[1].split("\n\n")[0], title


def test_an_unknown_error_is_explained_where_one_is_shown(result: ComparisonResult) -> None:
    """A part within one document has none; below the floor there is nothing to explain."""
    assert result.null is not None
    floors = result.null.floors
    nothing = result.null.model_copy(update={"floors": dict.fromkeys(floors, 0.0)})
    all_below = result.null.model_copy(update={"floors": dict.fromkeys(floors, 1000.0)})
    variant = result.variants[0]
    nan = {"se_clustered": math.nan, "value": 0.5}
    kl = variant.by_class[0].kl
    assert kl is not None
    part = variant.by_class[0].model_copy(update={"kl": kl.model_copy(update=nan)})
    changed = variant.model_copy(update={"by_class": [part], "keywords": []})
    for null, notes in ((nothing, 1), (all_below, 0)):
        update = {"variants": [changed], "null": null}
        text = render_terminal(compare_document(result.model_copy(update=update)), width=400)
        table = text.split("\nBy class of token")[1].split("\n\n")[0]
        assert table.count("0.500 ± ?") == table.count("“± ?”") == notes


@pytest.mark.parametrize("width", [80, 200])
def test_the_quantiles_that_llama_perplexity_prints_are_shown(
    result: ComparisonResult, width: int
) -> None:
    """Of KL and of Δp, in per cent, beside each other."""
    assert result.null is not None
    nothing = dict.fromkeys(result.null.largest, 0.0)
    null = result.null.model_copy(update={"floors": nothing, "largest": nothing})
    document = compare_document(result.model_copy(update={"null": null}))
    lines = render_terminal(document, width=width, color=False).split("\n")
    lines = lines[lines.index("Distribution over tokens") :]
    overall = [variant.overall for variant in result.variants]
    for name, level in (
        *(("maximum", "1"), ("99.9 %", "0.999"), ("99 %", "0.99"), ("95 %", "0.95")),
        *(("90 %", "0.9"), ("75 %", "0.75"), ("median", "0.5"), ("25 %", "0.25")),
        *(("10 %", "0.1"), ("5 %", "0.05"), ("1 %", "0.01"), ("0.1 %", "0.001")),
        ("minimum", "0"),
    ):
        (line,) = (line for line in lines[:18] if line.startswith(f"{name} "))
        wanted = []
        for divergences in overall:
            assert divergences is not None
            kl = divergences.kl.quantiles.get(level)
            wanted.append("–" if kl is None else at_most(kl, 0.0))
            delta_p = 100 * divergences.delta_p.quantiles[level]
            wanted.append(significant(delta_p) if delta_p else "≤ 0")
        assert line.removeprefix(name).split() == " ".join(wanted).split()


def test_classes_that_stand_out_are_named(result: ComparisonResult) -> None:
    variant = result.variants[0]
    part = variant.by_class[0]
    assert variant.overall is not None
    assert part.kl is not None
    mean = variant.overall.kl.mean.value
    parts = [
        part.model_copy(update={"name": name, "kl": part.kl.model_copy(update=ends)})
        for name, ends in (
            ("indentation", {"low": 0.2 * mean, "high": 0.9 * mean}),
            ("identifier", {"low": 1.1 * mean, "high": 2 * mean}),
            ("keyword", {"low": 0.9 * mean, "high": 1.1 * mean}),
        )
    ]
    changed = variant.model_copy(update={"by_class": parts})
    document = compare_document(result.model_copy(update={"variants": [changed], "null": None}))
    text = render_terminal(document, width=400, color=False)
    words = "changes less than the average token: indentation; more: identifier (by"
    assert f"{variant.label} {words}" in text


def test_command_line(
    tiny: Path,
    quantized: Quantize,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for language, source in SOURCES.items():
        suffix = {"python": "py", "c": "c", "go": "go"}[language]
        (tmp_path / f"x.{suffix}").write_bytes(source)
    variant = str(quantized("Q4_0"))
    usual = ["compare", str(tiny), variant, "--corpus", str(tmp_path), "--context", "32"]
    usual += ["--threads", "1", "--no-starts", "--greedy", "0"]
    assert run([*usual, "--json"]) == 0
    printed = capsys.readouterr()
    record = ComparisonResult.model_validate_json(printed.out)
    assert record.corpus is not None
    assert record.corpus.n_documents == 3
    assert run([*usual, "--max-kl", "1000"]) == 0
    assert run([*usual, "--max-kl", "1e-9"]) == 1
    assert "exceeds 1e-09 nats" in capsys.readouterr().err
    assert run([*usual, "--json", "--markdown"]) == 2
    assert run([*usual, "--stride", "32"]) == 2
    assert run([*usual, "--base-file", "x"]) == 2
    assert run(["compare", str(tiny)]) == 2
    assert run(["compare", str(tiny), str(tmp_path / "nothing.gguf")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_emulation_on_the_command_line(
    tiny: Path,
    quantized: Quantize,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(b"\n".join(SOURCES.values()) * 4)
    base = tmp_path / "base.kld"
    usual = ["compare", str(tiny), str(quantized("Q8_0")), "--emulate", "llama-perplexity"]
    usual += ["--corpus", str(text), "--context", "64", "--threads", "1", "--base-file", str(base)]
    assert run(usual) == 0
    first = capsys.readouterr().out
    assert "Final estimate: PPL = " in first
    assert run(usual) == 0
    second = capsys.readouterr().out
    assert first.endswith(second)
    text.write_bytes(b"something else entirely, " * 40)
    assert run(usual) == 2
    assert "holds other tokens" in capsys.readouterr().err


@pytest.mark.parametrize(
    "extra", [["--max-kl", "1"], ["--markdown"], ["--html", "x.html"], ["--no-starts"]]
)
def test_emulation_ignores_nothing_that_was_asked_for(
    tiny: Path, extra: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", str(tiny), str(tiny), "--emulate", "llama-perplexity", *extra]) == 2
    assert "does not go with --emulate" in capsys.readouterr().err


def test_an_infinite_divergence_meets_no_threshold(result: ComparisonResult) -> None:
    check_threshold(result, 100.0)
    text = result.model_dump_json().replace('"n_infinite":0', '"n_infinite":1')
    broken = ComparisonResult.model_validate_json(text)
    with pytest.raises(ThresholdNotMet, match="infinite KL divergence at 1 tokens"):
        check_threshold(broken, 100.0)


@pytest.mark.parametrize(
    ("extra", "said"),
    [(["--memory", "cache"], "whole rows"), (["--no-text"], "not to be measured")],
)
def test_logits_that_could_not_be_saved_whole_are_refused(
    tiny: Path, tmp_path: Path, extra: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "rows"
    assert run(["compare", str(tiny), str(tiny), "--save-logits", str(folder), *extra]) == 2
    assert said in capsys.readouterr().err
    assert not folder.exists()
