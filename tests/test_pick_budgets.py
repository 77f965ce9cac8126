"""`pick` under eight budgets, on folders and a hub, against sizes and damages found another way."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_server import COMMIT, Hub, serving

import pyengine
from pyengine.models.header import read_header
from pyengine.models.memory import forecast
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.session import Session
from pyengine.run import Run

TYPES = ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
# No budget here asks for speed.
pytestmark = pytest.mark.usefixtures("untimed")
QUICK: dict[str, Any] = {"threads": 1, "repeats": 1, "context": 64}
# What is read of a remote file beside its header at most: a block, and a vector to compare.
BESIDE = (1 << 14) + (1 << 12) + 4 * 256
BUDGETS = ("default", "kl", "wide kl", "flips", "no damage", "size", "size, no damage", "memory")


@dataclass(frozen=True)
class Level:
    """What a file has of bytes and damage: by its size on the disk, and by one row at a time."""

    size: int
    kl: float
    flips: float


@dataclass(frozen=True)
class Ladder:
    """Types of one real model in a folder, their levels by name, and the text."""

    folder: Path
    text: Path
    levels: Mapping[str, Level]

    @property
    def reference(self) -> str:
        """The name of the file that is not quantized."""
        return max(self.levels, key=lambda name: self.levels[name].size)


def programs(folder: Path) -> list[bytes]:
    """Write thirty short programs."""
    words = [
        f"def add{i}(a, b):\n    return a + b * {i}\n\nprint(add{i}(2, {i}))\n" for i in range(30)
    ]
    for i, text in enumerate(words):
        (folder / f"d{i}.py").write_text(text * 2)
    return [(text * 2).encode() for text in words]


def log_probabilities(path: Path, texts: list[bytes]) -> np.ndarray[Any, Any]:
    """The logarithms of all probabilities at all places, by doubles."""
    with open_model(path) as model:
        session = Session(model, options=SessionOptions(n_ctx=512, threads=1))
        start = [] if model.vocabulary.bos is None else [model.vocabulary.bos]
        rows = []
        for text in texts:
            ids = [*start, *model.vocabulary.tokenize(text)]
            rows.append(session.logits_at(ids, range(len(ids))).astype(np.float64))
    logits = np.concatenate(rows)
    logits -= logits.max(axis=1, keepdims=True)
    found: np.ndarray[Any, Any] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return found


@pytest.fixture(scope="module", params=["babyllama-tok361-f32", "small"])
def ladder(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Ladder:
    """A real model: one of 1 million parameters, and one that the package ships."""
    source = shared / "models" / f"{request.param}.gguf"
    if request.param == "small":
        source = Path(pyengine.__file__).parent / "data" / "models" / "small.gguf"
    folder, text = tmp_path_factory.mktemp("types"), tmp_path_factory.mktemp("text")
    paths = [folder / "real.gguf"]
    paths[0].write_bytes(source.read_bytes())
    for name in TYPES:
        paths.append(folder / f"real-{name}.gguf")
        (plan,) = plan_quantization(source, [name])
        quantize_file(source, paths[-1], plan, source_sha256=file_sha256(source))
    texts = programs(text)
    p = log_probabilities(paths[0], texts)
    levels = {}
    for path in paths:
        q = log_probabilities(path, texts)
        kl = float((np.exp(p) * (p - q)).sum(axis=1).mean())
        flips = float((p.argmax(axis=1) != q.argmax(axis=1)).mean())
        levels[path.stem] = Level(path.stat().st_size, max(kl, 0.0), flips)
    return Ladder(folder, text, levels)


def between(values: list[float], which: int) -> float:
    """A limit in the middle of a gap between two levels; of all gaps the largest is the first."""
    ordered = sorted(value for value in values if value > 0)
    gaps = sorted(pairwise(ordered), key=lambda ends: ends[0] / ends[1])
    low, high = gaps[which]
    assert high > 1.3 * low, "the ladder has steps"
    return math.sqrt(low * high)


def conditions(ladder: Ladder, budget: str) -> dict[str, Any]:
    """What is asked for under a budget."""
    kls = [level.kl for level in ladder.levels.values()]
    flips = [level.flips for level in ladder.levels.values()]
    size = ladder.levels["real-Q5_1"].size
    asked: dict[str, dict[str, Any]] = {
        "default": {},
        "kl": {"max_kl": between(kls, 0)},
        "wide kl": {"max_kl": 3 * max(kls)},
        "flips": {"max_flips": 2.5 * max(flips)},
        "no damage": {"max_kl": 0.0},
        "size": {"max_kl": between(kls, 1), "max_size": f"{size}B"},
        "size, no damage": {"max_kl": 0.0, "max_size": f"{size}B"},
        # Halfway between what the reference needs and what Q8_0 does.
        "memory": {"max_kl": 0.0, "memory": None},
    }
    return asked[budget]


def expected(ladder: Ladder, asked: Mapping[str, Any]) -> set[str]:
    """The smallest file within all limits, else those of least damage that fit; by hand."""
    limit = asked.get("max_kl", 0.02 if "max_flips" not in asked else math.inf)
    room = int(asked.get("max_size", f"{1 << 40}B")[:-1])
    if "memory" in asked:
        room = ladder.levels["real-Q8_0"].size  # the reference does not fit
    fitting = {name: level for name, level in ladder.levels.items() if level.size <= room}
    within = {
        name: level
        for name, level in fitting.items()
        if level.kl <= limit and level.flips <= asked.get("max_flips", 1.0)
    }
    if within:
        return {min(within, key=lambda name: within[name].size)}
    least = min(level.kl for level in fitting.values())
    return {name for name, level in fitting.items() if level.kl < 1.3 * least}


def picked(ladder: Ladder, budget: str, *models: str | Path) -> tuple[Run, dict[str, Any]]:
    """Pick under a budget, and check the choice."""
    asked = conditions(ladder, budget)
    given = dict(asked)
    if "memory" in asked:
        whole = forecast(ladder.folder / f"{ladder.reference}.gguf", QUICK["context"]).main
        saved = ladder.levels[ladder.reference].size - ladder.levels["real-Q8_0"].size
        given["memory"] = f"{whole - saved // 2}B"
    found = pyengine.pick(list(models), corpus=ladder.text, **QUICK, **given)
    assert found.shown("choice")[0]["chosen"] in expected(ladder, asked)
    assert found.models[0].id == ladder.reference
    for offer in found.shown("offer"):
        assert offer["size"] == ladder.levels[offer["name"]].size
    return found, asked


@pytest.mark.parametrize("budget", BUDGETS)
def test_the_picks_of_a_folder(ladder: Ladder, budget: str) -> None:
    found, _ = picked(ladder, budget, ladder.folder)
    for row in found.select("kl", group=""):
        if not row.is_control:
            assert row.value == pytest.approx(ladder.levels[row.model].kl, rel=0.4)


def test_budgets_lead_to_different_files(ladder: Ladder) -> None:
    wanted = [expected(ladder, conditions(ladder, budget)) for budget in BUDGETS]
    assert len({min(names) for names in wanted}) >= 4


def test_what_files_need_differs_by_their_sizes(ladder: Ladder) -> None:
    """Weights are all that types differ in; a process's own memory varies by some pages."""
    found = pyengine.pick(ladder.folder, corpus=ladder.text, max_kl=9, **QUICK)
    needs = {offer["name"]: offer["memory"] - offer["size"] for offer in found.shown("offer")}
    assert max(needs.values()) - min(needs.values()) < 1 << 19


