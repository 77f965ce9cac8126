"""KL divergence by depth of the context: joined texts, octaves, and where one curve crosses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import run
from run_samples import estimate, info, made_run
from tiny_models import Tiny, write_bpe, write_mamba

import pyengine
from pyengine.errors import CorpusError
from pyengine.measure.joint import attention_notes, depth_rows
from pyengine.measure.table import TokenTable
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.report.comparison_pictures import comparison_pictures
from pyengine.run.measurement import group_of
from pyengine.text.documents import Corpus, Document
from pyengine.text.joined import (
    join_documents,
    octave_names,
    octaves,
    position_windows,
    scored_positions,
)
from pyengine.text.tokens import tokenize
from pyengine.text.windows import WindowOptions

WIDE = Tiny(n_embd=128)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bpe(tmp_path_factory.mktemp("position") / "base.gguf", WIDE)


def corpus(n: int = 8) -> Corpus:
    texts = (f"def f{i}(x):\n    return x + {i} if x else {i}\n" * 3 for i in range(n))
    return Corpus(
        tuple(Document(f"{i}.py", "python", text.encode()) for i, text in enumerate(texts)), "made"
    )


def test_octaves_cover_a_context_once() -> None:
    assert octaves(512) == [(0, 63), (64, 127), (128, 255), (256, 511)]
    assert octaves(300) == [(0, 63), (64, 127), (128, 255), (256, 299)]
    assert octave_names(65) == ["1–64", "65–65"]
    for n in (4, 64, 65, 4096):
        covered = [p for begin, end in octaves(n) for p in range(begin, end + 1)]
        assert covered == list(range(n))


def test_no_more_rows_at_a_depth_than_the_octave_before_has() -> None:
    short, long = scored_positions(4096), scored_positions(32768)
    assert np.all(np.diff(long) > 0)
    assert long[0] == 0
    assert long[-1] == 32767
    assert len(long) == len(short) + 3 * 128
    for begin, end in octaves(4096):
        inside = short[(short >= begin) & (short <= end)]
        assert len(inside) == min(128, end - begin + 1)
        assert (inside[0], inside[-1]) == (begin, end)


def test_documents_are_joined_to_the_length_of_a_context(base: Path) -> None:
    with open_model(base, options=ModelOptions(vocabulary_only=True)) as model:
        made = corpus()
        joined = join_documents(made, model.vocabulary, 200, seed=1)
        parts = [part for text in joined for part in text.content.decode().split("\n\n")]
        assert len(parts) == len(set(parts)), "each is used once"
        assert {part.rstrip("\n") for part in parts} <= {
            document.content.decode().rstrip("\n") for document in made
        }
        texts = tokenize(joined.documents, model.vocabulary)
        assert all(len(text.ids) >= 200 for text in texts)
        options = WindowOptions(n_ctx=200, by_position=True)
        windows = list(position_windows(texts, [1], options, seed=1))
        assert len(windows) == len(texts)
        for window in windows:
            ids = texts[window.document].ids
            assert window.ids.tolist() == [1, *ids[:198].tolist()]
            assert window.targets.tolist() == ids[window.tokens].tolist()
            assert window.ids[window.rows[1:]].tolist() == ids[window.tokens[1:] - 1].tolist()
        one = WindowOptions(n_ctx=200, by_position=True, max_windows=1)
        assert len(list(position_windows(texts, [1], one, seed=1))) == 1
        with pytest.raises(CorpusError, match="no language has 100000 tokens"):
            join_documents(made, model.vocabulary, 100000, seed=1)


def test_a_comparison_tells_every_depth(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "text"
    folder.mkdir()
    for document in corpus(12):
        (folder / document.name).write_bytes(document.content)
    other = write_bpe(tmp_path / "other.gguf", Tiny(n_embd=128, scale=0.201))
    saved = tmp_path / "run.json"
    words = ("--by-position", "--context", 200, "--no-starts", "--continuations", 0, "--json")
    options = [str(word) for word in ("--corpus", folder, "--threads", 1, *words)]
    outcome = run("compare", base, f"{base}?kv=q4_0", other, *options)
    assert outcome.code == 0, outcome.err
    saved.write_text(outcome.out)
    result = pyengine.load(saved)
    names = octave_names(200)
    rows = result.select("kl", model="base?kv=q4_0", dimension="position")
    assert [row.members["position"] for row in rows] == names
    whole = result.find("kl", "base?kv=q4_0")
    assert whole is not None
    assert sum(row.n for row in rows) == whole.n
    assert sum(row.n * row.value for row in rows) == pytest.approx(whole.n * whole.value)
    differences = result.select("kl_difference", model="base?kv=q4_0")
    beside = {r.group: r for r in result.select("kl", model="other", dimension="position")}
    for row, own in zip(differences, rows, strict=True):
        assert row.members["against"] == "other"
        assert row.value == pytest.approx(own.value - beside[own.group].value)
    (picture,) = (p for p in comparison_pictures(result) if getattr(p, "name", "") == "by-position")
    (first, second) = picture.chart.series  # type: ignore[union-attr]
    assert first.xs == pytest.approx([8, np.sqrt(65 * 128), np.sqrt(129 * 200)])
    assert {len(first.values), len(second.values), len(first.lows)} == {3}
    assert "By place in the context" in run("report", saved).out


def test_differences_are_paired_over_the_tokens_that_both_have() -> None:
    rng = np.random.default_rng(5)
    lengths = {"m?kv": 40, "Q4": 60}
    place = np.array(["near", "far"])[np.arange(60) % 2]
    tables = {
        name: TokenTable(
            np.arange(n) // 4, {"position": place[:n]}, {"kl": rng.exponential(0.1, n)}
        )
        for name, n in lengths.items()
    }
    models = [
        info("m?kv", 2, sha256="whole").model_copy(update={"variant": "?kv"}),
        info("Q4", 1, sha256="small"),
    ]
    near, far = depth_rows(info("m", 2, sha256="whole"), models, tables, ["near", "far"])
    both = tables["m?kv"].columns["kl"] - tables["Q4"].columns["kl"][:40]
    assert near.value == pytest.approx(both[::2].mean())
    assert far.value == pytest.approx(both[1::2].mean())
    assert far.members == {"against": "Q4", "position": "far"}


def test_windows_and_states_are_told(base: Path, tmp_path: Path) -> None:
    with open_model(base, options=ModelOptions(vocabulary_only=True)) as model:
        assert list(attention_notes(model)) == []
        model.metadata["llama.attention.sliding_window"] = "512"
        (note,) = attention_notes(model)
        assert (note.code, note.values) == ("sliding-window", {"window": 512})
    recurrent = write_mamba(tmp_path / "mamba.gguf")
    with open_model(recurrent, options=ModelOptions(vocabulary_only=True)) as model:
        assert [note.code for note in attention_notes(model)] == ["recurrent-state"]


def test_a_picture_needs_no_interval() -> None:
    """One text gives none: then the curves have no bands."""
    group = group_of({"position": "1–64"})
    rows = [estimate("kl", "a", 0.1), estimate("kl", "a", 0.1, float("nan"), group=group)]
    found = comparison_pictures(made_run([info("m", 2), info("a", 1)], rows))
    (picture,) = (p for p in found if getattr(p, "name", "") == "by-position")
    assert picture.chart.series[0].lows == ()  # type: ignore[union-attr]
