"""What llama-quantize makes of three tiny models, as hashes of their tensors.

    python tests/llama_quantize_hashes.py LLAMA-QUANTIZE

writes tests/data/llama_quantize.json, and what it makes by files of rules to
llama_quantize_rules.json, with the llama-quantize of the llama.cpp that llama-cpp-python holds; the
tests compare what pyengine makes of the same models.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import tiny_architectures
from tiny_architectures import Sizes

from pyengine.models.file_types import FILE_TYPES
from pyengine.models.gguf import read_tensor_table
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.models.quantize_plan import plan_here
from pyengine.models.rules_file import exact_rules, rules_text

ALIGNMENT = 32
HASHES = Path(__file__).parent / "data" / "llama_quantize.json"
RULES = HASHES.with_name("llama_quantize_rules.json")
# Of the tensors in turn, as far as their rows are whole blocks.
RULED = ("q6_K", "q4_0", "iq4_nl", "f16", "q5_1", "q3_K", "mxfp4", "q8_0", "q2_K")
# Rows of 256 and 288 numbers; of 128 and 512; of 256 and 32, with an expert that sees no token.
MODELS: Mapping[str, Sizes] = {
    "llama": Sizes(n_embd=256, n_ff=288, n_layer=1),
    "gpt2": Sizes(n_embd=128, n_ff=512, n_layer=1),
    "qwen3moe": Sizes(n_embd=256, n_ff=32, n_layer=1, n_expert=2, n_expert_used=1),
}


def write_model(folder: Path, architecture: str) -> Path:
    sizes = MODELS[architecture]
    return tiny_architectures.write(folder / f"{architecture}.gguf", architecture, sizes=sizes)


def write_importance(path: Path, source: Path) -> Path:
    """Write an importance matrix as llama-imatrix does: of all but embeddings and vectors."""
    writer = gguf.GGUFWriter(str(path), "")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["none"])
    writer.add_uint32("imatrix.chunk_count", 3)
    writer.add_uint32("imatrix.chunk_size", 512)
    rng = np.random.default_rng(5)
    for row in read_tensor_table(source):
        if row.name.startswith("blk.") and len(row.shape) > 1:
            experts = row.shape[2] if len(row.shape) > 2 else 1
            sums = rng.lognormal(2.0, 2.0, (experts, row.shape[0])).astype(np.float32)
            counts = np.array([[1537.0], [0.0]][:experts], dtype=np.float32)
            writer.add_tensor(f"{row.name}.in_sum2", sums * (counts > 0))
            writer.add_tensor(f"{row.name}.counts", counts)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def padded(n_bytes: int) -> int:
    return (n_bytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def tensors_sha256(path: Path) -> str:
    """Hash the tensor table, in the order of the file, and all that follows it: the tensors."""
    table = read_tensor_table(path)
    n_bytes = sum(padded(row.n_bytes) for row in table)
    head = repr([(row.name, row.type, row.shape) for row in table]).encode()
    return hashlib.sha256(head + path.read_bytes()[-n_bytes:]).hexdigest()


def ruled_types(source: Path) -> dict[str, str]:
    """Some type for each tensor that is quantized."""
    plan = plan_here(str(source), "Q8_0", QuantizeOptions())
    names = {t.name: t.shape[0] for t in plan.tensors if t.type != "f32"}
    found = {}
    for number, (name, columns) in enumerate(names.items()):
        fitting = [kind for kind in RULED if columns % 256 == 0 or not kind.endswith("_K")]
        found[name] = fitting[number % len(fitting)]
    return found


def made_by(
    program: str,
    source: Path,
    file_type: str,
    importance: Path | None,
    rules: Path | None = None,
) -> str | None:
    """Hash what llama-quantize makes; None where it refuses."""
    target = source.with_suffix(".made")
    target.unlink(missing_ok=True)
    options = [] if importance is None else ["--imatrix", str(importance)]
    options += [] if rules is None else ["--tensor-type-file", str(rules)]
    words = [program, *options, str(source), str(target), file_type, "1"]
    done = subprocess.run(words, capture_output=True, check=False)
    return tensors_sha256(target) if done.returncode == 0 else None


def main(program: str) -> None:
    found: dict[str, dict[str, list[str | None]]] = {}
    ruled: dict[str, list[str | None]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for architecture in MODELS:
            source = write_model(Path(folder), architecture)
            importance = write_importance(Path(folder) / "imatrix.gguf", source)
            found[architecture] = {
                name: [made_by(program, source, name, given) for given in (None, importance)]
                for name in FILE_TYPES
            }
            rules = source.with_suffix(".rules")
            rules.write_text(rules_text(exact_rules(ruled_types(source))))
            ruled[architecture] = [
                made_by(program, source, "Q2_K", given, rules) for given in (None, importance)
            ]
    RULES.write_text(json.dumps(ruled, indent=1) + "\n")
    HASHES.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
