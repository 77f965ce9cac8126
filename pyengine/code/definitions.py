"""What source code defines at its top level and in its classes, by its syntax tree."""

import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import lru_cache

from tree_sitter import Node

from pyengine.text.parsing import parse

# Tokens of Python that stand between a line and the next.
BETWEEN = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
)


def node_types(*lines: str) -> frozenset[str]:
    """Return the types of nodes that lines of words list."""
    return frozenset(" ".join(lines).split())


# Of all grammars: what gives its own name to what it holds.
CALLABLES = node_types(
    "function_definition function_declaration generator_function_declaration function_item",
    "method_definition method_declaration method singleton_method",
)
CLASSES = node_types(
    "class_definition class_declaration class_specifier struct_specifier class module",
    "interface_declaration record_declaration enum_declaration trait_declaration",
    "struct_item enum_item trait_item union_item enum_specifier union_specifier",
)
VALUES = node_types(
    "variable_declarator init_declarator const_item static_item type_item assignment type_spec",
    "type_alias var_spec const_spec preproc_def preproc_function_def macro_definition",
    "alias_declaration type_definition",
)
NAMED = CALLABLES | CLASSES | VALUES
# What stands around definitions at the top level.
AROUND = node_types(
    "expression_statement decorated_definition export_statement template_declaration declaration",
    "lexical_declaration variable_declaration type_declaration var_declaration",
    "const_declaration var_spec_list linkage_specification declaration_list",
)
# What runs a part of a script of Python only where something holds.
CONDITIONAL = node_types(
    "if_statement elif_clause else_clause try_statement except_clause finally_clause",
    "with_statement block",
)
FUNCTION_VALUES = node_types(
    "arrow_function function_expression function lambda lambda_expression",
)
COMMENTS = node_types("comment line_comment block_comment")
# What must stand before all else in a file: by the types of nodes, and by how they begin.
FIRST_TYPES = node_types(
    "php_tag declare_statement namespace_definition future_import_statement inner_attribute_item",
)
FIRST_TEXTS = ("//!", "/*!", "#define _")
# What Rust puts before an item and is at fault without one.
LEADING = COMMENTS - {"comment"} | {"attribute_item"}
IMPORTS = node_types(
    "import_declaration preproc_include using_declaration use_declaration import_statement",
    "import_from_statement future_import_statement php_tag",
)
# A function within a call, as in memo(...), or a call that makes one.
WRAPPED = re.compile(
    r"\blambda\b|=>|\bfunction\b|\b(?:partial|itemgetter|attrgetter|methodcaller)\("
)
# Where a script of JavaScript puts what others may ask it for, and the name it gives it there.
EXPORTS = re.compile(r"(?:module\.)?exports(?:\.(\w+))?\Z")


@lru_cache(maxsize=64)  # an answer is looked at from several sides
def root_of(code: str, language: str) -> Node:
    """Parse code that stands alone, as PHP's may without its opening mark."""
    return parse(standing(code, language), language).root_node


def standing(code: str, language: str) -> str:
    """Return code as a file of its own."""
    return f"<?php\n{code}" if language == "php" and "<?php" not in code else code


def text_of(node: Node) -> str:
    """Return the source of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def lines_of(nodes: Iterable[Node]) -> str:
    """Return the source of nodes, each on lines of its own."""
    return "".join(f"{text_of(node).rstrip()}{_end(node)}\n" for node in nodes)


def _end(node: Node) -> str:
    """Return the semicolon that C and C++ put after a type, and their grammars beside it."""
    after = node.next_sibling if node.type.endswith("_specifier") else None
    return ";" if after is not None and after.type == ";" else ""


def name_of(node: Node) -> str:
    """Return the name that a defining node gives, past C's pointers and parameters; "" if none."""
    fields = ("name", "declarator", "left")
    found = next(filter(None, map(node.child_by_field_name, fields)), None)
    while found is not None and (inner := found.child_by_field_name("declarator")) is not None:
        found = inner
    return text_of(found) if found is not None else ""


def defining(node: Node) -> Iterator[Node]:
    """Yield what a node of the top level defines: itself, or what it stands around."""
    given = node.type == "assignment_expression" and is_callable(node)  # JavaScript's
    if given or (node.type in NAMED and not _is_forward(node)):
        yield node
    elif node.type in AROUND:
        for child in node.named_children:
            yield from defining(child)


def _is_forward(node: Node) -> bool:
    """Return whether a node only says that a type of C is defined elsewhere."""
    if node.type == "type_definition":
        named = node.child_by_field_name("type")
        return named is not None and _is_forward(named)
    return node.type.endswith("_specifier") and node.child_by_field_name("body") is None


def names_of(node: Node) -> set[str]:
    """Return the names that a node of the top level defines."""
    return {name_of(found) for found in defining(node)}


