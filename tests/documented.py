"""The commands that README, documentation and help texts show, and stand-ins for what they name."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from pyengine.commands.app import EXAMPLES

PROJECT = Path(__file__).parent.parent
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
# Words that explain a line stand far behind it.
WORDS_BEHIND = re.compile(r"\s{3,}\S.*")
OUTPUTS = ("-o", "--output", "--html")
INLINE = re.compile(r"`pyengine ([a-z-]+)((?: [^`]*)?)`")

# What stands for what. Every name of a file in a command is one of these, or is written by it.
STAND_INS = {
    "f16.gguf": "model.gguf a.gguf base.gguf qwen2.gguf model-f16.gguf model-F16.gguf "
    "embedded:base",
    "Q4_K_M.gguf": "b.gguf q4.gguf llama3.gguf theirs.gguf theirs-Q4_K_M.gguf model-Q4_K_M.gguf",
    "Q8_0.gguf": "q8.gguf instruct.gguf",
    "imatrix.gguf": "mine.gguf model-imatrix.gguf model.imatrix.gguf theirs-imatrix.gguf",
    "models/": "FOLDER downloads/ ~/models/qwen/ ~/models",
    "result.json": "compare.json",
    "old.json": "last-week.json baseline.json",
    "tasks.toml": "mine.toml",
    "swept/": "sweep f16-sweep/",
    "known.json": "sensitivity.json",
}
ROLES = {name: role for role, names in STAND_INS.items() for name in names.split()}


@dataclass(frozen=True)
class Documented:
    """A command line as it is written, and where; its words name stand-ins."""

    page: str
    line: str
    words: tuple[str, ...]

    @property
    def is_synopsis(self) -> bool:
        """Whether it says what may be written, and not what is."""
        return any(re.search(r"…|^\[|^(hf:)?[A-Z]{4,}\b(?![.])", word) for word in self.words)


def read_line(page: str, line: str) -> Documented | None:
    """Read a line of a shell, perhaps with a prompt, comment, pipe or redirection."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|>")
    lexer.whitespace_split = True
    command: list[str] = []
    for word in lexer:
        if word == "|" and command[:1] != ["pyengine"]:
            command = []
        elif word in ("|", ">"):
            break
        else:
            command.append(word)
    if command[:1] != ["pyengine"]:
        return None
    named, *words = command[1:]
    told = zip(words, [named, *words], strict=False)
    stand_ins = ([word] if before in OUTPUTS else role(word) for word, before in told)
    return Documented(page, line, (named, *(each for some in stand_ins for each in some)))


def role(word: str) -> list[str]:
    """Return what stands for a word: that of a file keeps its settings."""
    if word == "*-Q*.gguf":
        return ["Q4_K_M.gguf", "Q8_0.gguf"]
    name, mark, settings = word.partition("?")
    return [f"{ROLES.get(name, name)}{mark}{settings}"]


def code_lines(text: str) -> list[str]:
    """Return the lines of a page that are for a shell: in such fences, or indented.

    Of a fence with prompts they are the lines behind these.
    """
    fences = re.findall(r"^```(?:console|sh|bash|)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    fenced = [re.findall(r"^\$ .*$", fence, re.MULTILINE) or fence.splitlines() for fence in fences]
    without = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^    (\S.*)$", without, flags=re.MULTILINE)
    return [*(line for lines in fenced for line in lines), *indented]


def table_lines(page: Path) -> list[str]:
    """Return the commands of a table; those of docs/pick.md are run by test_docs_pick.py."""
    text = page.read_text(encoding="utf-8") if page.name != "pick.md" else ""
    return re.findall(r"^\| .* \| `(pyengine [^`]*)` \|$", text, flags=re.MULTILINE)


def in_pages() -> list[Documented]:
    """Return the command lines of README and documentation, in their order."""
    found = [
        read_line(str(page.relative_to(PROJECT)), WORDS_BEHIND.sub("", line))
        for page in PAGES
        for line in [*code_lines(page.read_text(encoding="utf-8")), *table_lines(page)]
        if re.match(r"(\$ |[^`#]*\| )?pyengine ", line)
    ]
    return [each for each in found if each is not None]


def in_help() -> list[Documented]:
    """Return the examples below the commands' help."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    found = [read_line("--help", line) for lines in examples.values() for line, _ in lines]
    return [each for each in found if each is not None]


def in_sentences() -> list[tuple[str, str, str]]:
    """Return page, command and what follows of each command that stands within a sentence."""
    return [
        (str(page.relative_to(PROJECT)), command, rest)
        for page in PAGES
        for command, rest in INLINE.findall(page.read_text(encoding="utf-8"))
    ]
