"""Hold one untrusted Python solution and answer calls to it. Knows no test and gives no verdict.

Started as `python -I -S /harness/solver.py`; the solution is ./solution.py, calls come on
descriptor 3, answers leave on 4.
"""

import os
import sys
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from packages import add_packages
from wire import Channel, decode, encode

MUTABLE = (list, dict, set, bytearray)


class Solver:
    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._objects: list[Any] = []

    def keep(self, value: Any) -> int:
        self._objects.append(value)
        return len(self._objects) - 1

    def fetch(self, number: int) -> Any:
        return self._objects[number]

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = request["do"]
        if operation == "has":
            return {"value": request["name"] in self._namespace}
        if operation == "name":
            return {"value": encode(self._namespace[request["name"]], self.keep)}
        target = self._objects[request["object"]]
        if operation == "attribute":
            return {"value": encode(getattr(target, request["name"]), self.keep)}
        if operation == "next":
            return self.following(target)
        if operation == "list":
            return {"value": encode(list(target), self.keep)}
        arguments = decode(request["arguments"], self.fetch)
        named = decode(request["named"], self.fetch)
        value = target(*arguments, **named)
        changed = [encode(item, self.keep) for item in arguments if type(item) in MUTABLE]
        return {"value": encode(value, self.keep), "changed": changed}

    def following(self, target: Any) -> dict[str, Any]:
        try:
            value = next(target)
        except StopIteration:
            return {"end": True}
        return {"value": encode(value, self.keep)}


def failure(error: BaseException) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error)[:500]}


def main() -> None:
    add_packages()
    channel = Channel(3, 4)
    namespace: dict[str, Any] = {"__name__": "solution"}
    try:
        with open("solution.py", encoding="utf-8", errors="surrogatepass") as stream:
            source = stream.read()
        exec(compile(source, "solution.py", "exec"), namespace)
        channel.send({"value": None})
    except BaseException as error:
        channel.send(failure(error))
        return
    solver = Solver(namespace)
    while True:
        try:
            request = channel.receive()
        except EOFError:
            return
        try:
            reply = solver.answer(request)
        except BaseException as error:
            reply = failure(error)
        channel.send(reply)


def leave() -> None:
    """End at once: nobody waits for threads that the solution has left running."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            continue
    os._exit(0)


main()
leave()
