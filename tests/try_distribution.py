"""Builds and installs what is in dist/ as users do: without a network, in empty environments.

`python tests/try_distribution.py PYTHON...` does it for each interpreter, which must have pip:
collects what pyengine needs (with the network, once) in build/wheels; then, as an ordinary user
and in a folder with spaces, builds a wheel from the source distribution in isolation, installs it
in another empty environment, and runs it there. Wheels that passed are put into dist/.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lowest_versions import PROJECT, requirements

DIST, WHEELS = PROJECT / "dist", PROJECT / "build" / "wheels"
SOURCES = {
    *("CMakeLists.txt", "LICENSE", "PKG-INFO", "README.md", "csrc", "pyengine", "pyproject.toml"),
}
CMAKE = ("cmake>=3.21", "ninja")  # scikit-build-core asks for them where the system has none


def collect(python: str) -> None:
    """Put the wheels of everything that building and running takes into build/wheels."""
    pip = [python, "-m", "pip", "wheel", "--quiet", f"--wheel-dir={WHEELS}"]
    subprocess.run([*pip, f"--find-links={WHEELS}", *requirements(), *CMAKE], check=True)


def check_contents(source: Path) -> None:
    """End where a source distribution holds less than building needs, or more."""
    with tarfile.open(source) as archive:
        held = {Path(name).parts[1] for name in archive.getnames()}
    if held != SOURCES:
        raise SystemExit(f"{source}: {sorted(held ^ SOURCES)}")


def as_user(python: Path, command: Sequence[str], folder: Path) -> str:
    """Run a command as a user without rights, in a folder, and return what it prints."""
    shown = [str(path) for path in (python.parent.parent, DIST, WHEELS, PROJECT / "tests")]
    user = [sys.executable, str(PROJECT / "tests" / "as_user.py"), *shown, "--"]
    command = [*(user if os.geteuid() == 0 else ()), *command]
    ended = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"{command}\n{ended.stdout}{ended.stderr}ended with {ended.returncode}")
    return ended.stdout


def try_with(name: str, source: Path, folder: Path) -> Path:
    """Build, install and run with an interpreter; return the wheel."""
    asked = [name, "-c", "import sys; print(sys.executable)"]
    found = subprocess.run(asked, check=True, capture_output=True, text=True)
    python = Path(found.stdout.strip()).resolve()
    offline = ["--quiet", "--no-cache-dir", "--no-index", f"--find-links={WHEELS}"]
    collect(str(python))
    for environment in ("for building", "for use"):
        as_user(python, [str(python), "-m", "venv", environment], folder)
    pip = ["-m", "pip"]
    build = [str(folder / "for building" / "bin" / "python"), *pip, "wheel", "--no-deps"]
    as_user(python, [*build, *offline, "--wheel-dir=built", str(source)], folder)
    (wheel,) = (folder / "built").glob("*.whl")
    programs = folder / "for use" / "bin"
    as_user(python, [str(programs / "python"), *pip, "install", *offline, str(wheel)], folder)
    probed = as_user(python, [str(programs / "pyengine"), "probe", "--json"], folder)
    assert json.loads(probed)["command"] == "probe"
    as_user(python, [str(programs / "pyengine"), "doctor"], folder)
    return wheel


def main() -> None:
    """Try every interpreter that is named."""
    (source,) = DIST.glob("*.tar.gz")
    check_contents(source)
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory(prefix="a folder with spaces ") as temporary:
            folder = Path(temporary)
            if os.geteuid() == 0:
                shutil.chown(folder, "nobody")
            wheel = shutil.copy(try_with(name, source, folder), DIST)
        sys.stdout.write(f"{name}: {Path(wheel).name} built, installed and run\n")


if __name__ == "__main__":
    main()
