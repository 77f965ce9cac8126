"""Code is found in whatever form chat models write it, and their thoughts are not."""

import json
from pathlib import Path

import pytest
from tree_sitter import Tree

from pyengine.code import completions, definitions, fences, parsing, pieces, reading, unfenced
from pyengine.code.answers import Form, Outcome
from pyengine.code.benchmarks import load_tasks
from pyengine.code.execution import execute
from pyengine.code.prompting import Prompt, PromptStyle
from pyengine.code.reading import FenceStop, Solution, read_answer, read_chat, stop_rule
from pyengine.code.sandbox import Sandbox
from pyengine.code.tasks import Task
from pyengine.code.thoughts import opened_thought
from pyengine.text.parsing import parse

PROMPT = '''from math import floor


def rest(number: float) -> float:
    """Return what is left of a number beyond its floor.

    >>> rest(3.5)
    0.5
    """
'''
TASK = Task(
    name="rest",
    language="python",
    prompt=PROMPT,
    entry_point="rest",
    tests="assert rest(3.5) == 0.5\nassert rest(1.25) == 0.25",
    reference="    return number - floor(number)\n",
)
CODE = "def rest(number: float) -> float:\n    return number - floor(number)\n"
FENCED = f"```python\n{CODE}```\n"


def indented(text: str, margin: str) -> str:
    return "".join(margin + line for line in text.splitlines(keepends=True))


