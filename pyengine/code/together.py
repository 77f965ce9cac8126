"""Put a solution and tests that must share its process into one program.

Where the language has no judge of ours, or the tests handle objects that cannot cross to another
process, the end of the tests says a word that was drawn for this run. A program that leaves early,
with whatever status, has not said it.
"""

import re
from collections.abc import Callable, Iterator

from tree_sitter import Node

from pyengine.code.definitions import functions_named, name_of, names_of, text_of
from pyengine.code.go_programs import imports_of, package_name, packages_used
from pyengine.text.parsing import parse

# What a language says where a test did not hold, rather than where the solution failed.
TEST_MARKS = {
    "cpp": (b"Assertion `",),
    "java": (b"AssertionError",),
    "rust": (b"assertion",),
    "go": (b"a test failed",),
    "python": (b"AssertionError",),
}
# What a program of C++ is linked with where it includes a header of that folder.
CPP_LINKS = {"<openssl/": "-lcrypto"}
# Rust's crates that come with the compiler, and words that begin a path within a file.
OWN_CRATES = frozenset({"std", "core", "alloc", "crate", "self", "super"})
# Packages of Go that HumanEval-X's authors import where a solution uses them.
GO_PACKAGES = (
    *("bytes", "crypto/md5", "errors", "fmt", "math", "math/rand", "os", "regexp", "sort"),
    *("strconv", "strings", "time", "unicode"),
)


# Imports beyond Java's own: a task that needs one is skipped, see libraries.py.
JAVA_LIBRARIES = re.compile(r"^\s*import\s+(?:static\s+)?(?!javax?\.)[\w.*]+\s*;", re.MULTILINE)


def one_program(language: str, solution: str, tests: str, word: str) -> str:
    """Return the source of a program that runs `tests` and then prints `word`.

    Raises ValueError where `tests` are none that can be run so.
    """
    return _TOGETHER[language](solution, tests, word)


def _cpp(solution: str, tests: str, word: str) -> str:
    tests = _at_end("cpp", tests, "main", f'std::puts("{word}"); std::fflush(stdout);')
    return f"#include <cstdio>\n{_without('cpp', solution, {'main'})}\n{tests}\n"


def _java(solution: str, tests: str, word: str) -> str:
    """Give the class of the tests what the solution imports: it stands in the same file."""
    tests = _at_end("java", tests, "main", f'System.out.println("{word}");')
    solution = JAVA_LIBRARIES.sub("", _without("java", solution, {"Main"}))
    root = parse(tests, "java").root_node
    imports = [node for node in root.named_children if node.type == "import_declaration"]
    header = "".join(f"{text_of(node)}\n" for node in imports)
    rest = _cut(tests, imports)
    return f"{header}{solution}\n{rest}\n"


def _rust(solution: str, tests: str, word: str) -> str:
    """Run what `#[test]` marks from `main`, or the tests' own `main`."""
    solution = _without("rust", _without_crates(solution), {"main"})
    root = parse(tests, "rust").root_node
    said = f'println!("{word}");'
    if "should_panic" in tests:
        raise ValueError("tests that must panic are not understood")
    if any(True for _ in functions_named(root, "main")):
        return f"{solution}\n{_at_end('rust', tests, 'main', said)}\n"
    module = next((node for node in root.named_children if node.type == "mod_item"), None)
    body = None if module is None else module.child_by_field_name("body")
    if module is None or body is None:
        raise ValueError("no function main and no module of tests")
    end = body.end_byte - 1
    marks = [node for node in _all_nodes(root) if _is_test_mark(node)]
    if any(node.start_byte > end for node in marks):
        raise ValueError("tests in more than one module are not understood")
    found = [_next_function(node) for node in marks if text_of(node) == "#[test]"]
    calls = "".join(f"{name}(); " for name in found if name)
    if not calls:
        raise ValueError("no function is marked as a test")
    data = tests.encode()
    runner = f"    pub fn run_all_tests() {{ {calls}}}\n".encode()
    tests = _cut((data[:end] + runner + data[end:]).decode(), marks)
    name = name_of(module)
    return f"{solution}\n{tests}\nfn main() {{ {name}::run_all_tests(); {said} }}\n"


