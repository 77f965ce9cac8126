"""Which devices compute a model: by a made-up list of devices, and on this machine."""

from pathlib import Path

import pytest
import tiny_models

from pyengine import _core
from pyengine.errors import OptionError
from pyengine.models.devices import Device, computing_devices, gpus
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions

CPU = Device("CPU", "cpu", "")
BLAS = Device("BLAS", "accelerator", "")
CARD = Device("CUDA0", "gpu", "0000:01:00.0")
SECOND_CARD = Device("CUDA1", "gpu", "0000:02:00.0")
SAME_CARD = Device("Vulkan0", "gpu", "0000:01:00.0")
SHARED = Device("Vulkan1", "integrated gpu", "0000:00:02.0")
NAMELESS = [Device("A", "gpu", ""), Device("B", "gpu", "")]


@pytest.mark.parametrize(
    ("offered", "n_gpu_layers", "computing"),
    [
        ([CPU], 0, ["CPU"]),
        ([CPU], -1, ["CPU"]),
        ([CARD, CPU], 0, ["CPU"]),
        ([CARD, CPU], 1, ["CUDA0", "CPU"]),
        ([CPU, SECOND_CARD, CARD], -1, ["CUDA1", "CUDA0", "CPU"]),
        ([CARD, SAME_CARD, CPU], -1, ["CUDA0", "CPU"]),
        ([SHARED, CPU], -1, ["Vulkan1", "CPU"]),
        ([SHARED, CARD, CPU], -1, ["CUDA0", "CPU"]),
        ([*NAMELESS, CPU], -1, ["A", "B", "CPU"]),
        ([BLAS, CARD, CPU], 0, ["BLAS", "CPU"]),
        ([BLAS, CARD, CPU], 5, ["CUDA0", "BLAS", "CPU"]),
    ],
)
def test_a_gpu_computes_where_layers_are_given_to_it(
    offered: list[Device], n_gpu_layers: int, computing: list[str]
) -> None:
    assert computing_devices(offered, n_gpu_layers=n_gpu_layers) == computing
    given = gpus(offered, n_gpu_layers=n_gpu_layers)
    assert given == [name for name in computing if name not in ("CPU", "BLAS")]


def test_this_machine_offers_its_processor() -> None:
    assert ("CPU", "cpu", "") in [(d.name, d.kind, d.id) for d in _core.offered_devices()]


@pytest.mark.parametrize("n_gpu_layers", [0, 1, -1])
def test_a_model_names_the_devices_that_compute_it(tmp_path: Path, n_gpu_layers: int) -> None:
    options = ModelOptions(n_gpu_layers=n_gpu_layers)
    with open_model(tiny_models.write_bpe(tmp_path / "tiny.gguf"), options=options) as model:
        names = model.devices
    offered = _core.offered_devices()
    assert names[-1] == "CPU"
    assert names == computing_devices(offered, n_gpu_layers=n_gpu_layers)
    if n_gpu_layers == 0 or not _core.supports_gpu_offload():
        assert not [d.name for d in offered if d.name in names and d.kind.endswith("gpu")]


def test_a_vocabulary_is_computed_by_nothing(tmp_path: Path) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf")
    assert open_model(path, options=ModelOptions(vocabulary_only=True)).devices == []


@pytest.mark.parametrize("name", ["CPU", "CUDA99", ""])
def test_what_is_no_gpu_gets_no_layers(tmp_path: Path, name: str) -> None:
    path = tiny_models.write_bpe(tmp_path / "tiny.gguf")
    with pytest.raises(OptionError, match=f"no GPU called {name}"):
        _core.Model(str(path), n_gpu_layers=-1, gpus=[name])