# What chat models say, in our words; each is a right answer.
FORMS = {
    "a fence": (FENCED, Form.FENCED_WHOLE),
    "after words in one line": (f"Of course, use this: {FENCED}Enjoy.", Form.FENCED_WHOLE),
    "no language": (f"```\n{CODE}```", Form.FENCED_WHOLE),
    "the language in capitals": (f"``` Python\n{CODE}```", Form.FENCED_WHOLE),
    "attributes": (f'```{{.python title="a.py"}}\n{CODE}```', Form.FENCED_WHOLE),
    "tildes": (f"~~~\n{CODE}~~~", Form.FENCED_WHOLE),
    "four backticks": (f"````py\n{CODE}````", Form.FENCED_WHOLE),
    "a fence in a fence": (f"````markdown\n# Answer\n{FENCED}````", Form.FENCED_WHOLE),
    "a block of words": (f"```markdown\nIt is:\n{FENCED}```", Form.FENCED_WHOLE),
    "in a list": (f"- So:\n{indented(FENCED, '  ')}- Done.", Form.FENCED_WHOLE),
    "on a list's mark": (
        "2. ```python\n" + indented(CODE, "   ") + "   ```\n",
        Form.FENCED_WHOLE,
    ),
    "quoted": (f"> As asked:\n{indented(FENCED, '> ')}", Form.FENCED_WHOLE),
    "Windows lines": (FENCED.replace("\n", "\r\n"), Form.FENCED_WHOLE),
    "closed within its last line": (f"```python\n{CODE.rstrip()}```\nSo.", Form.FENCED_WHOLE),
    "never closed": (f"```python\n{CODE}", Form.FENCED_WHOLE),
    "a shell first": (f"```sh\npip install numpy\n```\n{FENCED}", Form.FENCED_WHOLE),
    "an output first": (f"It must print\n```\n0.5\n```\nso\n{FENCED}", Form.FENCED_WHOLE),
    "its use first": (f"```python\nprint(rest(3.5))\n```\nneeds\n{FENCED}", Form.FENCED_WHOLE),
    "a signature first": (f"```python\n{CODE.splitlines()[0]}\n```\n{FENCED}", Form.FENCED_WHOLE),
    "the prompt first": (f"```python\n{PROMPT}```\n{FENCED}", Form.FENCED_WHOLE),
    "the prompt with pass first": (
        f"```python\n{PROMPT}    pass\n```\n{FENCED}",
        Form.FENCED_WHOLE,
    ),
    "a broken attempt first": (
        f"```python\ndef rest(number) -> float\n    return\n```\nNo:\n{FENCED}",
        Form.FENCED_WHOLE,
    ),
    "another thought after": (
        f"{FENCED}Shorter, but wrong for -1:\n```python\ndef rest(n):\n    return 0\n```\n",
        Form.FENCED_WHOLE,
    ),
    "a helper in a block of its own": (
        "First\n```python\ndef whole_part(number):\n    return floor(number)\n```\nthen\n"
        "```python\ndef rest(number):\n    return number - whole_part(number)\n```\n",
        Form.FENCED_WHOLE,
    ),
    "a fence in a docstring": (
        "```python\ndef rest(number):\n    '''Like so:\n\n    ```python\n    rest(3.5)\n    ```\n"
        "    '''\n    return number % 1.0\n```\n",
        Form.FENCED_WHOLE,
    ),
    "a fence in a comment": (
        "```python\ndef rest(number):\n    # ```\n    return number % 1.0\n```\n",
        Form.FENCED_WHOLE,
    ),
    "class Solution": (
        "```python\nclass Solution:\n    def rest(self, number):\n        return number % 1.0\n```",
        Form.FENCED_WHOLE,
    ),
    "a main guard": (
        f"```python\n{CODE}\nif __name__ == '__main__':\n    print(rest(float(input())))\n```",
        Form.FENCED_WHOLE,
    ),
    "input at its end": (
        f"```python\n{CODE}\nnumber = float(input('Number: '))\nprint(rest(number))\n```",
        Form.FENCED_WHOLE,
    ),
    "a main that is called": (
        f"```python\n{CODE}\ndef main():\n    print(rest(float(input())))\n\nmain()\n```",
        Form.FENCED_WHOLE,
    ),
    "wrong tests after": (f"```python\n{CODE}\nassert rest(3.5) == 3\n```", Form.FENCED_WHOLE),
    "doctests after": (
        f"```python\nimport doctest\n\n{CODE}\ndoctest.testmod()\n```",
        Form.FENCED_WHOLE,
    ),
    "a loop of examples after": (
        f"```python\n{CODE}\nfor given, wanted in [(3.5, 1)]:\n"
        "    assert rest(given) == wanted\n```",
        Form.FENCED_WHOLE,
    ),
    "a value that is a function": (
        "```python\nrest = lambda number: number - floor(number)\n```",
        Form.FENCED_WHOLE,
    ),
    "another name of a function": (
        "```python\ndef part(number):\n    return number % 1.0\n\nrest = part\n```",
        Form.FENCED_WHOLE,
    ),
    "made of a function": (
        "```python\nfrom functools import partial\n\ndef part(by, number):\n"
        "    return number % by\n\nrest = partial(part, 1.0)\n```",
        Form.FENCED_WHOLE,
    ),
    "made by a factory": (
        "```python\ndef part(by):\n    def left(number):\n        return number % by\n\n"
        "    return left\n\nrest = part(1.0)\n```",
        Form.FENCED_WHOLE,
    ),
    "made of a built-in": (
        "```python\nfrom functools import partial\nfrom math import fmod\n\n"
        "rest = partial(lambda by, given: fmod(given, by), 1.0)\n```",
        Form.FENCED_WHOLE,
    ),
    "a result of its name first": (
        "```python\ndef part(number):\n    return number % 1.0\n\nrest = part(3.5)\nprint(rest)\n"
        f"```\nAs a function:\n{FENCED}",
        Form.FENCED_WHOLE,
    ),
    "under a condition": (
        "```python\nimport sys\n\nif sys.version_info > (3,):\n    def rest(number):\n"
        "        return number % 1.0\nelse:\n    def rest(number):\n"
        "        return number % 1\n```",
        Form.FENCED_WHOLE,
    ),
    "where an import fails": (
        "```python\ntry:\n    from nowhere_to_be_found import rest\nexcept ImportError:\n"
        "    def rest(number):\n        return number % 1.0\n```",
        Form.FENCED_WHOLE,
    ),
    "tests that are called": (
        f"```python\n{CODE}\ndef run_tests():\n    assert rest(3.5) == 3\n\nrun_tests()\n```",
        Form.FENCED_WHOLE,
    ),
    "a cell of a notebook": (f"```python\n%%writefile rest.py\n{CODE}```", Form.FENCED_WHOLE),
    "an installation in its cell": (f"```python\n!pip install x\n{CODE}```", Form.FENCED_WHOLE),
    "a session": (
        "```pycon\n>>> def rest(number):\n...     return number % 1.0\n...\n>>> rest(3.5)\n0.5\n"
        "```",
        Form.FENCED_WHOLE,
    ),
    "a body with a variable of its name": (
        "```python\nrest = floor(number)\nreturn number - rest\n```",
        Form.FENCED_BODY,
    ),
    "with a decorator": (f"```python\nimport functools\n@functools.cache\n{CODE}```", None),
    "the future first": (f"```python\nfrom __future__ import annotations\n{CODE}```", None),
    "a body": (f"```python\n{TASK.reference}```", Form.FENCED_BODY),
    "a body without its margin": (f"```python\n{TASK.reference.strip()}\n```", Form.FENCED_BODY),
    "a body whose first line lost its margin": (
        "```python\nif number < 0:\n        number += floor(-number) + 1\n"
        "    return number % 1.0\n```",
        Form.FENCED_BODY,
    ),
    "a body that calls itself": (
        "```python\n    if number > 1:\n        return rest(number - 1)\n    return number\n```",
        Form.FENCED_BODY,
    ),
    "a body within a line": ("Write ```return number % 1.0``` there.", Form.FENCED_BODY),
    "bare": (CODE, Form.TEXT_WHOLE),
    "bare after words": (f"Here you are:\n\n{CODE}", Form.TEXT_WHOLE),
    "bare between words": (
        f"Certainly! I return what is left.\n\nimport math\n\n{CODE}\nI hope this helps!\n",
        Form.TEXT_WHOLE,
    ),
    "bare with its use": (f"Solution:\n{CODE}\nprint(rest(1.5))\nDone.", Form.TEXT_WHOLE),
    "bare, with an import that nothing else brings": (
        "So:\n\nimport operator\nfrom math import trunc\n\n\n"
        "def rest(number):\n    return number - operator.pos(trunc(number))\n\nDone.",
        Form.TEXT_WHOLE,
    ),
    "a bare body": (TASK.reference, Form.TEXT_BODY),
    "a bare line": ("return number % 1.0", Form.TEXT_BODY),
}
# Forms that others have met, told in their issue trackers.
REPORTED = {
    # evalplus#92: another function within, and its use after
    "a function within, its use": (
        "```python\ndef rest(number):\n    def whole(n):\n        return n // 1\n\n"
        "    return number - whole(number)\n\n# Test it\nprint(rest(5))\n```",
        Form.FENCED_WHOLE,
    ),
    # human-eval-bia#76: five backticks in a margin closed by three, then four
    "fences of other lengths": (
        "A plan:\n    `````python\n    # Step 1: define it\n\n    ```\n\nSo:\n\n````python\n"
        f"# Step 1\n\n\n{CODE}````\n",
        Form.FENCED_WHOLE,
    ),
    # human-eval-bia#76: sentences before and after bare code
    "bare between sentences": (
        f"It's simple, so there is no need for more. The code is:\n\n{CODE}\n"
        "It just returns what's left.\n",
        Form.TEXT_WHOLE,
    ),
    # Code Llama's prompts for MBPP
    "marks of its own": (
        f"[PYTHON]\n{CODE}[/PYTHON]\n[TESTS]\nassert rest(1) == 3\n[/TESTS]",
        Form.FENCED_WHOLE,
    ),
    # MBPP's published prompt, as lm-evaluation-harness asks it
    "begin and done": (f"[BEGIN]\n{CODE}[DONE]", Form.FENCED_WHOLE),
    # smolagents: how its prompts ask for code
    "a tag": (f"Thought: I take the floor.\n<code>\n{CODE}</code>", Form.FENCED_WHOLE),
    "a tag in one line": (f"<code>{CODE}</code>", Form.FENCED_WHOLE),
    # bigcode-evaluation-harness#311: the token of the end, spelled out
    "the end spelled out": (f"```python\n{CODE}<|endoftext|>", Form.FENCED_WHOLE),
    "the end spelled out, bare": (f"{CODE}<|im_end|>\n", Form.TEXT_WHOLE),
    # benchlocal-cli#120, lm-evaluation-harness#3710: the prompt has opened the fence
    "a fence that only ends": (f"{CODE}```", Form.TEXT_WHOLE),
    "a fence that only ends, words": (f"{CODE}```\nThat is all.", Form.TEXT_WHOLE),
    "a body in a fence that only ends": (f"{TASK.reference}```\nThat is all.", Form.FENCED_BODY),
    # cuga-agent#252: cut off within the closing fence
    "two backticks of three": (f"```python\n{CODE}``", Form.FENCED_WHOLE),
    # llama models, human-eval-bia#80; octopack: the fence is opened twice
    "opened twice": (f"```python\n```python\n{CODE}```\n```", Form.FENCED_WHOLE),
    "a shell that is not closed": (f"```bash\npip install x\n```Python\n{CODE}```", None),
    # langflow#14371: a fence in a string that is no docstring
    "a fence in a string": (
        f'```python\nHELP = """So:\n```python\nrest(1)\n```\n"""\n{CODE}```',
        Form.FENCED_WHOLE,
    ),
    # opencompass#129: the question once more, and the answer within it
    "the question once more": (f"```python\n{PROMPT}{TASK.reference}```", Form.FENCED_WHOLE),
    # an output in a block without a name, and the code in none
    "an output and bare code": (f"{CODE}\nprints\n\n```\n0.5\n```\n", Form.TEXT_WHOLE),
}
FORMS |= REPORTED


