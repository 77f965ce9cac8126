"""Keep what the pictures of `pyengine paper` on a real ladder are drawn from, and draw them.

    python benchmarks/paper.py [RECORD]

Of a record of `pyengine paper --json` the numbers of D.5 and E.4 in docs/paper.md are kept in
paper.json beside this script, itself a record. Then its pictures, docs/paper-NAME.svg, are drawn
anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyengine
from pyengine.report.plots import draw_svg
from pyengine.report.views import pictures_of
from pyengine.run import Run

FIGURES = Path(__file__).with_name("paper.json")
DOCS = Path(__file__).parent.parent / "docs"
MASSES = ("pkp", "stp")


def kept(run: Run) -> Run:
    """Return the part of a record that has the masses and the divergences from the reference."""
    exhibits = []
    for one in run.exhibits:
        content = dict(one.content)
        if one.kind == "paper-table" and content["table"] == "D.5":
            content["lines"] = [x for x in content["lines"] if x["quantity"] in MASSES]
        elif one.kind == "paper-cold":
            content["numbers"] = {name: content["numbers"][name] for name in MASSES}
        elif one.kind != "paper-pair":
            continue
        exhibits.append(one.model_copy(update={"content": content}))
    rows = run.select("jensen_shannon", dimension="start")
    return run.model_copy(update={"exhibits": exhibits, "measurements": rows})


def main() -> None:
    """Keep a record, where one is named, and draw the pictures of the one that is kept."""
    for path in sys.argv[1:]:
        kept(pyengine.load(path)).save(FIGURES)
    for picture in pictures_of(pyengine.load(FIGURES)):
        (DOCS / f"paper-{picture.name}.svg").write_text(draw_svg(picture))


if __name__ == "__main__":
    main()
