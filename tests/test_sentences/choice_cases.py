"""Cases of what is said of a choice of a file."""

import math
from collections.abc import Sequence

from run_samples import control, estimate, failure, infinite
from said import Cases, case
from sentence_runs import a_sweep

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits, recommend
from pyengine.report.recommend_view import recommend_document
from pyengine.report.sentences.choice import (
    choice_sentence,
    excluded_words,
    failing_words,
    forecast_words,
    free_words,
    interval_words,
    limit_words,
    reason_sentence,
    status_words,
    unmet_choice_sentence,
)
from pyengine.run import Measurement, Note, Run

# "a" has 4 GiB and 0.01 nats, "b" 3 GiB and 0.05 nats.
FLOOR = control("kl", 1e-6, "m")
ROWS = (FLOOR, estimate("kl", "a", 0.01, 0.001), estimate("kl", "b", 0.05, 0.001))
GIB = 1 << 30


def chosen(*rows: Measurement, notes: Sequence[Note] = (), **asked: object) -> Run:
    """A choice among variants."""
    return recommend([a_sweep(*(rows or ROWS), notes=notes)], **asked)  # type: ignore[arg-type]


def kl(model: str, value: float, error: float = 0.001, n_clusters: int = 30) -> Measurement:
    """A divergence."""
    return estimate("kl", model, value, error, n_clusters=n_clusters)


NAMES = ("memory", "memory needed", "file", "speed", "fails if")
HOW = [f"How it was chosen/{name}" for name in NAMES]
RUN = [f"Run it/{name}" for name in ("llama-server", "llama-cli", "Python")]
FLIPS = (*ROWS, estimate("same_first_choice", "a", 0.9), estimate("same_first_choice", "b", 0.8))
SPEEDS = (
    *ROWS,
    Measurement("generation_speed", "a", "", "", 10.0),
    Measurement("generation_speed", "b", "", "", 12.0),
)
UNKNOWN = (FLOOR, kl("a", 0.01, math.nan, 1))
UNSURE = (FLOOR, kl("a", 0.01), kl("b", 0.02))
NOISE = (control("kl", 0.2, "m"), kl("a", 0.03))
COPY = (control("kl", 0.0, "m"), kl("a", 0.0, 0.0))


def shown(place: int, part: str) -> list[str]:
    """How it was chosen, with one part that is told."""
    return [f"{name}[{part}]" if number == place else name for number, name in enumerate(HOW)]


def candidate(**changes: object) -> Candidate:
    """A variant with its numbers."""
    numbers = {"kl": 0.01, "kl_low": 0.008, "kl_high": 0.012, "kl_floor": 1e-6, **changes}
    return Candidate(name="a", metrics={}, **numbers)  # type: ignore[arg-type]


def candidates(run: Run) -> dict[str, Candidate]:
    """The candidates of a choice by their names."""
    return {content["name"]: Candidate.of(content) for content in run.shown("candidate")}


def answer(run: Run) -> str:
    """The opening sentence."""
    return choice_sentence(run, list(candidates(run).values()))


def reasons(run: Run) -> list[str]:
    """Why this one, and what would change that."""
    (choice,) = run.shown("choice")
    limits = Limits.of(run.options)
    return [reason_sentence(choice[name], candidates(run), limits) for name in ("why", "change")]


def statuses(run: Run) -> list[str]:
    """What stands beside each candidate."""
    return [status_words(run, one) for one in candidates(run).values()]


# What is said for two reasons: why, and what would change the answer.
REASONS = (
    ("within-limit admitting-limit", chosen()),
    ("within-limit more-tokens", chosen(*UNSURE)),
    ("within-limit nothing", chosen(FLOOR, kl("a", 0.01))),
    ("noise nothing", chosen(*NOISE)),
    ("within-limit nothing", chosen(*COPY, max_kl=0.0)),
    (
        "reference admitting-limit",
        recommend([a_sweep(*ROWS).model_copy(update={"command": "pick"})], max_kl=0.001),
    ),
    ("best[limits] wider-limit/same", chosen(max_kl=0.001, memory=4 * GIB)),
    ("best wider-limit/same", chosen(max_kl=0.001)),
    ("best[n_alike] wider-limit", chosen(FLOOR, kl("a", 0.05), kl("b", 0.0501))),
    ("best[limits] more-room", chosen(memory=int(3.5 * GIB))),
    ("best more-text", chosen(*UNKNOWN)),
    ("none-fits more-room", chosen(memory=GIB)),
    ("nothing-measured measure", chosen(kl("a", 0.01), notes=[failure("a", "killed")])),
    ("cannot-be-judged measurement", chosen(*ROWS, variant="a", notes=[infinite("a")])),
    ("does-not-fit room", chosen(variant="a", memory=GIB)),
    ("judged-within ruled-out", chosen(variant="a")),
    ("judged-noise ruled-out", chosen(*NOISE, variant="a")),
    ("judged-unknown more-text", chosen(*UNKNOWN, variant="a")),
    ("judged-undecided tokens-or-limit", chosen(*UNSURE, variant="b")),
    ("judged-beyond limit", chosen(variant="b")),
)