@pytest.mark.parametrize("form", FORMS)
def test_a_right_answer_passes_in_every_form(form: str) -> None:
    """Run here, as what runs is written above."""
    text, read = FORMS[form]
    found = read_chat(TASK, text)
    assert found.form is (read or Form.FENCED_WHOLE)
    program = TASK.solution(found.completion, whole=found.whole)
    exec(f"{program}\n{TASK.tests}", {"__name__": "solution"})


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_answer_passes_in_no_form(form: str) -> None:
    """What is judged is the answer's own code: it changes where the answer's code changes."""
    text, _ = FORMS[form]
    if "number" not in text.replace("number: float", ""):
        pytest.skip("nothing to change")
    changed = text.replace("return number", "return 7 + number").replace(": number", ": 7 + number")
    assert changed != text
    found = read_chat(TASK, changed)
    assert "7 + number" in TASK.solution(found.completion, whole=found.whole)


@pytest.mark.parametrize(
    "text", ["", "I cannot help with that.", "Sorry", "```bash\nls\n```\n", "```python\n```"]
)
def test_words_alone_are_no_code(text: str, sandbox: Sandbox) -> None:
    found = read_chat(TASK, text)
    assert found == Solution("", form=Form.NOTHING)
    assert execute(TASK, found.completion, sandbox=sandbox).outcome is Outcome.NO_CODE


