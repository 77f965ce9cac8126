"""The Python interface: the command line's own functions, models, options and defaults."""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from report_samples import sample_sweep
from run_samples import estimate

import pyengine
from pyengine.api.arguments import usable_specs, window_length
from pyengine.commands.app import run
from pyengine.errors import (
    InputError,
    MissingExtraError,
    ModelFileError,
    ModelKindError,
    OptionError,
)
from pyengine.extras import EXTRAS
from pyengine.measure.cold_rows import ProbeOptions
from pyengine.measure.options import CompareOptions
from pyengine.run import Measurement, Run, group_of, to_json

FUNCTIONS = (
    *("probe", "vocab", "compare", "sweep", "imatrix", "quantize"),
    *("sensitivity", "evaluate", "recommend", "pick", "verify", "paper"),
)
# How a result is printed, and what it is held against then; what is shown while it is made.
OF_GATES = {"fail_if", "baseline", "junit", "badge"}
OF_THE_COMMAND = {
    *("json", "markdown", "html", "max_kl", "fail_under", "show"),
    *OF_GATES,
}
# What some commands hand on to their function all the same.
HANDED_ON = {"recommend": {"max_kl", "fail_if"}, "pick": {"max_kl"}}
OF_PYTHON = {"progress", "watch"}
SMALL = "embedded:small"
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def arguments(function: object) -> dict[str, inspect.Parameter]:
    assert callable(function)
    return dict(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_command_and_its_function_have_the_same_words_and_defaults(name: str) -> None:
    command = arguments(import_module(f"pyengine.commands.{name}").command)
    function = arguments(getattr(pyengine, name))
    own = OF_THE_COMMAND - HANDED_ON.get(name, set())
    assert command.keys() - own == function.keys() - OF_PYTHON
    for word in command.keys() - own:
        assert command[word].default == function[word].default, word
        assert command[word].kind == function[word].kind, word


@pytest.mark.parametrize(
    ("function", "options"), [("compare", CompareOptions), ("probe", ProbeOptions)]
)
def test_the_recipes_have_the_same_defaults(function: str, options: type) -> None:
    known = {"n_gpu_layers": "gpu_layers", "corpus": "text"}
    told = arguments(getattr(pyengine, function))
    defaults = options()
    shared = {name for name in vars(defaults) if known.get(name, name) in told}
    assert len(shared) >= 6
    for name in shared - {"windows", "starts"}:
        assert getattr(defaults, name) == told[known.get(name, name)].default, name
    if isinstance(defaults, CompareOptions):
        windows = defaults.windows
        assert windows.n_ctx == window_length(told["context"].default, None)
        assert (windows.stride, windows.max_windows, windows.max_tokens) == tuple(
            told[name].default for name in ("stride", "windows", "tokens")
        )


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> Run:
    """The run that a command prints, without the words that asked for it."""
    assert run([*words, "--json"]) == 0
    found = Run.model_validate(json.loads(capsys.readouterr().out))
    provenance = found.provenance.model_copy(update={"words": []})
    return found.model_copy(update={"provenance": provenance})


def test_a_folder_is_taken_where_models_are(tmp_path: Path) -> None:
    (source,) = usable_specs(SMALL)
    for name in ("b.gguf", "a.gguf"):
        (tmp_path / name).symlink_to(source.path)
    found = [spec.path for spec in usable_specs([tmp_path, SMALL])]
    assert found == [tmp_path / "a.gguf", tmp_path / "b.gguf", source.path]
    with pytest.raises(ModelFileError, match="is empty"):
        usable_specs("")


def test_both_ways_measure_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = pyengine.quantize(SMALL, to="Q4_0", output_dir=tmp_path, threads=1)
    (variant,) = (content["path"] for content in made.shown("quantized"))
    assert Path(variant).is_file()
    words = ["--tokens", "1200", "--no-starts", "--continuations", "0", "--threads", "1"]
    compared = pyengine.compare(
        SMALL, variant, tokens=1200, starts=False, continuations=0, threads=1
    )
    assert to_json(compared) == to_json(printed(capsys, "compare", SMALL, variant, *words))
    swept = pyengine.sweep(
        SMALL,
        variants=variant,
        tokens=1200,
        workers=1,
        speed=False,
        output_dir=tmp_path / "swept",
    )
    for metric in ("kl", "same_first_choice", "ppl", "keyword_kl"):
        rows = [row for row in swept.select(metric) if "start" not in row.members]
        assert list(map(repr, rows)) == list(map(repr, compared.select(metric)))
    assert to_json(pyengine.load(tmp_path / "swept" / "results.json")) == to_json(swept)
    chosen = pyengine.recommend([swept], max_kl=1.0, memory=1, max_size=1)
    assert chosen.shown("choice")[0]["chosen"] == compared.models[1].id
    words = ["recommend", str(tmp_path / "swept" / "results.json"), "--max-kl", "1"]
    words += ["--memory", "1GiB"]  # what is free changes
    assert to_json(printed(capsys, *words, "--max-size", "1")) == to_json(chosen)


def test_probe_and_vocab_give_what_the_commands_print(capsys: pytest.CaptureFixture[str]) -> None:
    probed = pyengine.probe(SMALL, language="python", start="natural", draws=20, threads=1)
    words = ["--language", "python", "--start", "natural", "--draws", "20", "--threads", "1"]
    assert to_json(printed(capsys, "probe", SMALL, *words)) == to_json(probed)
    analysed = pyengine.vocab([SMALL], language=["go"], corpus=__file__)
    words = ["--language", "go", "--corpus", __file__]
    assert to_json(printed(capsys, "vocab", SMALL, *words)) == to_json(analysed)


def test_a_reference_works_everywhere() -> None:
    with pyengine.open_model(SMALL) as model, pyengine.open(SMALL) as opened:
        assert model.path == opened.path
        start = pyengine.cold_start(SMALL)
        assert np.array_equal(start.logits, pyengine.cold_start(model).logits)
        assert opened.top(3) == start.top(3)
    for function in (pyengine.open, pyengine.open_model, pyengine.cold_start, pyengine.probe):
        with pytest.raises(ModelFileError, match="embedded:none: no such embedded model"):
            function("embedded:none")


def test_scores_are_the_chain_rule() -> None:
    texts = ["def f(x):\n    return x\n", "import os", "x"]
    with pyengine.open(SMALL, threads=1) as model:
        scores = model.score(texts)
        start = pyengine.cold_start(model.model, threads=1)
        for text, score in zip(texts, scores, strict=True):
            assert score.text == text
            assert score.ids.tolist() == model.model.vocabulary.tokenize(text).tolist()
            assert score.log_probabilities.dtype == np.float64
            assert score.log_probabilities.shape == score.ids.shape
            first = float(start.log_probabilities[score.ids[0]])
            assert score.log_probabilities[0] == pytest.approx(first, abs=0.02)
            bits = -score.log_probability / np.log(2) / len(text)
            assert score.bits_per_byte == pytest.approx(bits)
        after = pyengine.Session(model.model).logits([*start.start.ids, *scores[1].ids[:-1]])
        after = after.astype(np.float64)
        last = after[scores[1].ids[-1]] - after.max() - np.log(np.exp(after - after.max()).sum())
        assert scores[1].log_probabilities[-1] == pytest.approx(last, abs=0.02)
        assert model.score("x")[0].log_probability == pytest.approx(
            scores[2].log_probability, abs=0.02
        )
        assert model.score([]) == []
        assert repr(scores[0]).startswith("<Score 'def f(x):")


def test_the_next_token_after_a_text_is_that_start() -> None:
    with pyengine.open(SMALL) as model:
        after = model.next("def ")
        assert after.start.ids == pyengine.cold_start(SMALL, start="text:def ").start.ids
        assert np.exp(after.log_probabilities).sum() == pytest.approx(1.0)
        assert model.next().top(2) == model.top(2)
        assert len(repr(model.next("a long text " * 200))) < 2000
        with pytest.raises(OptionError, match="empty"):
            model.score(["x", ""])
        with pytest.raises(OptionError, match="at least 1"):
            model.top(0)
    with pytest.raises(ModelKindError, match="closed"):
        model.next("x")


def test_verdicts_follow_the_margin() -> None:
    run = sample_sweep(6)
    first, second, *_ = pyengine.verdicts(run).rows
    assert (first.least, first.against, first.verdict, first.ratio) == ("hardly", "", "", None)
    group = group_of({"against": first.model})
    ratio = estimate("kl_ratio", second.model, 1.01, 0.02, group=group)
    run = run.model_copy(update={"measurements": [*run.measurements, ratio]})
    for margin, verdict in ((0.1, "alike"), (0.01, "undecided")):
        found = pyengine.verdicts(run, margin)[second.model]
        assert (found.against, found.verdict) == (first.model, verdict)
        assert found.ratio is not None
        assert found.ratio.value == 1.01
    assert str(run.verdicts(margin=0.1)) != str(run.verdicts(margin=0.01))
    assert str(run.verdicts()) == str(run.verdicts(run.options["margin"]))
    with pytest.raises(OptionError, match="negative"):
        run.verdicts(-1.0)
    with pytest.raises(OptionError, match="compares no models"):
        run.model_copy(update={"command": "probe"}).verdicts()


@pytest.mark.parametrize("n", [1, 12, 40])
def test_everything_prints_itself_short(n: int) -> None:
    run = sample_sweep(n)
    long = [
        model.model_copy(update={"id": f"{model.id}{'x' * 3000}\x1b[31m<b>"})
        for model in run.models
    ]
    named = run.model_copy(update={"models": long, "command": "\x1b" * 4000})
    shown: list[object] = [run, named, run.table("kl"), run.verdicts()]
    for one in shown:
        assert len(repr(one)) < 2000
        assert "\x1b" not in repr(one)
        page = one._repr_html_()  # type: ignore[attr-defined]
        assert "<b>" not in page
        assert "\x1b" not in page
    assert run._repr_html_().count("<tr>") > 1


def test_a_table_says_what_there_is() -> None:
    run = sample_sweep(3)
    with pytest.raises(OptionError, match=r"no metric 'kll'; it has .*kl"):
        run.table("kll")
    with pytest.raises(OptionError, match="and not by start and class"):
        run.table("kl", rows="start", columns="class", form="bare")


def test_pandas_gets_every_row() -> None:
    run = sample_sweep(4)
    frame = run.to_pandas()
    assert len(frame) == len(run.measurements)
    assert list(frame.columns) == [field.name for field in fields(Measurement)]
    table = run.table("kl")
    column = table.columns.index("all")
    assert table.to_pandas().loc[table.rows[0], "all"] == table.values()[0][column]
    verdicts = run.verdicts()
    least = [row.least for row in pyengine.verdicts(run).rows]
    assert list(verdicts.to_pandas()["least"]) == least


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("matplotlib", ["probe", "embedded:small", "--html", "page.html"]),
        ("matplotlib", ["compare", "embedded:small", "embedded:base", "--html", "page.html"]),
        ("matplotlib", ["report", "result.json", "-o", "page.html"]),
        ("matplotlib", ["report", "result.json", "--png", "pictures"]),
        ("pyarrow", ["report", "result.json", "--parquet", "rows.parquet"]),
        ("lm_eval", ["lm-eval", "run", "--tasks", "arc_easy"]),
        ("distributed", ["sweep", "embedded:small", "--to", "Q8_0", "--dask", "tcp://x:1"]),
    ],
)
def test_what_is_not_installed_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    package: str,
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    sample_sweep(2).save("result.json")
    assert run(words) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert re.search(
        rf'needs {package}, which is not installed; pip install "pyengine-gguf\[[\w-]+\]"',
        complaint,
    )
    assert {path.name for path in tmp_path.iterdir()} == {"result.json"}


