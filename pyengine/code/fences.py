"""Find the blocks of code in what a chat model says, however it fences them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from pyengine.text.parsing import parse

OPENING = re.compile(
    r"^(?P<before>(?:(?!`{3}|~{3})[^\n])*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`~\n]*)$",
    re.MULTILINE,
)
# What holds code where no fence does: a fence within a line, and marks of some models.
HOLDERS = re.compile(
    r"```([^`\n]+)```|^[ \t]*\[(?:PYTHON|BEGIN)\](.*?)(?:\[/PYTHON\]|\[DONE\]|\Z)"
    r"|^[ \t]*<code>(.*?)(?:</code>|\Z)",
    re.DOTALL | re.MULTILINE,
)
RAGGED = re.compile(r"\n[ \t]*[`~]{1,2}\s*\Z")  # the beginning of a fence, where a text was cut off
MARKER = re.compile(r"[ \t>]*(?:(?:\d{1,3}[.)]|[-*+])[ \t]+)?\Z")
QUOTE = re.compile(r"^[ \t]*> ?", re.MULTILINE)
# What a notebook or a session of Python writes before code, line by line.
MAGIC = re.compile(r"\A(?:\s*(?:%%?|!)\w[^\n]*\n)+")
SESSION = re.compile(r"^(?:>>>|\.\.\.)(?: (.*)|)$")
MOST_UNSURE = 8  # blocks of a text whose end is looked for beyond a fence in broken code
PROSE = frozenset({"markdown", "md"})
ALIASES = {
    **dict.fromkeys(("py", "python3", "python2", "python", "ipython", "pycon"), "python"),
    **dict.fromkeys(("js", "javascript", "node", "nodejs", "mjs", "jsx"), "javascript"),
    **dict.fromkeys(("c++", "cpp", "cxx", "cc", "hpp", "cplusplus"), "cpp"),
    **dict.fromkeys(("golang", "go"), "go"),
    **dict.fromkeys(("rs", "rust"), "rust"),
    **dict.fromkeys(("rb", "ruby"), "ruby"),
    **{name: name for name in ("c", "java", "php", "bash", "sh", "shell")},
}
TAGS = frozenset(ALIASES.values())


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        tag: the language that it names, by our names where we know it; "" where it names none.
        closed: whether its end was written.
        end: where it, or the block around it, ends in the text.
        sure: whether what follows cannot change where it ends.
    """

    code: str
    tag: str
    closed: bool
    end: int
    sure: bool = False


def blocks_of(text: str, language: str) -> list[Block]:
    """Return the blocks of a text whose code is thought to be in `language`, in order."""
    if found := fenced_blocks(text, language):
        return found
    held = ((next(filter(None, one.groups()), ""), one.end()) for one in HOLDERS.finditer(text))
    return [Block(code.strip(), "", True, end) for code, end in held]


def fenced_blocks(text: str, language: str) -> list[Block]:
    """Return the blocks of a text that lines of their own fence, in order."""
    found: list[Block] = []
    place = unsure = 0
    while opening := OPENING.search(text, place):
        place = opening.end() + 1
        if not _opens(opening):
            continue
        tag = tag_of(opening["info"])
        block = _block(text, opening, tag, language, unsure < MOST_UNSURE)
        unsure += not block.sure
        place = max(place, block.end)
        longer = len(opening["fence"]) > 3
        inner = blocks_of(block.code, language) if longer and tag != language else []
        found += [replace(one, end=block.end, sure=block.sure) for one in inner] or [block]
    return found


