"""Cases of what is said of how much numbers are over."""

from dataclasses import replace

from run_samples import TEXT, estimate, info, made_run
from said import Cases, case
from sentence_runs import ONE, a_run

from pyengine.report.sentences.scored import (
    errors_sentences,
    levels_sentence,
    longest_sentences,
    looks_sentence,
    over_words,
    scored_sentence,
    scored_words,
    unknown_error_sentences,
)
from pyengine.run import Population

KL = estimate("kl", "a", 0.05)


def text(**changes: object) -> Population:
    """Another text."""
    return TEXT.model_copy(update=changes)


def unequal() -> object:
    """A run of which one variant stopped before the other."""
    rows = [KL, replace(KL, model="b", n=500)]
    return made_run([info("m", 3), info("a", 2), info("b", 1)], rows)


CASES: Cases = {
    "scored": [
        case("", scored_words, a_run(population=None)),
        case("over", scored_words, a_run()),
        case("at-most", scored_words, unequal()),
        case("", over_words, a_run(), KL),
        case("over", over_words, a_run(), replace(KL, n_clusters=12)),
        case("over", over_words, a_run(population=ONE), KL),
        case("scored pieces start", scored_sentence, text()),
        case("scored pieces no-start", scored_sentence, text(prefix=[])),
        case("scored windows start", scored_sentence, text(document_tokens=0)),
        case("chats turns[most] start", scored_sentence, text(scored_languages={"chat": 30})),
        case(
            "chats turns start",
            scored_sentence,
            text(scored_languages={"chat": 30}, document_tokens=0),
        ),
        case("", looks_sentence, text(looks=1)),
        case("looks", looks_sentence, text(looks=2)),
        case("looks[fewest]", looks_sentence, text(looks=8, level_documents=72)),
        case("", levels_sentence, text(anchor="")),
        case("anchor", levels_sentence, text(anchor="a")),
    ],
    "errors": [
        case("", errors_sentences, [], "document"),
        case("errors", errors_sentences, [3, 3], "document"),
        case("errors[least]", errors_sentences, [3, 5], "document"),
        case("", unknown_error_sentences, ["0.5 ± 0.1", "± ? it"]),
        case("unknown", unknown_error_sentences, ["0.5 ± ?"]),
        case("", longest_sentences, [3, 3], "a"),
        case("counts-of-longest", longest_sentences, [3, 5], "a"),
    ],
}
