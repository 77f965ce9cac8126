"""Which of the devices that the llama.cpp build offers compute a model."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeAlias

from pyengine import _core
from pyengine.errors import OptionError, WorkerError
from pyengine.models.child import Child

Device: TypeAlias = _core.Device
SECONDS_TO_ANSWER = 20.0


def gpus(offered: Sequence[Device], *, n_gpu_layers: int) -> list[str]:
    """Return the names of the GPUs that a model is given: none where it has no layer on a GPU.

    As llama.cpp chooses them itself: an integrated GPU only where there is no other, and a GPU that
    two of its libraries offer once.
    """
    if n_gpu_layers == 0:
        return []
    discrete = [device for device in offered if device.kind == "gpu"]
    integrated = [device for device in offered if device.kind == "integrated gpu"]
    return [device.name for device in _once(discrete or integrated[:1])]


def computing_devices(offered: Sequence[Device], *, n_gpu_layers: int) -> list[str]:
    """Return the names of all devices that compute such a model, GPUs first.

    The CPU always has a part, at least the rows of the embedding. So have accelerators, such as a
    BLAS library, that work in the CPU's memory.
    """
    beside = [device.name for device in offered if device.kind in ("accelerator", "cpu")]
    return gpus(offered, n_gpu_layers=n_gpu_layers) + beside


def other_layers(n_gpu_layers: int, offered: Sequence[Device] | None = None) -> list[int]:
    """Return the fewest and the most layers that a GPU may be given, 0 and -1 for all of them.

    Without `n_gpu_layers`, that were asked for; none where there is no GPU.
    """
    offered = _core.offered_devices() if offered is None else offered
    layers = [n for n in (0, -1) if n != n_gpu_layers]
    return layers if gpus(offered, n_gpu_layers=-1) else []


def given_gpus(n_gpu_layers: int, rpc: Sequence[str]) -> list[str]:
    """Return the names of the GPUs that a model gets in this process, those of servers among them.

    Args:
        n_gpu_layers: layers on GPUs; none asks no server.
        rpc: addresses of RPC servers, see `add_rpc_server`.

    Raises:
        OptionError: one of them does not answer.
    """
    if n_gpu_layers == 0:
        return []
    for address in rpc:
        add_rpc_server(address)
    return gpus(_core.offered_devices(), n_gpu_layers=n_gpu_layers)


@cache
def add_rpc_server(address: str) -> None:
    """Make the devices of an RPC server of llama.cpp devices of this process.

    Tried in a child process first: where nobody answers, or somebody else, llama.cpp aborts, and
    where the server has another client it waits: servers have one at a time.

    Args:
        address: HOST:PORT.

    Raises:
        OptionError: no such server answers, or this llama.cpp has no RPC backend.
    """
    try:
        with Child() as child:
            child.call(_add_rpc_server, address, seconds=SECONDS_TO_ANSWER)
    except (WorkerError, TimeoutError):
        raise OptionError(
            f"{address}: no RPC server of llama.cpp answers there; one that serves another program "
            "does not answer either"
        ) from None
    _add_rpc_server(address)


def _add_rpc_server(address: str) -> None:
    _core.add_rpc_server(address)


def _once(devices: Sequence[Device]) -> Iterator[Device]:
    known: set[str] = set()
    for device in devices:
        if not device.id or device.id not in known:
            yield device
        known.add(device.id)
