"""Cases of what is said of code that models wrote."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from evaluation_samples import RATE, made, sides, solved
from said import Cases, case

from pyengine.code.answers import Form
from pyengine.code.failures import Failure
from pyengine.models.generation import Finish
from pyengine.report.answers_view import SIDES, sample_facts
from pyengine.report.evaluate_view import method_facts, prompt_facts
from pyengine.report.sentences.answers import (
    difference_title,
    flip_agreement_sentences,
    parting_sentence,
    style_words,
)
from pyengine.report.sentences.code import (
    agreement_words,
    answer_sentence,
    below_sentence,
    compared_words,
    decoding_words,
    interval_of_shares,
    listed,
    looks_words,
    side_sentences,
    stopping_sentences,
    thinking_sentences,
    warnings,
    words_of,
)
from pyengine.run import Exhibit, Measurement, Note, Run
from pyengine.run.record import ModelInfo

RUN = made(solved(), RATE)
BASE, SMALL, _ = RUN.models
ALONE = RUN.model_copy(update={"models": [BASE]})
UNKNOWN = replace(RATE, low=math.nan, high=math.nan, level=math.nan, interval="")
UNSOLVED = RUN.model_copy(update={"exhibits": []})
GREEDY = {"temperature": 0.0}
SAMPLED = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.1}
TOKEN_MEASURES = ("kl", "keyword_mass_shift", "jensen_shannon", "pkp")
CODE_MEASURES = (
    *("pass_at_1", "parse_share", "reference_log_probability", "keyword_first"),
    "edit_similarity",
)


def note(code: str, values: Mapping[str, object], model: str = "base") -> Note:
    """A note with its values."""
    return Note(code=code, model=model, values=dict(values))


THINKING = {"n": 1, "n_samples": 4}
REST = Measurement("answer_tokens", "base", "", "", 85.0, 60.0, 110.0, 0.95, n=12)
THOUGHTS = replace(REST, metric="thought_tokens", value=1200.0, low=900.0, high=1500.0), REST
CUT = Measurement("thought_cut_share", "base", "", "", 0.25, n=12)
DECIDED: dict[str, Any] = {"until_decided": True, "most_tasks": 40}
STOPPED = (
    ("stopped", made(*sides(9, 1, 0.01), **DECIDED, n_tasks=12)),
    ("stopped-before", made(*sides(2, 1, 1.0), **DECIDED, n_tasks=12)),
    ("decided-by-all", made(*sides(9, 1, 0.01), **DECIDED, n_tasks=40)),
    ("undecided-by-all", made(*sides(2, 1, 1.0), **DECIDED, n_tasks=40)),
    ("", made(*sides(9, 1, 0.01))),
)


def rho(value: float, low: float, high: float) -> Measurement:
    """A rank correlation."""
    return Measurement("rank_agreement", "", "", "", value, low, high, 0.95, n=12)


# Where two answers part, and how damage goes along with lost tasks.
PARTING = {
    "n_same": 3,
    "before": "def f",
    "choices": ["(", "[["],
    "by_reference": [0.75, 0.25],
    "by_model": [0.125, 0.5],
}
RHO = Measurement("flip_agreement", "small-Q2_K", "base", "", 0.4, 0.1, 0.7, 0.95, n=12)
STYLE_REASONS = (
    *("asked", "no-template", "card-chat", "card-base", "eos-ends-turn", "parent-chat"),
    *("file-chat", "file-base", "other-token-ends-turn", "template-alone"),
)
FAILURES = [failure.value for failure in Failure]
FORMS = [form.value for form in Form]
TITLES = ("prompt", "text", "program")
# Of a sample: a fact that is always there, and those that are where their value is known.
OUTCOME, ENDED = "sample/Outcome", "sample/Ended by"
KNOWN = {"Failed at": "assertion", "Compared": "values", "Said": "detail", "Seed": "seed"}
KNOWN |= {"Read as": "form"}
SHORT = [OUTCOME, *(f"sample/{name}" for name in KNOWN), ENDED]
FULL = [f"{OUTCOME}[failure]", *(f"sample/{name}[{value}]" for name, value in KNOWN.items())]
SAMPLE = {
    **{"seed": 0, "outcome": "passed", "finish": "stopped", "tokens": 4},
    **{"detail": "", "cpu_s": 0.1, "wall_s": 0.2},
}
FAILED = {
    **SAMPLE,
    **{
        "form": "nothing",
        "seed": 7,
        "outcome": "wrong-answer",
        "failure": "assertion",
        "detail": "AssertionError",
    },
    **{"assertion": "assert f() == 1", "values": "2 == 1", "loop": 2, "wasted": 30},
}


def side(lost: int, gained: int, p: float, n: int = 12, n_clusters: int = 12) -> Run:
    """An evaluation with one variant beside its reference."""
    return made(*sides(lost, gained, p, n=n, n_clusters=n_clusters))


def styled(reason: str, **settings: str) -> ModelInfo:
    """A model that is asked as it is for a reason."""
    told = {"style": "raw", "style_reason": reason, **settings}
    return BASE.model_copy(update={"settings": told})


def prompted(*rows: Measurement, **options: int) -> Run:
    """An evaluation of which it is known what was sent."""
    content = {"task": "t0", "prompt": "def f", "prompt_tokens": [1, 2], "samples": []}
    sent = [Exhibit(kind="answer", model="base", content=content)]
    return made(*rows, notes=(), tasks="own", **options).model_copy(update={"exhibits": sent})


GAIN = Measurement(
    "chat_log_probability_gain", "base", "", "", 0.2, 0.1, 0.3, 0.95, n=8, n_clusters=4
)
PROMPT_FACTS = [f"evaluate-prompts/{name}" for name in ("Prompt style", "Tasks")]
UNSCORED = "evaluate-prompts/References"
DAY, GAINED = "evaluate-prompts/Day told to the template", "evaluate-prompts/References in chat"


LOOKS = "evaluate-method/Looks"
HOW: dict[str, Any] = {
    **{"temperature": 0.0, "seed": 0, "max_tokens": 160, "thinking_tokens": 2048},
    **{"tasks_sha256": "0" * 64, "cpu_s": 10, "wall_s": 15.0, "memory_bytes": 1 << 30},
}


CASES: Cases = {
    "evaluation": [
        case("none", answer_sentence, RUN, SMALL),
        case("answer[low,names] names", answer_sentence, RUN, BASE),
        case("answer[names] names", answer_sentence, made(solved(), UNKNOWN), BASE),
        case("answer[ideas,low,names] names", answer_sentence, made(solved(18, 3), RATE), BASE),
        case("answer[low]", answer_sentence, UNSOLVED, BASE),
        case(
            "answer[repeatedly,low,names] names at-least-once",
            *(answer_sentence, made(solved(), RATE, samples=5), BASE),
        ),
        case(
            "answer[n_in_set,low,names] names",
            *(answer_sentence, made(solved(), RATE, n_in_set=121), BASE),
        ),
        case("parting[before]", parting_sentence, PARTING, "base", "q"),
        case("parting", parting_sentence, {**PARTING, "n_same": 0}, "base", "q"),
        case("flip-agreement", flip_agreement_sentences, made(replace(RHO, low=0.1))),
        case("", flip_agreement_sentences, made(replace(RHO, low=math.nan))),
        case("", listed, []),
        case("names", listed, ["a"] * 12),
        case("names[more]", listed, ["a"] * 13),
        case("interval", interval_of_shares, RUN),
        case("greedy", decoding_words, GREEDY),
        case("sampled", decoding_words, SAMPLED),
        case("each-model", compared_words, RUN),
        case("each-language", compared_words, ALONE),
        case("", warnings, made()),
        case("", warnings, made(notes=(note("ended-in-thinking", THINKING),))),
        *(case(code, stopping_sentences, run) for code, run in STOPPED),
        case("looks", looks_words, made(looks=5)),
        case("", looks_words, made(looks=1)),
        case("thinks[low,cut]", thinking_sentences, made(*THOUGHTS, CUT), BASE),
        case("thinks", thinking_sentences, made(replace(THOUGHTS[0], low=math.nan), REST), BASE),
        case("thinks[low]", thinking_sentences, made(*THOUGHTS, replace(CUT, value=0.0)), BASE),
        case("", thinking_sentences, made(replace(THOUGHTS[0], value=0.0), REST), BASE),
        case(
            "names others", warnings, made(notes=(note("ended-in-thinking", THINKING, SMALL.id),))
        ),
        case("no-sandbox", warnings, made(isolation="none")),
    ],
    "below": [
        case("failed", below_sentence, "a", "failed", {"message": "killed"}, 0.3),
        case("not-executed", below_sentence, "a", "not-executed", {}, 0.3),
        case("no-interval", below_sentence, "a", "no-interval", {"row": UNKNOWN}, 0.3),
        case("below", below_sentence, "a", "below", {"row": RATE}, 0.3),
    ],
    "notes": [
        case(code, warnings, made(notes=(note(code, values),)))
        for code, values in (
            ("ended-in-thinking", THINKING),
            ("ended-by-budget", THINKING),
            ("template-unused", {}),
            ("rejudged", {"n": 1, "n_samples": 4, "pyengine": "0.1.0"}),
            ("model-failed", {"message": "killed"}),
            ("language-skipped", {"language": "c", "tools": ["gcc"]}),
        )
    ],
    "sides": [
        case("none-executed", side_sentences, side(0, 0, math.nan, n=0)),
        case("too-few counts[ideas]", side_sentences, side(9, 0, 0.0625, n=45, n_clusters=5)),
        case("undecided change counts", side_sentences, side(2, 1, 1.0)),
        case("fewer change counts", side_sentences, side(9, 1, 0.0215)),
        case("more change counts", side_sentences, side(1, 9, 0.0215)),
        case("alike change counts", side_sentences, made(*sides(2, 1, 1.0), margin=0.4)),
        case("undecided change counts[looks]", side_sentences, made(*sides(2, 1, 1.0), looks=5)),
        case(
            "fewer undecided change counts[variants]",
            side_sentences,
            made(*sides(9, 1, 0.001), *sides(2, 1, 1.0, model="tiny-Q2_K")),
        ),
        case("", side_sentences, RUN),
    ],
    "agreement": [
        case("unknown", agreement_words, rho(math.nan, math.nan, math.nan)),
        case("unknown", agreement_words, replace(rho(0.9, 0.6, 0.95), n=3)),
        case("none", agreement_words, rho(0.1, -0.4, 0.6)),
        case("some-positive", agreement_words, rho(0.6, 0.2, 0.8)),
        case("some-negative", agreement_words, rho(-0.6, -0.8, -0.2)),
        case("strong-positive", agreement_words, rho(0.9, 0.6, 0.95)),
        case("strong-negative", agreement_words, rho(-0.9, -0.95, -0.6)),
    ],
    "token-measures": [
        *(case(name, words_of, "token-measures", name) for name in TOKEN_MEASURES),
        case("", words_of, "token-measures", "of_a_later_version"),
    ],
    "code-measures": [
        *(case(name, words_of, "code-measures", name) for name in CODE_MEASURES),
        case("", words_of, "code-measures", "of_a_later_version"),
    ],
    "failures": [
        *(case(name, words_of, "failures", name) for name in FAILURES),
        case("", words_of, "failures", "of_a_later_version"),
    ],
    "forms": [
        *(case(name, words_of, "forms", name) for name in FORMS),
        case("", words_of, "forms", "of_a_later_version"),
    ],
    "finishes": [
        *(case(name, words_of, "finishes", name) for name in get_args(Finish)),
        case("", words_of, "finishes", "of_a_later_version"),
    ],
    "answer-marks": [
        *(case(name, words_of, "answer-marks", name) for name in ("all", "failed", *SIDES)),
        case("", words_of, "answer-marks", "of_a_later_version"),
    ],
    "answer-titles": [
        *(case(name, words_of, "answer-titles", name) for name in TITLES),
        case("", words_of, "answer-titles", "of_a_later_version"),
        case("difference", difference_title, "base", "q"),
        case("end", parting_sentence, {**PARTING, "choices": [None, "("]}, "base", "q"),
        case("", parting_sentence, PARTING, "base", "q"),
    ],
    "style-reasons": [
        *(case(name, style_words, styled(name)) for name in STYLE_REASONS),
        case("", style_words, styled("")),
    ],
    "facts": [
        case([*PROMPT_FACTS, DAY, GAINED, UNSCORED], prompt_facts, prompted(), styled("")),
        case(
            [*PROMPT_FACTS, DAY, GAINED, f"{UNSCORED}[unscored]"],
            *(prompt_facts, prompted(likelihoods=False), styled("")),
        ),
        case(
            [
                *(f"{PROMPT_FACTS[0]}[reason]", f"{PROMPT_FACTS[1]}[n_in_set]"),
                *(f"{DAY}[day]", f"{GAINED}[gain,low]", UNSCORED),
            ],
            *(prompt_facts, prompted(GAIN, n_in_set=9), styled("asked", day="2026-01-01")),
        ),
        case(
            [*PROMPT_FACTS, DAY, f"{GAINED}[gain]", UNSCORED],
            *(prompt_facts, prompted(replace(GAIN, low=math.nan, high=math.nan)), styled("")),
        ),
        case([LOOKS], method_facts, made(**HOW)),
        case([f"{LOOKS}[looks]"], method_facts, made(**HOW, looks=5)),
        case(SHORT, sample_facts, SAMPLE),
        case([*FULL, f"{ENDED}[wasted]"], sample_facts, FAILED),
    ],
}
