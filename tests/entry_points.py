"""Call every function, method and property of the compiled core with arguments that are wrong.

    python tests/entry_points.py MODEL.gguf FOLDER

The entry points are found in the module itself, their parameters in the signatures that pybind11
writes. Each parameter in turn gets every wrong value, beside right ones for the others. Prints each
call before it is made, so that a death names its call, and at the end how many there were.
"""

from __future__ import annotations

import os
import random
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyengine import _core
from pyengine.errors import PyengineError

# AddressSanitizer reserves terabytes of addresses, and dies where there is no memory for an object.
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
HUGE = (2**31 - 1, 2**31, 2**32 - 1)
REFUSALS = (PyengineError, TypeError, ValueError, OverflowError, MemoryError)
N_VOCAB = 288
ROWS = np.linspace(-3, 3, 2 * N_VOCAB, dtype=np.float32).reshape(2, N_VOCAB)
WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    -1,
    513,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**64,
    -(2**63),
    0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "a\0b",
    "\udc80",
    "/dev/zero",
    ".",
    b"",
    b"\xff",
    object(),
    len,
    [],
    [None],
    [[]],
    [[None]],
    [1, "a"],
    [0, 0],
    [-1],
    [2**31],
    [2**40],
    [[0], [0, 1]],
    [("general.name", 1)],
    [("", "q4_0")],
    {"a": 1},
    np.array([]),
    np.zeros((0, N_VOCAB), np.float32),
    np.zeros((2, 0), np.float32),
    np.zeros((2, 2, 2), np.float32),
    np.float32(1.0),
    np.full((2, N_VOCAB), np.nan, np.float32),
    np.full((2, N_VOCAB), -np.inf, np.float32),
    ROWS[:, ::2],
    ROWS.T,
    ROWS.astype(np.float64)[::-1],
    np.arange(10, dtype=np.int64)[::3],
    np.array([2**40, -1]),
    np.array([0.5]),
    np.array(["a"]),
    np.array([object()]),
    np.zeros(3, dtype=[("a", np.int32)]),
)


@dataclass(frozen=True)
class EntryPoint:
    """A function, or a method and what it is called on."""

    name: str
    call: Callable[..., object]
    parameters: tuple[str, ...]  # those behind * are given by name
    positional: int


def signature(name: str, documentation: str) -> tuple[tuple[str, ...], int]:
    """Return the parameters in a signature of pybind11 without self, and how many go by place."""
    text = documentation.splitlines()[0]
    text = text[text.index("(") + 1 : text.rindex(") ->")]
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    names = [part.strip().split(":")[0].split("=")[0].strip() for part in parts if part.strip()]
    names = [name for name in names if name not in ("self", "/")]
    positional = names.index("*") if "*" in names else len(names)
    found = tuple(name for name in names if name != "*")
    if "**kwargs" in found:  # what plan_quantization and quantize want
        found = (*(name for name in found if name != "**kwargs"), *SETTINGS)
        positional = min(positional, len(found) - len(SETTINGS))
    if unknown := set(found) - set(RIGHT):
        raise AssertionError(f"give right values for {sorted(unknown)} of {name} in RIGHT")
    return found, positional


