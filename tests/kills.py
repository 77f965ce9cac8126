"""Kill commands at random moments, run them again, and look what they left.

    python tests/kills.py --kills 100 --seed 1          the whole campaign, figures on stdout
    python tests/kills.py --commands download --kills 5

Every kill is a fresh start in folders full of foreign files, SIGKILL at a moment drawn uniformly
from the time that an undisturbed run takes, and the same command again to its end. Held: its
results are the bytes of the undisturbed run, nothing of ours is left unfinished, and every foreign
file, link and time is as before, after the kill and after the end.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import tiny_models
from foreign_files import HIDDEN, LINK, PIPE, Planted, plant
from hub_server import Hub, serving
from report_samples import sweep_of_few_pictures

from pyengine.run import to_json

SECONDS = 300
# What differs between two runs that nobody disturbs.
TIMES = ("wall_s", "cpu_s", "cost", "command", "words")
# And the measurements of what this run took: one that goes on takes less.
COSTS = ("prompt_tokens", "writing_seconds", "execution_seconds", "writing_speed")
# Each prompt begins with its own number: what one has in common with an earlier one is not computed
# again, which a run that goes on has to do, in another batch.
TASK = """
[[task]]
name = "{number}"
entry_point = "f"
prompt = "# {number}\\ndef f():"
reference = " return {number}"
tests = "assert f() == {number}"
"""

Outputs = Callable[[Path, bytes], dict[str, bytes]]


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        words: the arguments; {place} is the folder of the run.
        folders: below that folder, all in which it writes.
        outputs: what it made, by name, from the folder and its standard output.
    """

    name: str
    words: Sequence[str]
    folders: Sequence[str]
    outputs: Outputs
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, place: Path) -> "subprocess.Popen[bytes]":
        """Start the command in its folder, with all that it might write to inside of it."""
        words = [word.format(place=place) for word in self.words]
        where = {"TMPDIR": "tmp", "XDG_CACHE_HOME": "cache", "HF_HOME": "hub", "HOME": "home"}
        environment = {name: str(place / folder) for name, folder in where.items()}
        return subprocess.Popen(
            [sys.executable, "-m", "pyengine", *words],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment, **self.environment},
        )

    def run(self, place: Path) -> dict[str, bytes]:
        """Run the command to its end, and return what it made."""
        with self.start(place) as child:
            out, complaint = child.communicate(timeout=SECONDS)
        assert child.returncode == 0, f"{self.name}: {complaint.decode(errors='replace')}"
        return self.outputs(place, out)

    def plant(self, place: Path) -> Planted:
        """Make the folder of a run anew, full of foreign files."""
        for name in ("place", "outside"):
            shutil.rmtree(place.parent / name, ignore_errors=True)
        folders = [place / name for name in ("", "tmp", "cache", "home", *self.folders)]
        return plant(list(dict.fromkeys(folders)), place.parent / "outside")


@dataclass
class Kill:
    """What one kill found wrong: nothing, where all is well."""

    moment: float
    was_running: bool
    faults: list[str]


def kill_once(command: Command, place: Path, moment: float, expected: dict[str, bytes]) -> Kill:
    """Run a command, kill it after `moment` seconds, run it again, and compare."""
    planted = command.plant(place)
    with command.start(place) as child:
        try:
            child.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            child.kill()
        was_running = child.wait() == -9
    faults = [f"touched by the killed run: {name}" for name in planted.touched()]
    try:
        made = command.run(place)
    except AssertionError as error:
        return Kill(moment, was_running, [*faults, f"not resumed: {error}"])
    for name in sorted(made.keys() | expected.keys()):
        if made.get(name) != expected.get(name):
            faults.append(f"other bytes: {name} {_difference(made.get(name), expected.get(name))}")
    faults += [f"touched: {name}" for name in planted.touched()]
    faults += [f"left: {path}" for path in leftovers(place)]
    return Kill(moment, was_running, faults)


