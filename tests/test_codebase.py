"""The rules that the code keeps: which way imports point, how long files are, who may print."""

import ast
import re
from pathlib import Path

import pytest
from code_size import (
    PACKAGE,
    PROJECT,
    cycles,
    imports,
    repetitions,
    rooms_of,
    sources,
    tree,
    uses,
)

from pyengine import _core

MAX_LINES = 400
# What measures knows nothing of what uses the measurements.
UPPER = {
    *("measure", "code", "choose", "picking", "report", "api", "harnesses", "commands", "doctor"),
}
FORBIDDEN = {
    "run": UPPER | {"models", "statistics", "vocabulary", "text", "asked", "_core"},
    "models": UPPER | {"vocabulary", "statistics", "text"},
    "statistics": UPPER | {"models", "vocabulary", "text", "run"},
    "vocabulary": UPPER | {"text"},
    "text": UPPER | {"statistics", "run"},
    "measure": UPPER - {"measure"},
    "code": UPPER - {"measure", "code"},
    "choose": UPPER - {"choose"} | {"models", "vocabulary", "text", "_core"},
    "picking": {"code", "report", "api", "harnesses", "commands", "doctor", "_core"},
    "report": {
        "models",
        "statistics",
        "measure",
        "code",
        "picking",
        "api",
        "harnesses",
        "commands",
        "doctor",
        "_core",
    },
    "api": {"report", "harnesses", "commands", "doctor", "_core"},
    "harnesses": {"code", "choose", "picking", "report", "commands", "doctor", "_core"},
}
# doctor tells what the compiled core says of itself.
CORE_USERS = {"models", "vocabulary", "statistics", "measure", "doctor"}


def test_the_imports_are_found() -> None:
    assert len(imports()) > 300
    assert {found.part for found in imports()} >= set(FORBIDDEN)


@pytest.mark.parametrize("part", FORBIDDEN)
def test_imports_point_one_way(part: str) -> None:
    assert (PACKAGE / part).is_dir()
    wrong = [i for i in imports() if i.part == part and i.target in FORBIDDEN[part]]
    assert not wrong


def test_cycles_are_found() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [{"b", "c"}]
    graph = {
        "pyengine.x.a": {"pyengine.y.b"},
        "pyengine.y.b": set(),
        "pyengine.y.c": {"pyengine.x.d"},
    }
    graph["pyengine.x.d"] = set()
    assert cycles(graph) == []
    assert cycles(rooms_of(graph)) == [{"x", "y"}]
    assert "pyengine.models.hub_cache" in uses()["pyengine.models.references"]  # in a function


def test_no_cycle_between_files() -> None:
    assert cycles(uses()) == []


def test_no_cycle_between_rooms() -> None:
    assert cycles(rooms_of(uses())) == []


def test_nothing_is_written_twice(tmp_path: Path) -> None:
    line = "".join(f"value_{i} = {i}\n" for i in range(10))
    for name, text in (("a", f"x = 1\n{line}"), ("b", f"{line}\n# no code\n"), ("c", line[:-9])):
        (tmp_path / f"{name}.py").write_text(f'"""What it is."""\nimport re\n{text}')
    files = sorted(tmp_path.glob("*.py"))
    assert repetitions(files) == ["a.py:4 ~ b.py:3"]
    assert repetitions(sources()) == []


def test_nobody_imports_the_command_line() -> None:
    allowed = {"commands", "__main__.py"}
    assert not [i for i in imports() if i.target == "commands" and i.part not in allowed]


def test_what_is_used_of_the_front_page() -> None:
    """Run.verdicts is short for a function of the front page; nothing else looks up like that."""
    used = {
        (str(path.relative_to(PACKAGE)), node.attr)
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pyengine"
    }
    assert {pair for pair in used if pair[1] != "__version__"} == {("run/record.py", "verdicts")}


def test_few_import_the_compiled_core() -> None:
    assert not [i for i in imports() if i.target == "_core" and i.part not in CORE_USERS]


def test_reports_know_records_alone() -> None:
    others = {i.target for i in imports() if i.part == "report" and i.target != "report"}
    assert others == {"run", "choose", "errors", "extras", "files", "plain_text", "weight_names"}


def test_sentences_are_said_in_one_place() -> None:
    """Each with the condition that allows it; what lays out knows the words of no code."""
    of_words = ("say", "has_words", "WORDS", "words")
    users = {i.file for i in imports() if i.part == "report" and i.name in of_words}
    assert len(users) > 5
    assert not [file for file in users if not file.startswith("report/sentences/")]


def test_what_lays_out_holds_no_sentence() -> None:
    laying = [p for p in (PACKAGE / "report").glob("*.py") if p.name not in ("words.py", "html.py")]
    assert len(laying) > 25
    assert not [f"{path.name}: {text}" for path in laying for text in sentences_in(tree(path))]


def test_a_sentence_is_found() -> None:
    module = ast.parse(
        '"""Says."""\ndef f():\n    """Say."""\n    return f"{n} are left. So it is"'
    )
    assert sentences_in(module) == [" are left. So it is"]


