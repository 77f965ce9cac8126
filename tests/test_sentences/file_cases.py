"""Cases of what is said of model files."""

from pathlib import Path

from imatrix_samples import sample_imatrix
from run_samples import MADE
from said import Cases, case

from pyengine.report.imatrix_view import imatrix_document
from pyengine.report.sentences.files import (
    file_notes,
    file_sentences,
    importance_words,
    models_sentence,
    quantize_sentence,
    size_sentences,
)
from pyengine.report.sentences.importance import imatrix_sentence, range_words, reason_words
from pyengine.run import Exhibit, Measurement, Run

REASONS = ("embedding", "tied", "output", "outside", "unused")
BROKEN = {"code": "unreadable", "message": "it does not begin with GGUF"}


def found(n: int, copies: int = 0) -> Run:
    """A list of so many models."""
    rows = [
        Measurement("disk_bytes", "", "", "", 9.0),
        Measurement("copy_bytes", "", "", "", copies),
    ]
    files = [Exhibit(kind="file", model="", content={})] * n
    return Run(command="models", provenance=MADE, models=[], measurements=rows, exhibits=files)


def quantized(
    *reused: bool,
    dry_run: bool = False,
    lacks: bool = False,
    rows: int = 0,
    bits: float | None = None,
    larger: str | None = None,
) -> Run:
    """Files that were written now, or were there already."""
    fallen = [{"shape": [rows]}] if rows else []
    files = [
        {
            "file_type": "Q8_0",
            "file_bytes": 9,
            "bits_per_weight": 8.5,
            "reused": each,
            "lacks_importance": ["a"] if lacks else [],
            "fallbacks": fallen,
        }
        for each in reused
    ]
    exhibits = [Exhibit(kind="quantized", model="", content=content) for content in files]
    choice = {"asked": "9bpw", "max_bits": bits, "file_type": "Q8_0", "n_types": 2}
    choice |= {"larger": larger, "larger_bytes": larger and 10, "larger_bits": larger and 16.0}
    exhibits.append(Exhibit(kind="size", model="", content=choice))
    options = {"dry_run": dry_run}
    return Run(command="quantize", options=options, provenance=MADE, models=[], exhibits=exhibits)


def file(problem: dict[str, str] | None = None, same_bytes: int | None = None) -> dict[str, object]:
    """A file in a list."""
    return {"reference": "x", "problem": problem, "same_bytes": same_bytes}


CASES: Cases = {
    "models": [
        case("none", models_sentence, found(0)),
        case("answer", models_sentence, found(1)),
        case("answer[copies]", models_sentence, found(2, 9)),
        case("", file_sentences, [file(), file(BROKEN)]),
        case("same-bytes", file_sentences, [file(same_bytes=1), file(same_bytes=1)]),
    ],
    "quantization": [
        case("dry", quantize_sentence, quantized(False, dry_run=True)),
        case("written", quantize_sentence, quantized(False)),
        case("written[kept]", quantize_sentence, quantized(False, True)),
        case("dry[lacking]", quantize_sentence, quantized(False, dry_run=True, lacks=True)),
        case("size", size_sentences, quantized(False)),
        case("size[larger]", size_sentences, quantized(False, larger="F16")),
        case("bits", size_sentences, quantized(False, bits=9.0)),
        case("bits[larger]", size_sentences, quantized(False, bits=9.0, larger="F16")),
        case("folder", file_notes, quantized(False), Path("x")),
        case("fell-back", file_notes, quantized(False, dry_run=True, rows=64), Path("x")),
        case("", file_notes, quantized(False, dry_run=True), Path("x")),
        case("importance", importance_words, {"used": 3, "entries": 4}),
    ],
    "importance": [
        case("made", imatrix_sentence, sample_imatrix()),
        case("made[merged]", imatrix_sentence, sample_imatrix(merged=1)),
        case("kept", imatrix_sentence, sample_imatrix(reused=True)),
        case("kept[merged]", imatrix_sentence, sample_imatrix(reused=True, merged=2)),
        case("count", range_words, 5, 5),
        case("range", range_words, 5, 6),
    ],
    "facts": [
        case(["imatrix-method/added to"], imatrix_document, sample_imatrix()),
        case(["imatrix-method/added to[merged]"], imatrix_document, sample_imatrix(merged=2)),
    ],
    "not-covered": [case(reason, reason_words, reason) for reason in REASONS],
}
