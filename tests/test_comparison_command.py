"""Comparisons from the command line, impossible ones, and how a comparison is shown."""

from pathlib import Path

import pytest
from comparison_samples import SOURCES, Quantize

from pyengine.commands.app import run
from pyengine.errors import InputError, OptionError
from pyengine.measure.compare import compare
from pyengine.measure.options import CompareOptions
from pyengine.report.compare_view import compare_document
from pyengine.report.terminal import render_terminal
from pyengine.run import Run, load
from pyengine.text.documents import Corpus


def test_bad_input_is_named(tiny: Path, tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(InputError, match="No such file"):
        compare(tiny, [tmp_path / "missing.gguf"], corpus=corpus)
    with pytest.raises(OptionError, match="nothing to compare"):
        compare(tiny, [], corpus=corpus)
    for options in (
        CompareOptions(margin=-1),
        CompareOptions(margin=float("nan")),
        CompareOptions(precision=float("nan")),
        CompareOptions(precision=-0.1),
        CompareOptions(precision=float("inf")),
        CompareOptions(threads=0),
        CompareOptions(continuations=-1),
    ):
        with pytest.raises(OptionError):
            compare(tiny, [tiny], corpus=corpus, options=options)


def test_report_shows_verdict_errors_and_the_floor(result: Run) -> None:
    text = render_terminal(compare_document(result), width=200, color=False)
    for words in (
        "tiny-Q8_0",
        "computed twice",
        "KL beyond arithmetic",
        "By class of token",
        "Where it differs most",
        "First divergence of greedy continuations",
        "Cold and warm starts",
        "one standard error over 12 documents",
        "languages take turns",
        "then with flash attention off",
        "largest KL of the reference at a token",
    ):
        assert words in " ".join(text.split())


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
    usual += ["--threads", "1", "--no-starts", "--continuations", "0"]
    assert run([*usual, "--json"]) == 0
    printed = capsys.readouterr()
    (tmp_path / "r.json").write_text(printed.out)
    record = load(tmp_path / "r.json")
    assert record.population is not None
    assert record.population.n_documents == 3
    assert record.provenance.words[:2] == ["compare", str(tiny)]
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


def test_one_document_meets_no_threshold(
    tiny: Path, quantized: Quantize, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It gives no interval, so nothing is sure."""
    (tmp_path / "x.py").write_bytes(SOURCES["python"])
    usual = ["compare", str(tiny), str(quantized("Q8_0")), "--corpus", str(tmp_path / "x.py")]
    usual += ["--threads", "1", "--no-starts", "--continuations", "0", "--max-kl", "1000"]
    assert run(usual) == 1
    captured = capsys.readouterr()
    assert "one document gives no interval" in captured.err
    assert captured.err.count("\n") == 1
    assert "Distance from the reference" in captured.out


def test_logits_of_no_text_are_refused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "rows"
    usual = ["compare", str(tiny), str(tiny), "--save-logits", str(folder), "--no-text"]
    assert run(usual) == 2
    assert "not to be measured" in capsys.readouterr().err
    assert not folder.exists()
