"""Cases of what is said of comparisons and sweeps, and of what their pages show besides."""

import math
from dataclasses import replace

from report_samples import sample_sweep
from run_samples import TEXT, estimate, failure, infinite, info, made_run, made_timings
from said import Case, Cases, case
from sentence_runs import DIED, ONE, OTHER, a_run, a_sweep, two

from pyengine.choose.verdicts import Pair, damage, steps
from pyengine.report.compare_view import control_facts, corpus_facts
from pyengine.report.comparison_pictures import comparison_pictures
from pyengine.report.sentences.comparison import (
    axis_sentence,
    beaten_sentences,
    bits_sentence,
    card_sentence,
    compare_sentences,
    daily_sentence,
    damage_sentence,
    damage_words,
    depth_sentences,
    draft_sentences,
    joint_sentences,
    of_positions,
    padding_sentences,
    pair_sentence,
    pair_words,
    pairs_sentence,
    perplexity_sentences,
    quantile_sentences,
    scale_sentence,
    source_bits_sentences,
    speed_sentence,
    standing_out_sentences,
    standing_words,
    step_words,
    steps_words,
    sweep_sentence,
    unmet_sentence,
)
from pyengine.report.sweep_view import sweep_document
from pyengine.run import Exhibit, Measurement, Note, Run
from pyengine.run.measurement import group_of

LONELY = a_run(error=math.nan, documents=1)
INFINITE = a_run(notes=[infinite("a", 1)])
BEYOND = a_run(kl=0.9)
NOTHING = made_run([info("m", 8)], [], notes=[failure("a", "x")])
LABELS = {"m": "m", "a": "a", "b": "b"}
GOOD, UNSURE = estimate("kl", "a", 0.01, 0.001), estimate("kl", "a", 0.0195, 0.001)
SAME = estimate("same_first_choice", "a", 0.92, reference="m")
CLEAR = estimate("clear_change", "a", 0.0123, reference="m")
AGAIN = Measurement("same_first_choice", "a", "a", "", 0.97, n=800)


def a_pick(chosen: str | None) -> Run:
    """A run that chose a file, or none."""
    choice = Exhibit(kind="choice", model="", content={"chosen": chosen})
    return a_run().model_copy(update={"exhibits": [choice]})


def pair_of(run: Run, margin: float = 0.1) -> Pair:
    """The only pair of a run."""
    (pair,) = steps(run, margin).values()
    return pair


def exact(first: float, second: float) -> Run:
    """Variants "a" and "b" without a ratio."""
    rows = [estimate("kl", "a", first, 0.0), estimate("kl", "b", second, 0.0)]
    return made_run([info("m", 4), info("a", 2), info("b", 1)], rows)


def together(beyond: float, n_clusters: int = 30) -> Run:
    """A file with settings, both of which were measured alone."""
    group = group_of({"weights": "Q4", "settings": "f16?kv=q4_0"})
    rows = [
        estimate(metric, "Q4?kv=q4_0", value, 0.001, group=group, n_clusters=n_clusters)
        for metric, value in (("kl_sum", 0.1), ("kl_beyond_sum", beyond))
    ]
    return made_run([info("f16", 2), info("Q4?kv=q4_0", 1)], rows)


def a_draft(kind: str, n_params: int) -> Run:
    """Another model than the reference, which has 2 parameters."""
    models = [info("m", 4).model_copy(update={"n_params": 2})]
    models.append(info("a", 1).model_copy(update={"n_params": n_params}))
    rows = [estimate("total_variation", "a", 0.3), estimate("same_first_choice", "a", 0.8)]
    axis = Exhibit(kind="axis", model="a", content={"kind": kind})
    return made_run(models, rows).model_copy(update={"exhibits": [axis]})


def by_depth(*signs: int) -> Run:
    """Settings beside weights: at every depth more, less, or no one knows."""
    groups = [
        group_of({"against": "Q4", "position": f"{64 * n + 1}–{64 * n + 64}"})
        for n in range(len(signs))
    ]
    rows = [
        estimate("kl_difference", "f16?kv=q4_0", 0.1 * sign, 0.01, group=group)
        for sign, group in zip(signs, groups, strict=True)
    ]
    return made_run([info("f16", 2), info("f16?kv=q4_0", 2), info("Q4", 1)], rows)


def lonely_pair() -> Run:
    """Two variants on one document."""
    rows = [replace(row, n_clusters=1, error=math.nan) for row in two(1.4).measurements]
    return two(1.4).model_copy(update={"measurements": rows})


