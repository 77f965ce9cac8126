"""What stands beside pyproject.toml says what that says."""

import subprocess

import pytest
from lowest_versions import PROJECT, lowest, requirements, settings
from packaging.requirements import Requirement
from try_distribution import SOURCES


def test_the_lowest_versions_are_those_of_pyproject() -> None:
    assert (PROJECT / "constraints" / "lowest.txt").read_text(encoding="utf-8") == lowest()


def test_the_development_set_is_whole_and_allowed() -> None:
    lines = (PROJECT / "constraints" / "development.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    version = {pin.name.lower().replace("_", "-"): str(pin.specifier)[2:] for pin in pins}
    groups = settings()["dependency-groups"]
    for text in (*requirements(), *groups["test"], *groups["docs"], *groups["lint"]):
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"python_version": "3.11"}):
            assert wanted.specifier.contains(version[wanted.name.lower().replace("_", "-")]), text


def test_make_builds_with_what_pyproject_asks() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    (line,) = [line for line in makefile.splitlines() if line.startswith("BUILD_REQUIREMENTS")]
    assert set(settings()["build-system"]["requires"]) <= set(line.split())


def test_wheels_are_built_with_the_llama_cpp_that_they_ask_for() -> None:
    (wanted,) = [text for text in requirements() if text.startswith("llama-cpp-python==")][:1]
    systems = settings()["tool"]["cibuildwheel"]
    for system in ("linux", "macos"):
        assert systems[system]["before-all"].endswith(f" {wanted}")


def test_the_source_distribution_leaves_out_what_building_does_not_take() -> None:
    told = ["git", "ls-files"]
    listed = subprocess.run(told, cwd=PROJECT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("this is no clone")
    there = {path.partition("/")[0] for path in listed.stdout.splitlines()}
    left = {
        name.removeprefix("/") for name in settings()["tool"]["scikit-build"]["sdist"]["exclude"]
    }
    kept = {name for name in there - left if not name.startswith(".")}
    assert kept == SOURCES - {"PKG-INFO"}
