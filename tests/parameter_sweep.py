"""Give a model every hyperparameter that GGUF knows, with every strange value, and decode with it.

    python tests/parameter_sweep.py MODEL.gguf ...

Each file that passes the check is opened and decoded in a process that may die. Prints the deaths;
ends with 1 where there was one. A part of it is in test_model_limits.py.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import gguf

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 33, 64, 96, 128, 2**16, 2**31, 2**32 - 1)
LISTS: tuple[list[int], ...] = ([], [0], [1], [1, 1], [3, 2], [8, 8, 8, 8], [0] * 513)
FLOATS = (0.0, -1.0, 1e-30, 1e38, float("inf"), float("nan"))
WORDS = ("", "none", "linear", "yarn", "longrope", "x" * 70)

# Reads pairs of key and value from stdin, one a line; says what became of each.
CHILD = """
import sys
from pathlib import Path
import damage, parameter_sweep
from pyengine.models.model import open_model
from pyengine.models.options import SessionOptions
from pyengine.models.session import Session
from pyengine.errors import PyengineError

options = SessionOptions(n_ctx=64, n_batch=40, n_ubatch=16, n_seq_max=2, max_rows=4, threads=1)
data, path = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
for line in sys.stdin:
    key, kind, raw = parameter_sweep.parse(line)
    path.write_bytes(damage.with_value(data, key, kind, raw))
    try:
        with open_model(path) as model:
            session = Session(model, options=options)
            session.logits([i % model.n_vocab for i in range(40)])
            session.batch_logits([[1, 2], [1, 3, 4]])
            session.context.clear()
            session.context.decode([1], [63], [[0]], [True])
        print("valid", flush=True)
    except PyengineError as error:
        print(type(error).__name__, str(error)[:100].replace(chr(10), " "), flush=True)
"""


def values() -> Iterator[tuple[int, bytes]]:
    """Yield strange values of each type: the type's number and the bytes."""
    for number in NUMBERS:
        yield UINT32, struct.pack("<I", number)
    for number in (-1, 64):
        yield INT32, struct.pack("<i", number)
    for real in FLOATS:
        yield FLOAT32, struct.pack("<f", real)
    for byte in (0, 1):
        yield BOOL, bytes([byte])
    for word in WORDS:
        yield STRING, struct.pack("<Q", len(word)) + word.encode()
    for numbers in LISTS:
        head = struct.pack("<IQ", UINT32, len(numbers))
        yield ARRAY, head + struct.pack(f"<{len(numbers)}I", *numbers)
    yield ARRAY, struct.pack("<IQ2f", FLOAT32, 2, 1.0, 2.0)


def keys(architecture: str) -> list[str]:
    """Return all names of hyperparameters that GGUF knows, for an architecture."""
    found: set[str] = set()
    waiting: list[type] = [gguf.Keys]
    while waiting:
        for value in vars(waiting.pop()).values():
            if isinstance(value, type):
                waiting.append(value)
            elif isinstance(value, str) and value.startswith("{arch}."):
                found.add(value.replace("{arch}", architecture))
    return sorted(found)


def parse(line: str) -> tuple[str, int, bytes]:
    """Read a line that `sweep` wrote."""
    key, kind, raw = json.loads(line)
    return key, kind, bytes.fromhex(raw)


def sweep(model: Path, cases: Sequence[tuple[str, int, bytes]]) -> tuple[Counter[str], list[str]]:
    """Return how often each outcome came, and the cases that killed their process."""
    outcomes: Counter[str] = Counter()
    deaths: list[str] = []
    lines = [json.dumps([key, kind, raw.hex()]) for key, kind, raw in cases]
    with tempfile.TemporaryDirectory() as folder:
        child = [sys.executable, "-c", CHILD, str(model), str(Path(folder) / "model.gguf")]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(__file__).parent),
            "XDG_CACHE_HOME": folder,
        }
        while lines:
            done = subprocess.run(
                child,
                input="\n".join(lines),
                capture_output=True,
                text=True,
                check=False,
                env=environment,
                timeout=1200,
            )
            said = done.stdout.splitlines()
            outcomes.update(line.split(" ")[0] for line in said)
            if done.returncode == 0:
                break
            reason = done.stderr.strip().splitlines()[:1]
            deaths.append(f"{lines[len(said)]}: {done.returncode} {reason}")
            lines = lines[len(said) + 1 :]
    return outcomes, deaths


def main(paths: Sequence[str]) -> int:
    """Sweep all keys of each file."""
    died = False
    for path in paths:
        reader = gguf.GGUFReader(path)
        architecture = str(reader.fields["general.architecture"].contents())
        cases = [(key, *value) for key in keys(architecture) for value in values()]
        outcomes, deaths = sweep(Path(path), cases)
        sys.stdout.write(f"{path}: {len(cases)} values, {dict(outcomes)}, {len(deaths)} deaths\n")
        sys.stdout.writelines(f"  {death}\n" for death in deaths)
        died = died or bool(deaths)
    return int(died)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