PAIRS = {
    "different": two(1.4, 0.03),
    "different[within]": two(1.05, 0.005),
    "alike": two(1.01, 0.02),
    "undecided[more]": two(1.2, 0.15),
    "undecided": two(1.01, 0.2),
    "same": two(1.0, 0.0),
    "exact": exact(0.0, 0.0),
    "one-exact": exact(0.0, 0.1),
    "infinite": two(1.4, notes=[infinite("a", 2)]),
    "no-interval": lonely_pair(),
}
STEP_WORDS = {
    "different": "worse",
    "different[within]": "worse[within]",
    "undecided[more]": "undecided forecast",
    "exact": "equal",
    "one-exact": "worse",
}


def bits(error: float = 0.01, n_clusters: int = 30, *, change: bool = True) -> Run:
    """Two models on the same bytes."""
    whole = "documents=whole"
    rows = [
        estimate("bits_per_byte", "m", 1.0, reference="", group=whole),
        estimate("bits_per_byte", "a", 1.2, reference="", group=whole),
        estimate("bits_per_byte_change", "a", 0.2, error, n_clusters=n_clusters, group=whole),
    ]
    return a_run(*(rows if change else rows[:2]), kl=None)


def parts(value: float, n_clusters: int) -> Run:
    """A part that is `value` nats beside the rest, which holds the mean where it is."""
    rest = estimate("kl", "a", 0.05, reference="m", group="class=rest", n_clusters=1)
    row = estimate("kl", "a", value, 0.01, reference="m", group="class=x", n_clusters=n_clusters)
    return a_run(replace(rest, n=10**9), row)


def unmet(code: str, **values: object) -> Case:
    """Why a gate is shut."""
    return case(code, unmet_sentence, "a", code, values, 0.1)


def axis(kind: str, reason: str, changed: int = 0) -> tuple[str, dict[str, object]]:
    """What separates two files."""
    return kind, {"kind": kind, "reason": reason, "tensors_of_other_type": changed}


AXES = [
    axis("identical", "same-file"),
    axis("settings", "same-file"),
    axis("quantization", "other-types", 3),
    axis("fine-tuning", "other-vectors"),
    axis("scaling", "other-shapes"),
]
REASONS = (
    *("named", "same-file", "other-shapes", "types-alone", "other-vectors", "other-types"),
    "other-bytes",
)


def reached(value: float, error: float = 0.0001, floor: float = 0.001) -> object:
    """On which steps a divergence is."""
    return damage(a_run(kl=value, error=error, floor=floor), "a")


def swept(mass: float | None) -> Run:
    """A sweep with the keywords of its source."""
    rows = [] if mass is None else [Measurement("keyword_mass", "m", "", "start=cold", mass)]
    return a_sweep(GOOD, *rows)


def controlled(*, settings: bool, largest: bool) -> Run:
    """A run with the reference computed twice."""
    content = {"usual": {"flash_attention": "on", "n_ubatch": 512}, "again": {"n_ubatch": 128}}
    exhibits = [Exhibit(kind="control", model="m", content=content)] if settings else []
    quantile = [Measurement("kl", "m", "m", "quantile=1", 0.5)] if largest else []
    return a_run(*quantile).model_copy(update={"exhibits": exhibits})


def population(**changes: object) -> Run:
    """A run over another text."""
    return a_run(population=TEXT.model_copy(update=changes))


