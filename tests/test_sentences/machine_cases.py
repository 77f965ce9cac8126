"""Cases of what is said of a machine and an installation."""

from collections.abc import Mapping

from said import Cases, case

from pyengine.extras import EXTRAS
from pyengine.report.sentences.machine import advice_words, checks_sentence, found_words

GIB = 1 << 30
VERSIONS = {"pyengine": "0.1.0", "python": "3.11.7", "llama_cpp": "1"}
THREADS = {"cores": 2, "threads": 1, "limit": None, "load": None}
MEMORY = {"available": GIB, "total": 2 * GIB, "limit": None}
WORKS = {"types": ["Q8_0"], "difference": 0.01}
# Code, with its parts, and the values of a check.
FOUND: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("versions", VERSIONS),
    ("binding", {"installed": None, "built_with": "0.3.36"}),
    ("libraries-unknown", {}),
    ("libraries", {"paths": ["/a"]}),
    ("libraries/none", {"paths": []}),
    ("devices", {"devices": ["CUDA0"], "offload": True}),
    ("devices/cpu-only", {"devices": ["CPU"], "offload": False}),
    ("extra", {"module": "pyarrow", "version": "1"}),
    ("extra/missing", {"module": "pyarrow", "version": None}),
    ("bubblewrap", {}),
    ("no-bubblewrap", {}),
    ("processor", {"cpu": "X", "used": ["AVX2"]}),
    ("processor/plain", {"cpu": "X", "used": []}),
    ("threads", THREADS),
    ("threads[limit]", {**THREADS, "limit": 1.5}),
    ("threads[load]", {**THREADS, "load": 0.5}),
    ("memory-unknown", {}),
    ("memory", MEMORY),
    ("memory", {**MEMORY, "limit": 2 * GIB}),
    ("memory[limit]", {**MEMORY, "limit": GIB}),
    ("disk", {"free": GIB, "folder": "/"}),
    ("repacking-works", WORKS),
    ("repacking-unsafe", {"problems": {"Q8_0": {"code": "killed", "signal": "SIGSEGV"}}}),
    ("embedded", {"n": 2}),
    ("embedded/none", {"n": 0}),
    ("programs", {"here": ["C"], "missing": {}}),
    ("programs[lacking]", {"here": ["C"], "missing": {"go": ["go"]}}),
    ("stores", {"stores": {"ollama": 2}}),
    ("stores/none", {"stores": {}}),
)
PROBLEMS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("no-answer", {"code": "no-answer", "seconds": 60}),
    ("killed", {"code": "killed", "signal": "SIGSEGV"}),
    ("logits-change", {"code": "logits-change", "difference": 0.5}),
    ("failed", {"code": "failed", "message": "no model"}),
    ("failed/silent", {"code": "failed", "message": "", "exit_code": 3}),
)
BUSY = {"use": 1}
ADVICE: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("repair", {"built_with": "0.3.36"}),
    ("one-library", {}),
    ("gpu-layers", {}),
    ("rebuild-for-gpu", {"tool": "nvcc", "built_with": "0.3.36"}),
    ("install-extra", {"module": "pyarrow"}),
    ("install-bubblewrap", {}),
    ("rebuild-for-processor", {"missing": ["AVX2"]}),
    ("threads-above-limit", BUSY),
    ("fewer-threads", BUSY),
    ("wait", BUSY),
    ("low-memory", {"usable": GIB}),
    ("free-space", {}),
    ("repacking-changes-numbers", {}),
    ("no-repacking", {}),
    ("reinstall", {}),
    ("list-models", {}),
    ("name-a-file", {}),
    ("install-languages", {"missing": {"go": ["go"]}}),
)


def missing(module: str) -> dict[str, object]:
    """An extra that is not installed."""
    return {"module": module, "version": None}


CASES: Cases = {
    "checks": [
        case("good", checks_sentence, []),
        case("good", checks_sentence, ["good", "good"]),
        case("note", checks_sentence, ["good", "note"]),
        case("warn", checks_sentence, ["warn", "note"]),
        case("bad", checks_sentence, ["warn", "bad", "good"]),
    ],
    "found": [
        case(code, found_words, code.partition("[")[0].partition("/")[0], values)
        for code, values in FOUND
    ],
    "repacking": [
        case("", found_words, "repacking-works", WORKS),
        *(
            case(code, found_words, "repacking-unsafe", {"problems": {"Q8_0": problem}})
            for code, problem in PROBLEMS
        ),
    ],
    "advice": [case(code, advice_words, code, values) for code, values in ADVICE],
    "extras": [
        *(case(module, found_words, "extra", missing(module)) for module in EXTRAS),
        case("", found_words, "extra", {"module": "pyarrow", "version": "1"}),
    ],
}
