"""Render one chat template for many conversations, under limits: the template is untrusted.

Run by pyengine.models.chat as a module; reads one JSON object from stdin and writes one:
`texts`, or `error`. A template that loops or grows without end takes down only this process.
"""

import json
import resource
import sys
from typing import Any

from pyengine.errors import PyengineError
from pyengine.models.chat import render_chat

MOST_CHARACTERS = 4_000_000
CPU_S, MEMORY_BYTES = 5, 1 << 30


def render(request: dict[str, Any]) -> dict[str, Any]:
    """Return the rendered texts, or the error."""
    template, ends = request["template"], {"bos": request["bos"], "eos": request["eos"]}
    try:
        texts = [render_chat(template, messages, **ends) for messages in request["conversations"]]
    except (PyengineError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        return {"error": str(error)[:300]}
    if sum(map(len, texts)) > MOST_CHARACTERS:
        return {"error": "it writes without end"}
    return {"texts": texts}


def main() -> None:
    """Read the request, take on the limits, write the answer."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    json.dump(render(request), sys.stdout)


if __name__ == "__main__":
    main()