CASES: Cases = {
    "chosen": [
        case("use", answer, chosen()),
        case("judged-good", answer, chosen(variant="a")),
        case("judged-bad", answer, chosen(variant="b")),
        case("none", answer, chosen(memory=1)),
        case("the-best", answer, chosen(max_kl=0.001)),
        case("best-that-fits", answer, chosen(max_kl=0.001, memory=int(3.5 * GIB))),
        case("best-that-fits", answer, chosen(max_kl=0.001, size=int(3.5 * GIB))),
    ],
    "gates": [
        case("", answer, chosen()),
        case("nothing-chosen", answer, chosen(memory=1, fail_if="kl > 1")),
        case("unknown", answer, chosen(*UNKNOWN, fail_if="kl_high > 1")),
        case("holds", answer, chosen(fail_if="kl > 0.001")),
        case("holds-not", answer, chosen(fail_if="kl > 1")),
        case("", unmet_choice_sentence, chosen()),
        case("", unmet_choice_sentence, chosen(max_kl=0.001, fail_if="kl > 1")),
        case("none-fits", unmet_choice_sentence, chosen(memory=1)),
        case("holds", unmet_choice_sentence, chosen(fail_if="kl > 0.001")),
        case("unqualified", unmet_choice_sentence, chosen(max_kl=0.001)),
        case("no-interval", unmet_choice_sentence, chosen(*UNKNOWN)),
    ],
    "choices": [case(codes, reasons, run) for codes, run in REASONS],
    "ruled-out": [
        case("", reasons, chosen()),
        case("below", reasons, chosen(FLOOR, kl("a", 0.01))),
        case("never", reasons, chosen(*NOISE)),
        case("below", reasons, chosen(variant="a")),
        case("never", reasons, chosen(*NOISE, variant="a")),
    ],
    "excluded": [
        case("failed", excluded_words, candidate(excluded="failed", message="killed")),
        case("larger", excluded_words, candidate(excluded="larger")),
        case("fewer-tasks", excluded_words, candidate(excluded="fewer-tasks")),
        case("other-vocabulary", excluded_words, candidate(excluded="other-vocabulary")),
        case("not-measured", excluded_words, candidate(excluded="not-measured")),
        case("infinite", excluded_words, candidate(excluded="infinite", n_infinite=1)),
    ],
    "divergences": [
        case("zero", interval_words, candidate(kl=0.0, kl_low=0.0, kl_high=0.0)),
        case("noise", interval_words, candidate(kl_floor=0.2)),
        case("unknown", interval_words, candidate(kl_high=math.nan)),
        case("known", interval_words, candidate()),
    ],
    "limits": [
        case("kl", reasons, chosen(*COPY)),
        case("kl max_kl", reasons, chosen()),
        case("memory size", reasons, chosen(memory=GIB)),
        case("kl memory", reasons, chosen(memory=int(3.5 * GIB))),
        case("kl size", reasons, chosen(size=int(3.5 * GIB))),
        case("flips", reasons, chosen(*FLIPS, max_flips=0.9)),
        case("flips max_flips", reasons, chosen(*FLIPS, max_flips=0.01)),
        case("kl flips max_kl max_flips", reasons, chosen(*FLIPS, max_flips=0.01, max_kl=0.001)),
        case("memory size speed", reasons, chosen(*SPEEDS, speed=20)),
        case("kl speed", reasons, chosen(*SPEEDS, speed=11)),
    ],
    "candidates": [
        case("chosen", statuses, chosen()),
        case("", statuses, chosen(memory=1, notes=[infinite("a"), infinite("b")])),
        case("chosen memory", statuses, chosen(memory=int(3.5 * GIB))),
        case("chosen", statuses, chosen(max_kl=9, memory=4 * GIB)),
        case("chosen size", statuses, chosen(size=int(3.5 * GIB))),
        case("chosen speed", statuses, chosen(*SPEEDS, speed=11)),
        case("default", limit_words, chosen()),
        case("free", free_words, chosen(memory_is_free=True)),
        case("asked-for", free_words, chosen(memory=GIB)),
        case("forecast", forecast_words, chosen(needed={"a-hash": 1}, context=9)),
        case("", forecast_words, chosen()),
        case("asked-for", limit_words, chosen(max_kl=0.02)),
        case("fails", failing_words, chosen(fail_if="kl > 0.001")),
        case("fails-not", failing_words, chosen(fail_if="kl > 1")),
    ],
    "facts": [
        case(
            [*[f"{name}[context]" for name in RUN], HOW[0], f"{HOW[1]}[forecast]", *HOW[2:]],
            recommend_document,
            chosen(needed={"a-hash": 1}, context=9),
        ),
        case([*RUN, *HOW], recommend_document, chosen()),
        case([*RUN, f"{HOW[0]}[memory]", *HOW[1:]], recommend_document, chosen(memory=99 * GIB)),
        case([*RUN, *shown(2, "size")], recommend_document, chosen(size=99 * GIB)),
        case([*RUN, *shown(3, "speed")], recommend_document, chosen(*SPEEDS, speed=1)),
        case([*RUN, *shown(4, "fail_if")], recommend_document, chosen(fail_if="kl > 1")),
    ],
}
