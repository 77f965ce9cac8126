"""Importing pyengine: fast, alone, beside llama_cpp, and refused where it would read garbage."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_models
from tiny_models import Tiny

import pyengine
from pyengine.errors import ModelFileError
from pyengine.models.model import open_model

HEAVY = (
    "matplotlib",
    "jinja2",
    "rich",
    "typer",
    "pydantic",
    "scipy",
    "llama_cpp",
    "tree_sitter",
    "huggingface_hub",
)
MAPPED = """
maps = open("/proc/self/maps").read().splitlines()
print(*sorted({line.split()[-1] for line in maps if "libllama" in line}))
"""


def python(code: str, *paths: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code]
    path = ":".join(map(str, paths))
    environment = {"PYTHONPATH": path} if paths else None
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=environment
    )


def test_importing_loads_no_heavy_library() -> None:
    code = f"import sys, pyengine\nprint(*(n for n in {HEAVY!r} if n in sys.modules))"
    done = python(code)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_opening_a_model_loads_no_plotting_or_web_library(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf")
    unwanted = ("matplotlib", "jinja2", "rich", "llama_cpp", "tree_sitter", "huggingface_hub")
    code = (
        f"import sys, pyengine\npyengine.open_model({str(path)!r})\n"
        f"print(*(n for n in {unwanted!r} if n in sys.modules))"
    )
    done = python(code)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize("module", ["pyengine.measure.decode", "pyengine.measure.speed"])
def test_the_process_of_a_model_does_without_records(module: str) -> None:
    unwanted = ("pydantic", "rich", "typer", "importlib.metadata", "tree_sitter")
    code = (
        f"import sys, pyengine.models.child, {module}\nfrom pyengine import _core\n"
        f"print(*(n for n in {unwanted!r} if n in sys.modules))"
    )
    done = python(code)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_probing_imports_no_parser() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "pyengine", "probe"]
    command += ["embedded:small", "--no-split", "--draws", "1", "--language", "go"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    imported = set(re.findall(r"\|\s+([\w.]+)$", done.stderr, flags=re.MULTILINE))
    assert {"pydantic", "pyengine.measure.probe"} <= imported
    assert not imported & {"tree_sitter", "jinja2", "matplotlib"}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "imports",
    ["import pyengine.models.model, llama_cpp", "import llama_cpp, pyengine.models.model"],
    ids=["pyengine first", "llama_cpp first"],
)
def test_one_libllama_is_mapped(imports: str) -> None:
    done = python(imports + MAPPED)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 1


def test_everything_public_can_be_imported() -> None:
    assert all(getattr(pyengine, name) is not None for name in pyengine.__all__)
    assert set(pyengine.__all__) <= set(dir(pyengine))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = pyengine.nonsense


def unknown_architecture(path: Path) -> Path:
    """A sound GGUF that llama.cpp itself refuses."""
    data = tiny_models.write_bpe(path).read_bytes()
    at = data.index(b"llama", data.index(b"general.architecture"))
    path.write_bytes(data[:at] + b"lxama" + data[at + 5 :])
    return path


def test_a_failure_speaks_through_the_exception_alone(tmp_path: Path) -> None:
    path = unknown_architecture(tmp_path / "odd.gguf")
    code = (
        "import pyengine\ntry:\n"
        f"    pyengine.open_model({str(path)!r})\n"
        "except Exception as error:\n    print(error)"
    )
    done = python(code)
    assert done.stderr == ""
    assert "lxama" in done.stdout
    assert "odd.gguf" in done.stdout


def test_the_last_error_of_llama_cpp_is_in_the_exception(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"llama.cpp cannot open it: .*architecture.*lxama"):
        open_model(unknown_architecture(tmp_path / "odd.gguf"))


def test_llama_cpp_logs_to_pythons_logging(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf", Tiny(n_vocab=400))
    with caplog.at_level(logging.DEBUG, logger="pyengine.llama"):
        open_model(path).close()
    lines = [record.getMessage() for record in caplog.records if record.name == "pyengine.llama"]
    assert any("general.architecture" in line or "llama" in line for line in lines)


NOT_BY_DEFAULT = (
    *("scipy", "matplotlib", "PIL", "pandas", "pyarrow", "distributed", "dask"),
    "huggingface_hub",
)


@pytest.mark.parametrize(
    "words",
    [
        "probe embedded:small --draws 20 --language python",
        "vocab embedded:small --language go",
        "compare embedded:small embedded:distilled --tokens 300 --continuations 1 --markdown",
        "quantize embedded:small --to Q8_0 --dry-run",
        "evaluate embedded:small --limit 1 --results answers",
        "tokenize embedded:small x",
        "doctor",
    ],
)
def test_the_default_installation_does_without_extras(tmp_path: Path, words: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"""
import sys
for name in {NOT_BY_DEFAULT!r}:
    sys.modules[name] = None
""")
    done = subprocess.run(
        [sys.executable, "-m", "pyengine", *words.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    if "no sandbox works" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 5


def test_scipy_is_used_by_the_tests_alone() -> None:
    imports = re.compile(r"^\s*(?:import|from) scipy", re.MULTILINE)
    files = list(Path(pyengine.__file__).parent.rglob("*.py"))
    assert len(files) > 100
    assert not [path for path in files if imports.search(path.read_text(encoding="utf-8"))]