@pytest.fixture
def hub(ladder: Ladder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Two uploaders: one has the large files, and one that is broken; the other the small ones."""
    pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")
    files = {path.name: path.read_bytes() for path in ladder.folder.iterdir()}
    small = {name: files.pop(name) for name in list(files) if "Q4" in name}
    files["real-Q2_K.gguf"] = files["real-Q8_0.gguf"][:-1000]
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with serving(Hub(files, {"other/tiny": small})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def header_bytes(path: Path) -> int:
    """Return how long a file's header is."""
    data = path.read_bytes()
    return read_header(str(path), len(data), lambda begin, end: data[begin:end]).n_bytes


@pytest.mark.parametrize("ladder", ["babyllama-tok361-f32"], indirect=True)
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_picks_of_a_hub_and_what_was_downloaded(
    ladder: Ladder, hub: Hub, budget: str, tmp_path: Path
) -> None:
    """Of files that are measured every byte once, of others their headers."""
    found, asked = picked(ladder, budget, "hf:owner/repo", "hf:other/tiny")
    assert [note.code for note in found.notes if note.code == "left-out"] == ["left-out"]
    measured = {model.id for model in found.models}
    for address, sent in hub.sent.items():
        name = Path(address).stem
        if name == "real-Q2_K":
            continue
        header = header_bytes(ladder.folder / f"{name}.gguf")
        whole = ladder.levels[name].size if name in measured else 0
        assert whole <= sent <= whole + header + BESIDE, name
    if "max_size" in asked:
        room = int(asked["max_size"][:-1])
        larger = {name for name, level in ladder.levels.items() if level.size > room}
        assert measured & larger == {ladder.reference}
    chosen = found.shown("choice")[0]["chosen"]
    kept = [path for path in (tmp_path / "hub").rglob("*.gguf") if path.exists()]
    assert [path.stem for path in kept] == [chosen]
    assert f"/{COMMIT}/" in kept[0].as_posix()
