"""`pick` on folders of small files, against what measuring every file says."""

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from comparison_samples import Quantize

import pyengine
from pyengine.api.recommend import _here
from pyengine.errors import (
    InputError,
    ModelFileError,
    ModelKindError,
    NoSpaceError,
    OfflineError,
    OptionError,
    PickInterrupted,
)
from pyengine.measure.models import model_info
from pyengine.measure.provenance import provenance
from pyengine.measure.racing import Known
from pyengine.models.model import open_model
from pyengine.models.modelfile import modelfile
from pyengine.picking import offers
from pyengine.picking.order import Offer
from pyengine.picking.search import Search
from pyengine.run import Run, load, merge

TYPES = ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
QUICK = {"threads": 1, "repeats": 1}


@pytest.fixture(scope="module")
def folder(tiny: Path, quantized: Quantize, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and five types of it."""
    made = tmp_path_factory.mktemp("types")
    for path in (tiny, *(quantized(name) for name in TYPES)):
        shutil.copy(path, made)
    return made


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty short programs."""
    made = tmp_path_factory.mktemp("text")
    for i in range(30):
        words = f"def add{i}(a, b):\n    return a + b * {i}\n\nprint(add{i}({i}, 2))\n"
        (made / f"d{i}.py").write_text(words * 2)
    return made


@pytest.fixture(scope="module")
def every(folder: Path, text: Path) -> Run:
    """Every file measured over all of the text."""
    variants = [folder / f"tiny-{name}.gguf" for name in TYPES]
    return pyengine.compare(
        folder / "tiny.gguf",
        variants,
        corpus=text,
        starts=False,
        continuations=0,
        positions=0,
        passages=0,
        threads=1,
        precision=1e-9,  # looked at as often as a pick looks, and never enough
    )


def picked(folder: Path, text: Path, **asked: object) -> tuple[str | None, Run]:
    found = pyengine.pick(folder, corpus=text, **QUICK, **asked)  # type: ignore[arg-type]
    (choice,) = found.shown("choice")
    return choice["chosen"], found


def level(every: Run, name: str) -> tuple[float, float]:
    row = every.find("kl", name)
    assert row is not None
    return row.value, row.high


@pytest.mark.usefixtures("untimed")
def test_the_picks_are_those_of_a_comparison_of_all(folder: Path, text: Path, every: Run) -> None:
    """For limits well between two files' levels: the smallest file below, by its whole interval."""
    kl = {model.id: level(every, model.id)[0] for model in every.models[1:]}
    sizes = {model.id: model.file_bytes for model in every.models}
    ordered = sorted(kl.values())
    between = [math.sqrt(a * b) for a, b in pairwise(ordered) if b > 1.5 * a]
    assert len(between) >= 2
    for limit in between:
        within = [name for name in kl if kl[name] < limit]
        chosen, found = picked(folder, text, max_kl=limit)
        assert chosen == min(within, key=lambda name: sizes[name])
        assert found.models[0].id == "tiny"
        assert {row.interval for row in found.select("kl") if not row.group} == {"sequence"}
    assert picked(folder, text, max_kl=0.0)[0] == "tiny"
    smallest = min(sizes, key=lambda name: sizes[name])
    assert picked(folder, text, max_kl=max(kl.values()) * 3)[0] == smallest


@pytest.mark.usefixtures("untimed")
def test_a_copy_of_a_file_is_measured_once(folder: Path, text: Path, tmp_path: Path) -> None:
    for name in ("tiny", "tiny-Q8_0", "tiny-Q4_0"):
        shutil.copy(folder / f"{name}.gguf", tmp_path)
    shutil.copy(folder / "tiny-Q4_0.gguf", tmp_path / "again.gguf")
    _, measured = picked(tmp_path, text, max_kl=9)
    rows = {model.id: measured.find("kl", model.id) for model in measured.models[1:]}
    row = rows.get("tiny-Q4_0") or rows["again"]
    assert row is not None
    # At its own level neither side of the limit is known: nothing rules the copy out.
    _, found = picked(tmp_path, text, max_kl=row.value)
    assert {"again", "tiny-Q4_0"} <= {model.id for model in found.models}


@pytest.mark.usefixtures("untimed")
def test_room_decides_where_damage_does_not(folder: Path, text: Path) -> None:
    sizes = {path.stem: path.stat().st_size for path in folder.iterdir()}
    chosen, found = picked(folder, text, max_kl=0.0, max_size=f"{sizes['tiny-Q5_0']}B")
    assert chosen in ("tiny-Q5_0", "tiny-Q4_1", "tiny-Q4_0")  # not told apart, or the best
    assert found.shown("choice")[0]["qualified"] is False
    by_name = {offer["name"]: offer for offer in found.shown("offer")}
    assert by_name["tiny-Q8_0"]["why"] == "size"
    assert by_name["tiny"]["why"] == "reference"
    assert by_name["tiny"]["memory"] > sizes["tiny"]  # forecast, with the context


def test_a_pick_is_a_record_like_others(folder: Path, text: Path, tmp_path: Path) -> None:
    _, found = picked(folder, text)
    place = tmp_path / "pick.json"
    found.save(place)
    assert load(place) == found
    assert merge([found, found]) == found
    told = run("recommend", place, "--max-kl", "9")
    assert told.code == 0, told.err
    shown = run("report", place)
    assert shown.code == 0, shown.err
    assert "Run it" in shown.out


@pytest.mark.parametrize("memory", ["1MiB", "0.0009765625"])  # a plain number counts GiB
def test_one_that_does_not_fit_is_an_unmet_condition(folder: Path, text: Path, memory: str) -> None:
    words: list[str | Path] = ["--corpus", text, "--threads", "1", "--repeats", "1"]
    found = run("pick", folder, "--memory", memory, *words)
    assert found.code == 1
    assert "nothing fits 1.00 MiB of memory: tiny-Q4_0, the smallest, needs" in found.err
    assert found.out.startswith("Which file of tiny")


class Interrupting:
    """Presses Ctrl-C when so many things were told of files."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, _: str, known: Known) -> None:
        if known.n_documents:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


@pytest.mark.usefixtures("untimed")
def test_an_interrupted_search_says_the_best_so_far_and_goes_on(
    folder: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(PickInterrupted) as caught:
        picked(folder, text, watch=Interrupting(3), tokens=3000)
    so_far = caught.value.run
    assert isinstance(so_far, Run)
    assert so_far.command == "pick"
    assert so_far.shown("choice")[0]["chosen"] is not None
    assert [note.code for note in so_far.notes] == ["interrupted"]
    kept = set((tmp_path / "pyengine" / "measured" / "chunks").iterdir())
    assert kept
    times = {path: path.stat().st_mtime_ns for path in kept}
    chosen, _ = picked(folder, text, tokens=3000)
    assert chosen is not None
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)  # none was made again
    with pytest.raises(PickInterrupted) as at_once:
        picked(folder, text, progress=_interrupt)
    assert at_once.value.run is None


def _interrupt(what: str, _: float) -> None:
    if what == "open the models":
        raise KeyboardInterrupt


def test_the_leader_is_the_smallest_within_the_limit_else_the_closest() -> None:
    search = Search.__new__(Search)
    search.offers, search.asked = [], {"max_kl": 0.02, "max_flips": None}
    search.known = {"a": Known(12, 0.05, 0.04, 0.06), "b": Known(12, 0.03, 0.01, 0.05)}
    assert search._leader() == "b"


def test_files_of_two_models_are_refused(folder: Path, stories: Path, text: Path) -> None:
    with pytest.raises(ModelKindError, match="the files are of 2 models"):
        pyengine.pick([folder, stories], corpus=text)


@pytest.mark.usefixtures("untimed")
def test_one_file_that_is_not_quantized_has_its_types_made(
    tiny: Path, text: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    found = pyengine.pick(tiny, corpus=text, output_dir=made, max_kl=9, **QUICK)  # type: ignore[arg-type]
    (choice,) = found.shown("choice")
    assert [path.stem for path in made.glob("*.gguf")] == [choice["chosen"]]
    offers = {offer["name"]: offer for offer in found.shown("offer")}
    assert len(offers) > 10
    kept = made / f"{choice['chosen']}.gguf"
    assert offers[choice["chosen"]]["size"] == kept.stat().st_size


def test_a_modelfile_is_written_once(folder: Path, text: Path, tmp_path: Path) -> None:
    place = tmp_path / "Modelfile"
    words: list[str | Path] = ["--corpus", text, "--threads", "1", "--modelfile", place]
    found = run("pick", folder, *words, "--json")
    assert found.code == 0, found.err
    (chosen,) = (e["content"] for e in json.loads(found.out)["exhibits"] if e["kind"] == "choice")
    lines = place.read_text().splitlines()
    assert lines[0] == f"FROM {folder / chosen['chosen']}.gguf"
    assert lines[1] == "PARAMETER num_ctx 2048"  # it was trained with no more
    again = run("pick", folder, *words)
    assert again.code == 2
    assert "is there already" in again.err


def test_a_template_is_written_in_ollamas_words(embedded: Path) -> None:
    """The shipped model has no chat template: the Modelfile leaves it to Ollama."""
    assert "TEMPLATE" not in modelfile(embedded, 512)


def offered(name: str, size: int) -> Offer:
    bits = size / 10
    return Offer(
        name=name, reference=name, file_type="", size=size, n_params=10**9, bits_per_weight=bits
    )


@pytest.mark.parametrize("error", [NoSpaceError("full"), OfflineError("no way")])
def test_what_the_machine_lacks_is_no_fault_of_a_file(error: Exception) -> None:
    def fetch(*_: object) -> Path:
        raise error

    search = Search.__new__(Search)
    search.offers, search.fetch = [offered("best", 160), offered("small", 40)], fetch
    with pytest.raises(type(error)):
        search._open(search.offers[1])


class Disk:
    """Brings files to a folder with room for so many bytes, and removes others as a hub's does."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder, self.room = folder, room

    def __call__(self, offer: Offer, beside: Sequence[Offer]) -> Path:
        path = self.folder / offer.name
        if path.exists():
            return path
        stay = [self.folder / other.name for other in beside if other is not offer]
        for other in sorted(set(self.folder.iterdir()) - set(stay)):
            other.unlink()
        if sum(place.stat().st_size for place in stay) + offer.size > self.room:
            raise NoSpaceError("full")
        path.write_bytes(bytes(offer.size))
        return path


@pytest.mark.parametrize(("room", "at_once"), [(400, 3), (290, 2), (240, 1)])
def test_the_files_of_a_round_are_on_the_disk_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, at_once: int
) -> None:
    search = Search.__new__(Search)
    search.offers = [offered("best", 160), *(offered(f"q{n}", 40 + n) for n in (5, 15, 25, 35))]
    search.offers[0] = replace(search.offers[0], why="reference")
    search.asked, search.fetch = {"max_kl": 0.02, "max_flips": None}, Disk(tmp_path, room)
    search.specs, search.racing, search.compared, search.notes = {}, [], None, []
    rounds: list[int] = []

    def compare(_: object, names: Sequence[str]) -> None:
        new = [name for name in names if name not in seen]
        seen.update(new)
        rounds.append(len(new))
        assert all(search.specs[name].path.exists() for name in ["best", *new])

    seen = {"best"}
    search.options = search.means = None  # type: ignore[assignment]
    monkeypatch.setattr(
        "pyengine.picking.search.open_file", lambda _, spec, *__: spec.path.read_bytes()
    )
    monkeypatch.setattr(search, "_compare", compare)
    search._open(search.offers[0])
    search._compare_in_rounds(None)  # type: ignore[arg-type]
    assert rounds[0] == at_once
    assert seen == {offer.name for offer in search.offers}
    assert search.ready("q5").path.exists()
    assert not search.notes


