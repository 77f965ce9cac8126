"""The page for Python: its code runs, each in five lines, and shows every public function."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import pyengine
from pyengine.run import to_json

PAGE = (Path(__file__).parent.parent / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
FUNCTIONS = [
    name
    for name in sorted({*pyengine.__all__, "open"})
    if inspect.isfunction(getattr(pyengine, name))
]


def test_every_function_is_shown() -> None:
    shown = set(re.findall(r"pyengine\.(\w+)\(", PAGE))
    assert {"open", "load", "probe", "vocab", "compare", "sweep", "quantize"} < set(FUNCTIONS)
    assert set(FUNCTIONS) - {"verdicts"} <= shown
    assert ".verdicts(" in PAGE


@pytest.mark.parametrize("block", BLOCKS, ids=[block.splitlines()[-1][:30] for block in BLOCKS])
def test_each_takes_five_lines(block: str) -> None:
    lines = [line for line in block.splitlines() if line and line != "import pyengine"]
    assert 0 < len(lines) <= 5


@pytest.mark.slow
@pytest.mark.usefixtures("sandbox")
def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)
        shown = {name: value for name, value in names.items() if not name.startswith("_")}
        assert not [name for name, value in shown.items() if len(repr(value)) >= 2000]
    assert re.search(r"^\(\d+, \d+\) float32$", capsys.readouterr().out, flags=re.MULTILINE)
    assert Path("copy.json").read_bytes() == Path("swept/results.json").read_bytes()
    assert to_json(names["again"]) == to_json(names["run"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_takes_and_gives(name: str) -> None:
    function = getattr(pyengine, name)
    text = inspect.getdoc(function) or ""
    first, *rest = text.splitlines()
    assert first.endswith((".", ";"))
    assert rest[0] == ""
    assert "Raises:" in rest
    assert "Examples:" in rest
    described = set(re.findall(r"^    ([\w, ]+): ", text, flags=re.MULTILINE))
    arguments = {word for names in described for word in re.split(r",\s*", names)}
    assert set(inspect.signature(function).parameters) <= arguments


@pytest.mark.parametrize("owner", [pyengine.Run, pyengine.OpenModel], ids=lambda c: c.__name__)
def test_so_does_every_method(owner: type) -> None:
    shown = {"table", "verdicts", "save", "to_pandas", "score", "next", "top"} & vars(owner).keys()
    assert shown
    for name in shown:
        text = inspect.getdoc(getattr(owner, name)) or ""
        assert "Raises:" in text
        assert "Examples:" in text
