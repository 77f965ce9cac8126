"""A full disk at any write: one sentence with the file's name, exit code 2, nothing half-written.

The limit on the size of a file stands for the disk: it ends every write in the middle, also those
of child processes. One test fills a real file system.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_models
from full_disk import largest_file
from report_samples import sweep_of_few_pictures
from sweep_samples import SmallSweep, record_of

from pyengine.code.sandbox import Sandbox
from pyengine.commands.app import run
from pyengine.run import to_json

PROBE = ["probe", "MODEL", "--language", "go", "--draws", "20"]
COMPARE = ["compare", "MODEL", "OTHER", "--corpus", "TEXT"]
QUICK = ["--no-starts", "--continuations", "0"]
TIMINGS = 100  # bytes: two records of one run differ by the digits of their times
EMULATE = ["--emulate", "llama-perplexity", "--base-file", "OUT.kld", "--context", "16"]


def refused(
    arguments: list[str], limit: int, capsys: pytest.CaptureFixture[str], *names: str
) -> None:
    """Run a command under the limit, and hold what it says to one sentence with those names."""
    capsys.readouterr()
    with largest_file(limit):
        code = run(arguments)
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.count("\n") == 1, said
    for name in names:
        assert name in said


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record with pictures."""
    path = tmp_path_factory.mktemp("record") / "results.json"
    path.write_text(to_json(sweep_of_few_pictures()))
    return path


@pytest.mark.parametrize("option", ["-o", "--csv", "--parquet", "--svg", "--png"])
def test_reports(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    target = tmp_path / "made"
    refused(["report", str(record), option, str(target)], 50, capsys, "made", "cannot be written")
    assert list(tmp_path.iterdir()) == []
    if option not in ("--svg", "--png"):
        target.write_text("before")
        refused(["report", str(record), option, str(target)], 50, capsys, "made")
        assert target.read_text() == "before"
        assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([*PROBE, "--save-logits", "OUT.npz"], "rows"),
        ([*PROBE, "--save-logits", "OUT.npz"], "OUT.npz"),
        ([*PROBE, "--html", "OUT.html"], "OUT.html"),
        (["vocab", "MODEL", "--language", "go", "--html", "OUT.html"], "OUT.html"),
        (
            ["compare", "MODEL", "OTHER", "--corpus", "TEXT", *QUICK, "--html", "OUT.html"],
            "OUT.html",
        ),
        (
            ["compare", "MODEL", "OTHER", "--corpus", "TEXT", *QUICK, "--save-logits", "OUT"],
            "window000000",
        ),
        (
            ["compare", "MODEL", "OTHER", "--corpus", "TEXT", *QUICK],
            "rows",
        ),
        ([*COMPARE, *EMULATE], "OUT.kld"),
        (["quantize", "MODEL", "--to", "Q8_0,Q4_0", "--output-dir", "OUT"], "Q8_0.gguf"),
    ],
)
def test_commands(
    sweep: SmallSweep,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    other = tmp_path / "other.gguf"
    tiny_models.write_plain(other, n_embd=64, scale=0.52)
    where = {"MODEL": str(sweep.source), "OTHER": str(other), "TEXT": str(sweep.corpus / "one.py")}
    arguments = [where.get(word, word) for word in words]
    limit = 300
    if name.startswith(("OUT.npz", "OUT.html", "window")):
        # The rows on the way there are smaller than what is made.
        assert run(arguments) == 0
        made = [path for path in tmp_path.rglob("*") if name in path.name]
        limit = min(path.stat().st_size for path in made) - TIMINGS
        for path in tmp_path.glob("OUT*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    refused(arguments, limit, capsys, name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.gguf", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_sweep_keeps_what_it_has(
    sweep: SmallSweep, undisturbed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = sweep.command(tmp_path, "--no-speed", "--json")
    for part, names in (
        ("models/*.gguf", [str(tmp_path)]),
        ("chunks/*.npz", ["rows"]),  # the reference's, which are larger than any chunk
        ("results.json", ["results.json"]),
    ):
        largest = max(path.stat().st_size for path in undisturbed.glob(part))
        before = contents(tmp_path)
        refused(arguments, largest - TIMINGS, capsys, *names)
        assert contents(tmp_path).items() >= before.items()
        for path in tmp_path.rglob("*"):
            name = path.relative_to(tmp_path)
            if path.is_file() and path.stat().st_size:
                assert path.stat().st_size == (undisturbed / name).stat().st_size  # it is whole
        folder = part.partition("/")[0]
        if (undisturbed / folder).is_dir():
            shutil.copytree(undisturbed / folder, tmp_path / folder, dirs_exist_ok=True)
    assert run(arguments) == 0
    assert record_of(tmp_path) == record_of(undisturbed)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_evaluation_keeps_whole_answers(
    writer: Path, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = sandbox
    kept = tmp_path / "kept"
    arguments = ["evaluate", str(writer), "--results", str(kept), "--limit", "3", "--threads", "1"]
    arguments += ["--language", "python", "--max-tokens", "8", "--jobs", "1", "--json"]
    assert run(arguments) == 0
    first, *others = sorted(kept.glob("*/*.json"))
    assert len(others) == 2
    limit = min(path.stat().st_size for path in others) - TIMINGS
    whole = first.read_bytes()
    for path in others:
        path.unlink()
    refused(arguments, limit, capsys, first.parent.name, "cannot be written")
    refused(arguments, 100, capsys)  # not even a program can be handed to the sandbox
    assert {path: path.read_bytes() for path in first.parent.iterdir()} == {first: whole}
    assert run(arguments) == 0
    assert len(list(first.parent.iterdir())) == 3


REAL = """
mount -t tmpfs -o size=400k none "$0" || exit 77
echo before > "$0/page.html"
"$@"
code=$?
ls -A "$0" > "$LEFT"
cat "$0/page.html" >> "$LEFT"
exit $code
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize("what", ["quantize", "sweep", "report", "device"])
def test_a_file_system_that_is_really_full(record: Path, tmp_path: Path, what: str) -> None:
    big = tmp_path / "big-f32.gguf"
    tiny_models.write_plain(big, n_embd=256)
    small, page = tmp_path / "small", tmp_path / "small" / "page.html"
    small.mkdir()
    fill = f"import os; f = open('{small}/fill', 'wb', 0)\nwhile f.write(bytes(4096)): pass"
    quantize = ["quantize", str(big), "--to", "Q8_0", "--output-dir", str(small)]
    words = {
        "quantize": quantize,
        "sweep": ["sweep", str(big), "--to", "F16", "--output-dir", str(small / "sweep")],
        "report": ["report", str(record), "-o", str(page)],
        "device": ["report", str(record), "-o", "/dev/full"],
    }[what]
    full = f'{sys.executable} -c "{fill}" 2>/dev/null; exec {sys.executable} -m pyengine "$@"'
    command = ["sh", "-c", full, "sh"] if what == "report" else [sys.executable, "-m", "pyengine"]
    left = tmp_path / "left"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", REAL, str(small), *command, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LEFT": str(left)},
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("pyengine: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert ("/dev/full" if what == "device" else str(small)) in done.stderr
    assert [n for n in left.read_text().split() if n != "fill"] == ["page.html", "before"]
