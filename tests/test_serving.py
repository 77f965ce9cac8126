"""Requests of many callers: each gets its own continuation, and one that gives up ends its own."""

import threading
import time
from collections.abc import Iterator

import pytest

import pyengine
from pyengine.errors import EngineError, NumbersError, OptionError
from pyengine.measure.pairs import PairEncoder
from pyengine.models.generation import Request
from pyengine.models.serving import Server, parallel_session

SMALL = "embedded:small"


@pytest.fixture(scope="module")
def model() -> Iterator[pyengine.OpenModel]:
    with pyengine.open(SMALL, threads=1) as opened:
        yield opened


def test_every_caller_gets_its_own(model: pyengine.OpenModel) -> None:
    prompts = ["def f(", "import ", "class A", "for i in", "x = "]
    encode = PairEncoder(model.model.vocabulary)
    expected = [one.tokens for one in model.generate(prompts, max_tokens=6, parallel=1)]
    with Server(parallel_session(model.model, parallel=2, room=64, threads=1)) as server:
        found: dict[str, list[int]] = {}

        def ask(prompt: str) -> None:
            future = server.submit(Request(encode.started(prompt), 6))
            found[prompt] = future.result(timeout=60).tokens

        callers = [threading.Thread(target=ask, args=(prompt,)) for prompt in prompts]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert [found[prompt] for prompt in prompts] == expected
        with pytest.raises(OptionError, match="do not fit"):
            server.submit(Request([1], 5000))


def test_who_gives_up_ends_its_own(model: pyengine.OpenModel) -> None:
    server = Server(parallel_session(model.model, parallel=1, room=512, threads=1))
    long, short = server.submit(Request([300], 500)), server.submit(Request([301], 3))
    begun = time.monotonic()
    long.cancel()
    assert len(short.result(timeout=60).tokens) <= 3
    assert time.monotonic() - begun < 30
    left = server.submit(Request([300], 500))
    server.close()
    assert isinstance(left.exception(timeout=10), EngineError)
    with pytest.raises(EngineError, match="closed"):
        server.submit(Request([300], 1))


def test_an_error_reaches_all_who_wait(
    model: pyengine.OpenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(parallel_session(model.model, parallel=1, room=64, threads=1)) as server:

        def fail() -> None:
            raise NumbersError("a logit is not a number")

        monkeypatch.setattr(server._generator, "step", fail)
        waiting = [server.submit(Request([300], 3)) for _ in range(2)]
        for one in waiting:
            assert isinstance(one.exception(timeout=10), NumbersError)
        monkeypatch.undo()
        assert server.submit(Request([300], 1)).result(timeout=60).tokens


def test_an_open_model_writes_and_stops(model: pyengine.OpenModel) -> None:
    (found,) = model.generate("def f(x):\n", max_tokens=40, stop=["\n", "return"], top=2)
    assert found.finish == "stopped"
    assert b"\n" in found.text or b"return" in found.text
    assert len(found.top) == len(found.tokens)
    assert model.generate([]) == []
    first, second = model.generate(["a", "a"], temperature=1.0, seed=5, max_tokens=4)
    assert first.tokens == second.tokens
