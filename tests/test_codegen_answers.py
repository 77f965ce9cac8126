"""Where an answer ends, what is sent, and how code is taken out of what a chat model says."""

import pytest
from tree_sitter import Tree

from pyengine.code import completions
from pyengine.code.completions import CompletionStop, completion_of, definition_end
from pyengine.code.parsing import (
    edit_similarity,
    is_keyword,
    leaves,
    levenshtein,
    repetition,
    shape_of,
)
from pyengine.code.prompting import Prompt, PromptStyle, instruction, n_hidden
from pyengine.code.reading import read_answer
from pyengine.code.tasks import Task, own_tasks
from pyengine.text.parsing import error_count, parse


def stream(task: Task, text: str, step: int = 3) -> int | None:
    """Feed a text piece by piece as a model writes it."""
    stop, data = CompletionStop(task), text.encode()
    for end in range(step, len(data) + step, step):
        if stop(data[:end]):
            return stop.end
    return None


RAMBLE = {
    "python": "\n\ndef other(a):\n    return a\n",
    "javascript": "\nfunction other() { return 1; }\n",
    "c": "\nint other(void) { return 1; }\n",
    "cpp": "\nint other() { return 1; }\n",
    "java": "\n    static int other() { return 1; }\n}\n",
    "go": "\nfunc Other() int { return 1 }\n",
    "rust": "\nfn other() -> i32 { 1 }\n",
    "ruby": "\ndef other\n  1\nend\n",
    "php": "\nfunction other() { return 1; }\n",
}


@pytest.mark.parametrize("language", RAMBLE)
@pytest.mark.parametrize("step", [1, 4])
def test_every_reference_ends_where_it_ends(language: str, step: int) -> None:
    """What a model rambles on with after a complete definition is not part of the answer."""
    for task in own_tasks([language]):
        end = stream(task, task.reference + RAMBLE[language], step)
        assert end is not None, task.name
        kept, trimmed = completion_of(
            task, (task.reference + RAMBLE[language]).encode(), end=end, cut_off=False
        )
        assert kept.strip() == task.reference.strip(), task.name
        assert not trimmed


@pytest.mark.parametrize("language", RAMBLE)
def test_an_open_definition_goes_on(language: str) -> None:
    for task in own_tasks([language]):
        body = task.reference.rstrip().removesuffix("}").removesuffix("end").rstrip()
        if task.stop or language == "python":
            continue
        assert stream(task, body) is None, task.name


def test_braces_in_strings_and_comments_do_not_count() -> None:
    source = b'int f(void) {\n  puts("}"); // }\n  /* } */ return 1;\n}\nint'
    assert definition_end(source, 14, "c") == source.index(b"}\nint") + 1
    template = b"const f = (a) => {\n  return `${a}}`\n}\n"
    assert definition_end(template, 20, "javascript") == len(template) - 1


def test_a_python_string_at_the_margin_does_not_end_a_function() -> None:
    source = b'def f():\n    x = """\nnot code\n"""\n    return x\n\ny = 1\n'
    assert definition_end(source, 10, "python") == source.index(b"\n\ny")


def test_a_tail_cut_off_by_the_budget_is_dropped() -> None:
    task = next(task for task in own_tasks(["python"]) if task.name == "python/total")
    text = "        result += number\n    return result\n    print('unfin"
    kept, trimmed = completion_of(task, text.encode(), end=None, cut_off=True)
    assert kept == "        result += number\n    return result\n"
    assert trimmed
    same, untouched = completion_of(task, text.encode(), end=None, cut_off=False)
    assert same == text
    assert not untouched


def test_a_loop_that_the_budget_cuts_off_is_parsed_so_many_times_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed: list[int] = []

    def counted(source: bytes, language: str) -> Tree:
        parsed.append(len(source))
        return parse(source, language)

    monkeypatch.setattr(completions, "parse", counted)
    task = next(task for task in own_tasks(["python"]) if task.prompt.endswith('"""\n'))
    whole = "    x = 1\n" * 300
    for ragged in ("    x = [\n", "    x = [\n" * 15, "    else:\n" * 400, "    else:\n" * 2000):
        parsed.clear()
        text = f"{whole}{ragged}".encode()
        kept, trimmed = completion_of(task, text, end=None, cut_off=True)
        assert (kept, trimmed) == (whole, True)
        assert len(parsed) <= completions.MOST_CUTS + 13
    assert completion_of(task, b"  x = (\n", end=None, cut_off=True) == ("  x = (\n", False)


