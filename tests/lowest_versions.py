"""The lowest versions that pyproject.toml allows: `python tests/lowest_versions.py` prints them."""

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).parent.parent
HEADER = """\
# The lowest versions that pyproject.toml allows, for `make test-lowest`. After a change there:
# python tests/lowest_versions.py > constraints/lowest.txt
"""


@cache
def settings() -> dict[str, Any]:
    """Return what pyproject.toml holds."""
    with (PROJECT / "pyproject.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)
    return found


def requirements() -> list[str]:
    """Return what building and running take."""
    return [*settings()["build-system"]["requires"], *settings()["project"]["dependencies"]]


def lowest() -> str:
    """Return the constraints, one a line, in alphabetical order.

    Raises:
        ValueError: a requirement has no lower bound.
    """
    lines = set()
    extras = settings()["project"]["optional-dependencies"].values()
    for requirement in (*requirements(), *(line for extra in extras for line in extra)):
        found = re.fullmatch(r"([\w.-]+)[>=]=([\w.]+)(;.*)?", requirement)
        if found is None:
            raise ValueError(f"{requirement} has no lower bound")
        lines.add(f"{found[1]}=={found[2]}{found[3] or ''}\n")
    return HEADER + "".join(sorted(lines, key=str.lower))


if __name__ == "__main__":
    sys.stdout.write(lowest())
