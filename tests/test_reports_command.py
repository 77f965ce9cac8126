"""`pyengine report`, `models` and `doctor` through the command line; records read back."""

import ast
import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import run
from report_samples import sample_sweep, sample_timings, sweep_of_few_pictures

from pyengine.commands.app import what_was_asked
from pyengine.errors import ResultFileError
from pyengine.measure.provenance import provenance
from pyengine.report.charts import Chart, Point
from pyengine.report.comma_separated import csv_text, measurements_csv, measurements_of
from pyengine.report.document import Picture
from pyengine.report.metric_table import with_table
from pyengine.report.plots import draw_svg
from pyengine.report.views import VIEWS
from pyengine.run import METRICS, load, storage, to_json

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.json"
    path.write_text(to_json(sample_sweep(3)), encoding="utf-8")
    return path


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    """A record of two pictures, for pages of which no picture is looked at."""
    path = tmp_path / "brief.json"
    path.write_text(to_json(sweep_of_few_pictures()), encoding="utf-8")
    return path


def test_a_record_comes_back_as_it_was(record: Path) -> None:
    assert load(record) == sample_sweep(3)


def test_everything_at_once(record: Path, tmp_path: Path) -> None:
    page, rows, parquet = tmp_path / "r.html", tmp_path / "r.csv", tmp_path / "r.parquet"
    pictures = tmp_path / "new" / "pictures"
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    outcome = run(
        "report", record, "-o", page, "--csv", rows, "--parquet", parquet, "--svg", pictures,
        "--png", pictures,
    )  # fmt: skip
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    names = {path.name for path in pictures.iterdir()}
    assert {"sweep-size-kl.svg", "sweep-size-kl.png", "sweep-by-language.svg"} <= names
    import pyarrow.parquet as pq

    with rows.open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    table = pq.read_table(parquet).to_pylist()
    assert len(table) == len(listed) > 100
    for one, other in zip(listed, table, strict=True):
        assert one["metric"] == other["metric"]
        assert float(one["value"]) == other["value"]
    kl = [row for row in listed if row["metric"] == "kl" and row["group"] == ""]
    assert kl[0]["model"] == kl[0]["reference"] == "model"  # beside itself
    assert [float(row["value"]) for row in kl[1:]] == pytest.approx([0.0005, 0.00075, 0.001125])