def test_broken_code_is_no_missing_code(sandbox: Sandbox) -> None:
    for text in ("def rest(number:\n  return 1\n", "```python\ndef rest(number:\n  return 1\n```"):
        found = read_chat(TASK, text)
        run = execute(TASK, found.completion, sandbox=sandbox, whole=found.whole)
        assert run.outcome is Outcome.SYNTAX_ERROR


def test_code_whose_margins_python_refuses_is_no_right_answer(sandbox: Sandbox) -> None:
    code = "import math\n" + indented(CODE, "    ")
    found = read_chat(TASK, f"```python\n{code}```")
    run = execute(TASK, found.completion, sandbox=sandbox, whole=found.whole)
    assert run.outcome is Outcome.SYNTAX_ERROR
    assert not FenceStop(TASK)(f"```python\n{code}```".encode())
    assert read_chat(TASK, f"```python\n{code}```\nNo:\n{FENCED}").completion == CODE
    assert FenceStop(TASK)(f"```python\n{indented(CODE, '    ')}```".encode())


DRAFT = "Maybe this?\n```python\ndef rest(number):\n    return 0\n```\nNo.\n"
# Marks of thoughts as they come from models; what the template has written is left of the bar.
THOUGHTS = {
    "think": f"|<think>\n{DRAFT}</think>\n\n{FENCED}",
    "twice": f"|<think>{DRAFT}</think>So\n<think>{DRAFT}</think>{FENCED}",
    "in capitals": f"|<THINK>{DRAFT}</THINK>{FENCED}",
    "thinking": f"|<thinking>{DRAFT}</thinking>\n<output>\n{FENCED}</output>",
    "thought": f"|<thought>\n{DRAFT}</thought>\n{FENCED}",
    "reasoning": f"|<reasoning>{DRAFT}</reasoning><answer>{FENCED}</answer>",
    "brackets": f"|[THINK]{DRAFT}[/THINK]{FENCED}",
    "seed": f"|<seed:think>{DRAFT}</seed:think>{FENCED}",
    "cohere": f"|<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>{FENCED}"
    "<|END_RESPONSE|>",
    "kimi": f"|◁think▷{DRAFT}◁/think▷{FENCED}",
    "harmony": f"|<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final"
    f"<|message|>{FENCED}<|return|>",
    "harmony with a comment": f"|<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant"
    f"<|channel|>commentary<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final"
    f" <|constrain|>text<|message|>{FENCED}<|return|>",
    "harmony, no fence": f"|<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant"
    f"<|channel|>final<|message|>{CODE}<|return|>",
    "begun by the template": f"<think>\n|{DRAFT}</think>\n{FENCED}",
    "begun by the template, brackets": f"[THINK]|{DRAFT}[/THINK]{FENCED}",
    "begun by the template, harmony": "<|start|>assistant<|channel|>analysis<|message|>|"
    f"{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{FENCED}",
    "begun by the template, cohere": f"<|START_THINKING|>|{DRAFT}<|END_THINKING|>{FENCED}",
    "begun and hidden": f"|{DRAFT}</think>\n{FENCED}",
    # Hunyuan: sglang#7678; ERNIE 4.5
    "an answer in a tag": f"|<think>\n{DRAFT}</think>\n<answer>\n{FENCED}\n</answer>",
    "a response in a tag": f"|<think>\n{DRAFT}</think>\n\n<response>\n{FENCED}</response>\n",
    # Reflection: a thought about a thought
    "one in another": f"|<thinking>\n{DRAFT}<reflection>\n{DRAFT}</reflection>\n</thinking>\n"
    f"<output>\n{FENCED}</output>",
    # llama.cpp#27661: the mark is spoken of within the thought
    "the mark in a sentence": f"|<think>\nThe tag `</think>` ends it.\n{DRAFT}</think>\n{FENCED}",
    # Newelle#427, Gemma 4
    "gemma": f"|<|channel>thought\n{DRAFT}<channel|>{FENCED}",
    # vllm#14202, Granite 3.2
    "granite": f"|Here is my thought process:\n{DRAFT}\nHere is my response:\n{FENCED}",
    "granite, short": f"|Here's my thought process:\n\n{DRAFT}\nHere's my response:\n\n{FENCED}",
    # vllm-mlx#599, Ministral: the template has begun it
    "begun and hidden, brackets": f"|{DRAFT}[/THINK]{FENCED}",
    "begun and hidden, seed": f"|{DRAFT}</seed:think>{FENCED}",
}


