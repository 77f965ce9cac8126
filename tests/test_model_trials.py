"""Files of unreviewed architectures are tried in a child process, once."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_models
from test_damaged_gguf import ABORT

from pyengine import _core
from pyengine.errors import ModelFileError
from pyengine.models import remembered, trial
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.session import Session

Runs = list[int]


@pytest.fixture
def gemma(tmp_path: Path) -> Path:
    return tiny_models.write_plain(tmp_path / "gemma.gguf", architecture="gemma")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runs:
    """The lengths of the contexts of all trials that run, with a memory of their own."""
    found: Runs = []

    original = trial.try_open

    def noted(path: Path, *, options: ModelOptions, n_ctx: int) -> None:
        found.append(n_ctx)
        original(path, options=options, n_ctx=n_ctx)

    monkeypatch.setattr(trial, "try_open", noted)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "SETTLED_SECONDS", 0.0)
    remembered._in_this_process().clear()
    return found


def test_the_python_api_is_guarded(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = gemma.parent / "sitecustomize.py"
    hook.write_text(ABORT)
    monkeypatch.setenv("PYTHONPATH", str(gemma.parent))
    with pytest.raises(ModelFileError, match=r"gemma\.gguf: llama.cpp dies on it with SIGABRT"):
        open_model(gemma)


def test_a_trial_is_remembered_by_the_files_identity(gemma: Path, runs: Runs) -> None:
    for _ in range(2):
        open_model(gemma).close()
    assert len(runs) == 1
    remembered._in_this_process().clear()  # as in another process
    open_model(gemma).close()
    assert len(runs) == 1
    os.utime(gemma, ns=(1, 1))
    open_model(gemma).close()
    assert len(runs) == 2
    open_model(gemma, options=ModelOptions(use_mmap=False)).close()
    assert len(runs) == 3


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 knows no PYTHONSAFEPATH")
def test_a_trial_imports_nothing_from_the_users_folder(
    gemma: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gemma.parent / "numpy.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(gemma.parent)
    open_model(gemma).close()
    assert len(runs) == 1


def test_a_death_is_not_remembered(
    gemma: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/bin/false")
        with pytest.raises(ModelFileError, match="a trial of it failed"):
            open_model(gemma)
    open_model(gemma).close()
    assert len(runs) == 2


def test_a_longer_session_is_tried_before_it_is_made(gemma: Path, runs: Runs) -> None:
    with open_model(gemma) as model:
        Session(model, options=SessionOptions(n_ctx=trial.POSITIONS, threads=1))
        assert runs == [trial.POSITIONS]
        for _ in range(2):
            Session(model, options=SessionOptions(n_ctx=2048, threads=1))
        assert runs == [trial.POSITIONS, 2048]


def test_reviewed_models_need_no_trial(tmp_path: Path, runs: Runs) -> None:
    with open_model(tiny_models.write_plain(tmp_path / "llama.gguf")) as model:
        Session(model, options=SessionOptions(n_ctx=4096, threads=1))
    assert runs == []


@pytest.mark.parametrize("n_positions", [1, 64, 1000])
def test_a_trial_decodes_several_batches_and_the_last_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_positions: int
) -> None:
    path = tiny_models.write_gpt2(tmp_path / "gpt2.gguf", n_positions=n_positions)
    decoded: list[tuple[int, int, int]] = []

    class Recorder:
        def __init__(self, model: _core.Model, **options: int) -> None:
            self._context = _core.Context(model, **options)  # type: ignore[arg-type]

        def decode(self, ids: Sequence[int], positions: Sequence[int], *rest: object) -> None:
            decoded.append((len(ids), self._context.n_ubatch, max(positions)))
            self._context.decode(ids, positions, *rest)  # type: ignore[arg-type]

        def clear(self) -> None:
            self._context.clear()

    watched = SimpleNamespace(**{**vars(_core), "Context": Recorder})
    monkeypatch.setattr(trial, "_core", watched)
    trial.open_and_decode(str(path), ModelOptions(), 512)
    last = min(512, n_positions) - 1
    assert max(position for *_, position in decoded) == last
    if n_positions > 64:
        assert any(n > n_ubatch for n, n_ubatch, _ in decoded)
