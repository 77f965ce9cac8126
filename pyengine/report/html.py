"""Render a document as one self-contained HTML page."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pyengine.plain_text import safe
from pyengine.report.colors import DARK, LIGHT
from pyengine.report.document import Document
from pyengine.report.plots import draw_inline_svg

_TEMPLATES = Path(__file__).resolve().parent / "templates"


def render_html(document: Document) -> str:
    """Render a document as a page that needs no network and no script.

    Every text is escaped; the page's own policy forbids it to load anything.
    """
    return (
        _environment()
        .get_template("report.html.j2")
        .render(document=document, light=LIGHT.css(), dark=DARK.css())
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["safe_text"] = safe
    environment.filters["svg"] = draw_inline_svg
    environment.filters["narrow_svg"] = partial(draw_inline_svg, narrow=True)
    environment.globals["kind"] = lambda block: type(block).__name__.lower()  # its macro
    return environment