def _difference(made: bytes | None, expected: bytes | None) -> str:
    """Say where two records begin to differ; nothing of what is kept as a hash."""
    pairs = enumerate(zip(made or b"", expected or b"", strict=False))
    first = next((i for i, (one, other) in pairs if one != other), 0)
    texts = ((text or b"")[max(first - 60, 0) : first + 60] for text in (made, expected))
    return " ~ ".join(text.decode("utf-8", "replace") for text in texts if text.isascii())


def leftovers(place: Path) -> list[Path]:
    """Return what is unfinished in the folder of a run and is not planted."""
    planted = {*HIDDEN, LINK, PIPE, LINK.replace("-7-", "-9-")}
    found = [path for path in place.rglob("*") if "unfinished" in path.name]
    found += (place / "tmp").iterdir() if (place / "tmp").is_dir() else []
    foreign = {path.name for path in (place / "home").iterdir()}
    return [path for path in found if path.name not in planted | foreign]


def undisturbed(command: Command, place: Path) -> tuple[dict[str, bytes], float]:
    """Return what a run makes that nobody kills, and its seconds."""
    planted = command.plant(place)
    started = time.monotonic()
    made = command.run(place)
    seconds = time.monotonic() - started
    assert not planted.touched(), planted.touched()
    assert not leftovers(place), leftovers(place)
    assert made
    return made, seconds


def files(*patterns: str) -> Outputs:
    """Make a function that reads the files that match, foreign ones left out."""

    def read(place: Path, _: bytes) -> dict[str, bytes]:
        found = [path for pattern in patterns for path in place.glob(pattern)]
        whole = [path for path in found if path.is_file() and not path.name.startswith(".")]
        return {str(path.relative_to(place)): _digest(path.read_bytes()) for path in whole}

    return read


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _record(_: Path, out: bytes) -> dict[str, bytes]:
    """Return a record on standard output without what depends on time."""
    record = _timeless(json.loads(out))
    columns = record["measurements"]
    kept = [metric not in COSTS for metric in columns["metric"]]
    record["measurements"] = {name: list(compress(columns[name], kept)) for name in columns}
    return {"record": json.dumps(record, sort_keys=True).encode()}


def _timeless(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name not in TIMES}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


@contextmanager
def commands(inputs: Path) -> Iterator[dict[str, Command]]:
    """Make models, texts and a hub, and yield every command that writes, by name."""
    model = inputs / "tiny-f32.gguf"
    tiny_models.write_plain(model, n_embd=256, scale=0.1)
    variant = inputs / "variant.gguf"
    tiny_models.write_plain(variant, n_embd=256, scale=0.11)
    corpus = inputs / "corpus"
    corpus.mkdir()
    for name in ("one.py", "two.go", "three.c"):
        (corpus / name).write_text("def add(a, b):\n    return a + b\n" * 3)
    tasks = inputs / "tasks.toml"
    entries = "".join(TASK.format(number=number) for number in range(4))
    tasks.write_text(f'language = "python"\n{entries}', encoding="utf-8")
    words = inputs / "words.gguf"
    tiny_models.write_bpe(words)
    (inputs / "record.json").write_text(to_json(sweep_of_few_pictures()))
    with ExitStack() as stack:
        hub = Hub({"model-Q8_0.gguf": _large(inputs)}, chunk_seconds=0.02)
        stack.enter_context(serving(hub))
        found = _commands(model, variant, corpus, tasks, words)
        found.append(_download(hub))
        yield {command.name: command for command in found}


def _large(inputs: Path) -> bytes:
    """Return a model of more than one block of 10 MiB in which downloads are kept."""
    path = inputs / "large.gguf"
    tiny_models.write_plain(path, n_embd=512)
    data = path.read_bytes()
    assert len(data) > 11 << 20, len(data)
    return data


