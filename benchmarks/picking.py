"""Weigh `pick` against `sweep` at its defaults on a folder of types, by the CPU time of both.

    python benchmarks/picking.py FOLDER REFERENCE [--other PROGRAM…]

`sweep REFERENCE --variants FOLDER` runs as it is by default, on one thread, into a temporary
folder, and `pick FOLDER` with an empty cache. Other programs are given the folder and their
answer is printed as it is, with their time. What both of ours name is printed too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from comparison import cost

import pyengine


def main() -> None:
    """Print both times, their ratio, and both answers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--other", nargs="*", default=[])
    told = parser.parse_args()
    ours = [sys.executable, "-m", "pyengine"]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(place / "cache")  # nothing is known beforehand
        usual = ["--threads", 1]
        picked = cost([*ours, "pick", told.folder, *usual, "--json"], output=place / "pick.json")
        print(f"pick: {picked.seconds:.0f} s", flush=True)
        words = ["sweep", told.reference, "--variants", told.folder, "--output-dir", place / "s"]
        swept = cost([*ours, *words, *usual, "--workers", 1, "--json"], output=place / "sweep.json")
        print(f"sweep: {swept.seconds:.0f} s; pick / sweep: {picked.seconds / swept.seconds:.3f}")
        for record in ("pick.json", "sweep.json"):
            (choice,) = pyengine.recommend(place / record).shown("choice")
            print(f"  {record}: {choice['chosen']}, qualified: {choice['qualified']}")
        for program in told.other:
            spent = cost([program, told.folder], output=place / "other")
            print(f"{program}: {spent.seconds:.0f} s\n{(place / 'other').read_text()}")


if __name__ == "__main__":
    main()