def _go(solution: str, tests: str, word: str) -> str:
    """Import every package once, and those that are used and not imported.

    Go's package for tests and the assertions of HumanEval-X are ours: harness/testing.go.
    """
    wanted, parts = {package_name(path): f'"{path}"' for path in GO_PACKAGES}, []
    for source in (solution, tests):
        nodes = parse(source, "go").root_node.named_children
        imports = [node for node in nodes if node.type == "import_declaration"]
        wanted |= imports_of(imports)
        package = [node for node in nodes if node.type == "package_clause"]
        parts.append(_cut(source, imports + package))
    body = _without("go", parts[0], {"main"}) + "\n" + parts[1]
    names = re.findall(r"^func\s+(Test\w*)\s*\(", parts[1], re.MULTILINE)
    if not names:
        raise ValueError("no function is called Test…")
    wanted["testing"], wanted["assert"] = '"judge/testing"', '"judge/assert"'
    named = packages_used(parse(body, "go").root_node)
    used = [spec for name, spec in wanted.items() if name in named]
    header = "".join(f"import {spec}\n" for spec in [*used, 'judge_testing "judge/testing"'])
    calls = "".join(f"\tjudge_testing.Run({name})\n" for name in dict.fromkeys(names))
    main = f'func main() {{\n{calls}\tjudge_testing.End("{word}")\n}}\n'
    return f"package main\n{header}{body}\n{main}"


_TOGETHER: dict[str, Callable[[str, str, str], str]] = {
    "cpp": _cpp,
    "java": _java,
    "rust": _rust,
    "go": _go,
}


def _at_end(language: str, source: str, name: str, statement: str) -> str:
    """Return `source` with a statement at the end of a function, before a return that ends it."""
    found = [node for node, _ in functions_named(parse(source, language).root_node, name)]
    body = found[-1].child_by_field_name("body") if found else None
    if body is None:
        raise ValueError(f"no function {name}")
    inner = body.named_children
    returns = bool(inner) and inner[-1].type == "return_statement"
    place = inner[-1].start_byte if returns else body.end_byte - 1
    data = source.encode()
    return (data[:place] + f"{statement}\n".encode() + data[place:]).decode()


def _without(language: str, source: str, names: set[str]) -> str:
    """Return `source` without definitions of these names at its top level."""
    root = parse(source, language).root_node
    return _cut(source, [node for node in root.named_children if names_of(node) & names])


def _without_crates(source: str) -> str:
    """Return Rust source without the imports of crates that do not come with the compiler."""
    nodes = list(_all_nodes(parse(source, "rust").root_node))
    own = OWN_CRATES | {name_of(node) for node in nodes if node.type in _RUST_PATHS}
    foreign = []
    for node in nodes:
        first = re.search(r"\buse\s+(?:::)?(\w+)", text_of(node))
        if node.type == "use_declaration" and first and first[1] not in own:
            foreign.append(node)
    return _cut(source, foreign)


_RUST_PATHS = ("mod_item", "enum_item", "struct_item", "trait_item")


def _is_test_mark(node: Node) -> bool:
    return node.type == "attribute_item" and text_of(node) in ("#[test]", "#[cfg(test)]")


def _next_function(node: Node) -> str:
    """Return the name of the function that an attribute stands before."""
    after = node.next_named_sibling
    while after is not None and after.type != "function_item":
        after = after.next_named_sibling
    return "" if after is None else name_of(after)


def _all_nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.named_children:
        yield from _all_nodes(child)


def _cut(source: str, nodes: list[Node]) -> str:
    """Return `source` without these nodes, of which none lies in another."""
    data = source.encode()
    for node in sorted(nodes, key=lambda node: -node.start_byte):
        data = data[: node.start_byte] + data[node.end_byte :]
    return data.decode()