SETTINGS: dict[str, Any] = {
    "file_type": "Q8_0",
    "threads": 1,
    "output_type": None,
    "embedding_type": None,
    "pure": False,
    "allow_requantize": False,
    "imatrix": "",
    "overrides": [("attn_q", "q8_0")],
    "metadata": [("a", "b")],
}
RIGHT: dict[str, Any] = {
    **SETTINGS,
    "path": "",  # the model; see main
    "source": "",
    "target": "",
    "key": "general.architecture",
    "address": "127.0.0.1:1",
    "adapters": [],
    "rope_freq_base": 0.0,
    "rope_freq_scale": 0.0,
    "vocabulary": True,
    "id": 1,
    "name": "token_embd.weight",  # of a device too
    "tensor_type": "q8_0",
    "tensor_types": ["q8_0", "f16"],
    "types": [("token_embd.weight", "q8_0")],
    "kind": "gpu",
    "piece": b"a",
    "text": "if (a) return",
    "add_special": True,
    "parse_special": True,
    "before": b"a",
    "ids": [1, 5],
    "remove_special": False,
    "unparse_special": True,
    "n_gpu_layers": 0,
    "gpus": [],
    "use_mmap": True,
    "use_extra_bufts": False,
    "vocabulary_only": False,
    "skip_vocabulary": False,
    "no_alloc": False,
    "progress": None,
    "model": None,
    "n_ctx": 32,
    "n_batch": 32,
    "n_ubatch": 32,
    "n_seq_max": 2,
    "n_outputs_max": 4,
    "flash_attention": "auto",
    "offload_kqv": False,
    "k_type": "f16",
    "v_type": "f16",
    "full_windows": True,
    "kv_unified": True,
    "positions": [0, 1],
    "sequences": [[0], [0]],
    "outputs": [True, True],
    "sequence": 0,
    "position": 0,
    "logits": ROWS,
    "rows": ROWS,
    "rows_p": ROWS,
    "rows_q": ROWS,
    "targets": [0, -1],
    "padding": [3],
    "kernels": "",
    "k": 3,
    "temperature": 1.0,
    "top_k": 3,
    "top_p": 0.9,
    "min_p": 0.1,
    "seed": 1,
    "with_output": True,
    "weights": None,
    "chunk_size": 16,
    "datasets": ["a"],
    "collector": None,
    "context": None,
    "samplers": None,
    "n_tokens": 10,
    "length": 1,
    "n_vocab": N_VOCAB,
    "sets": [[0, 1], [2]],
    "top": 3,
}
# Where a name means different things.
RIGHT_OF: dict[str, dict[str, Any]] = {
    "sample_rows": {"rows": [0, 1]},
    "compare_kld_rows": {"rows": np.zeros((2, 0), np.uint16), "targets": [0, 1]},
    "weight_errors": {"rows": 2},
    "encode_kld_rows": {"targets": [0, 1]},
    "Device.__init__": {"id": ""},
    "Context.decode": {"positions": [2, 3]},
    "Context.take_over": {"source": 0, "target": 1},
}

# Refused whatever the arguments are: this build of llama.cpp has no RPC backend, and no server.
ALWAYS_REFUSED = {"add_rpc_server"}


def entry_points(objects: dict[str, object]) -> Iterator[EntryPoint]:
    """Find all; `objects` has an object of every class."""
    for name, member in vars(_core).items():
        if name.startswith("_"):
            continue
        if isinstance(member, type):
            yield from _of_class(name, member, objects.get(name))
        elif callable(member):
            yield EntryPoint(name, member, *signature(name, member.__doc__ or ""))


def _of_class(name: str, kind: type, instance: object) -> Iterator[EntryPoint]:
    assert instance is not None, f"give an object of {name} in main"
    for attribute, member in vars(kind).items():
        full = f"{name}.{attribute}"
        if isinstance(member, property):
            yield EntryPoint(full, lambda a=attribute: getattr(instance, a), (), 0)
            yield from _on_wrong_self(full, member.fget)
        elif attribute == "__init__" and (member.__doc__ or "").startswith("__init__(self:"):
            yield EntryPoint(full, kind, *signature(full, member.__doc__))
        elif callable(member) and not attribute.startswith("_"):
            bound = getattr(instance, attribute)
            yield EntryPoint(full, bound, *signature(full, member.__doc__ or ""))
            yield from _on_wrong_self(full, member)


def _on_wrong_self(name: str, member: Callable[..., object] | None) -> Iterator[EntryPoint]:
    assert member is not None
    for wrong in (None, 1, "x", object()):
        yield EntryPoint(f"{name} of {wrong!r:.20}", lambda w=wrong: member(w), (), 0)


