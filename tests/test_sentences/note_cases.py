"""Cases of what the notes of a run tell, and of how to measure the same again."""

from collections.abc import Iterator, Mapping

from run_samples import MADE
from said import Case, Cases, case
from sentence_runs import a_run

from pyengine.report.sentences.notes import (
    NAMED,
    ended_sentences,
    infinite_sentences,
    note_sentence,
    outcome_words,
    repeat_words,
)
from pyengine.report.words import OUTCOMES
from pyengine.run import Note

CONTEXT = {"positions": 129, "trained": 128}
TOKENIZERS = {"n_vocab": 300, "tokenizer": "bpe"}
TOKENIZERS |= {"reference_n_vocab": 260, "reference_tokenizer": "spm"}
SAMPLES = {"n": 3, "n_samples": 4}
MOST_COMMON = {"n_tasks": 12, "outcome": "wrong-answer", "n": 11, "n_samples": 12}
FEWER = {"tokens": 20, "document_tokens": 512}
UNLIKE = {"file_type": "Q4_K_M", "type": "q8_0", "usual": "q4_K"}
KNOWN = {"why": "example-wrong", "source": "its authors"}
# Code, with its parts, and values.
NOTES: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("other-vocabulary", TOKENIZERS),
    ("variant-failed", {"message": "killed", "chunk": "open"}),
    ("variant-failed[chunk]", {"message": "killed", "chunk": "text 3"}),
    ("speed-failed", {"message": "killed"}),
    ("not-evaluated", {"message": "computes no numbers"}),
    ("not-repacked", {"message": "the process died with SIGILL"}),
    ("shallow", {"depth": 300, "asked": 7872, "seconds": 30.0}),
    ("swapping", {"pages_read": 2000, "swapped_bytes": 0}),
    ("busy", {"core_share": 0.25}),
    ("kept-timings", {"n": 3, "n_timings": 22, "since": "2026-11-30 15:20 UTC"}),
    ("slow", {"speed": 1.5, "reading": 5.0}),
    ("infinite-divergence", {"n_tokens": 3}),
    ("stopped-early", {}),
    ("not-known", {}),
    ("beyond-trained-context", CONTEXT),
    ("fitted-to-positions", {"positions": 128, "asked": 512}),
    ("sliding-window", {"window": 512}),
    ("recurrent-state", {}),
    ("rounded-to-nearest", {"asked": "q4_K", "types": {"q4_0": 2, "q5_0": 1}}),
    ("tensors-unused", {"names": ["blk.9.attn_q.weight"]}),
    ("tied-embedding", {"name": "token_embd.weight"}),
    ("seldom-experts", {"n": 24, "never": 1, "seldom": 2, "fewest": 100}),
    ("fewer-tokens", {**FEWER, "asked": None}),
    ("fewer-tokens[asked]", {**FEWER, "asked": 100}),
    ("turns-left-out", {"n": 2}),
    ("documents-left-out", {"names": ["a.py"]}),
    ("documents-left-out[model]", {"names": ["a.py"]}),
    ("left-out", {"reference": "hf:A/b", "problem": {"code": "projector"}}),
    ("interrupted", {}),
    ("differs", {"names": ["a", "b"], "best": "c", "codes": ["origin"]}),
    ("offline", {"reason": "no network"}),
    ("model-failed", {"message": "computes no numbers"}),
    ("folder-unreadable", {"folder": "/x", "errno": "EACCES"}),
    ("none-solved", MOST_COMMON),
    ("ended-in-thinking", SAMPLES),
    ("ended-by-budget", SAMPLES),
    ("request-hidden", {"n": 1, "n_prompts": 2}),
    ("library-skipped", {"library": "boost", "names": ["CPP/22"]}),
    ("type-impossible", {"file_type": "Q1_0", "message": "rows of 64"}),
    ("output-tied", {"tensor": "token_embd.weight"}),
    ("rule-matches-more", {"pattern": "blk.1", "written": "blk.1", "layers": [10, 11]}),
    ("rules-move-others", {"file_type": "Q4_K_M", "names": ["blk.3.ffn_down.weight"]}),
    ("source-quantized", {"source": "q8.gguf", "n": 2, "first": "a.weight", "type": "q8_0"}),
    ("types-unlike-preset", {**UNLIKE, "n": 2, "first": "a.weight"}),
    ("own-type-unused", {"names": ["Q4_K_M"]}),
    ("ternary", {"names": ["TQ1_0"]}),
    ("known-tasks", {**KNOWN, "names": ["a"]}),
    ("known-tasks[others]", {**KNOWN, "names": [f"t{i}" for i in range(NAMED + 1)]}),
)
WHY = (
    *("example-wrong", "prompt-contradicts-tests", "reference-fails", "prompting-part"),
    *("validation-part", "training-part"),
)
DIFFERENCES = (
    *("optional-tensors", "parameters-of-one", "context", "tokenizer", "chat-template"),
    "origin",
)
INSTALLED = ("javascript", "c", "cpp", "java", "go", "rust", "ruby", "php")


def skipped(language: str) -> Note:
    """A language whose tools are not here."""
    return Note(code="language-skipped", values={"language": language, "tools": ["x"]})


def differing(*codes: str) -> Note:
    """A file that differs from the best in some ways."""
    return Note(code="differs", values={"names": ["a"], "best": "c", "codes": list(codes)})


def known(why: str) -> Note:
    """A task of which something is known."""
    return Note(code="known-tasks", values={**KNOWN, "why": why, "names": ["a"]})


def notes() -> Iterator[Case]:
    """A case of each note."""
    for code, values in NOTES:
        model = "" if code == "documents-left-out" else "a"
        name = code.partition("[")[0]
        yield case(code, note_sentence, Note(code=name, model=model, values=dict(values)))


CASES: Cases = {
    "notes": [
        *notes(),
        case("language-skipped", note_sentence, skipped("c")),
        case("", note_sentence, Note(code="of-a-later-version", model="a", values={"n": 1})),
        case("", infinite_sentences, a_run(notes=[Note(code="stopped-early")])),
        case("", ended_sentences, a_run(notes=[Note(code="not-known", model="a")])),
        case("stopped-early", ended_sentences, a_run(notes=[Note(code="stopped-early")])),
    ],
    "differences": [
        *(case(code, note_sentence, differing(code)) for code in DIFFERENCES),
        case("tokenizer origin", note_sentence, differing("tokenizer", "origin")),
    ],
    "install": [
        *(case(language, note_sentence, skipped(language)) for language in INSTALLED),
        case("", note_sentence, skipped("python")),
    ],
    "known-tasks": [
        *(case(why, note_sentence, known(why)) for why in WHY),
        case("", note_sentence, known("of a later version")),
    ],
    "outcomes": [
        case("wrong-answer", note_sentence, Note(code="none-solved", values=MOST_COMMON)),
        *(case(outcome, outcome_words, outcome) for outcome in OUTCOMES),
    ],
    "origin": [
        case("repeat", repeat_words, MADE.model_copy(update={"words": ["probe"]}), "pyengine x"),
        case("repeat[place]", repeat_words, MADE, "pyengine x"),
    ],
}
