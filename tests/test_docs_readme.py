"""README and its like: links lead somewhere, the first screen is whole, the citation is current."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from run_samples import estimate, info, made_run

import pyengine

PROJECT = Path(__file__).parent.parent
# The site's own pages are checked as it is built.
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md"]


def anchors(page: Path) -> set[str]:
    """The names by which headings are linked to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[str, str]]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings(name: str) -> None:
    page = PROJECT / name
    wrong = []
    for link in ("".join(pair) for pair in links(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_what_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text('# One `two`: three\n[x](b.md#y) <img src="c.svg">\n')
    assert ["".join(pair) for pair in links(tmp_path / "a.md")] == ["b.md#y", "c.svg"]
    assert anchors(tmp_path / "a.md") == {"one-two-three"}


def test_the_citation_names_this_version() -> None:
    text = (PROJECT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {pyengine.__version__}\n" in text
    assert f"version {pyengine.__version__}" in (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_first_screen_holds_what_a_newcomer_needs() -> None:
    first = (PROJECT / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]
    assert first.count("\n# ") + first.startswith("# ") == 1
    kinds = ("pip install", "<img ", "$ pyengine pick", "| llama-perplexity |")
    assert [kind for kind in kinds if kind not in first] == []
    assert len(first.splitlines()) < 32


def test_what_the_first_screen_prints_was_printed() -> None:
    first = (PROJECT / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]
    page = (PROJECT / "docs" / "first-minutes.md").read_text(encoding="utf-8")
    printed = re.findall(r"^    (?!pip |…)(.*)$", first, flags=re.MULTILINE)
    assert len(printed) > 5
    assert [line for line in printed if line not in page] == []


def test_the_picture_shows_what_is_kept() -> None:
    spec = importlib.util.spec_from_file_location("damage", PROJECT / "benchmarks" / "damage.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(damage := importlib.util.module_from_spec(spec))
    kept, svg = json.loads(damage.FIGURES.read_text()), damage.PICTURE.read_text(encoding="utf-8")
    assert [point["label"] for point in kept if f">{point['label']}<" not in svg] == []
    assert [point["label"] for point in kept if point["chosen"]] == ["Q6_K, picked"]
    rows = [estimate("kl", name, kl, 1e-4) for name, kl in (("a", 0.3), ("b", 0.01))]
    points = damage.points_of(made_run([info("m", 8), info("a", 2), info("b", 4)], rows))
    told = {point.label: (point.y, point.chosen) for point in points}
    assert told == {"a": (0.3, False), "b, picked": (0.01, True)}