def sentences_in(module: ast.Module) -> list[str]:
    """Texts with the end of a sentence that are neither docstrings nor raised."""
    passed = {
        id(inner)
        for node in ast.walk(module)
        if isinstance(node, ast.Raise)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for inner in ast.walk(node)
    }
    texts = [
        node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed
    ]
    return [text for text in texts if " " in text and re.search(r"\w[.]( |$)", text)]


def test_sentences_know_nothing_of_layout() -> None:
    shown = {"document", "listing", "views", "terminal", "markdown", "html", "charts"}
    used = {
        i.module.rpartition(".")[2] for i in imports() if i.file.startswith("report/sentences/")
    }
    assert "words" in used
    assert not [name for name in used if name in shown or name.endswith(("_view", "_pictures"))]


def test_files_are_hashed_by_one_loop() -> None:
    loops = [
        f"{path.relative_to(PACKAGE)}: {node.name}"
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef)
        and "hashlib." in (text := ast.unparse(node))
        and re.search(r"(?:while|for) [^\n]*\bread", text)
    ]
    assert loops == ["models/gguf.py: parts_sha256"]


def test_no_file_is_long() -> None:
    files = [*sources(), *(PROJECT / "benchmarks").glob("*.py")]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert not {str(path): n for path, n in lengths.items() if n > MAX_LINES}


def test_computation_never_prints() -> None:
    printing = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sources()
        if path.relative_to(PACKAGE).parts[0] != "commands" and not is_program(path)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name | ast.Attribute)
        and ast.unparse(node) in ("print", "sys.stdout", "sys.stderr")
    ]
    assert not printing


def is_program(path: Path) -> bool:
    """Whether it runs as a child process, whose standard streams are its voice."""
    names = (node.id for node in ast.walk(tree(path)) if isinstance(node, ast.Name))
    return "harness" in path.parts or "__name__" in names


def test_the_stub_lists_what_the_core_has() -> None:
    stub: dict[str, set[str] | None] = {}
    for node in ast.parse((PACKAGE / "_core.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            stub[node.name] = None
        elif isinstance(node, ast.ClassDef):
            stub[node.name] = _members(node)
    runtime = {
        name: {m for m in vars(value) if not m.startswith("_")} if isinstance(value, type) else None
        for name, value in vars(_core).items()
        if not name.startswith("_")
    }
    assert stub == runtime


def test_the_stub_has_the_arguments_of_the_core() -> None:
    compared = 0
    for node in ast.parse((PACKAGE / "_core.pyi").read_text(encoding="utf-8")).body:
        owner = vars(_core)[node.name] if isinstance(node, ast.ClassDef) else _core
        for function in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(function, ast.FunctionDef) and not function.decorator_list:
                written = _documented(vars(owner)[function.name])
                # Settings that pybind11 takes as one dictionary are read by models/quantize.
                by_keyword = [] if written.kwarg else _names(function.args)[1]
                assert _names(written) == (_names(function.args)[0], by_keyword), function.name
                compared += 1
    assert compared >= 40


def _documented(function: object) -> ast.arguments:
    """The arguments in the first line of the docstring that pybind11 writes."""
    line = str(function.__doc__).splitlines()[0]
    line = re.sub(r" = (?:<[^>]*>|array\(.*?\))", " = 0", line)  # values that are no Python
    (node,) = ast.parse(f"def {line}: ...").body
    assert isinstance(node, ast.FunctionDef)
    return node.args


def _names(arguments: ast.arguments) -> tuple[list[str], list[tuple[str, bool]]]:
    """The positional arguments, and those by keyword with whether they have a default."""
    optional = [default is not None for default in arguments.kw_defaults]
    by_keyword = [argument.arg for argument in arguments.kwonlyargs]
    positional = [argument.arg for argument in arguments.args]
    return positional, list(zip(by_keyword, optional, strict=True))


def _members(node: ast.ClassDef) -> set[str]:
    functions = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    return {name for name in functions if not name.startswith("__")}


def code_of(path: Path) -> str:
    """A C++ file without its comments and strings."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', "", text, flags=re.DOTALL)


def test_memory_is_owned_by_objects() -> None:
    files = [*(PROJECT / "csrc").glob("*/*.cpp"), *(PROJECT / "csrc").glob("*/*.hpp")]
    assert len(files) > 40
    naked = re.compile(r"\bnew\s+\w|\bdelete\s+\w|\bdelete\[\]|\b(?:malloc|free)\s*\(")
    assert not [str(path) for path in files if naked.search(code_of(path))]


def test_python_stays_in_the_binding_files() -> None:
    below = [
        path
        for path in (PROJECT / "csrc").glob("*/*.?pp")
        if not path.name.startswith(("register_", "module.", "pybind11."))
    ]
    assert len(below) > 30
    python = re.compile(r'#include\s*[<"](?:pybind11|Python\.h)|\bpy::|\bPyErr_')
    assert not [str(path) for path in below if python.search(path.read_text(encoding="utf-8"))]
