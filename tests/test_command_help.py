"""What `--help` shows: a line for each command, types in words, and examples that parse."""

import json
import re
import shlex
from typing import Any

import pytest
import typer
from command_line import run

from pyengine.commands.app import COMMANDS, EXAMPLES, app

LINES = {
    name: [line for line, _ in lines]
    for name, lines in json.loads(EXAMPLES.read_text(encoding="utf-8")).items()
}
GROUP: Any = typer.main.get_command(app)


def options_of(words: list[str]) -> dict[str, Any]:
    """Parse a command's words as the command line does, and run nothing."""
    context = GROUP.make_context("pyengine", list(words))
    command = GROUP.get_command(context, words[0])
    parsed: dict[str, Any] = command.make_context(words[0], words[1:], parent=context).params
    return parsed


def test_every_command_has_examples() -> None:
    assert LINES.keys() == {*COMMANDS}
    assert {name: len(lines) for name, lines in LINES.items() if not 2 <= len(lines) <= 4} == {}


@pytest.mark.parametrize("line", [line for lines in LINES.values() for line in lines])
def test_an_example_parses(line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "pyengine"
    assert line in LINES[words[0]]
    assert words[0] == "lm-eval" or options_of(words)


@pytest.mark.parametrize(("words", "why"), [("probe --nonsense", "nonsense"), ("pick", "'models'")])
def test_what_does_not_parse_is_seen(words: str, why: str) -> None:
    with pytest.raises(typer.TyperException) as refused:
        options_of(words.split())
    assert why in refused.value.format_message()


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "lm-eval"])
def test_help_names_types_in_words_and_ends_with_examples(name: str) -> None:
    shown = run(name, "--help")
    assert shown.code == 0
    assert re.findall(r"<\w+|list\[|int range|\bPath\b", shown.out) == []
    _, _, below = shown.out.partition("  Examples:\n")
    told = [line.strip() for line in below.splitlines()]
    assert told[::2] == LINES[name]
    assert all(told[1::2])
    assert max(map(len, below.splitlines())) <= 80


def test_each_command_is_told_in_a_whole_line() -> None:
    shown = run("--help").out
    table = shown.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table] == [*COMMANDS]
    assert all(line.endswith(".") and not line.endswith("...") for line in table)
