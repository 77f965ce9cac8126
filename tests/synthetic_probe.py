"""A probe whose every probability is a known number of sixty-fourths."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from vocabulary_files import pieces_of

from pyengine.measure.cold_rows import ColdRows, ProbeOptions
from pyengine.measure.probe import probe_run
from pyengine.measure.start_tokens import Start
from pyengine.report.probed import ProbedModel, probed_models
from pyengine.run import Exhibit, Measurement, ModelInfo, Provenance
from pyengine.vocabulary.keywords import Keyword, KeywordTable, WordClass
from pyengine.vocabulary.tokens import Pieces

# Piece, kind (1 normal, 3 control, 5 unused), 64 * probability at the first start.
TOKENS: tuple[tuple[bytes, int, int], ...] = (
    (b"if", 1, 8),
    (b"at", 1, 4),
    (b"for", 1, 3),
    (b"but", 1, 1),
    (b" if", 1, 6),
    (b"\tif", 1, 1),
    (b"\nfor", 1, 1),
    (b"IF", 1, 2),
    (b"(", 1, 5),
    (b"==", 1, 3),
    (b"    ", 1, 4),
    (b"<|end|>", 3, 10),
    (b"[PAD12]", 5, 1),
    (b"a_b", 1, 2),
    (b"zz", 1, 13),
)
PARTS = np.array([parts for _, _, parts in TOKENS], dtype=np.float64)
WORDS = ("if", "for", "while", "let")


def vocabulary(tokens: Sequence[tuple[bytes, int, int]] = TOKENS) -> Pieces:
    return pieces_of([piece for piece, _, _ in tokens], [kind for _, kind, _ in tokens])


def logits(parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Logits whose softmax is parts / 64; the shift is not to matter."""
    row: npt.NDArray[np.float32] = (np.log(parts) + 3.0).astype(np.float32)
    return row


def decoded(*, name: str = "synthetic", vocabulary_sha256: str = "v" * 64) -> ColdRows:
    """Two starts: the known one and a uniform one. `while` is split into 1/4 and 1/16."""
    uniform = np.full(len(TOKENS), 64 / len(TOKENS))
    return ColdRows(
        info=_info(name, vocabulary_sha256),
        provenance=_provenance(),
        vocabulary=vocabulary(),
        starts=(Start("natural", (11,), "eos-for-bos"), Start("newline", (6,), "newline")),
        rows=np.stack([logits(PARTS), logits(uniform)]),
        strings={"while": float(np.log(1 / 4) + np.log(1 / 16))},
        unspellable=frozenset({"let"}),
    )


def options() -> ProbeOptions:
    return ProbeOptions(
        tables={"mini": table()}, paper_tables={"mini": table()}, top=5, draws=200, seed=3
    )


def table(words: tuple[str, ...] = WORDS) -> KeywordTable:
    keywords = tuple(Keyword(word, WordClass.RESERVED, "1", "made up") for word in words)
    return KeywordTable("mini", "Mini", "1", keywords, "made up")


def standing(p: dict[str, float], masses: dict[str, float]) -> ProbedModel:
    """A model of a run that holds nothing but p and masses of these languages."""
    one = probe_run([decoded()], options())
    made = [
        Measurement(metric, "synthetic", "", f"language={name}", value, n=9)
        for metric, values in (("random_p", p), ("matched_mass", masses))
        for name, value in values.items()
    ]
    made += [
        Measurement("english_mass", "synthetic", "", f"language={name}", 0.01) for name in masses
    ]
    tables = [
        Exhibit(kind="keyword-table", model="", content={"language": name, "title": name.title()})
        for name in p
    ]
    kept = [exhibit for exhibit in one.exhibits if exhibit.kind != "keyword-table"]
    run = one.model_copy(update={"measurements": made, "exhibits": [*kept, *tables]})
    (model,) = probed_models(run)
    return model


def _info(name: str, vocabulary_sha256: str) -> ModelInfo:
    return ModelInfo(
        id=name,
        path=f"{name}.gguf",
        name=name,
        sha256="a" * 64,
        architecture="llama",
        file_type="Q8_0",
        n_params=1_000_000,
        n_bytes=1_062_500,
        file_bytes=1_100_000,
        bits_per_weight=8.5,
        n_vocab=len(TOKENS),
        n_embd=32,
        n_layer=2,
        n_ctx_train=128,
        tokenizer="bpe",
        pre_tokenizer="gpt-2",
        vocabulary_sha256=vocabulary_sha256,
    )


def _provenance() -> Provenance:
    return Provenance(
        pyengine="0.1.0",
        llama_cpp="b1",
        llama_cpp_python="0.3.36",
        python="3.11.0",
        platform="Linux x86_64",
        cpu="a processor",
        cores=2,
        threads=1,
        devices=["CPU"],
    )