def chat(text: str) -> Prompt:
    return Prompt(TASK, PromptStyle.CHAT, text, (1,))


@pytest.mark.parametrize("marks", THOUGHTS)
def test_thoughts_are_no_answers(marks: str) -> None:
    before, _, text = THOUGHTS[marks].partition("|")
    if before.startswith("<") and not text.startswith(DRAFT):  # a mark with bars of its own
        before, text = THOUGHTS[marks].split(f"|{DRAFT}")[0], DRAFT + text.partition(DRAFT)[2]
    found = read_answer(chat(f"<|user|>rest{before}"), text.encode(), end=None, cut_off=False)
    assert found.completion == CODE
    assert "Maybe this?" in found.thinking
    assert not found.open_thought
    rest = text.encode()[found.thought_bytes :].decode("utf-8", "replace")
    assert rest.count(CODE) == 1
    assert "Maybe" not in rest


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("<think>\n", DRAFT),
        ("", f"<think>{DRAFT}"),
        ("", f"[THINK]{DRAFT}"),
        ("", f"<|channel|>analysis<|message|>{DRAFT}"),
        ("<|START_THINKING|>", DRAFT),
        ("", f"<|channel>thought\n{DRAFT}"),
    ],
)
def test_a_thought_that_never_ends_holds_no_answer(before: str, text: str) -> None:
    prompt = chat(f"<|user|>rest{before}")
    found = read_answer(prompt, text.encode(), end=None, cut_off=True)
    assert (found.completion, found.form) == ("", Form.NOTHING)
    assert (found.open_thought, found.thought_bytes) == (True, len(text.encode()))
    assert "Maybe this?" in found.thinking
    stop = stop_rule(prompt)
    assert not any(stop(text.encode()[:end]) for end in range(1, len(text) + 1))


