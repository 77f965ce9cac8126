"""Cases of what is said of a file that was quantized again."""

from said import Cases, case
from verify_samples import FAILURE, alone, difference, metadata, sample_verified

from pyengine.report.sentences.verification import reason_sentences, verdict_sentence
from pyengine.report.verify_view import verify_document

ONE = difference("blk.0.attn_q.weight")
NAMES = [f"blk.{i}.extra" for i in range(7)]
NOT_FLOATS = {"rounding": None, "error": None, "between": None}
COPIED = difference("blk.0.attn_norm.weight", type="f32", source_type="f32", **NOT_FLOATS)
NAMED = {"importance_file": "theirs.dat"}
BY_PYENGINE = {"pyengine": "0.1.0"}
HASH, OTHER = "b" * 64, "c" * 64

CASES: Cases = {
    "verification": [
        case("proven", verdict_sentence, sample_verified()),
        case("proven[matrix]", verdict_sentence, sample_verified(matrix=HASH)),
        case("metadata", verdict_sentence, sample_verified(keys=[metadata("a.b", "tokenizer")])),
        case("proven", verdict_sentence, sample_verified(keys=[metadata("a.b", "description")])),
        case(
            "metadata[matrix]",
            verdict_sentence,
            sample_verified(matrix=HASH, keys=[metadata("a.b", "hyperparameters")]),
        ),
        case("differs[share]", verdict_sentence, sample_verified(ONE)),
        case("differs[matrix,share]", verdict_sentence, sample_verified(ONE, matrix=HASH)),
        case(
            "differs[alone]",
            verdict_sentence,
            sample_verified({**ONE, "n_bytes_different": 0}, lonely=alone("file", "a")),
        ),
        case("alone", verdict_sentence, sample_verified(lonely=alone("source", "a"))),
        case(
            "alone[matrix]",
            verdict_sentence,
            sample_verified(lonely=alone("source", "a"), matrix=HASH),
        ),
        case("", reason_sentences, sample_verified()),
        case("lacking", reason_sentences, sample_verified(lonely=alone("file", "a"))),
        case("lacking[more]", reason_sentences, sample_verified(lonely=alone("file", *NAMES))),
        case(
            "lacking tied",
            reason_sentences,
            sample_verified(lonely=alone("source", "output.weight")),
        ),
    ],
    "verification-reasons": [
        case("", reason_sentences, sample_verified()),
        case("matrix-unknown", reason_sentences, sample_verified(ONE)),
        case(
            "failed matrix-unknown",
            reason_sentences,
            sample_verified(difference("output.weight", failure=FAILURE, **NOT_FLOATS)),
        ),
        case("other-source", reason_sentences, sample_verified(ONE, said={"source_sha256": OTHER})),
        case("copied", reason_sentences, sample_verified(ONE, COPIED)),
        case("far", reason_sentences, sample_verified({**ONE, "error": 0.3})),
        case("few-bytes", reason_sentences, sample_verified({**ONE, "n_bytes_different": 9})),
        case("unweighted", reason_sentences, sample_verified(ONE, {**ONE, "type": "q8_0"})),
        case(
            "matrix-other",
            reason_sentences,
            sample_verified(ONE, matrix=HASH, said={"importance_sha256": OTHER}),
        ),
        case("matrix-none", reason_sentences, sample_verified(ONE, matrix=HASH, said=BY_PYENGINE)),
        case("matrix-unused", reason_sentences, sample_verified(ONE, said=BY_PYENGINE)),
        case("matrix-not-this", reason_sentences, sample_verified(ONE, matrix=HASH)),
        case(
            "matrix-not-this[name]", reason_sentences, sample_verified(ONE, matrix=HASH, said=NAMED)
        ),
        case(
            "matrix-hashed",
            reason_sentences,
            sample_verified(ONE, said={**BY_PYENGINE, "importance_sha256": HASH}),
        ),
        case("matrix-named", reason_sentences, sample_verified(ONE, said=NAMED)),
        case(
            "matrix-named[text]",
            reason_sentences,
            sample_verified(ONE, said={**NAMED, "importance_text": "wiki.txt"}),
        ),
    ],
    "facts": [
        case(
            [
                "what-it-says/in its metadata[nothing]",
                "verify-method/importance matrix",
            ],
            verify_document,
            sample_verified(),
        ),
        case(
            ["what-it-says/in its metadata", "verify-method/importance matrix[path,used]"],
            verify_document,
            sample_verified(matrix=HASH, said={"said": {"pyengine.version": "0.1.0"}}),
        ),
    ],
}