def test_inspect_finds_its_models_by_an_entry_point_that_exists() -> None:
    project = Path(pyengine.__file__).parent.parent / "pyproject.toml"
    told = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    for module in told["entry-points"]["inspect_ai"].values():
        assert (project.parent / (module.replace(".", "/") + ".py")).is_file()
    assert set(EXTRAS.values()) == told["optional-dependencies"].keys()


def test_without_pandas_a_typed_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = sample_sweep(2)
    for shown in (run, run.table("kl"), run.verdicts()):
        with pytest.raises(MissingExtraError, match=r'pip install "pyengine-gguf\[pandas\]"'):
            shown.to_pandas()
    assert issubclass(MissingExtraError, InputError)


def test_wrong_arguments_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    wrong: dict[str, Callable[[], object]] = {
        "does not go with": lambda: pyengine.compare(
            SMALL, SMALL, emulate="llama-perplexity", stride=3
        ),
        "base-file": lambda: pyengine.compare(SMALL, SMALL, base_file=tmp_path / "base"),
        "exclude each other": lambda: pyengine.sweep(SMALL, to="Q8_0", variants=[SMALL]),
        "unknown language": lambda: pyengine.probe(SMALL, language="klingon"),
        "PATTERN=TYPE": lambda: pyengine.quantize(SMALL, to="Q8_0", tensor_type="x"),
        "unknown language 'x'": lambda: pyengine.evaluate(SMALL, language="x"),
        "is no size": lambda: pyengine.recommend(sample_sweep(2), memory="much"),
    }
    for told, call in wrong.items():
        with pytest.raises(OptionError, match=told):
            call()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("threads", [0, -1, 513, 10**11])