@pytest.mark.parametrize(
    "tail",
    [
        "print(rest(1.5",
        "\nif __name__ == '__main__':\n    print(f'{rest(",
        "\ndef check(n):\n    return (",
    ],
)
def test_what_the_budget_cut_off_behind_the_function_goes(tail: str) -> None:
    text = f"```python\n{CODE}{tail}".encode()
    found = read_answer(chat("<|user|>rest"), text, end=None, cut_off=True)
    assert (found.completion.rstrip(), found.trimmed, found.whole) == (CODE.rstrip(), True, True)
    kept = read_answer(chat("<|user|>rest"), text, end=None, cut_off=False)
    assert not kept.trimmed
    assert tail.strip()[:6] in kept.completion


def test_a_function_that_the_budget_cut_off_stays_as_it_is() -> None:
    text = b"```python\nimport math\n\ndef rest(number):\n    return number - math.fl(\n"
    found = read_answer(chat("<|user|>rest"), text, end=None, cut_off=True)
    assert "math.fl(" in found.completion
    assert not found.trimmed


def test_a_program_without_the_function_asked_for_is_no_body_of_it() -> None:
    code = "#include <vector>\n\nint max(int a, int b) {\n    return a;\n}\n\nint main() {}\n"
    prompt = "#include <vector>\n\nint maximum(const std::vector<int> &v) {\n"
    task = TASK.model_copy(
        update={"language": "cpp", "prompt": prompt, "prelude": "", "entry_point": "maximum"}
    )
    found = read_chat(task, f"```cpp\n{code}```\n")
    assert (found.completion, found.whole, found.form) == (code, True, Form.FENCED_WHOLE)


SORT = "let sorted = [...numbers].sort();"
LOCALS = {
    "python": (
        "part = number % 1",
        'def rest(number):\n    """A part."""\n    part = number % 1\n    return part\n',
    ),
    "javascript": (SORT, f"function rest(numbers) {{\n  {SORT}\n  return sorted[0];\n}}\n"),
}


@pytest.mark.parametrize("language", LOCALS)
def test_a_step_shown_first_is_no_helper_of_a_function_with_its_own(language: str) -> None:
    step, code = LOCALS[language]
    task = TASK.model_copy(update={"language": language, "prompt": "", "prelude": ""})
    said = f"First\n```{language}\n{step}\n```\nthen\n```{language}\n{code}```\n"
    assert read_chat(task, said).completion == code


HELPED = {
    "python": ("def part(n):\n    return n % 1\n", "def rest(n):\n    return part(n)\n"),
    "javascript": ("const part = (n) => n % 1;\n", "function rest(n) { return part(n); }\n"),
    "ruby": ("def part(n)\n  n % 1\nend\n", "def rest(n)\n  part(n)\nend\n"),
    "php": (
        "function part($n) { return $n; }\n",
        "function rest($n) { return part($n); }\n",
    ),
}


