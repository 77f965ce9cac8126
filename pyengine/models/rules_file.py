"""Rules that name tensors one by one, as `quantize --tensor-type` and llama-quantize take them.

llama-quantize writes every pattern in lower case, searches it anywhere in a name, takes the first
rule that matches, and divides a file of rules at white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pyengine.errors import OptionError

# Capitals would become small ones, white space would end a rule, and = its pattern.
_EXACT = re.compile(r"[a-z0-9_.-]+")


def exact_rules(types: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    r"""Return a rule for each tensor that matches no other: `^blk\.0\.attn_q\.weight$`, `q4_k`.

    Args:
        types: the type of each tensor by its name, such as "q4_K".

    Raises:
        OptionError: two names differ in nothing that a rule can tell apart.
    """
    written = {name: name.encode().decode("latin-1") for name in types}  # byte by byte, as there
    rules = []
    for name, kind in types.items():
        pattern = f"^{''.join(map(_character, written[name]))}$"
        if not _EXACT.fullmatch(name):
            alike = [other for other in types if re.search(pattern, written[other])]
            if alike != [name]:
                told = " and ".join(repr(other) for other in alike)
                raise OptionError(f"no rule of llama-quantize tells the tensors {told} apart")
        rules.append((pattern, kind.lower()))
    return tuple(rules)


def _character(character: str) -> str:
    if character == ".":
        return r"\."
    return character if _EXACT.match(character) else "."


def rules_text(rules: Iterable[tuple[str, str]]) -> str:
    """Write rules as a file for llama-quantize's --tensor-type-file, a line for each."""
    return "".join(f"{pattern}={kind}\n" for pattern, kind in rules)