def test_what_the_reference_of_a_pick_needs_is_forecast(tiny: Path) -> None:
    with open_model(tiny) as model:
        info = model_info("tiny", model)
    record = Run(
        command="pick",
        options={},
        provenance=provenance(threads=1, devices=[], seed=0),
        models=[info],
    )
    needed, free = _here([record], 512)
    assert needed[info.sha256] > tiny.stat().st_size
    assert free
    assert _here([record.model_copy(update={"command": "compare"})], 512) == ({}, None)


def test_a_modelfile_of_a_file_that_is_removed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--keep none removes it"):
        pyengine.pick(tmp_path / "none.gguf", keep="none", modelfile=tmp_path / "Modelfile")


def test_a_modelfile_in_no_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its folder is missing"):
        pyengine.pick(tmp_path / "none.gguf", modelfile=tmp_path / "none" / "Modelfile")


def test_where_no_file_can_be_used_the_first_ones_reason_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and no more")
    with pytest.raises(ModelFileError, match=rf"can be used \({broken}: .+\)"):
        pyengine.pick(tmp_path)


def test_types_are_made_of_the_file_that_can_be_used(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny, tmp_path / "a.gguf")
    shutil.copy(tiny, tmp_path / "b.gguf")
    described = offers._described
    failed: list[str] = []

    def fail_first(name: str, *rest: Any) -> Offer:  # noqa: ANN401 - whatever it takes
        if not failed:
            failed.append(name)
            raise ModelFileError(f"{name}: is damaged")
        return described(name, *rest)

    monkeypatch.setattr(offers, "_described", fail_first)
    given: dict[str, Any] = {"most_bytes": None, "output_dir": tmp_path, "imatrix": None}
    given["recipes"] = None
    told: dict[str, Any] = {"context": 512, "gpu_layers": 0, "progress": lambda *_: None}
    with offers.found_offers([tmp_path], **given, **told) as found:
        assert found.made is not None
        assert found.made.source.stem == found.offers[0].name
        assert found.made.source.stem not in failed


def test_ctrl_c_ends_a_search_whose_answer_so_far_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> Path:
        raise KeyboardInterrupt

    def fail() -> None:
        raise InputError("no answer")

    search = Search.__new__(Search)
    search.offers, search.fetch = [offered("best", 160)], interrupt
    monkeypatch.setattr(Search, "hopeful", [])
    monkeypatch.setattr(search, "_so_far", fail)
    with pytest.raises(PickInterrupted) as caught:
        search.run()
    assert caught.value.run is None