@pytest.mark.parametrize("language", HELPED)
def test_a_helper_shown_first_stands_before_what_calls_it(language: str) -> None:
    helper, code = HELPED[language]
    task = TASK.model_copy(update={"language": language, "prompt": "", "prelude": ""})
    said = f"First\n```{language}\n{helper}```\nthen\n```{language}\n{code}```\n"
    assert read_chat(task, said).completion == helper + code


@pytest.mark.parametrize("words", ["Here's my thought process:", "Here is my thought process: so."])
def test_words_of_a_thought_count_only_with_their_end(words: str) -> None:
    text = f"{words}\n{FENCED}"
    found = read_answer(chat("<|user|>rest"), text.encode(), end=None, cut_off=False)
    assert (found.completion, found.thinking, found.open_thought) == (CODE, "", False)
    # it is let run on, as the end may follow
    assert not FenceStop(TASK)(text.encode())


def test_a_thought_that_the_template_has_ended_is_not_open() -> None:
    assert opened_thought("<|im_start|>assistant\n<think>\n\n</think>\n\n") == ""
    assert opened_thought("<|im_start|>assistant\n<think>\n") == "<think>"


@pytest.mark.parametrize("form", [name for name in FORMS if "after" not in name])
def test_no_answer_is_stopped_before_its_code(form: str) -> None:
    """What was written until the stop holds the same solution as the whole text."""
    text, _ = FORMS[form]
    stop, data = FenceStop(TASK), text.encode()
    ended = next((end for end in range(1, len(data) + 1) if stop(data[:end])), len(data))
    assert read_chat(TASK, data[:ended].decode()) == read_chat(TASK, text)


def test_an_answer_is_stopped_as_soon_as_it_is_whole() -> None:
    stop, data = FenceStop(TASK), f"Sure.\n{FENCED}It works as follows.".encode()
    ended = next(end for end in range(1, len(data) + 1) if stop(data[:end]))
    assert data[:ended].endswith(b"floor(number)\n```")


def test_an_idea_before_the_solution_does_not_end_an_answer() -> None:
    idea = f"In one line:\n```python\n    return number - int(number)\n```\nAll of it:\n{FENCED}"
    assert not FenceStop(TASK)(idea[: idea.index("All")].rstrip("\n").encode())
    assert FenceStop(TASK)(idea.rstrip("\n").encode())
    assert FenceStop(TASK)(b"```python\n    return number - int(number)\n```")


STRIP = TASK.model_copy(update={"prompt": "def f(s):\n", "entry_point": "f"})
# Code that is about marks of thoughts.
ABOUT_MARKS = (
    'def f(s):\n    return s.replace("<think>", "")\n',
    'def f(s):\n    return s.split("</think>")[-1]\n',
    'def f(s):\n    return s.replace("<reasoning>", "").replace("</reasoning>", "")\n',
    'def f(s):\n    return s.split("""\n</think>\n""")[-1]\n',
    'def f(s):\n    return s.split("""\n<think>\n""")[-1]\n',
    'def f(s):\n    return s.replace("<|end|>", "").replace("<|START_RESPONSE|>", "")\n',
    'def f(s):\n    return s.strip("""\n<answer>\n</answer>\n<|end|>\n""")\n',
)


@pytest.mark.parametrize("code", ABOUT_MARKS)
@pytest.mark.parametrize("before", ["", "<think>\nHm.\n</think>\n"])
def test_a_mark_in_code_is_no_thought(code: str, before: str) -> None:
    text = f"{before}So:\n```python\n{code}```"
    assert read_chat(STRIP, text).completion == code
    stop = FenceStop(STRIP)
    assert stop(text.encode())
    if '"""' not in code:
        assert read_chat(STRIP, before + code).completion == code


