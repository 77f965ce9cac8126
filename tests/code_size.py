"""Counts what the code has: lines, data types, cycles of imports, and what is written twice.

`python tests/code_size.py` prints it; the tests hold cycles and repetitions at none.
"""

import ast
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "pyengine"
SHARED_LINES = 10
DATA_BASES = {
    *("NamedTuple", "TypedDict", "Enum", "IntEnum", "IntFlag", "StrEnum", "Flag"),
    *("BaseModel", "Part", "Record"),
}


@dataclass(frozen=True)
class Import:
    """A part of pyengine that a file imports."""

    file: str
    part: str  # the first folder, or the file, below pyengine/
    module: str
    name: str

    @property
    def target(self) -> str:
        """The part of pyengine that is imported."""
        return self.module.split(".")[1]


def sources() -> list[Path]:
    """Every Python file of the package; the sample programs of the corpus are no code of it."""
    return [p for p in sorted(PACKAGE.rglob("*.py")) if "data" not in p.relative_to(PACKAGE).parts]


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def lines_of_rooms() -> dict[str, int]:
    """Lines of Python in each folder, or file, below pyengine/."""
    found: Counter[str] = Counter()
    for path in sources():
        found[path.relative_to(PACKAGE).parts[0]] += len(path.read_text("utf-8").splitlines())
    return dict(sorted(found.items()))


def data_types() -> list[str]:
    """Classes that hold data: dataclasses, named tuples, typed dicts, enums and records."""
    return [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and _is_data(node)
    ]


def _is_data(node: ast.ClassDef) -> bool:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    return any(name.startswith("dataclass") for name in decorators) or bool(bases & DATA_BASES)


def generated_lines() -> int:
    """Lines of the JSON Schema as it is printed, and of the reference of the record."""
    from pyengine.run import schema

    printed = json.dumps(schema(), indent=2, ensure_ascii=False)
    reference = (PROJECT / "docs" / "records.md").read_text(encoding="utf-8")
    return len(printed.splitlines()) + len(reference.splitlines())


@cache
def imports() -> tuple[Import, ...]:
    """Every import of a part of pyengine, those inside functions and type checks included."""
    return tuple(found for path in sources() for found in _imports(path))


def _imports(path: Path) -> Iterator[Import]:
    file = str(path.relative_to(PACKAGE))
    part = path.relative_to(PACKAGE).parts[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            for alias in node.names:
                if node.module == "pyengine":
                    yield Import(file, part, f"pyengine.{alias.name}", alias.name)
                elif (node.module or "").startswith("pyengine."):
                    yield Import(file, part, str(node.module), alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("pyengine."):
                    yield Import(file, part, alias.name, alias.name)


def modules() -> dict[str, Path]:
    """Every file by the name under which it is imported; not the front page of the package."""
    names = {
        ".".join(("pyengine", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in sources()
    }
    found = {name.removesuffix(".__init__"): path for name, path in names.items()}
    return {name: path for name, path in found.items() if name != "pyengine"}


def uses() -> dict[str, set[str]]:
    """For each file those that it imports: at its top, inside functions, and for types alike."""
    known = modules()
    found: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for used in _imports(path):
            whole = f"{used.module}.{used.name}"
            found[name].add(whole if whole in known else used.module)
        found[name] &= known.keys() - {name}
    return found


def rooms_of(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same between the folders, or files, below pyengine/."""
    found: dict[str, set[str]] = {name.split(".")[1]: set() for name in graph}
    for name, used in graph.items():
        room = name.split(".")[1]
        found[room] |= {other.split(".")[1] for other in used} - {room}
    return found


def cycles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of nodes that reach one another, each node's own reach computed once."""
    reach = {node: _reach(graph, node) for node in graph}
    groups = {
        frozenset(other for other in reach[node] if node in reach[other]) | {node}
        for node in graph
        if node in reach[node]
    }
    return sorted((set(group) for group in groups), key=sorted)


def _reach(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += graph[node]
    return seen


def code_lines(path: Path) -> list[tuple[int, str]]:
    """Numbers and texts of the lines that say something.

    Imports, docstrings, comments, blank lines and lone brackets are passed over.
    """
    passed: set[int] = set()
    for node in ast.walk(tree(path)):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if text or isinstance(node, ast.Import | ast.ImportFrom):
            assert isinstance(node, ast.stmt)
            passed |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        (number, line.strip())
        for number, line in enumerate(lines, start=1)
        if number not in passed and re.search(r"\w", line) and not line.lstrip().startswith("#")
    ]


def repetitions(files: Sequence[Path], n_lines: int = SHARED_LINES) -> list[str]:
    """Pairs of places that share so many lines of code or more, one after the other."""
    code = [code_lines(path) for path in files]
    places: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for number, lines in enumerate(code):
        for begin in range(len(lines) - n_lines + 1):
            run = tuple(text for _, text in lines[begin : begin + n_lines])
            places[run].append((number, begin))
    pairs = {
        (first, second)
        for found in places.values()
        for i, first in enumerate(found)
        for second in found[i + 1 :]
    }
    # Of a longer run only its first lines are told.
    begins = [
        (first, second)
        for first, second in sorted(pairs)
        if ((first[0], first[1] - 1), (second[0], second[1] - 1)) not in pairs
    ]
    return [
        " ~ ".join(f"{files[number].name}:{code[number][begin][0]}" for number, begin in pair)
        for pair in begins
    ]


def figures() -> Iterator[str]:
    """Every figure, a line each."""
    rooms = lines_of_rooms()
    for room, n in rooms.items():
        yield f"{n:7,}  lines of {room}"
    yield f"{sum(rooms.values()):7,}  lines of Python in pyengine/"
    code = sum(len(code_lines(path)) for path in sources())
    yield f"{code:7,}  of them code: no docstring, comment, import, blank line or lone bracket"
    yield f"{len(data_types()):7,}  data types"
    yield f"{generated_lines():7,}  lines of schema and record reference"
    yield f"{len(cycles(rooms_of(uses()))):7,}  cycles between rooms"
    yield f"{len(cycles(uses())):7,}  cycles between files"
    found = repetitions(sources())
    yield f"{len(found):7,}  pairs of places that share {SHARED_LINES} lines of code or more"
    yield from (f"         {pair}" for pair in found)


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in figures())
