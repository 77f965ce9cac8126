"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

from pyengine.models.references import resolve_model

# Fixtures of whole comparisons, sweeps and evaluations; a test file's own of that name go first.
pytest_plugins = ["comparison_samples", "sweep_samples", "codegen_samples"]

PROJECT = Path(__file__).parent.parent
SHARED = PROJECT.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what pyengine remembers of models out of the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real models and vocabularies beside the project, where there is one."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared folder with real models beside the project")
    return SHARED


@pytest.fixture(scope="session")
def stories(shared: Path) -> Path:
    """A small real Llama model with a SentencePiece vocabulary."""
    return shared / "models" / "stories260K-f32.gguf"


@pytest.fixture(scope="session")
def embedded() -> Path:
    """The model that the package ships."""
    return resolve_model()
