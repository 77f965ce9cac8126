"""Read tasks of MultiPL-E: tests of HumanEval and MBPP, translated; without solutions."""

import re
from collections.abc import Mapping
from typing import Any

from pyengine.code.completions import PYTHON_STOPS
from pyengine.code.definitions import asked_for
from pyengine.code.languages import LANGUAGES

TITLES = {
    "cpp": "cpp",
    "go": "go",
    "go_test.go": "go",
    "java": "java",
    "js": "javascript",
    "py": "python",
    "rs": "rust",
}


def multipl_e(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a task.

    Tests may begin with the brace that closes the function asked for: an answer has it already.
    """
    title = record["language"]
    if title not in TITLES:
        raise ValueError(f"MultiPL-E is read for {', '.join(TITLES)}, not for {title}")
    language, prompt = TITLES[title], record["prompt"]
    found = asked_for(prompt + LANGUAGES[language].end, prompt, language)
    if found is None:
        raise ValueError(f"the prompt ends in no function of {language}")
    tests = re.sub(r"\A\s*\}", "", record["tests"])
    if language == "java":  # they stand in the class asked for
        around = re.findall(r"\bclass\s+(\w+)", prompt)
        tests = f"class Main extends {around[-1]} {{{tests}"
    return {
        "name": f"{record['name']}-{title}",
        "idea": _idea(record["name"]),
        "language": language,
        "prompt": prompt,
        "entry_point": found[0],
        "tests": tests,
        "reference": "",
        "support": prompt.encode()[: found[1]].decode() if language == "javascript" else "",
        "stop": PYTHON_STOPS if language == "python" else (),
        "together": language not in ("javascript", "python"),
    }


def _idea(name: str) -> str:
    """Return the problem by its number, as the sets it is from call it."""
    found = re.match(r"(HumanEval|mbpp)_(\d+)_", name)
    return f"{found[1].replace('mbpp', 'MBPP')}/{found[2]}" if found else ""
