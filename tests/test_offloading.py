"""Layers on another device: a GPU, or another process over RPC. `make test-devices` has both."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from command_line import Outcome
from row_oracle import kl, log_softmax
from rpc_server import has_rpc, served

from pyengine import _core
from pyengine.models.devices import gpus
from pyengine.models.memory import forecast
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, SessionOptions
from pyengine.models.references import resolve_spec
from pyengine.models.session import Session

OFFERED = gpus(_core.offered_devices(), n_gpu_layers=-1)
on_gpu = pytest.mark.skipif(not OFFERED, reason="no GPU: `make test-devices` has one in software")
over_rpc = pytest.mark.skipif(
    not has_rpc() or bool(OFFERED),
    reason="no RPC backend, or a GPU beside it: `make test-devices` has it alone",
)
LAYERS = (0, 2, -1)
TEXT = "def area(width, height):\n    return width * height\n" * 3


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as (address, _):
        yield address


def rows(given: str, **settings: int) -> np.ndarray:
    """The logits after every token of a text."""
    spec = resolve_spec(given)
    with open_model(spec.path, options=spec.opening(ModelOptions())) as model:
        ids = model.vocabulary.tokenize(TEXT)
        # On Mesa's software device, flash attention dies within the driver.
        usual = SessionOptions(n_ctx=128, max_rows=128, threads=1, flash_attention="off")
        session = Session(model, options=usual, settings=settings)
        return session.logits_at(ids, range(len(ids)))


def run(*words: str | Path) -> Outcome:
    """Run `pyengine` in a process of its own: devices of a server stay those of a process."""
    command = [sys.executable, "-m", "pyengine", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return Outcome(done.returncode, done.stdout, done.stderr)


def mean_kl(reference: np.ndarray, other: np.ndarray) -> float:
    pairs = zip(reference, other, strict=True)
    return float(np.mean([kl(log_softmax(p), log_softmax(q)) for p, q in pairs]))


@on_gpu
@pytest.mark.parametrize("layers", LAYERS)
def test_a_gpu_is_not_twice_as_far_from_the_cpu_as_both_from_themselves(
    embedded: Path, layers: int
) -> None:
    cpu = rows(str(embedded))
    here = f"{embedded}?ngl={layers}"
    there = rows(here)
    floor = mean_kl(cpu, rows(str(embedded), n_ubatch=1)) + mean_kl(there, rows(here, n_ubatch=1))
    distance = mean_kl(cpu, there)
    assert distance <= 2 * floor
    assert (layers == 0) == np.array_equal(cpu, there)


@over_rpc
@pytest.mark.parametrize("layers", LAYERS)
def test_another_machine_gives_every_bit(embedded: Path, address: str, layers: int) -> None:
    there = rows(f"{embedded}?rpc={address}&ngl={layers}") if layers else rows(str(embedded))
    assert np.array_equal(there, rows(str(embedded)))


@over_rpc
def test_its_memory_is_told_by_device(embedded: Path, address: str) -> None:
    alone = forecast(embedded, 128)
    shared = forecast(embedded, 128, gpu_layers=-1, rpc=(address,))
    here, there = shared.shares
    assert (here.device, there.device) == ("CPU", "RPC0")
    assert there.weights > 0
    assert there.cache == alone.shares[0].cache
    assert here.cache == 0


@on_gpu
def test_the_memory_of_a_gpu_is_told(embedded: Path) -> None:
    here, there = forecast(embedded, 128, gpu_layers=-1).shares
    assert (here.device, there.device) == ("CPU", OFFERED[0])
    assert there.weights > 0
    assert here.cache == 0 < there.cache


@over_rpc
def test_a_comparison_names_the_device(embedded: Path, address: str) -> None:
    there = f"{embedded}?rpc={address}&ngl=-1"
    result = run("compare", embedded, there, "--tokens", "300", "--no-starts", "--json")
    assert result.code == 0, result.err
    record = json.loads(result.out)
    assert "RPC0" in json.dumps(record["provenance"])
    (variant,) = [model for model in record["models"] if model["settings"].get("rpc")]
    assert variant["settings"]["rpc"] == address


@over_rpc
@pytest.mark.parametrize("n_bytes", [1 << 10, 1 << 20, 20 << 20])
def test_a_device_that_vanishes_is_one_sentence(embedded: Path, address: str, n_bytes: int) -> None:
    """While it is asked what it is, while it is given weights, and while it computes."""
    with ending_after(n_bytes, address) as other:
        there = f"{embedded}?rpc={other}&ngl=-1"
        result = run("compare", embedded, there, "--tokens", "3000", "--no-starts")
    assert result.code in (2, 3)  # before it is open, or while it computes
    assert len(result.err.strip().splitlines()) == 1
    assert any(words in result.err for words in ("Remote RPC server", "no RPC server"))


@over_rpc
def test_a_device_out_of_memory_is_one_sentence(embedded: Path) -> None:
    with served(8) as (address, _):
        result = run("compare", embedded, f"{embedded}?rpc={address}&ngl=-1", "--tokens", "300")
    assert result.code == 2
    assert "Traceback" not in result.err
    assert "RPC0" in result.err


@over_rpc
def test_somebody_else_on_the_port_is_one_sentence(embedded: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        threading.Thread(target=_hang_up, args=(web,), daemon=True).start()
        address = f"127.0.0.1:{web.getsockname()[1]}"
        result = run("probe", f"{embedded}?rpc={address}&ngl=-1")
    assert result.code == 2
    assert f"{address}: no RPC server of llama.cpp answers there" in result.err


@on_gpu
def test_the_doctor_names_it() -> None:
    assert OFFERED[0] in run("doctor").out


@contextmanager
def ending_after(n_bytes: int, address: str) -> Iterator[str]:
    """Yield an address that passes on so many bytes to a server, and then is gone."""
    host, port = address.split(":")
    with socket.create_server(("127.0.0.1", 0)) as door:
        left = [n_bytes]

        def serve() -> None:
            with suppress(OSError):
                while left[0] > 0:
                    client = door.accept()[0]
                    server = socket.create_connection((host, int(port)))
                    for source, target in ((client, server), (server, client)):
                        passing = (source, target, left)
                        threading.Thread(target=_pass_on, args=passing, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{door.getsockname()[1]}"


def _pass_on(source: socket.socket, target: socket.socket, left: list[int]) -> None:
    with suppress(OSError):
        while left[0] > 0 and (data := source.recv(1 << 16)):
            left[0] -= len(data)
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):  # closing alone would not wake who waits for it
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def _hang_up(door: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client = door.accept()[0]
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            client.close()