CASES: Cases = {
    "damage": [
        case("infinite", damage_sentence, INFINITE, "a"),
        case("no-interval", damage_sentence, LONELY, "a"),
        case(
            "floor interval",
            damage_sentence,
            a_run(kl=0.002, error=0.0001, floor=0.003),
            "a",
        ),
        case("known interval", damage_sentence, a_run(), "a"),
        case("known interval[over]", damage_sentence, a_run(documents=12), "a"),
        case("known interval[over]", damage_sentence, a_run(population=ONE), "a"),
        case("", daily_sentence, a_run(), "a"),
        case("writes some-of", daily_sentence, a_run(SAME), "a"),
        case("writes[clearly] some-of", daily_sentence, a_run(SAME, CLEAR), "a"),
        case("writes[itself] some-of", daily_sentence, a_run(SAME, AGAIN), "a"),
        case("none-of", of_positions, 0.0, 8000),
        case("some-of", of_positions, 0.1, 8000),
        case("scale", scale_sentence),
        case("scale", card_sentence, a_run()),
    ],
    "steps": [
        case("floor", steps_words, reached(0.0005)),
        case("hardly", steps_words, reached(0.01)),
        case("little", steps_words, reached(0.05)),
        case("clearly", steps_words, reached(0.2)),
        case("badly", steps_words, reached(0.9)),
        case("hardly little", steps_words, reached(0.02, 0.001)),
    ],
    "reached": [
        case("one", steps_words, reached(0.0005)),
        case("one[changed] changed", steps_words, reached(0.05)),
        case("one", steps_words, reached(0.05), short=True),
        case("next[changed] changed", steps_words, reached(0.02, 0.001)),
        case("next", steps_words, reached(0.02, 0.001), short=True),
        case("far[changed] changed", steps_words, reached(0.05, 0.03)),
        case("far", steps_words, reached(0.05, 0.03), short=True),
        case("far", steps_words, reached(0.06, 0.022), short=True),
    ],
    "plain-verdicts": [
        case("", damage_words, a_run(), "a"),
        case("variant-failed", damage_words, a_run(notes=[DIED]), "a"),
        case("other-vocabulary", damage_words, a_run(kl=None, notes=[OTHER]), "a"),
        case("not-measured", damage_words, a_run(kl=None), "a"),
        case("infinite", damage_words, INFINITE, "a"),
        case("no-interval", damage_words, LONELY, "a"),
    ],
    "short-verdicts": [
        case("", standing_words, a_run(), "a"),
        case("variant-failed", standing_words, a_run(notes=[DIED]), "a"),
        case("other-vocabulary", standing_words, a_run(kl=None, notes=[OTHER]), "a"),
        case("not-measured", standing_words, a_run(kl=None), "a"),
        case("infinite", standing_words, INFINITE, "a"),
        case("no-interval", standing_words, LONELY, "a"),
        case("beaten", standing_words, two(1.4), "a"),
        case("", standing_words, two(1.4, sizes=(1, 2)), "a"),
        case("", standing_words, two(1.4, 0.5), "a"),
    ],
    "bits": [
        case("", bits_sentence, a_run(), "a"),
        case("", bits_sentence, bits(change=False), "a"),
        case("bits different interval", bits_sentence, bits(), "a"),
        case("bits undecided interval", bits_sentence, bits(0.2), "a"),
        case("bits no-interval", bits_sentence, bits(math.nan, 1), "a"),
        case("", source_bits_sentences, a_run(estimate("bits_per_byte", "m", 1.0))),
        case("", source_bits_sentences, a_run(estimate("bits_per_byte_change", "a", 0.1))),
        case(
            "source",
            source_bits_sentences,
            a_run(estimate("bits_per_byte", "m", 1.0), estimate("bits_per_byte_change", "a", 0.1)),
        ),
    ],
    "comparison": [
        case("compare", compare_sentences, a_run(), 0.1),
        case("starts-only", compare_sentences, a_run(kl=None), 0.1),
        case("", compare_sentences, a_run(kl=None, notes=[DIED]), 0.1),
        case("sweep", sweep_sentence, a_sweep(GOOD), LABELS),
        case("sweep-none[least]", sweep_sentence, a_sweep(UNSURE), LABELS),
        case("sweep-none", sweep_sentence, a_sweep(GOOD, notes=[infinite("a")]), LABELS),
        case("sweep-no-interval", sweep_sentence, a_sweep(replace(GOOD, n_clusters=1)), LABELS),
        case("sweep-nothing", sweep_sentence, NOTHING, LABELS),
        case("model-card", card_sentence, a_run()),
        case("model-card no-text", card_sentence, a_run(population=None)),
        case("speed", speed_sentence, made_timings([info("a", 1)])),
    ],
    "joint": [
        case("equal interval", joint_sentences, together(0.001)),
        case("more interval", joint_sentences, together(0.003)),
        case("less interval", joint_sentences, together(-0.003)),
        case("unknown", joint_sentences, together(0.003, n_clusters=1)),
        case("", joint_sentences, a_run()),
    ],
    "draft": [
        case("accepted", draft_sentences, a_draft("scaling", 1)),
        case("", draft_sentences, a_draft("scaling", 9)),
        case("", draft_sentences, a_draft("quantization", 1)),
    ],
    "depths": [
        case("less", depth_sentences, by_depth(-1, -1)),
        case("more", depth_sentences, by_depth(1, 1)),
        case("crosses", depth_sentences, by_depth(-1, 1)),
        case("open[less]", depth_sentences, by_depth(-1, 0)),
        case("open[more]", depth_sentences, by_depth(0, 1)),
        case("open[less,more]", depth_sentences, by_depth(1, -1, 0)),
        case("open", depth_sentences, by_depth(0, 0)),
        case("", depth_sentences, a_run()),
    ],
    "axes": [
        case([kind, f"axis{'[changed]' * (kind == 'quantization')}"], axis_sentence, content)
        for kind, content in AXES
    ],
    "axis-reasons": [
        case(reason, axis_sentence, axis("quantization", reason)[1]) for reason in REASONS
    ],
    "unmet": [
        unmet("not-measured"),
        unmet("failed", message="killed"),
        unmet("infinite", n_tokens=1),
        unmet("no-interval", value=0.5),
        unmet("exceeds", value=0.5, low=0.4, high=0.6),
    ],
    "pairs": [
        *(
            case(
                [code, *(["infinite-at"] if code == "infinite" else [])],
                *(pair_sentence, run, pair_of(run), 0.1),
            )
            for code, run in PAIRS.items()
        ),
        case("beaten", beaten_sentences, two(1.4), LABELS),
        case("", beaten_sentences, two(1.4, sizes=(1, 2)), LABELS),
        case("", beaten_sentences, two(1.4, 0.5), LABELS),
        case("beaten-exact", beaten_sentences, exact(0.1, 0.0), LABELS),
        case("hold", pairs_sentence, two(1.4), 0.1),
        case("hold[looks]", pairs_sentence, population(looks=3), 0.1),
    ],
    "verdicts": [
        *(case(code.partition("[")[0], pair_words, pair_of(run)) for code, run in PAIRS.items()),
        *(
            case(STEP_WORDS.get(code, code), step_words, pair_of(run), 0.1)
            for code, run in PAIRS.items()
        ),
    ],
    "parts": [
        case("standing-out how", standing_out_sentences, parts(0.5, 5), ["a"], "class"),
        case("standing-out how", standing_out_sentences, parts(0.001, 5), ["a"], "class"),
        case("", standing_out_sentences, parts(0.5, 4), ["a"], "class"),
        case("", standing_out_sentences, parts(0.051, 30), ["a"], "class"),
    ],
    "below-tables": [
        case("", padding_sentences, a_run(estimate("padding_mass", "a", 0.0))),
        case("padding", padding_sentences, a_run(estimate("padding_mass", "a", 0.001))),
        case("", perplexity_sentences, a_run()),
        case("perplexity", perplexity_sentences, a_run(estimate("ppl", "m", 8.0, reference=""))),
        case("delta-p", quantile_sentences, a_run(), ["a 1"], ["3"]),
        case("delta-p[over]", quantile_sentences, a_run(estimate("delta_p", "a", 0.1)), [], ["3"]),
        case("delta-p quantile-floor", quantile_sentences, a_run(), [], ["≤ 3"]),
    ],
    "facts": [
        case(
            ["corpus/looks", "corpus/levels", "corpus/ended"],
            *(corpus_facts, a_run()),
        ),
        case(
            ["corpus/looks[looks]", "corpus/levels", "corpus/ended"],
            *(corpus_facts, population(looks=3)),
        ),
        case(
            ["corpus/looks", "corpus/levels[levels]", "corpus/ended"],
            *(corpus_facts, population(anchor="b")),
        ),
        case(
            ["corpus/looks", "corpus/levels", "corpus/ended[ended]"],
            *(corpus_facts, a_run(notes=[Note(code="stopped-early")])),
        ),
        case(
            ["control/computed twice"],
            *(control_facts, controlled(settings=False, largest=False)),
        ),
        case(
            ["control/computed twice[usual]"],
            *(control_facts, controlled(settings=True, largest=False)),
        ),
        case(
            ["control/computed twice[largest]"],
            *(control_facts, controlled(settings=False, largest=True)),
        ),
        case(
            ["keywords/keywords of the source", "corpus/looks", "corpus/levels", "corpus/ended"],
            *(sweep_document, swept(None)),
        ),
        case(
            [
                *("keywords/keywords of the source[mass]", "corpus/looks", "corpus/levels"),
                "corpus/ended",
            ],
            *(sweep_document, swept(0.1)),
        ),
    ],
    "pictures": [
        case(["size-kl/caption[least]"], comparison_pictures, a_run()),
        case(["size-kl/caption[least,picked]"], comparison_pictures, a_pick("a")),
        case(["size-kl/caption[least]"], comparison_pictures, a_pick(None)),
        case(
            ["size-kl/caption"],
            comparison_pictures,
            a_run().model_copy(update={"measurements": [estimate("kl", "a", 0.1)]}),
        ),
        case(
            ["size-kl/caption[least]", "cold-starts/caption", "keyword-change/caption"],
            *(comparison_pictures, sample_sweep(2)),
        ),
        case(
            [
                *("size-kl/caption[least]", "cold-starts/caption[left_out]"),
                "keyword-change/caption[left_out]",
            ],
            *(comparison_pictures, sample_sweep(22)),
        ),
    ],
}
