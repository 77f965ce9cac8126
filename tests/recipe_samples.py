"""Groups of a file's tensors with made-up losses, and the record of a recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gguf
from run_samples import MADE, TEXT, estimate, info, made_run, ratio

from pyengine.measure.sensitivity_groups import COMMAND, TensorGroup, TypeChoice
from pyengine.models.gguf import TensorEntry, read_tensor_table
from pyengine.models.quantize import file_sha256
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.models.quantize_plan import plan_here
from pyengine.run import Exhibit, Note, Run
from pyengine.run.measurement import Measurement
from pyengine.text.documents import load_corpus
from pyengine.text.halves import halves

# By type: the relative squared error of rounding, roughly.
ERRORS = {
    "q4_0": 8e-3,
    "q4_1": 7e-3,
    "q5_0": 2e-3,
    "q5_1": 1.8e-3,
    "q8_0": 3e-5,
    "f16": 1e-8,
    "f32": 0.0,
}


def groups_of_file(
    source: Path, losses: Mapping[str, float], errors: Mapping[str, float] = ERRORS
) -> list[TensorGroup]:
    """Group the matrices of a file by kind and layer.

    Args:
        losses: of a kind at q4_0, in nats; 0.01 where it is not named.
        errors: the types there are.
    """
    return [
        _group(tensor, losses, errors)
        for tensor in read_tensor_table(source)
        if len(tensor.shape) > 1 and not re.search(r"norm|gate_inp", tensor.name)
    ]


def _group(
    tensor: TensorEntry, losses: Mapping[str, float], errors: Mapping[str, float]
) -> TensorGroup:
    layer = re.match(r"blk\.(\d+)\.", tensor.name)
    kind = re.sub(r"^blk\.\d+\.|\.weight$", "", tensor.name)
    number = int(layer[1]) if layer else None
    kl = losses.get(kind, 0.01)
    choices = [
        TypeChoice(name, bytes_of(tensor.shape, name), error, kl * error / ERRORS["q4_0"])
        for name, error in errors.items()
        if tensor.shape[0] % layout_of(name)[0] == 0
    ]
    return TensorGroup(
        kind=kind,
        first_layer=number,
        last_layer=number,
        tensors=(tensor.name,),
        n_weights=math.prod(tensor.shape),
        measured_types={"q4_0": 1},
        kl=kl,
        low=0.9 * kl,
        high=1.1 * kl,
        choices=tuple(sorted(choices, key=lambda choice: choice.n_bytes)),
        leaf=True,
    )


def plans_here(
    source: Path, names: Sequence[str], *, options: QuantizeOptions, **_: object
) -> list[QuantizationPlan]:
    """Plan without a process for each plan: no file here is damaged."""
    return [plan_here(str(source), name, options) for name in names]


def sensitivity_of_file(
    source: Path, texts: Path, losses: Mapping[str, float], errors: Mapping[str, float] = ERRORS
) -> Run:
    """A sensitivity of a file over half of the documents in a folder."""
    model = info(source.stem, 1, sha256=file_sha256(source))
    choosing = halves(load_corpus([texts]), seed=20260102).choosing
    return Run(
        command=COMMAND,
        options={"at": "q4_0", "imatrix_sha256": ""},
        provenance=MADE,
        models=[model],
        population=TEXT.model_copy(update={"sha256": choosing.sha256}),
        exhibits=[group.exhibit(model.id) for group in groups_of_file(source, losses, errors)],
    )


def layout_of(name: str) -> tuple[int, int]:
    """Numbers of a block of a type, and its bytes."""
    return gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name.upper()]]


def bytes_of(shape: Sequence[int], name: str) -> int:
    """The bytes of a tensor in a type, by the gguf package."""
    block, size = layout_of(name)
    return math.prod(shape) // block * size


def sample_recipes(
    *,
    kept: str | None = "recipe",
    times: float | None = 0.6,
    error: float = 0.02,
    reused: bool = False,
    imatrix: str | None = None,
    notes: Sequence[Note] = (),
    asked_speed: float | None = None,
    speeds: Mapping[str, float] = MappingProxyType({}),
) -> Run:
    """A recipe of Q4_K_M's size with made-up numbers; planned alone where none is kept.

    Args:
        times: the recipe's damage over the preset's; None where there is no ratio.
        asked_speed: tokens per second; 31 are predicted.
        speeds: of "recipe" and "preset", as they were measured, to a tenth.
    """
    source, preset, recipe = "model-f16", "model-Q4_K_M", "model-recipe-Q4_K_M"
    models, rows = [], []
    if kept is not None:
        by_recipe = info(recipe, 4.8, file_type="Q4_K_M recipe")
        models += [info(source, 16), by_recipe, info(preset, 4.84)]
        levels = {recipe: 0.05 * (times or 1.0), preset: 0.05}
        rows += [estimate("kl", name, kl, reference=source) for name, kl in levels.items()]
        if times is not None:
            rows.append(ratio(preset, recipe, 1 / times, error / times**2))
    content = {
        "asked": "Q4_K_M",
        "max_bytes": 105_454_368,
        "max_bits": None,
        "file_type": "Q4_K_M",
        "preset_path": f"{preset}.gguf",
        "preset_bytes": 105_454_368,
        "preset_bits": 6.24,
        "path": f"{recipe}.gguf",
        "file_bytes": 105_401_120,
        "bits_per_weight": 6.23,
        "kl": 0.0294,
        "asked_speed": asked_speed,
        "speed": asked_speed and {"value": 31.0, "low": 29.0, "high": 33.0},
        "rules_path": f"{recipe}.tensor-types.txt",
        "groups": [
            _row("token_embd", None, "q6_K"),
            *(_row("ffn_down", n, "q5_0") for n in (0, 2)),
        ],
        "tensor_types": {"token_embd.weight": "q6_K"},
        "recipe_model": kept and recipe,
        "preset_model": kept and preset,
        "kept": kept,
        "reused": kept and reused,
    }
    contents: dict[str, dict[str, Any]] = {
        "recipe": content,
        "source": {"path": f"{source}.gguf", "sha256": "a" * 64, "file_bytes": 269_000_000},
        "sensitivity": {
            "n_groups": 3,
            "corpus_sha256": "b" * 64,
            "n_tokens": 1536,
            "n_documents": 12,
            "kl_sum": 0.081,
            "kl_joint": 0.078,
        },
    }
    if asked_speed is not None:
        base = {"type": "q8_0", "n_weights": 1 << 20, "value": 24.0, "low": 23.0, "high": 25.0}
        few = {"type": "q4_0", "n_weights": 1 << 19, "value": 40.0, "low": 39.0, "high": 41.0}
        contents["type-speeds"] = {
            **{"asked": asked_speed, "base": "q8_0", "depth": 7872, "types": [base, few]},
            **{"value": 20.0, "low": 19.0, "high": 21.0},
        }
    names = {"recipe": recipe, "preset": preset}
    rows += [
        Measurement(
            "generation_speed", names[which], "", "", v, 0.9 * v, 1.1 * v, n=5, interval="range"
        )
        for which, v in speeds.items()
    ]
    exhibits = [Exhibit(kind=kind, model="", content=told) for kind, told in contents.items()]
    population = None if kept is None else TEXT
    run = made_run(
        models, rows, command="recipe", exhibits=exhibits, notes=notes, population=population
    )
    return run.model_copy(update={"options": {**run.options, "imatrix": imatrix}})


def _row(kind: str, layer: int | None, name: str) -> dict[str, Any]:
    """Some tensors of a recipe: of one layer, or of two where that is not the first."""
    return {
        "kind": kind,
        "first_layer": layer,
        "last_layer": layer + 1 if layer else layer,
        "n_tensors": 1,
        "n_weights": 1 << 20,
        "type": name,
        "n_bytes": (1 << 17) * 6,
        "kl": 0.0098,
    }