def _download(hub: Hub) -> Command:
    blobs = "hub/hub/models--owner--repo"
    return Command(
        "download",
        ["tokenize", "hf:owner/repo:Q8_0", "abc", "--text"],
        ["hub", "hub/hub", blobs, f"{blobs}/blobs", f"{blobs}/snapshots"],
        files(f"{blobs}/snapshots/*/*", f"{blobs}/blobs/[0-9a-f]*"),
        {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1"},
    )


def _commands(model: Path, variant: Path, corpus: Path, tasks: Path, words: Path) -> list[Command]:
    short = ["--corpus", str(corpus), "--tokens", "100", "--context", "64", "--threads", "1"]
    quantize = ["quantize", str(model), "--to", "Q8_0,Q5_K_M,Q4_0,Q2_K", "--threads", "1"]
    compare = ["compare", str(model), str(variant), *short, "--no-starts", "--continuations", "0"]
    sweep = ["sweep", str(model), "--to", "Q8_0", *short, "--workers", "2", "--no-speed"]
    # One answer at a time: fewer are left to write beside each other in a run that goes on.
    alone = ["--threads", "1", "--jobs", "1", "--parallel", "1"]
    evaluate = ["evaluate", str(words), "--tasks", str(tasks), *alone]
    probe = ["probe", str(words), "--language", "go", "--draws", "20", "--threads", "1"]
    record = str(model.parent / "record.json")
    tables = ["-o", "{place}/page.html", "--csv", "{place}/rows.csv"]
    tables += ["--parquet", "{place}/rows.parquet", "--svg", "{place}/pictures"]
    return [
        Command(
            "sweep",
            [*sweep, "--output-dir", "{place}/sweep", "--resume", "--json"],
            ["sweep", "sweep/models", "sweep/chunks", "sweep/speeds"],
            files("sweep/results.json", "sweep/models/tiny-*", "sweep/chunks/*.[jn]*"),
        ),
        Command(
            "quantize",
            [*quantize, "--output-dir", "{place}/variants"],
            ["variants"],
            files("variants/tiny-Q*.gguf"),
        ),
        Command(
            "evaluate",
            [*evaluate, "--max-tokens", "12", "--results", "{place}/kept", "--json"],
            ["kept"],
            _record,
        ),
        Command(
            "probe",
            [*probe, "--save-logits", "{place}/rows.npz", "--html", "{place}/p.html"],
            [],
            files("rows.npz", "p.html"),
        ),
        Command(
            "compare",
            [*compare, "--save-logits", "{place}/rows"],
            ["rows"],
            files("rows/*-window*.npz"),
        ),
        Command(
            "report",
            ["report", record, *tables],
            ["pictures"],
            files("page.html", "rows.csv", "rows.parquet", "pictures/*.svg"),
        ),
    ]


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", default="sweep,quantize,evaluate,download")
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    faults = 0
    with tempfile.TemporaryDirectory() as folder, commands(Path(folder)) as known:
        place = Path(folder) / "place"
        chosen = [known[name] for name in asked.commands.split(",")]
        whole = {command.name: undisturbed(command, place) for command in chosen}
        found: dict[str, list[Kill]] = {command.name: [] for command in chosen}
        for number in range(asked.kills):
            command = chosen[number % len(chosen)]
            expected, seconds = whole[command.name]
            kill = kill_once(command, place, rng.uniform(0, seconds), expected)
            found[command.name].append(kill)
            said = "; ".join(kill.faults) or "good"
            sys.stdout.write(f"{number + 1} {command.name} after {kill.moment:.2f} s: {said}\n")
            sys.stdout.flush()
        for name, kills in found.items():
            running = Counter(kill.was_running for kill in kills)[True]
            bad = sum(bool(kill.faults) for kill in kills)
            faults += bad
            sys.stdout.write(
                f"{name}: {len(kills)} kills within {whole[name][1]:.1f} s, {running} while it "
                f"ran, {len(whole[name][0])} files or records compared, {bad} with faults\n"
            )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
