"""The page: self-contained, safe, small, and opened in a real browser where there is one."""

import re
import shutil
import struct
import subprocess
from dataclasses import astuple
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_samples import sample_document, sample_pictures, sample_sweep, sweep_of_few_pictures

from pyengine.report.colors import DARK, LIGHT, Palette
from pyengine.report.document import Document, Picture
from pyengine.report.html import render_html
from pyengine.report.plots import draw_inline_svg, draw_png, draw_svg
from pyengine.report.tables import Column, table
from pyengine.report.views import page_of

PICTURES = sample_pictures()
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def sample_page() -> str:
    document = sample_document()
    return render_html(Document(document.title, (*document.blocks, *PICTURES)))


class Resources(HTMLParser):
    """Collects everything on a page that could load something or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "img", "object", "embed", "form", "base"):
            self.found.append(tag)
        for name, value in attrs:
            outward = name in ("src", "href", "xlink:href", "action", "data", "poster")
            if outward and not (value or "").startswith(("#", "data:,")):
                self.found.append(f"{name}={value}")
            if name.startswith("on"):
                self.found.append(name)


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = sample_page()
    resources = Resources()
    resources.feed(page)
    assert resources.found == []
    assert "default-src 'none'" in page
    assert not re.findall(r"url\((?!#)", page)
    assert "@import" not in page


def test_cells_break_where_they_may() -> None:
    """Text keeps the room on a phone that its column asks for, and a number its per cent sign."""
    columns = (Column("statement", min_width=22), "interval")
    shown = table("", columns, [("raises STP", "−25.0 % to 38.0 %")])
    page = render_html(Document("", (shown,)))
    assert 'style="--least: 22ch">statement' in page
    assert "−25.0\u00a0% to 38.0\u00a0%" in page


def test_a_page_of_twenty_variants_is_small() -> None:
    page = render_html(page_of([sample_sweep(20)]))
    assert len(page.encode()) < 3_000_000
    assert page.count("<figure") == 7


def test_pictures_show_variants_beside_their_source_not_the_control() -> None:
    (picture, *_) = page_of([sample_sweep(3)]).pictures()
    assert picture.chart.kind == "scatter"
    assert [point.label for point in picture.chart.points] == ["Q0", "Q1", "Q2"]


def test_the_page_opens_with_the_answer_and_closes_with_how_to_repeat() -> None:
    page = page_of([sample_sweep(3)])
    assert getattr(page.blocks[0], "tone", None) == "strong"
    assert isinstance(page.blocks[1], Picture)
    html = render_html(page)
    assert "How to cite and repeat" in html
    assert "pyengine sweep model.gguf model-Q0.gguf model-Q1.gguf model-Q2.gguf --seed 7" in html


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_every_chart_is_drawn_the_same_twice(picture: Picture) -> None:
    svg = draw_svg(picture)
    assert svg == draw_svg(picture)
    assert svg.startswith("<?xml")
    png = draw_png(picture, dpi=60)
    assert png == draw_png(picture, dpi=60)
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
@pytest.mark.parametrize("narrow", [False, True])
def test_inline_pictures_take_the_pages_colours_and_keep_to_themselves(
    picture: Picture, narrow: bool
) -> None:
    svg = draw_inline_svg(picture, narrow=narrow)
    other = draw_inline_svg(picture, narrow=not narrow)
    assert svg.startswith("<svg")
    # On a screen of 390 points a picture has 358, and text of 8 points stays legible.
    width = float(re.findall(r'viewBox="0 0 ([0-9.]+) ', svg)[0])
    assert (width < 358) is narrow
    assert f'class="{"narrow" if narrow else "wide"}"' in svg
    assert not set(re.findall(r' id="([^"]*)"', svg)) & set(re.findall(r' id="([^"]*)"', other))
    assert "var(--" in svg
    assert 'role="img" aria-label="&lt;script&gt;' in svg
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    ids = set(re.findall(r' id="([^"]*)"', svg))
    assert used == ids
    assert all(name.startswith(f"{picture.name}-") for name in ids)
    assert "<b>" not in svg
    assert "\u202e" not in svg


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_everything_that_is_read_has_contrast(palette: Palette) -> None:
    for color in (palette.ink, palette.quiet, palette.good, palette.warn, palette.bad):
        assert contrast(color, palette.paper) >= 4.5
    for index in range(6):
        assert contrast(palette.series(index), palette.paper) >= 3
    parts = [
        round(0.8 * int(palette.accent[i : i + 2], 16) + 0.2 * int(palette.paper[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    strongest = "#" + "".join(f"{part:02x}" for part in parts)
    assert contrast(palette.ink, strongest) >= 4.5
    assert len(set(astuple(palette))) == len(astuple(palette))


def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed, so the page cannot be opened")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
def test_the_page_opens_in_a_browser(tmp_path: Path, width: int, dark: bool) -> None:
    page, shot = tmp_path / "page.html", tmp_path / "shot.png"
    page.write_text(sample_page(), encoding="utf-8")
    command = [
        browser(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        "--v=0",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--log-net-log={tmp_path / 'net.json'}",
        "--net-log-capture-mode=Everything",
        f"--window-size={width},3000",
        f"--screenshot={shot}",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "CONSOLE" not in done.stderr
    data = shot.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (width, 3000)
    assert len(data) > 20_000  # more than an empty page
    requests = re.findall(r'"url":"((?:https?|wss?)://[^"]*)"', (tmp_path / "net.json").read_text())
    assert requests == [] or all(is_browsers_own(url) for url in requests)


def is_browsers_own(url: str) -> bool:
    """Tell whether a request is the browser's own housekeeping: updates, variations and so on."""
    return not url.startswith("file:") and bool(
        re.match(r"https?://[^/]*(?:google|gvt1|googleapis|chromium)[^/]*/", url)
    )


def test_what_was_not_measured_has_no_picture() -> None:
    """An empty picture says nothing, and drawing it warns."""
    pictures = page_of([sweep_of_few_pictures()]).pictures()
    assert [picture.name for picture in pictures] == ["size-kl", "distribution"]
    few = sweep_of_few_pictures()
    rows = [row for row in few.measurements if not row.group]
    fewer = page_of([few.model_copy(update={"measurements": rows})]).pictures()
    assert [picture.name for picture in fewer] == ["size-kl"]
