"""Run the tests of one Python task against a solution that lives in another process, and give the
verdict.

Started as `python -I -S /harness/judge.py`; ./tests.json holds `support`, `tests` and
`entry_point`. Calls leave on descriptor 4, answers come on 3, the verdict goes to 5. No line of
the solution runs here: only plain values come back.
"""

import builtins
import json
import os
import sys
import traceback
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wire import Channel, WireError, decode, encode

LONGEST = 500  # characters of what a verdict quotes


class Gone(Exception):
    """The solver ended, or no longer follows the protocol."""


class Raised(Exception):
    """The solution raised; `kind` names the exception's type."""

    def __init__(self, kind: str, message: str) -> None:
        Exception.__init__(self, message)
        self.kind = kind[:LONGEST]
        self.message = message

    def __str__(self) -> str:
        return self.message


def raised(kind: str, message: str) -> Raised:
    """Return what to raise here: also of Python's own kind of that name, as tests may expect."""
    base = getattr(builtins, kind, None)
    if not isinstance(base, type) or not issubclass(base, Exception):
        return Raised(kind, message)
    made: type[Raised] = type(kind, (Raised, base), {})
    try:
        return made(kind, message)
    except TypeError:  # some want more than a message
        return Raised(kind, message)


class Solution:
    """The other process."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._reply()  # that it has loaded

    def ask(self, **request: Any) -> Any:
        self._channel.send(request)
        return self._reply()

    def call(self, number: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        sent = {"arguments": encode(list(arguments), put), "named": encode(named, put)}
        self._channel.send({"do": "call", "object": number, **sent})
        reply = self._receive()
        mutable = [item for item in arguments if type(item) in (list, dict, set, bytearray)]
        for item, after in zip(mutable, reply.get("changed", ()), strict=False):
            overwrite(item, self.decoded(after))
        return self.decoded(reply["value"])

    def decoded(self, data: Any) -> Any:
        return decode(data, lambda number: Remote(self, number))

    def _reply(self) -> Any:
        return self.decoded(self._receive()["value"])

    def _receive(self) -> dict[str, Any]:
        try:
            reply = self._channel.receive()
        except (EOFError, ValueError, WireError, OSError) as error:
            raise Gone(f"{type(error).__name__} {error}") from None
        if not isinstance(reply, dict):
            raise Gone("an answer that is no answer")
        if "error" in reply:
            raise raised(str(reply["error"]), str(reply.get("message")))
        if "value" not in reply:
            raise Gone("an answer without a value")
        return reply


class Remote:
    """An object that stays with the solution. Equal to itself only, whatever it claims."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, solution: Solution, number: int) -> None:
        self._solution, self._number = solution, number

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._solution.call(self._number, arguments, named)

    def __getattr__(self, name: str) -> Any:
        return self._solution.ask(do="attribute", object=self._number, name=name)

    def __iter__(self) -> Any:
        return iter(self._solution.ask(do="list", object=self._number))

    def __next__(self) -> Any:
        return self._solution.ask(do="next", object=self._number)

    def __eq__(self, other: object) -> bool:
        return self is other


class Names(dict[str, Any]):
    """The names that tests see: their own, Python's, and, last, those of the solution."""

    def __init__(self, solution: Solution) -> None:
        super().__init__(__name__="tests")
        self._solution = solution

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            return getattr(builtins, name)
        if name.startswith("__") or not self._solution.ask(do="has", name=name):
            raise KeyError(name)
        return self._solution.ask(do="name", name=name)


def put(value: Any) -> int:
    if isinstance(value, Remote):
        return value._number
    raise WireError(f"a {type(value).__name__} cannot be given to the solution")


def overwrite(item: Any, after: Any) -> None:
    if type(item) is not type(after) or item == after:
        return
    if isinstance(item, (dict, set)):
        item.clear()
        item.update(after)
    else:
        item[:] = after


def run(job: dict[str, Any]) -> None:
    solution = Solution(Channel(3, 4))
    names = Names(solution)
    try:
        support = compile(job["support"], "support", "exec")
    except SyntaxError:
        support = None  # a prompt that stops in the middle of an expression gives no helpers
    if support is not None:
        exec(support, names)
    names[job["entry_point"]] = solution.ask(do="name", name=job["entry_point"])
    exec(compile(job["tests"], "tests", "exec"), names)
    if dict.__contains__(names, "check"):
        names["check"](names[job["entry_point"]])


def verdict(job: dict[str, Any]) -> dict[str, str]:
    try:
        run(job)
    except Raised as error:
        return {"outcome": "raised", "kind": error.kind, "detail": f"{error.kind}: {error}"}
    except Gone as error:
        return {"outcome": "gone", "detail": str(error)}
    except BaseException as error:  # an assert, or a test that could not use what it got
        where = traceback.format_exception_only(error)[-1].strip()
        return {"outcome": "failed", "detail": where}
    return {"outcome": "passed", "detail": ""}


def main() -> None:
    with open("tests.json", encoding="utf-8") as stream:
        job = json.load(stream)
    found = {key: text[:LONGEST] for key, text in verdict(job).items()}
    os.write(5, json.dumps(found).encode())  # shorter than the buffer of a pipe


main()
