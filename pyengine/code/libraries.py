"""Find what a task's programs need beside their language: modules, headers, crates, packages."""

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import (
    Distribution,
    PackageNotFoundError,
    distribution,
    packages_distributions,
)
from importlib.util import find_spec
from pathlib import Path

from pyengine.code.languages import LANGUAGES, find_tool
from pyengine.code.tasks import Task
from pyengine.code.together import OWN_CRATES
from pyengine.errors import InputError

PACKAGE = "pyengine"  # its tasks' reference solutions are no library of any program
# What `import org.javatuples.*`, which MultiPL-E's prompts begin with, is used for.
JAVATUPLES = r"\b(?:Unit|Pair|Triplet|Quartet|Quintet|Sextet|Septet|Octet|Ennead|Decade)\b"
TESTIFY = "github.com/stretchr/testify/assert"  # see harness/assert.go


def modules(task: Task) -> tuple[str, ...]:
    """Return the modules beyond Python's own that a Python task's tests import, or it names.

    Raises SyntaxError where the tests are not Python.
    """
    if task.language != "python":
        return ()
    found = dict.fromkeys(name.partition(".")[0] for name in task.libraries)
    for node in ast.walk(ast.parse(task.tests)):
        if isinstance(node, ast.Import):
            found |= dict.fromkeys(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= dict.fromkeys([node.module.partition(".")[0]])
    own = sys.stdlib_module_names | {"inputs"}  # harness/inputs.py
    return tuple(name for name in found if name not in own)


@functools.lru_cache(maxsize=4096)
def missing(task: Task) -> tuple[str, ...]:
    """Return what a task's programs need and this machine does not have, its compiler apart."""
    find = _MISSING.get(task.language)
    return () if find is None else tuple(dict.fromkeys(find(task)))


def _python(task: Task) -> Iterator[str]:
    yield from (name for name in modules(task) if find_spec(name) is None)


def _cpp(task: Task) -> Iterator[str]:
    for name in re.findall(r"#\s*include\s*<([^>]+)>", task.prelude + task.prompt + task.tests):
        if not any((folder / name).exists() for folder in _header_folders()):
            yield name


@functools.cache
def _header_folders() -> tuple[Path, ...]:
    """Return where the compiler looks for headers: what it says with -v."""
    compiler = find_tool("g++")
    if compiler is None:
        return ()
    said = subprocess.run(
        [compiler[0], "-E", "-v", "-xc++", "/dev/null"], capture_output=True, text=True, check=False
    ).stderr
    between = said.partition("search starts here:")[2].partition("End of search list")[0]
    return tuple(Path(line.strip()) for line in between.splitlines() if line.startswith(" /"))


def _javascript(task: Task) -> Iterator[str]:
    source = task.prompt + task.reference + task.tests
    for name in re.findall(r"\brequire\(\s*['\"]([^'\"]+)['\"]", source):
        if name.removeprefix("node:") not in _node_modules():
            yield name


@functools.cache
def _node_modules() -> frozenset[str]:
    node = find_tool("node")
    if node is None:
        return frozenset()
    command = [node[0], "-p", "JSON.stringify(require('module').builtinModules)"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return frozenset(json.loads(said or "[]"))


def _rust(task: Task) -> Iterator[str]:
    used = task.reference + task.tests
    for path in re.findall(r"^\s*use\s+(?:::)?([\w:]+)", task.prompt, re.MULTILINE):
        crate, name = path.split("::")[0], path.split("::")[-1]
        if crate not in OWN_CRATES and re.search(rf"\b{crate}::|\b{name}\b", used):
            yield crate


def _java(task: Task) -> Iterator[str]:
    source = task.prompt + task.reference + task.tests
    body = re.sub(r"^\s*import\b.*$", "", source, flags=re.MULTILINE)
    for path in re.findall(r"^\s*import\s+(?:static\s+)?([\w.*]+)\s*;", source, re.MULTILINE):
        if path.startswith(("java.", "javax.")):
            continue
        name = path.rpartition(".")[2]
        pattern = JAVATUPLES if path == "org.javatuples.*" else rf"\b{re.escape(name)}\b"
        if (name == "*" and path != "org.javatuples.*") or re.search(pattern, body):
            yield path


def _go(task: Task) -> Iterator[str]:
    for path in re.findall(r"\"((?:[\w-]+\.)+[\w./-]+)\"", task.prompt + task.tests):
        if "/" in path and path != TESTIFY:
            yield path


_MISSING = {
    "python": _python,
    "cpp": _cpp,
    "javascript": _javascript,
    "rust": _rust,
    "java": _java,
    "go": _go,
}


def require(tasks: Sequence[Task], source: str) -> None:
    """Raise InputError where the programs of tasks that were asked for cannot be run here.

    A compiler or interpreter, and the modules that Python's tests import, must be there for all of
    them; a single task that needs more is skipped.
    """
    for name in dict.fromkeys(task.language for task in tasks):
        if tools := LANGUAGES[name].missing():
            raise InputError(
                f"{source}: programs in {LANGUAGES[name].title} need {' and '.join(tools)}, which "
                "this machine does not have"
            )
    lacking = {task.name: missing(task) for task in tasks if task.language == "python"}
    needy = [name for name, found in lacking.items() if found]
    if needy:
        names = ", ".join(dict.fromkeys(module for found in lacking.values() for module in found))
        raise InputError(
            f"{source}: the tests of {len(needy)} tasks, {needy[0]} the first, need {names}, which "
            "the Python that runs pyengine does not have"
        )


@functools.cache
def package_paths(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files and folders of installed modules and of all that they require."""
    found: dict[str, None] = {}
    for distributed in _required(names):
        for file in distributed.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not top.endswith(".pth"):
                found[str(distributed.locate_file(top))] = None
    for name in names:  # a system's package may not list its files
        spec = find_spec(name)
        if spec is not None:
            places = [*(spec.submodule_search_locations or ()), spec.origin or ""]
            found |= dict.fromkeys(places[:1])
    return tuple(path for path in found if Path(path).exists())


def _required(names: Sequence[str]) -> Iterator[Distribution]:
    """Yield the distributions that hold these modules, and those that they require."""
    providers = packages_distributions()
    waiting = [provider for name in names for provider in providers.get(name, ())]
    seen = {PACKAGE}
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another system, or not wanted
            continue
        yield found
        for requirement in found.requires or ():
            if "extra ==" not in requirement:
                waiting += re.findall(r"\A[\w.-]+", requirement)
