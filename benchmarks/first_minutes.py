"""Take a newcomer's first steps and keep what each printed and how long it took.

    python benchmarks/first_minutes.py [--installed]

In an empty folder it makes an environment, installs this project and runs the commands of STEPS.
All of it goes into docs/first-minutes.md, in place of what was there. With --installed the
pyengine beside this Python is used, and the page begins behind the installation.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PAGE = PROJECT / "docs" / "first-minutes.md"
KEPT = re.compile(r"(?<=<!-- steps -->\n).*?(?=<!-- end -->)", flags=re.DOTALL)

INSTALL = {
    "An environment of its own.": "python3 -m venv .venv",
    "pyengine and what it needs. The compiled core is built, and llama.cpp where pip has not "
    "kept it: four more minutes then.": '.venv/bin/pip install --quiet "{project}[plots]"',
}
STEPS = {
    "A first result needs no file: the model that comes along, and what it wants to write when "
    "nothing was asked.": "pyengine probe | head -n 24",
    "Files to choose from: four types of that model. Files that you have take their place.": (
        "pyengine quantize embedded:base --to Q8_0,Q6_K,Q5_K_M,Q4_K_M --output-dir models "
        "| tail -n 12"
    ),
    "Which of them to run here, by what each changes, its memory and its speed.": (
        "pyengine pick embedded:base models/"
    ),
    "The same as a page with pictures. Damage is not measured again, speed is.": (
        "pyengine pick embedded:base models/ --html pick.html | head -n 4"
    ),
}


@dataclass(frozen=True)
class Step:
    """A command line, why it is run, what it printed, and the seconds that it took."""

    why: str
    command: str
    output: str
    seconds: float


def take(why: str, command: str, folder: Path, environment: dict[str, str]) -> Step:
    """Run a command line in a folder.

    Raises:
        SystemExit: it failed, with what it said.
    """
    begun = time.monotonic()
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stderr}")
    return Step(why, command, done.stdout, time.monotonic() - begun)


def walk(*, install: bool, options: str = "") -> Iterator[Step]:
    """Take every step in an empty folder, with an empty cache of results.

    Args:
        install: into an environment of its own; else the pyengine beside this Python is used.
        options: of `pick` besides, so that it ends soon.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = folder / ".venv" / "bin" if install else Path(sys.executable).parent
        environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        for why, command in INSTALL.items() if install else ():
            # pip finds what it has kept before, as it would on a machine that is in use.
            usual = {key: value for key, value in environment.items() if key != "XDG_CACHE_HOME"}
            step = take(why, command.format(project=PROJECT), folder, usual)
            yield Step(why, command.format(project="."), step.output, step.seconds)
        for why, command in STEPS.items():
            asked = command.replace("models/", f"models/ {options}".rstrip())
            step = take(why, asked, folder, environment)
            output = step.output.replace(f"{folder}/", "").replace(f"{PROJECT}/", "")
            yield Step(why, command, output, step.seconds)


def shown(steps: list[Step]) -> str:
    """Write the steps as they stand in the page."""
    total = sum(step.seconds for step in steps)
    parts = [f"{step.why} ({spoken(step.seconds)})\n\n{block(step)}\n" for step in steps]
    return "\n".join([*parts, f"Together {spoken(total)}.\n"])


def block(step: Step) -> str:
    """Write what stands on the screen."""
    said = f"$ {step.command}\n{step.output}".rstrip()
    return f"```\n{said}\n```"


def spoken(seconds: float) -> str:
    """Write a time as a person says it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def main() -> None:
    """Take the steps and put them into the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--installed", action="store_true")
    told = parser.parse_args()
    steps = []
    for step in walk(install=not told.installed):
        print(f"{step.seconds:6.1f} s  {step.command}", flush=True)
        steps.append(step)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(KEPT.sub(lambda _: shown(steps), page), encoding="utf-8")


if __name__ == "__main__":
    main()
