"""A run of `sensitivity` with made-up numbers: seven groups of two kinds and an embedding."""

from collections.abc import Sequence

from run_samples import estimate, info, made_run

from pyengine.measure.sensitivity_groups import TensorGroup, TypeChoice
from pyengine.run import Note, Run

# By type: bits per weight, and relative squared error of rounding.
TYPES = {"q2_K": (2.625, 0.08), "q4_K": (4.5, 0.006), "q6_K": (6.5625, 0.0004), "f16": (16.0, 0.0)}
N_LAYERS, COLUMNS = 4, 256


def sample_group(
    kind: str, layers: tuple[int, int] | None, kl: float, *, leaf: bool = True
) -> TensorGroup:
    """A group measured at Q4_K whose every tensor has 256 rows of 256."""
    names = [f"{kind}.weight"]
    if layers is not None:
        names = [f"blk.{layer}.{kind}.weight" for layer in range(layers[0], layers[1] + 1)]
    n_weights = len(names) * COLUMNS * COLUMNS
    measured = TYPES["q4_K"][1]
    return TensorGroup(
        kind=kind,
        first_layer=None if layers is None else layers[0],
        last_layer=None if layers is None else layers[1],
        tensors=tuple(names),
        n_weights=n_weights,
        measured_types={"q4_K": len(names)},
        kl=kl,
        low=0.9 * kl,
        high=1.1 * kl,
        choices=tuple(
            TypeChoice(name, int(n_weights * bits / 8), error, kl * error / measured)
            for name, (bits, error) in TYPES.items()
        ),
        leaf=leaf,
    )


def sample_groups() -> list[TensorGroup]:
    """Two kinds in four layers, one of which is divided twice, and the embedding."""
    return [
        sample_group("token_embd", None, 0.004),
        sample_group("attn_q", (0, 3), 0.002),
        sample_group("ffn_down", (0, 3), 0.02, leaf=False),
        sample_group("ffn_down", (0, 1), 0.016, leaf=False),
        sample_group("ffn_down", (0, 0), 0.013),
        sample_group("ffn_down", (1, 1), 0.003),
        sample_group("ffn_down", (2, 3), 0.004),
    ]


def sample_sensitivity(groups: Sequence[TensorGroup] | None = None, imatrix: str = "") -> Run:
    """A run of these groups, which add up to 0.025 of 0.026; or of others."""
    shown = sample_groups() if groups is None else groups
    source, rounded = info("model-f16", 16), info("model-f16 rounded", 16)
    names = {"asked": "q5_K", "types": {"q4_K": 9}}
    run = made_run(
        [source, rounded],
        [estimate("kl", rounded.id, 0.026, 0.001, reference=source.id)],
        command="sensitivity",
        exhibits=[group.exhibit(source.id) for group in shown],
        notes=[Note(code="rounded-to-nearest", values=names)],
    )
    how = {"imatrix": imatrix or None, "imatrix_sha256": "d" * 64 if imatrix else ""}
    return run.model_copy(update={"options": {"at": "q5_K", "groups": 5, **how}})