def test_stop_strings_come_first() -> None:
    task = own_tasks(["python"])[0]
    assert task.stop == ("\n",)
    assert stream(task, " a + b\n    more\n", 5) == len(" a + b")


def chat(text: str, task: Task | None = None) -> Prompt:
    """Return a prompt whose template has made this text."""
    return Prompt(task or own_tasks(["python"])[0], PromptStyle.CHAT, text, (1,))


CHAT = "<|user|>add<|assistant|>"


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("python", "def add(a, b):\n    return a + b\n"),
        ("c", "#include <stdio.h>\nint add(int a, int b) {\n    return a + b;\n}\n"),
        ("go", 'package main\n\nimport "fmt"\n\nfunc Add(a int, b int) int {\n\treturn a + b\n}\n'),
        ("java", "static int add(int a, int b) {\n    return a + b;\n}\n"),
        ("php", "function add($a, $b)\n{\n    return $a + $b;\n}\n"),
        ("rust", "fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n"),
    ],
)
def test_a_whole_answer_replaces_the_prompt(language: str, answer: str) -> None:
    task = own_tasks([language])[0]
    text = f"Sure!\n```{language}\n{answer}```\n"
    found = read_answer(chat(CHAT, task), text.encode(), end=None, cut_off=False)
    assert found.whole
    source = task.solution(found.completion, whole=True)
    assert source.count("package main") <= 1
    assert error_count(parse(source.encode(), language)) == 0, source


def test_an_answer_that_goes_on_with_the_prompt_is_appended() -> None:
    text = b"```python\n    return a + b\n```"
    found = read_answer(chat(CHAT), text, end=None, cut_off=False)
    assert not found.whole


def test_the_instruction_shows_the_prompt() -> None:
    task = own_tasks(["cpp"])[0]
    assert "C++" in instruction(task)
    assert task.prompt.rstrip() in instruction(task)


def slow_levenshtein(first: str, second: str) -> int:
    if not first or not second:
        return max(len(first), len(second))
    if first[0] == second[0]:
        return slow_levenshtein(first[1:], second[1:])
    return 1 + min(
        slow_levenshtein(first[1:], second),
        slow_levenshtein(first, second[1:]),
        slow_levenshtein(first[1:], second[1:]),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [("", ""), ("", "ab"), ("kitten", "sitting"), ("abc", "abc"), ("a b", "b a"), ("äé€", "ae")],
)
def test_edit_distance_equals_the_definition(first: str, second: str) -> None:
    assert levenshtein(first, second) == slow_levenshtein(first, second)
    assert levenshtein(second, first) == levenshtein(first, second)
    assert 0.0 <= edit_similarity(first, second) <= 1.0


def test_repetition() -> None:
    assert repetition([1, 2, 3, 4, 5, 6, 7, 8]) == 0.0
    assert repetition([1] * 20) == pytest.approx(16 / 17)
    assert repetition([1, 2]) == 0.0


def test_shape() -> None:
    task = next(task for task in own_tasks(["c"]) if task.name == "c/gcd")
    parses, errors, n_leaves = shape_of(task, task.reference)
    assert (parses, errors) == (True, 0)
    assert n_leaves > 20
    parses, errors, _ = shape_of(task, "    while (b { }\n")
    assert not parses
    assert errors >= 1
    assert not shape_of(task, "  ")[0]


def test_keywords_of_the_grammar() -> None:
    found = leaves(b"for x in y:\n    return not x\n", "python")
    assert [leaf.type for leaf in found if is_keyword(leaf)] == ["for", "in", "return", "not"]


def test_a_template_that_hides_the_request_is_warned_of() -> None:
    tasks = own_tasks(["python"])[:2]
    shown = [chat(f"<|user|>{instruction(task)}", task) for task in tasks]
    assert n_hidden(shown) == 0
    assert n_hidden([shown[0], chat(CHAT, tasks[1])]) == 1
    assert n_hidden([Prompt(task, PromptStyle.RAW, "", (1,)) for task in tasks]) == 0
