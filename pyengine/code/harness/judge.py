"""Run the tests of one Python task against a solution that lives in another process, and give the
verdict.

Started as `python -I -S /harness/judge.py`; ./tests.json holds `support`, `tests` and
`entry_point`. Calls leave on descriptor 4, answers come on 3, the verdict goes to 5. No line of
the solution runs here: only plain values come back.
"""

import ast
import builtins
import json
import operator
import os
import sys
import traceback
from typing import Any, NoReturn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from packages import add_packages
from wire import Channel, WireError, decode, encode

ENDING = (StopIteration, StopAsyncIteration)
LONGEST = 500  # characters of what a verdict quotes
MOST_OF_A_VALUE = 160  # characters of each value that it quotes
TELL = "__tell__"  # by this name tests say what they compare; a class does not mangle it
COMPARISONS: dict[type[ast.cmpop], tuple[str, Any]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Is: ("is", operator.is_),
    ast.IsNot: ("is not", operator.is_not),
    ast.In: ("in", lambda item, items: item in items),
    ast.NotIn: ("not in", lambda item, items: item not in items),
}
BY_SIGN = dict(COMPARISONS.values())


class Gone(BaseException):
    """The solver ended, or no longer follows the protocol; no test may take it for an error."""


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
    if base in ENDING:  # Python would end the loop or the map() that called, and the test go on
        return Raised(kind, message)
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
        self._gone: Gone | None = None
        self._reply()  # that it has loaded

    def ask(self, **request: Any) -> Any:
        self._send(request)
        return self._reply()

    def following(self, number: int) -> Any:
        """Return what an iterator gives next."""
        self._send({"do": "next", "object": number})
        reply = self._receive()
        if "end" in reply:
            raise StopIteration
        return self.decoded(reply["value"])

    def call(self, number: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        sent = {"arguments": encode(list(arguments), put), "named": encode(named, put)}
        self._send({"do": "call", "object": number, **sent})
        reply = self._receive()
        mutable = [item for item in arguments if type(item) in (list, dict, set, bytearray)]
        for item, after in zip(mutable, reply.get("changed", ()), strict=False):
            overwrite(item, self.decoded(after))
        return self.decoded(reply["value"])

    def decoded(self, data: Any) -> Any:
        return decode(data, lambda number: Remote(self, number))

    def check(self) -> None:
        """Raise what a test may have caught: that the solver was gone."""
        if self._gone is not None:
            raise self._gone

    def _lose(self, error: Exception) -> NoReturn:
        self._gone = Gone(f"{type(error).__name__} {error}")
        raise self._gone from None

    def _send(self, request: dict[str, Any]) -> None:
        self.check()
        try:
            self._channel.send(request)
        except OSError as error:
            self._lose(error)

    def _reply(self) -> Any:
        return self.decoded(self._receive()["value"])

    def _receive(self) -> dict[str, Any]:
        self.check()
        try:
            reply = self._channel.receive()
            if not isinstance(reply, dict) or not reply.keys() & {"error", "value", "end"}:
                raise WireError("an answer that is none")
        except (EOFError, ValueError, WireError, OSError, RecursionError) as error:
            self._lose(error)
        if "error" in reply:
            raise raised(str(reply["error"]), str(reply.get("message")))
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
        return self._solution.following(self._number)

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


class Telling(ast.NodeTransformer):
    """Let every assert hand what it compares to `tell`, which remembers it.

    `assert a == b, words` becomes `assert tell("==", a, b), words`: the same values in the same
    order, compared once.
    """

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        test = node.test
        parts: list[ast.expr] = [ast.Constant(""), test]
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            sign, _ = COMPARISONS[type(test.ops[0])]
            parts = [ast.Constant(sign), test.left, test.comparators[0]]
        called = ast.Call(ast.Name(TELL, ast.Load()), parts, [])
        return ast.fix_missing_locations(ast.copy_location(ast.Assert(called, node.msg), node))


class Told:
    """What the last assert compared."""

    def __init__(self) -> None:
        self.values = ""

    def tell(self, sign: str, *values: Any) -> Any:
        """Compare two values, or return the one, and remember how they are written if it fails."""
        self.values = ""  # of an assert before, which was caught
        holds = BY_SIGN[sign](*values) if sign else values[0]
        if not holds:
            self.values = f" {sign} ".join(map(written, values))
        return holds


def written(value: Any) -> str:
    """Write a value in a few words; some cannot be written."""
    try:
        return repr(value)[:MOST_OF_A_VALUE]
    except Exception:  # an integer of too many digits, a nest that is too deep
        return f"<{type(value).__name__}>"


def line_of(error: BaseException, tests: str) -> str:
    """Return the line of the tests at which an error came, or nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    numbers = [frame.lineno for frame in frames if frame.filename == "tests" and frame.lineno]
    lines = tests.splitlines()
    return lines[numbers[-1] - 1].strip() if numbers and numbers[-1] <= len(lines) else ""


def run(job: dict[str, Any], told: Told) -> None:
    add_packages()
    solution = Solution(Channel(3, 4))
    names = Names(solution)
    try:
        support = compile(job["support"], "support", "exec")
    except SyntaxError:
        support = None  # a prompt that stops in the middle of an expression gives no helpers
    if support is not None:
        exec(support, names)
    names[job["entry_point"]] = solution.ask(do="name", name=job["entry_point"])
    names[TELL] = told.tell
    exec(compile(Telling().visit(ast.parse(job["tests"])), "tests", "exec"), names)
    if dict.__contains__(names, "check"):
        names["check"](names[job["entry_point"]])
    solution.check()


def verdict(job: dict[str, Any]) -> dict[str, str]:
    told = Told()
    try:
        run(job, told)
    except Raised as error:
        detail = f"{error.kind}: {error}"
        found = {"outcome": "raised", "kind": error.kind, "detail": detail[:LONGEST]}
        return {**found, "assertion": line_of(error, job["tests"])}
    except Gone as error:
        return {"outcome": "gone", "detail": str(error)}
    except BaseException as error:  # an assert, or a test that could not use what it got
        words = traceback.format_exception_only(error)[-1].strip()
        found = {"outcome": "failed", "detail": words, "assertion": line_of(error, job["tests"])}
        return {**found, "values": told.values} if isinstance(error, AssertionError) else found
    return {"outcome": "passed", "detail": ""}


def main() -> None:
    with open("tests.json", encoding="utf-8") as stream:
        job = json.load(stream)
    found = {key: text[:LONGEST] for key, text in verdict(job).items()}
    os.write(5, json.dumps(found).encode())  # shorter than the buffer of a pipe


main()
