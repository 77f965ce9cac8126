"""The colours of pages and pictures, in light and dark."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Palette:
    """Hold one theme's colours; pictures use the light one, pages swap in the other.

    Everything that is read, ink on the strongest accent included, has a contrast of 4.5 at least;
    marks and lines have 3. No two of a theme are equal, so that each can be swapped.
    """

    ink: str
    quiet: str
    faint: str
    paper: str
    accent: str
    good: str
    warn: str
    bad: str
    series1: str
    series2: str
    series3: str
    series4: str
    series5: str
    series6: str

    def css(self) -> str:
        """Write the colours as CSS variables."""
        return " ".join(f"--{f.name}: {getattr(self, f.name)};" for f in fields(self))

    def series(self, index: int) -> str:
        """Return the colour of a series, in turn."""
        color: str = getattr(self, f"series{index % 6 + 1}")
        return color


# The series follow Okabe and Ito's palette, which people with colour blindness can tell apart.
LIGHT = Palette(
    ink="#1c1e21",
    quiet="#62676e",
    faint="#d9dce0",
    paper="#ffffff",
    accent="#d55e01",
    good="#00704d",
    warn="#7d5d00",
    bad="#b04800",
    series1="#0072b2",
    series2="#d55e00",
    series3="#009e73",
    series4="#b8599b",
    series5="#a67c00",
    series6="#3f9bd1",
)
DARK = Palette(
    ink="#e6e7e9",
    quiet="#9ba1a9",
    faint="#3a3e44",
    paper="#16181b",
    accent="#b85a1c",
    good="#2fc79b",
    warn="#d9b94b",
    bad="#e69f01",
    series1="#56b4e9",
    series2="#e69f00",
    series3="#2fc79a",
    series4="#e08bc4",
    series5="#d9b94a",
    series6="#8fcbf0",
)


def themed(svg: str) -> str:
    """Replace the light colours in an SVG by CSS variables, so that a page's theme applies."""
    for field in fields(LIGHT):
        svg = svg.replace(getattr(LIGHT, field.name), f"var(--{field.name})")
    return svg