def test_an_impossible_number_of_threads_is_one_sentence(tmp_path: Path, threads: int) -> None:
    out = tmp_path / "out"
    calls: tuple[Callable[[], object], ...] = (
        lambda: pyengine.probe(SMALL, threads=threads),
        lambda: pyengine.compare(SMALL, f"{SMALL}?fa=on", threads=threads),
        lambda: pyengine.sweep(SMALL, to="Q8_0", output_dir=out, threads=threads),
        lambda: pyengine.imatrix(SMALL, output=out, threads=threads),
        lambda: pyengine.quantize(SMALL, to="Q8_0", output_dir=out, threads=threads),
        lambda: pyengine.verify(SMALL, SMALL, threads=threads),
        lambda: pyengine.sensitivity(SMALL, threads=threads),
        lambda: pyengine.evaluate(SMALL, threads=threads),
        lambda: pyengine.pick([SMALL, f"{SMALL}?fa=on"], threads=threads),
        lambda: pyengine.open(SMALL, threads=threads).score("def"),
    )
    for call in calls:
        with pytest.raises(OptionError, match=f"threads must be from 1 to 512, not {threads}$"):
            call()
    assert not list(tmp_path.iterdir())


def test_importing_is_quick() -> None:
    """Of ten starts the best: 0.15 s of Python's own count, NumPy being there already."""
    code = (
        "import numpy, time; begin = time.perf_counter(); import pyengine; "
        "print(time.perf_counter() - begin)"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(10)
    ]
    assert min(seconds) < 0.15