def spans_of(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each fenced block begins and ends, read without a look at its code."""
    place = 0
    while opening := OPENING.search(text, place):
        place = opening.end() + 1
        if not _opens(opening):
            continue
        closing = next(_closings(text, min(place, len(text)), opening["fence"]), None)
        place = closing[1] if closing else len(text)
        yield opening.start("fence"), closing[0] + 1 if closing else len(text)


def _opens(opening: re.Match[str]) -> bool:
    """Return whether a fence begins a block of code."""
    if tag_of(opening["info"]) in PROSE:  # a block of words around the block of code
        return False
    # words may stand before backticks, not before tildes
    return opening["fence"][0] == "`" or MARKER.match(opening["before"]) is not None


def tag_of(info: str) -> str:
    """Return the language that the words after a fence name: "" for none."""
    words = re.split(r"[\s,:;]+", info.strip().strip("{}").lstrip("."))
    return ALIASES.get(words[0].lower(), words[0].lower())


def _block(text: str, opening: re.Match[str], tag: str, language: str, far: bool) -> Block:
    """Return the block after a fence; `far`: a fence in broken code may lie in a long string."""
    start = min(opening.end() + 1, len(text))
    closings = _closings(text, start, opening["fence"])
    first = next(closings, None)
    sure = first is not None and _ends_code(text[start : first[0]], language)
    if first is not None and not sure and far:
        ends = [first, *closings]
        inside = _in_strings(text[start:], [end - start for end, _ in ends], language)
        outside = (end for end, within in zip(ends, inside, strict=True) if not within)
        first = next(outside, first)
    stop, end = first or (len(text), len(text))
    code = _unindented(text[start:stop], opening["before"])
    if language == "python":
        code = _script(code)
    return Block(code if first else RAGGED.sub("\n", code), tag, first is not None, end, sure)


@lru_cache(maxsize=64)  # a model in a loop writes the same again
def _ends_code(code: str, language: str) -> bool:
    """Return whether code is whole where a fence follows, and no comment goes on there."""
    if not code.strip():
        return True
    root = parse(code.encode(), language).root_node
    if root.has_error:
        return False
    if not code.rpartition("\n")[2].strip():
        return True
    last = len(code.rstrip().encode())
    node = root.descendant_for_byte_range(last - 1, last)
    return node is None or "comment" not in node.type


def _closings(text: str, start: int, fence: str) -> Iterator[tuple[int, int]]:
    """Yield where a block may end and where the text goes on: at fences at either end of a line.

    A fence that names a language begins the next block; one that is too short ends a block that
    none of its length does.
    """
    found = _fences(text, start, fence)
    first = next(found, None)
    if first is None and len(fence) > 3:
        found = _fences(text, start, fence[:3])
        first = next(found, None)
    for one in chain([first] if first else [], found):
        yield one.start(), one.start() if tag_of(one["info"] or "") in TAGS else one.end()


def _fences(text: str, start: int, fence: str) -> Iterator[re.Match[str]]:
    """Yield the fences at either end of a line that are as long as one, or longer."""
    mark = re.escape(fence[0]) + "{" + str(len(fence)) + ",}"
    pattern = re.compile(rf"^[ \t>]*{mark}(?P<info>[^\n]*)$|{mark}[ \t]*$", re.MULTILINE)
    return pattern.finditer(text, start)


def _in_strings(code: str, places: list[int], language: str) -> list[bool]:
    """Return which places lie in a string or a comment of the code, as in a docstring."""
    if not places:
        return []
    root = parse(code.encode(), language).root_node
    found = []
    for place in places:
        # the first fence character, past the margin of its line
        mark = re.compile(r"[`~]").search(code, place)
        byte = len(code[: mark.start() if mark else place].encode())
        node = root.descendant_for_byte_range(byte, byte + 1)
        within = False
        while node is not None:  # some grammars take the fence itself for a string
            within = within or (_is_text(node.type) and node.start_byte < byte)
            node = node.parent
        found.append(within)
    return found


def _is_text(kind: str) -> bool:
    return ("string" in kind and "template" not in kind) or "comment" in kind


def _unindented(code: str, before: str) -> str:
    """Take away the margin of a list, or the marks of a quote, that the opening fence stood in."""
    if not MARKER.match(before):
        return code
    if ">" in before:
        code = QUOTE.sub("", code)
        before = before.rpartition(">")[2].removeprefix(" ")
    width = len(before.expandtabs(4))
    return re.sub(rf"^[ \t]{{0,{width}}}", "", code, flags=re.MULTILINE) if width else code


def _script(code: str) -> str:
    """Return code of Python as a file has it, without the marks of notebooks and sessions."""
    code = MAGIC.sub("", code)
    if not code.lstrip().startswith(">>> "):
        return code
    found = [one[1] or "" for line in code.splitlines() if (one := SESSION.match(line))]
    return "".join(f"{line}\n" for line in found)
