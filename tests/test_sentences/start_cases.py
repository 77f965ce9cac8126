"""Cases of what is said of cold starts."""

import dataclasses

import numpy as np
import synthetic_probe
from said import Case, Cases, case
from synthetic_probe import standing

from pyengine.measure.cold_rows import ColdRows
from pyengine.measure.probe import probe_run
from pyengine.report.probe_pictures import probe_pictures
from pyengine.report.probed import ProbedModel, probed_models
from pyengine.report.sentences.starts import (
    first_choices_sentence,
    keyword_sentences,
    not_compared_words,
    paper_words,
    pre_tokenizer_words,
    probe_sentence,
    reason_words,
    standing_sentence,
    vocabulary_sentences,
)
from pyengine.run import Run

STARTS = (
    *("bos-added", "bos-declared", "eos-for-bos", "newline-for-bos", "zero-for-bos"),
    *("bos", "eos", "newline", "fence", "text", "fim", "chat"),
)
PAPER = ("pkp", "kap", "stp", "nlp", "coverage")
ONE = synthetic_probe.decoded()
SPELLED = dataclasses.replace(ONE, unspellable=frozenset(), strings={"while": -3, "let": -4})
SPLIT = dataclasses.replace(ONE, strings={})
OTHER = synthetic_probe.decoded(name="other")
ANOTHER_VOCABULARY = synthetic_probe.decoded(name="third", vocabulary_sha256="w" * 64)
ANOTHER_START = dataclasses.replace(OTHER, starts=OTHER.starts[::-1])
WIDER = np.pad(OTHER.rows, ((0, 0), (0, 1)), constant_values=-9)
MORE_ROWS = dataclasses.replace(OTHER, rows=WIDER)


def probed(*decoded: ColdRows) -> Run:
    """A probe of these rows."""
    return probe_run(list(decoded), synthetic_probe.options())


def models(*decoded: ColdRows) -> list[ProbedModel]:
    """The models of such a probe."""
    return probed_models(probed(*decoded))


def info(pre_tokenizer: str) -> object:
    """A model with that pre-tokenizer."""
    return models(ONE)[0].info.model_copy(update={"pre_tokenizer": pre_tokenizer})


def compared(code: str, *decoded: ColdRows) -> Case:
    """A case of the second model of a run."""
    run = probed(ONE, *decoded)
    return case(code, not_compared_words, run, run.models[1].id)


CASES: Cases = {
    "starts": [
        *(case(reason, reason_words, reason) for reason in STARTS),
        case("fence after-bos", reason_words, "fence-after-bos"),
    ],
    "probe": [
        case("answer token", probe_sentence, models(ONE)[0]),
        case("several token", first_choices_sentence, models(ONE, OTHER)),
        case("", keyword_sentences, models(SPELLED)[0]),
        case("unspellable", keyword_sentences, models(ONE)[0]),
        case("", keyword_sentences, standing({"go": 0.1}, {"go": 0.1})),
        case("unspellable not-measured", keyword_sentences, models(SPLIT)[0]),
        case("", vocabulary_sentences, models(ONE, OTHER)),
        case("different-vocabularies", vocabulary_sentences, models(ONE, ANOTHER_VOCABULARY)),
        case("", pre_tokenizer_words, info("gpt-2")),
        case("no-pre-tokenizer", pre_tokenizer_words, info("")),
    ],
    "keywords": [
        case("", standing_sentence, standing({}, {})),
        case("nothing", standing_sentence, standing({"go": 0.05, "c": 0.2}, {"go": 0.1, "c": 0.2})),
        case(
            "one-standing-out",
            *(standing_sentence, standing({"go": 0.001, "c": 0.05}, {"go": 0.1, "c": 0.2})),
        ),
        case(
            "standing-out",
            *(standing_sentence, standing({"go": 0.001, "c": 0.049}, {"go": 0.1, "c": 0.2})),
        ),
    ],
    "not-compared": [
        compared("", OTHER),
        compared("", OTHER, ANOTHER_VOCABULARY),
        compared("vocabulary", ANOTHER_VOCABULARY),
        compared("start", ANOTHER_START),
        compared("rows", MORE_ROWS),
    ],
    "paper-metrics": [case(metric, paper_words, metric, 9) for metric in PAPER],
    "pictures": [
        case(["first-tokens/caption"], probe_pictures, probed(ONE, OTHER)),
        case(["first-tokens/caption[left_out]"], probe_pictures, probed(*[ONE] * 13)),
    ],
}
