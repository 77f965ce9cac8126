"""Cases of what is said of gates, and in files for the hub."""

import math

from evaluation_samples import RATE, made
from run_samples import TEXT, estimate, failure, infinite, info, made_run
from said import Cases, case
from sentence_runs import a_sweep

from pyengine.choose.baseline import baseline_checks
from pyengine.choose.candidates import judged_in
from pyengine.choose.gates import Check, condition_checks
from pyengine.report.sentences.gates import (
    badge_label,
    badge_words,
    check_sentence,
    check_words,
    compared_sentences,
    number_words,
    result_words,
    unmet_gates_sentence,
)
from pyengine.report.sentences.hub import corpus_words, notes_words
from pyengine.run import Measurement, Run

KL = estimate("kl", "a", 0.05, 0.001)
LONELY = estimate("kl", "a", 0.05, math.nan, n_clusters=1)
RUN = a_sweep(KL)
DISTANCES = ("kl", "kl_reverse", "jensen_shannon", "total_variation")


def conditional(condition: str, run: Run = RUN) -> Check:
    """What became of a condition for the only variant."""
    (found,) = condition_checks(judged_in(run), [condition])
    return found


NOTHING = Check("fail-if", "kl > 1", "", "nothing-chosen", {})
BROKEN = a_sweep(KL, notes=[failure("a", "killed", "text 3")])
ENDLESS = a_sweep(KL, notes=[infinite("a")])
HELD = {
    "holds-not": conditional("kl > 1"),
    "holds": conditional("kl > 0"),
    "unknown": conditional("kl_high > 1", a_sweep(LONELY)),
    "not-measured": conditional("pass_at_1 < 1"),
    "undefined": conditional("1 / tokens > 1", a_sweep(estimate("kl", "a", 0.05, n=0))),
    "infinite": conditional("kl > 1", ENDLESS),
    "failed": conditional("kl > 1", BROKEN),
    "nothing-chosen": NOTHING,
}


def against(run: Run, *before: Measurement, name: str = "a") -> Check:
    """What became of the only variant beside an earlier run of it, or of a file of that name."""
    earlier = made_run([info("m", 8), info(name, 4)], before)
    if name != "a":
        other = info("z", 4)
        run = made_run([*run.models, other], [*run.measurements, estimate("kl", "z", 0.1)])
        earlier = made_run([*earlier.models, other], before)
    return baseline_checks(run, earlier, judged_in(run), "old.json")[0]


def several(value: float, n: int) -> list[Measurement]:
    """Some distances of the variant."""
    return [estimate(metric, "a", value, 0.001) for metric in DISTANCES[:n]]


OTHER = estimate("bits_per_byte", "a", 1.0)
HELD_AGAINST = {
    "not-worse": against(RUN, KL),
    "worse change": against(RUN, *several(0.01, 1)),
    "worse[more] change": against(a_sweep(*several(0.05, 3)), *several(0.01, 3)),
    "new": against(RUN, KL, name="b"),
    "nothing": against(RUN, OTHER),
    "infinite": against(ENDLESS, KL),
    "failed": against(BROKEN, KL),
}
FAILED, OPEN = HELD["holds"], HELD["holds-not"]
OVER = Check("max-kl", "0.1", "a", "exceeds", {"value": 0.5, "low": 0.4, "high": 0.6})
BELOW = Check("fail-under", "0.5", "a", "not-executed", {})
KEPT = Check("max-kl", "0.1", "a", "within", {})
TWO = a_sweep(KL, estimate("kl", "b", 0.1))
SOLVED = made(RATE, temperature=0.0, samples=1)
ALONE = Measurement("pass_at_1", "base", "", "", 0.5, n=1)


def asked_in(style: str | None, row: Measurement) -> tuple[Run, Measurement]:
    """An evaluation whose model was asked in a style."""
    models = [m.model_copy(update={"settings": {"style": style}}) for m in SOLVED.models]
    return SOLVED.model_copy(update={"models": models}), row


CASES: Cases = {
    "gates": [
        *(
            case(
                f"{code}[numbers] number" if code in ("holds", "holds-not") else code,
                *(check_sentence, check),
            )
            for code, check in HELD.items()
        ),
        case("number", number_words, "size", 1e9),
    ],
    "gate-words": [
        *(case(code, check_words, check) for code, check in HELD.items()),
        *(
            case(code.partition(" ")[0] if "worse" in code else "", check_words, check)
            for code, check in HELD_AGAINST.items()
        ),
        case("", check_words, KEPT),
        case("more", unmet_gates_sentence, [FAILED] * 13),
        case("", unmet_gates_sentence, [FAILED] * 12),
    ],
    "gate-results": [
        case("passed", result_words, OPEN),
        case("failed", result_words, FAILED),
        case("skipped", result_words, HELD_AGAINST["new"]),
    ],
    "baseline": [
        *(case(code, check_sentence, check) for code, check in HELD_AGAINST.items()),
        case("compared", compared_sentences, [HELD_AGAINST["not-worse"]]),
        case("", compared_sentences, [HELD_AGAINST["new"]]),
    ],
    "unmet": [case("exceeds", check_sentence, OVER), case("", check_sentence, KEPT)],
    "below": [case("not-executed", check_sentence, BELOW)],
    "badge": [
        case("label", badge_label),
        case("gates-pass", badge_words, RUN, [OPEN]),
        case("gates-fail", badge_words, RUN, [OPEN, FAILED]),
        case("kl", badge_words, RUN, []),
        case("kl[high]", badge_words, TWO, []),
        case("passes", badge_words, made(RATE), []),
        case(
            "passes[high]",
            *(badge_words, made(RATE, Measurement("pass_at_1", "tiny-Q2_K", "", "", 0.4)), []),
        ),
        case("nothing", badge_words, made(), []),
    ],
    "hub": [
        case("shipped", corpus_words, TEXT),
        case("corpus", corpus_words, TEXT.model_copy(update={"origin": "src/"})),
        case("notes", notes_words, *asked_in(None, ALONE)),
        case("notes[low]", notes_words, *asked_in(None, RATE)),
        case("notes[low,style]", notes_words, *asked_in("chat", RATE)),
    ],
}
