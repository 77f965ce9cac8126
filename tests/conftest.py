"""Fixtures that every test may use."""

import compileall
import os
from pathlib import Path

import pytest

from pyengine.code.languages import LANGUAGES
from pyengine.models.references import resolve_model

# Fixtures of whole comparisons, sweeps and evaluations; a test file's own of that name go first.
pytest_plugins = ["comparison_samples", "sweep_samples", "codegen_samples"]

PROJECT = Path(__file__).parent.parent
SHARED = PROJECT.parent / "shared"
# The files that take longest, longest first: a worker that begins one last keeps all waiting.
LONGEST = (
    *("test_foreign_files", "test_reports_command", "test_docs_pick", "test_hostile_environments"),
    *("test_docs_commands", "test_docs_first_minutes"),
    *("test_sweep_resume", "test_codegen_tasks", "test_pick", "test_codegen_programs"),
    *("test_codegen_formats", "test_measure_engine", "test_quantize_bytes", "test_pick_budgets"),
    *("test_docs_python", "test_codegen_command", "test_until_decided", "test_codegen_benchmarks"),
    *("test_core_robustness", "test_full_disk", "test_chat_templates", "test_record_words"),
    *("test_sweep_numbers", "test_vocab_paper", "test_reports_page"),
    *("test_vocabulary_reachability", "test_sweep_failures", "test_comparison"),
    *("test_codegen_likelihood", "test_codegen_java", "test_model_limits", "test_comparison_plans"),
    *("test_codegen_escapes", "test_codegen_memory", "test_codegen_sandbox"),
    *("test_codegen_rejudging", "test_pick_tasks", "test_against_llama_cpp", "test_vocab_command"),
    *("test_import", "test_comparison_llama_perplexity", "test_corpus", "test_api"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file the order stays."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def _tools_found() -> None:
    """Find compilers before a test moves HOME, under which rustup finds none: it is remembered."""
    for language in LANGUAGES.values():
        language.missing()


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Compile the package: Python 3.11 keeps half a file where a test's limits cut it off."""
    compileall.compile_dir(PROJECT / "pyengine", quiet=1)


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
