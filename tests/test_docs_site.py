"""The documentation site builds strictly, without the network, and holds every page."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PAGES = sorted(page.name for page in (PROJECT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": ""}
    done = subprocess.run(
        command, cwd=PROJECT, env=told, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


class Links(HTMLParser):
    """The addresses to which a page leads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if tag == "a" and name == "href" and value}


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    links = Links()
    links.feed((site / "index.html").read_text(encoding="utf-8"))
    missing = [page for page in PAGES if page.replace(".md", ".html") not in links.found]
    assert missing == []


def test_the_reference_holds_every_public_function(site: Path) -> None:
    import pyengine

    page = (site / "api.html").read_text(encoding="utf-8")
    public = [name for name in pyengine.__all__ if not name.startswith("__")]
    assert [name for name in public if f'id="pyengine.{name}"' not in page] == []