def test_a_thought_begun_elsewhere_ends_at_an_end_of_a_line() -> None:
    for text in (f"{DRAFT}Done.</think>\n{FENCED}", f"{DRAFT}Done.</think>{FENCED}"):
        found = read_chat(TASK, text)
        assert found.completion == CODE
        assert found.thinking.endswith("Done.")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every parse adds the size of its source."""
    sizes: list[int] = []

    def counted(source: bytes | str, language: str) -> Tree:
        sizes.append(len(source))
        return parse(source, language)

    definitions.root_of.cache_clear()
    for module in (completions, definitions, fences, parsing, pieces):
        monkeypatch.setattr(module, "parse", counted)
    return sizes


@pytest.mark.parametrize("block", ["```python\n```\n", "```python\nprint('rest')\n```\n"])
def test_a_block_that_comes_again_is_parsed_once(block: str, parsed: list[int]) -> None:
    stop, text = FenceStop(TASK), (block * 40).encode()
    assert not any(stop(text[:end]) for end in range(1, len(text) + 1))
    assert len(parsed) <= 20
    parsed.clear()
    read_chat(TASK, block * 40)
    assert len(parsed) <= 20


@pytest.mark.parametrize("form", ["Say ```python\nx = {}\n", "```python\ndef f({}\n```\n"])
def test_a_long_answer_is_parsed_so_many_times_at_most(form: str, parsed: list[int]) -> None:
    """Each fence costs a few parses, and those of far more blocks than an answer holds nothing."""
    stop = FenceStop(TASK)
    text = "".join(form.format(number) for number in range(120))
    for end in (at + 3 for at in range(len(text)) if text.startswith("```", at)):
        assert not stop(text[:end].encode())
    assert len(parsed) <= 20 * reading.MOST_JUDGED


@pytest.mark.parametrize("line", ["def rest(n):\n", "def rest(n{}):\n", "rest {} is\n"])
def test_a_text_without_a_fence_is_parsed_so_many_times_at_most(
    line: str, parsed: list[int]
) -> None:
    counts = []
    for rounds in (40, 160):
        parsed.clear()
        read_chat(TASK, "".join(line.format(number) for number in range(rounds)))
        counts.append(len(parsed))
    assert max(counts) <= unfenced.MOST_TRIES + 40
    assert "{}" in line or max(counts) <= 80


def test_a_block_is_found_after_many_that_come_again() -> None:
    stop, text = FenceStop(TASK), "```python\nprint('rest')\n```\n" * 20 + FENCED
    data = text.encode()
    ended = next(end for end in range(1, len(data) + 1) if stop(data[:end]))
    assert data[:ended] == data.rstrip(b"\n")
    assert read_chat(TASK, text).completion == CODE


def cases(shared: Path, name: str) -> list[dict[str, str]]:
    lines = (shared / "cases" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def test_the_handed_answers_pass(shared: Path, sandbox: Sandbox) -> None:
    tasks = {task.name: task for task in load_tasks(shared / "tasks" / "HumanEval.jsonl.gz")}
    outcomes = {}
    for case in cases(shared, "answers.jsonl"):
        task = tasks[case["task"]]
        found = read_chat(task, case["answer"])
        run = execute(task, found.completion, sandbox=sandbox, whole=found.whole)
        outcomes[case["case"]] = (run.outcome.value, case["must"])
    assert len(outcomes) == 12
    assert {name for name, (outcome, must) in outcomes.items() if outcome != must} == set()


def test_the_handed_thoughts_are_removed(shared: Path) -> None:
    task = TASK.model_copy(update={"prompt": "def f():\n", "entry_point": "f"})
    found = {
        case["case"]: (read_chat(task, case["answer"]).completion.strip(), case["code"])
        for case in cases(shared, "thinking.jsonl")
    }
    assert len(found) == 3
    assert all(code == wanted for code, wanted in found.values()), found


def test_an_answer_that_is_asked_uncut_is_run_to_its_last_byte() -> None:
    text = b"    return number % 1.0\n\n\nprint(rest(1.5))\nprint(rest("
    uncut, raw = (Prompt(TASK, x, PROMPT, (1,)) for x in (PromptStyle.UNCUT, PromptStyle.RAW))
    ends = range(1, len(text) + 1)
    stop = stop_rule(uncut)
    assert not any(stop(text[:end]) for end in ends)
    found = read_answer(uncut, text, end=stop.end, cut_off=True)
    assert (found.completion, found.trimmed, found.whole) == (text.decode(), False, False)
    assert any(map(stop_rule(raw), (text[:end] for end in ends)))
    assert read_answer(raw, text, end=None, cut_off=True).trimmed