def calls(point: EntryPoint, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield arguments: right ones, one wrong one among right ones, and several wrong ones."""
    right = {name: RIGHT[name] for name in point.parameters} | RIGHT_OF.get(point.name, {})
    yield right
    for name in point.parameters:
        for wrong in WRONG:
            if SANITIZED and type(wrong) is int and wrong in HUGE:
                continue
            yield {**right, name: wrong}
    for _ in range(20 if point.parameters and not SANITIZED else 0):
        yield {name: rng.choice((right[name], *WRONG)) for name in point.parameters}


def make(point: EntryPoint, arguments: dict[str, Any]) -> str:
    """Make a call; return "right", "refused", or what is wrong with the error."""
    values = list(arguments.items())
    placed = [value for _, value in values[: point.positional]]
    named = dict(values[point.positional :])
    try:
        point.call(*placed, **named)
    except REFUSALS:
        return "refused"
    except Exception as error:  # noqa: BLE001  # an error without a type is what we look for
        return f"{type(error).__name__}: {error}"
    return "right"


def main(model_path: str, folder: str) -> int:
    """Make all calls; return 1 where an error had no type."""
    np.set_printoptions(threshold=8)  # of whole arrays most of the time would go into writing lines
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    RIGHT.update(path=model_path, source=model_path, target=str(Path(folder) / "target.gguf"))
    model = _core.Model(model_path)
    RIGHT["model"] = model
    context = _core.Context(
        model, n_ctx=32, n_batch=32, n_ubatch=32, n_seq_max=2, n_outputs_max=4, threads=1
    )
    decode = (context, [1, 2], [0, 1], [[0], [0]], [True, True])
    sampler = _core.Sampler(temperature=1.0, seed=1)
    RIGHT.update(context=context, samplers=[sampler, sampler])
    matrix = Path(folder) / "matrix.gguf"
    collector = _core.ImportanceCollector()
    sizes: dict[str, Any] = {"n_ctx": 32, "n_batch": 32, "n_ubatch": 32, "n_seq_max": 1}
    summing = _core.Context(model, **sizes, n_outputs_max=32, threads=1, collector=collector)
    summing.decode(np.arange(32), np.arange(32), [[0]] * 32, [True] * 32)
    matrix.write_bytes(collector.to_bytes(chunk_size=32, datasets=[], metadata=[]))
    RIGHT.update(collector=_core.ImportanceCollector())
    RIGHT_OF["ImportanceCollector.merge"] = {"path": str(matrix)}
    RIGHT_OF["ImportanceCollector.to_bytes"] = {"metadata": [("pyengine.a", "b")]}
    weights = _core.Weights(model_path, str(matrix))
    RIGHT.update(weights=weights)
    coded, _ = _core.encode_kld_rows(ROWS, [0, 1])
    RIGHT_OF["compare_kld_rows"]["rows"] = coded
    objects: dict[str, object] = {
        "GgufSummary": _core.check_gguf(model_path),
        "Vocabulary": model.vocabulary,
        "Model": _core.Model(model_path, use_mmap=False),
        "Context": context,
        "ImportanceCollector": collector,
        "Sampler": sampler,
        "Weights": weights,
        "TokenSets": _core.TokenSets(N_VOCAB, [[0, 1], [2]]),
        "Device": _core.Device("CPU", "cpu", ""),
    }
    rng = random.Random(1)
    faults, n_points, n_calls, n_right = [], 0, 0, 0
    for point in entry_points(objects):
        n_points += 1
        for number, arguments in enumerate(calls(point, rng)):
            sys.stdout.write(f"{point.name} {number} {arguments!r:.300}\n")
            sys.stdout.flush()
            context.clear()
            _core.Context.decode(*decode)
            outcome = make(point, arguments)
            n_calls += 1
            n_right += outcome == "right"
            refused = " of " in point.name or point.name in ALWAYS_REFUSED
            if outcome not in ("right", "refused") or (
                number == 0 and outcome != "right" and not refused
            ):
                faults.append(f"{point.name}({arguments!r:.200}): {outcome}")
    sys.stdout.write(f"{n_points} entry points, {n_calls} calls, {n_right} right\n")
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