def test_what_matplotlib_cannot_draw_is_no_damaged_record(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before matplotlib 3.10, whose get_figure knows no root."""
    artist = pytest.importorskip("matplotlib.artist", reason="the plots extra is not installed")
    monkeypatch.setattr(artist.Artist, "get_figure", lambda self: self.figure)
    for option, name in (("--svg", "pictures"), ("-o", "page.html")):
        found = run("report", record, option, tmp_path / name)
        assert (found.code, found.out) == (3, "")
        assert found.err.startswith("pyengine: matplotlib ")
        assert "cannot draw the picture size-kl: TypeError: " in found.err
        assert found.err.count("\n") == 1
    assert not list(tmp_path.glob("p*"))
    damaged = Chart(kind="scatter", x_label="x", points=(Point(None, 1, 2),))  # type: ignore[arg-type]
    with pytest.raises((TypeError, AttributeError)):
        draw_svg(Picture("p", "title", "caption", damaged))


def test_a_folder_stands_for_its_records(record: Path, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    assert run("report", tmp_path).out == run("report", record).out
    judged = [run("recommend", where, "--max-kl", "1", "--json") for where in (tmp_path, record)]
    assert [one.code for one in judged] == [0, 0]
    assert json.loads(judged[0].out)["exhibits"] == json.loads(judged[1].out)["exhibits"]
    empty = tmp_path / "empty"
    empty.mkdir()
    for command in ("report", "recommend"):
        outcome = run(command, empty)
        assert outcome.code == 2
        assert outcome.err == (
            f"pyengine: {empty}: the folder holds no record, as --json writes it\n"
        )


def test_a_dash_is_stdout(brief: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = run("report", brief, "--csv", "-")
    assert (rows.code, rows.out) == (0, measurements_csv(measurements_of([load(brief)])))
    assert run("report", brief, "-o", "-").out.startswith("<!doctype html>")
    assert not Path("-").exists()


def test_text_is_what_the_command_printed_and_markdown_is_a_card(record: Path) -> None:
    text = run("report", record)
    assert text.code == 0
    assert "Variants of model" in text.out
    assert "Generation" not in text.out  # there are no timings
    card = run("report", record, "--markdown")
    assert card.out.startswith("# Quantizations of model\n\n| file | type | size |")
    assert card.out.count("| hardly changed |") == 3


def test_timings_are_shown_beside_their_sweep_and_alone(record: Path, tmp_path: Path) -> None:
    timings, page, rows = (tmp_path / name for name in ("t.json", "t.html", "t.csv"))
    timings.write_text(to_json(sample_timings(3)), encoding="utf-8")
    together = run("report", record, timings)
    assert together.code == 0
    assert together.out.count("Speed and memory") == 1
    assert "How to cite" not in together.out
    assert run("report", timings, record, "-o", page, "--csv", rows).code == 0
    assert "1,234 (1,200–1,300)" in page.read_text(encoding="utf-8")
    assert "<h1>Variants of model</h1>" in page.read_text(encoding="utf-8")
    with rows.open(encoding="utf-8", newline="") as file:
        speeds = [row for row in csv.DictReader(file) if row["metric"] == "prompt_speed"]
    assert [(row["value"], row["n"]) for row in speeds] == [("1234.0", "3")] * 4
    alone = run("report", timings)
    assert alone.code == 0
    assert "Timings of a sweep" in alone.out
    assert "1,234 (1,200–1,300)" in alone.out
    other = tmp_path / "other.json"
    other.write_text(to_json(sample_sweep(1)), encoding="utf-8")
    apart = run("report", other, timings)
    assert "Timings of a sweep" in apart.out
    assert "Variants of model" in apart.out


def test_names_are_no_formulas_in_csv() -> None:
    sweep = sample_sweep(1)
    name = '=HYPERLINK("http://x","y")\n\x1b[31m'
    variant = sweep.models[1].model_copy(update={"id": name})
    rows = [replace(row, model=name) for row in sweep.measurements if row.model != "model"]
    hostile = sweep.model_copy(update={"models": [sweep.models[0], variant], "measurements": rows})
    text = measurements_csv(measurements_of([hostile]))
    names = {row["model"] for row in csv.DictReader(text.splitlines())}
    assert names == {"model", '\'=HYPERLINK("http://x","y")⏎<U+001B>[31m'}
    assert csv_text("-1+1") == "'-1+1"
    assert csv_text('Q4_K_M, the "best"') == 'Q4_K_M, the "best"'


def test_several_records_make_one_page(brief: Path, tmp_path: Path) -> None:
    page = tmp_path / "both.html"
    assert run("report", brief, brief, "-o", page).code == 0
    text = page.read_text(encoding="utf-8")
    assert "2 results of pyengine" in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not a record of pyengine"),
        ('{"kind": "soup"}', "not a record of pyengine"),
        ('{"kind": ["sweep"], "schema_version": 3}', "damaged record"),
        ('{"command": "sweep"}', "it has no schema_version"),
        ('{"kind": "evaluate"}', "it has no schema_version"),
        ('{"schema_version": "2"}', "schema version '2' by"),
        ('{"kind": "vocab", "schema_version": 1, "provenance": {"pyengine": "0.0.1"}}',
         r"schema version 1 by pyengine 0\.0\.1; this version reads schema version 3; measure"),
        ('{"kind": "evaluate", "schema_version": "1"}', "schema version '1' by"),
        ('{"kind": "sweep", "schema_version": 99}',
         r"schema version 99 by pyengine \(unknown version\).*update pyengine"),
        ('{"schema_version": 3}', "damaged record: command"),
        ('{"kind": "evaluate", "schema_version": 1}', "reads schema version 3; measure again"),
    ],
)  # fmt: skip
def test_a_bad_record_is_one_clear_error(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ResultFileError, match=says):
        load(path)
    outcome = run("report", path)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_record_may_come_from_a_pipe_or_from_powershell(tmp_path: Path, encoding: str) -> None:
    import os
    from threading import Thread

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = to_json(sample_sweep(2)).encode(encoding)
    writer = Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    assert load(pipe) == sample_sweep(2)
    writer.join()


def test_what_a_record_says_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    made = {"pyengine": "\x1b[2J\u202e\nforged: line"}
    record = {"command": "sweep", "schema_version": 0, "provenance": made}
    path.write_text(json.dumps(record), encoding="utf-8")
    outcome = run("report", path)
    assert outcome.code == 2
    assert "<U+001B>[2J<U+202E> forged: line" in outcome.err
    assert outcome.err.count("\n") == 1


def test_what_cannot_be_written_leaves_what_was_there(brief: Path, tmp_path: Path) -> None:
    assert run("report", brief, "-o", tmp_path / "no" / "folder.html").code == 2
    (tmp_path / "file").write_text("mine")
    outcome = run("report", brief, "--svg", tmp_path / "file")
    assert outcome.code == 2
    assert "cannot be made" in outcome.err
    assert (tmp_path / "file").read_text() == "mine"
    assert run("report").code == 2
    assert run("report", tmp_path / "absent.json").code == 2


def test_the_schema_of_the_one_record_is_printed() -> None:
    outcome = run("report", "--schema")
    assert outcome.code == 0
    printed = json.loads(outcome.out)
    assert printed == storage.schema()
    assert {"command", "measurements", "exhibits", "notes"} <= set(printed["properties"])
    assert len(outcome.out.splitlines()) < 600


def test_the_page_of_records_has_every_metric_as_it_is_defined() -> None:
    page = (DOCS / "records.md").read_text(encoding="utf-8")
    command = "python -m pyengine.report.metric_table docs/records.md"
    assert page == with_table(page), f"run: {command}"
    assert all(f"| `{name}` |" in page for name in METRICS)


def test_an_unknown_command_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "soup.json"
    path.write_text(to_json(sample_sweep(1).model_copy(update={"command": "soup"})))
    outcome = run("report", path)
    assert (outcome.code, outcome.out) == (2, "")
    assert "unknown command 'soup'" in outcome.err


def test_the_page_of_records_has_every_exhibit_and_note() -> None:
    page = (DOCS / "records.md").read_text(encoding="utf-8")
    named = [
        str(keyword.value.value)
        for path in (DOCS.parent / "pyengine").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Exhibit", "Note")
        for keyword in node.keywords
        if keyword.arg in ("kind", "code") and isinstance(keyword.value, ast.Constant)
    ]
    assert len(named) > 15
    assert [name for name in named if f"`{name}`" not in page] == []


def test_every_command_has_a_view() -> None:
    compared = {"compare", "emulation", "sweep", "speed", "quantize", "recommend", "recipe"}
    others = {"pick", "probe", "vocab", "tokenize", "models", "doctor", "evaluate", "imatrix"}
    assert set(VIEWS) == {*compared, *others, "sensitivity", "verify", "paper"}


def test_models_lists_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    outcome = run("models", tmp_path, "--json")
    assert outcome.code == 0
    files = storage.parse(json.loads(outcome.out), "stdout").shown("file")
    listed = [file for file in files if file["store"] == "folder"]
    assert [Path(m["path"]).name for m in listed] == ["x.gguf"]
    assert listed[0]["problem"]
    assert run("models", tmp_path / "absent").code == 2
    assert "Models on this machine" in run("models", tmp_path).out


def test_plotting_is_not_imported_for_text() -> None:
    import subprocess
    import sys

    script = "import sys, pyengine.report.views, pyengine.commands.app, pyengine.report.terminal\n"
    script += "print([m for m in ('matplotlib', 'jinja2', 'huggingface_hub') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_run_is_shown_without_the_compiled_core(record: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys, pyengine; sys.modules['pyengine._core'] = None\n"
        "from pyengine.choose.recommend import recommend\n"
        "from pyengine.run import load\n"
        "from pyengine.report.comma_separated import measurements_of\n"
        "from pyengine.report.terminal import render_terminal\n"
        "from pyengine.report.views import document_of, page_of\n"
        "run = load(sys.argv[1])\n"
        "assert measurements_of([run]) and page_of([run])\n"
        "print(render_terminal(document_of(run)), render_terminal(document_of(recommend([run]))))\n"
        "print([name for name in sys.modules if name.startswith(('pyengine.m', 'pyengine.e'))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(record)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert "Variants of model" in done.stdout
    assert "Use model-Q" in done.stdout
    loaded = done.stdout.splitlines()[-1]
    assert "pyengine.measure" not in loaded
    assert "pyengine.models.model" not in loaded


def test_a_terminal_without_unicode_is_no_error(record: Path) -> None:
    import os
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "pyengine", "report", str(record)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Variants of model" in done.stdout


def test_a_page_says_the_command_that_was_given(tmp_path: Path) -> None:
    page, shown = tmp_path / "a.html", tmp_path / "b.html"
    asked = ["vocab", "embedded:small", "--language", "go"]
    outcome = run(*asked, "--json", "--html", page)
    assert outcome.code == 0
    assert json.loads(outcome.out)["provenance"]["words"] == asked
    assert provenance(threads=1, devices=[]).words == []  # Python asks again
    (tmp_path / "r.json").write_text(outcome.out, encoding="utf-8")
    assert run("report", tmp_path / "r.json", "-o", shown).code == 0
    assert shown.read_bytes() == page.read_bytes()
    assert "pyengine vocab embedded:small --language go</dd>" in page.read_text(encoding="utf-8")


def test_what_was_asked_leaves_out_where_it_goes() -> None:
    words = "sweep m.gguf --resume --output-dir=x --tokens 9 --html p --json --workers 2 --to Q8_0"
    assert what_was_asked(words.split()) == ("sweep", "m.gguf", "--tokens", "9", "--to", "Q8_0")
    assert what_was_asked(["probe", "--html"]) == ("probe",)


def test_progress_shows_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    from pyengine.commands.output import reporting

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with reporting() as progress:
        progress("reading [/red]\x1b[2J.gguf", 0.5)
    assert "reading [/red]<U+001B>[2J.gguf" in screen.getvalue()


def test_a_list_of_models_is_nothing_to_choose_from(tmp_path: Path) -> None:
    saved = tmp_path / "models.json"
    saved.write_text(run("models", tmp_path, "--json").out, encoding="utf-8")
    outcome = run("recommend", saved)
    assert (outcome.code, outcome.out) == (2, "")
    assert "compares no variants" in outcome.err
    assert run("report", saved, "--csv", "-").out.startswith("command,model,")


def test_a_probe_is_shown_again(tmp_path: Path) -> None:
    few = ("--language", "go", "--draws", "20", "--no-split", "--threads", "1")
    page, shown = tmp_path / "a.html", tmp_path / "b.html"
    printed = run("probe", "embedded:small", *few)
    asked = run("probe", "embedded:small", *few, "--json", "--html", page)
    record = tmp_path / "probe.json"
    record.write_text(asked.out, encoding="utf-8")
    again, follows = printed.out.split("\nNext\n")
    assert run("report", record).out == again
    assert follows.split()[-3:-1] == ["pyengine", "evaluate"]
    outcome = run("report", record, "-o", shown, "--csv", tmp_path / "rows.csv", "--svg", tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert shown.read_bytes() == page.read_bytes()
    assert (tmp_path / "probe-first-tokens.svg").exists()
    refused = run("recommend", record)
    assert (refused.code, "compares no variants" in refused.err) == (2, True)
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["metric"], row["group"]): row for row in csv.DictReader(file)}
    assert rows["entropy", "start=natural"]["unit"] == "nats"
    assert float(rows["form_mass", "language=go;form=bare"]["value"]) > 0
