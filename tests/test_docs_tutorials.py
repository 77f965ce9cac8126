"""The tutorial for tools: its code runs and prints what the page shows, but for its numbers."""

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "tutorial-embed.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
PRINTED = re.findall(r"^```text\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def without_numbers(text: str) -> list[list[str]]:
    """The words of each line, a number being a number."""
    return [
        [re.sub(r"\d+(\.\d+)?(e-\d+)?", "0", word) for word in line.split()]
        for line in text.splitlines()
    ]


@pytest.mark.slow
def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert len(BLOCKS) == len(PRINTED) == 3
    for block, printed in zip(BLOCKS, PRINTED, strict=True):
        exec(compile(block, "docs/tutorial-embed.md", "exec"), names)
        assert without_numbers(capsys.readouterr().out) == without_numbers(printed)
