"""CPU time of a whole vocabulary analysis, beside what other readers need to read the file.

One run measures, each in its own process and with the file in the page cache: our reading and
full analysis (classes, coverage of twelve languages, ranks, integrity); the gguf package reading
the same file; and llama.cpp loading the tokenizer alone, through its C API. Without a model named,
the vocabulary
of 151,936 tokens beside the project is taken, where it is there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

DEFAULT = Path(__file__).parent.parent.parent / "shared" / "vocabs" / "ggml-vocab-qwen2.gguf"

OURS = """
import sys, time
from pathlib import Path
from pyengine.text.documents import Corpus
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.measure.vocab import vocab
from pyengine.vocabulary.keywords import load_tables
start = time.process_time()
model = open_model(Path(sys.argv[1]), options=ModelOptions(vocabulary_only=True))
opened = time.process_time()
run = vocab([model], {"reference": load_tables()}, Corpus((), "none"))
done = time.process_time()
assert run.find("token_share", run.models[0].id).n == model.vocabulary.size
print(done - start, opened - start)
"""
GGUF = """
import sys, time
import gguf
start = time.process_time()
reader = gguf.GGUFReader(sys.argv[1])
tokens = reader.fields["tokenizer.ggml.tokens"].contents()
print(time.process_time() - start, len(tokens))
"""
LLAMA = """
import sys, time
import llama_cpp
llama_cpp.llama_backend_init()
quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(quiet, None)
parameters = llama_cpp.llama_model_default_params()
parameters.vocab_only = True
start = time.process_time()
model = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), parameters)
vocabulary = llama_cpp.llama_model_get_vocab(model)
print(time.process_time() - start, llama_cpp.llama_vocab_n_tokens(vocabulary))
"""


def measure(script: str, model: Path, rounds: int) -> tuple[float, float]:
    """Return the least CPU seconds over some processes, with the second number printed then."""
    results = []
    for _ in range(rounds):
        command = [sys.executable, "-c", script, str(model)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        first, second = done.stdout.split()
        results.append((float(first), float(second)))
    return min(results)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    if not arguments.model.is_file():
        sys.exit(f"{arguments.model}: no such file; name a GGUF with a large vocabulary")
    arguments.model.read_bytes()  # into the page cache
    llama, n_tokens = measure(LLAMA, arguments.model, arguments.rounds)
    ours, opened = measure(OURS, arguments.model, arguments.rounds)
    package, _ = measure(GGUF, arguments.model, 1)
    print(
        f"{arguments.model.name}, {n_tokens:,.0f} tokens, CPU seconds, least of {arguments.rounds}"
    )
    print(f"gguf package, reading only           {package:8.3f}")
    print(f"llama.cpp, loading the tokenizer     {llama:8.3f}")
    print(f"ours, opening                        {opened:8.3f}")
    print(f"ours, opening and full analysis      {ours:8.3f}   target under 0.5")
    print(f"ours / gguf package                  {ours / package:8.3f}   target under 0.1")


if __name__ == "__main__":
    main()
