"""What tests of whole comparisons share: a corpus, a tiny model, files quantized from it.

The fixtures are a plugin that conftest.py names.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from run_samples import made_timings
from tiny_models import write_spread

from pyengine.measure.compare import compare
from pyengine.measure.options import CompareOptions
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.picking import search
from pyengine.run import Run
from pyengine.text.documents import Corpus, Document
from pyengine.text.windows import WindowOptions

SOURCES = {
    "python": b"def area(r):\n    # of a circle\n    return 3.14 * r ** 2\n\nprint(area(2))\n",
    "c": b"int main(void) {\n    int x = 1;\n    return x + 2;\n}\n",
    "go": b"package main\n\nfunc f(a int) int {\n\treturn a * 2\n}\n",
}
WINDOWS = WindowOptions(n_ctx=32, stride=16, max_tokens=None)
PLAIN = CompareOptions(windows=WINDOWS, threads=1, starts=False, continuations=2, positions=3)
Quantize = Callable[[str], Path]


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pick without timings, which take as long as all the rest."""
    monkeypatch.setattr(search, "time_models", lambda *_: made_timings([]))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Twelve short documents in three languages."""
    documents = [
        Document(f"{language}{i}", language, source + str(i).encode())
        for i in range(4)
        for language, source in SOURCES.items()
    ]
    return Corpus(tuple(documents), "test")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference."""
    return write_spread(tmp_path_factory.mktemp("models") / "tiny.gguf", n_extra=8, spread=2.0)


@pytest.fixture(scope="module")
def quantized(tiny: Path) -> Quantize:
    """Makes a variant of a type beside the reference."""

    def make(name: str) -> Path:
        target = tiny.with_name(f"tiny-{name}.gguf")
        (plan,) = plan_quantization(tiny, [name])
        quantize_file(tiny, target, plan, source_sha256=file_sha256(tiny))
        return target

    return make


@pytest.fixture(scope="module")
def result(tiny: Path, quantized: Quantize, corpus: Corpus) -> Run:
    """Two variants compared with the reference."""
    options = CompareOptions(windows=WINDOWS, threads=1, continuations=2, positions=3)
    return compare(tiny, [quantized("Q8_0"), quantized("Q4_0")], corpus=corpus, options=options)