def defined_names(nodes: Iterable[Node]) -> set[str]:
    """Return the names that nodes of the top level define."""
    return {name for node in nodes for name in names_of(node)}


def is_first(node: Node) -> bool:
    """Return whether a node must stand before all else in its file."""
    return node.type in FIRST_TYPES or text_of(node).startswith(FIRST_TEXTS)


def items_of(nodes: Iterable[Node]) -> list[list[Node]]:
    """Return each node after what belongs to it: Rust's attributes and comments stand before."""
    found: list[list[Node]] = []
    leading: list[Node] = []
    for node in nodes:
        leading.append(node)
        if node.type not in LEADING or is_first(node):
            found.append(leading)
            leading = []
    return [*found, leading] if leading else found


def members(node: Node) -> list[Node]:
    """Return what stands in the body of a class."""
    body = node.child_by_field_name("body")
    return [] if body is None else list(body.named_children)


def functions_named(root: Node, name: str) -> Iterator[tuple[Node, Node | None]]:
    """Yield each function or class called `name`, with the class around it if there is one."""
    for top in root.named_children:
        for found in made_by(top):
            if name_of(found) == name and is_callable(found):
                yield found, None
            elif found.type in CLASSES:
                for member in members(found):
                    yield from ((m, found) for m in defining(member) if name_of(m) == name)
        yield from ((function, None) for called, function in exported(top) if called == name)


def made_by(node: Node) -> Iterator[Node]:
    """Yield what a node of the top level defines, also where that needs something to hold."""
    if node.type in CONDITIONAL or node.type == "ERROR":
        for child in node.named_children:
            yield from made_by(child)
    yield from defining(node)


def exported(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the functions that a statement of JavaScript exports, each under its name there."""
    for inner in node.named_children if node.type == "expression_statement" else ():
        place = inner.child_by_field_name("left")
        found = EXPORTS.match(text_of(place)) if place is not None else None
        value = value_of(inner)
        if found is None or value is None:
            continue
        if value.type in FUNCTION_VALUES:
            yield found[1] or name_of(value), value
        for part in value.named_children if value.type == "object" else ():
            made, key = part.child_by_field_name("value"), part.child_by_field_name("key")
            if part.type == "method_definition":
                yield name_of(part), part
            elif made is not None and key is not None and made.type in FUNCTION_VALUES:
                yield text_of(key), made


def is_callable(node: Node) -> bool:
    """Return whether a defining node makes a function or a class, also as a variable's value."""
    if node.type not in VALUES and node.type != "assignment_expression":
        return True
    value = value_of(node)
    if value is None:
        return False
    return value.type in FUNCTION_VALUES or (
        "call" in value.type and WRAPPED.search(text_of(value)) is not None
    )


def value_of(node: Node) -> Node | None:
    """Return what a variable is given."""
    return node.child_by_field_name("value") or node.child_by_field_name("right")


def has_substance(node: Node) -> bool:
    """Return whether a definition does more than to document itself.

    A signature that is repeated, with its docstring, `pass` or `...`, is no solution.
    """
    value = None if node.type in CALLABLES | CLASSES | FUNCTION_VALUES else value_of(node)
    body = (value or node).child_by_field_name("body")
    if body is None:
        return value is not None
    if "block" not in body.type and "statement" not in body.type:
        return True  # an expression, a class
    return any(not _is_filler(child) for child in body.named_children)


def _is_filler(node: Node) -> bool:
    if node.type in ("pass_statement", "comment", "line_comment", "block_comment"):
        return True
    inner = node.named_children
    said = node.type == "expression_statement" and len(inner) == 1
    return said and inner[0].type in ("string", "ellipsis")


def asked_for(source: str, before: str, language: str) -> tuple[str, int] | None:
    """Return the name of the function in which `before` ends, and where its statement starts.

    Args:
        source: `before` and what completes it.

    Returns:
        the name, and a place in bytes, of a method that of its class.
    """
    end = len(before.rstrip().encode())
    around = [
        (found, top.start_byte)
        for top in parse(source, language).root_node.named_children
        if top.start_byte < end <= top.end_byte
        for found in defining(top)
    ]
    for node, start in around:
        inner = [
            found
            for member in members(node)
            if node.type in CLASSES and member.start_byte < end <= member.end_byte
            for found in defining(member)
        ]
        chosen = next(iter(inner), node)
        if is_callable(chosen) and chosen.type not in CLASSES:
            return name_of(chosen), start
    return None


def is_level(source: str) -> bool:
    """Return whether the margins of a Python program are as Python wants them.

    Every line comes back to a margin that there is, and goes in only after a colon.
    """
    before = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.INDENT and before != ":":
                return False
            if token.type not in BETWEEN:
                before = token.string
    except (tokenize.TokenError, SyntaxError):
        return False
    return True
