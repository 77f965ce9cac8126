"""Cases of what is said of the file that was picked."""

from __future__ import annotations

from collections.abc import Mapping

from evaluation_samples import sides
from recipe_samples import sample_recipes
from run_samples import GIB, control, estimate, info, made_run, ratio
from said import Cases, case

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import recommend
from pyengine.picking.order import Offer
from pyengine.report.pick_view import pick_document
from pyengine.report.sentences.hand_over import resume_sentence, run_values
from pyengine.report.sentences.pick import (
    against_sentence,
    foretold_sentences,
    layers_sentence,
    neighbour_sentence,
    offer_words,
    pick_sentence,
    repacked_words,
    task_sentences,
    unmet_pick_sentence,
)
from pyengine.run import Exhibit, Measurement, Note, Run

# The reference "m" has 8 GiB; "a" 4 GiB and 0.01 nats, "b" 3 GiB and 0.05 nats.
SIZES = {"m": 8, "a": 4, "b": 3, "c": 12}
BESIDE = (ratio("b", "a", 5.0, 0.05),)
FAST = {"a": (10, 11), "b": (12, 13)}


EVALUATION = {"tasks": "own", "most_tasks": 100, "looks": 5, "margin": 0.1}
TIMING: dict[str, float] = {
    "generated_tokens": 64,
    "prompt_tokens": 256,
    "repeats": 3,
    "threads": 2,
}
TIMING |= {"depth": 7872, "seconds": 30.0}


def timed(model: str, low: float, high: float, group: str = "") -> Measurement:
    """A speed with its range."""
    middle = (low + high) / 2
    return Measurement("generation_speed", model, "", group, middle, low, high, interval="range")


def tasks(model: str, lost: int, p: float, share: float = 0.5, n: int = 40) -> list[Measurement]:
    """What a file lost of so many tasks; the share that it solves."""
    return [
        *sides(lost, 0, p, model=model, n=n, n_clusters=n),
        Measurement("pass_at_1", model, "", "", share, n=n),
    ]


def picked(
    *rows: Measurement,
    speeds: Mapping[str, tuple[float, float]] | None = None,
    measured: str = "ab",
    clearly: bool = True,
    given: bool = False,
    why: Mapping[str, str] | None = None,
    reference: str = "",
    larger: bool = False,
    depths: Mapping[str, int] | None = None,
    repacked: str = "",
    faults: bool = False,
    **asked: object,
) -> Run:
    """A pick among "a" and "b", held against "m"."""
    levels = {"a": 0.01, "b": 0.05}
    found = [control("kl", 1e-6, "m"), *rows]
    for name in measured:
        found.append(estimate("kl", name, levels[name], 0.001, reference="m"))
        found.append(estimate("same_first_choice", name, 1 - levels[name] * 3, 0.001))
        if clearly:
            found.append(estimate("clear_change", name, levels[name] / 3, 0.001))
    found += [timed(name, *ends) for name, ends in (speeds or {}).items()]
    offers = [
        Offer(
            name=name,
            reference=f"{reference}{name}",
            file_type=name,
            size=SIZES[name] * GIB,
            n_params=GIB,
            bits_per_weight=float(SIZES[name]),
            memory=(SIZES[name] + 1) * GIB,
            speed=sum((speeds or {}).get(name, ())) / 2 or None,
            why=(why or {}).get(name, "reference" if name == "m" else "could-win"),  # type: ignore[arg-type]
        )
        for name in ("mabc" if larger else "mab")
    ]
    models = [info(name, SIZES[name]) for name in ("m", *measured)]
    run = made_run(models, found, command="pick")
    exhibits = [Exhibit(kind="offer", model="", content=offer.content()) for offer in offers]
    for name in speeds or {}:
        how: dict[str, object] = {
            "depth": (depths or {}).get(name, 7872),
            "repacked": name in repacked,
        }
        how |= {"not_repacked": "killed"} if faults else {}
        exhibits.append(Exhibit(kind="timing", model=name, content=how))
    options = {**run.options, "evaluation": EVALUATION, **({"timing": TIMING} if speeds else {})}
    run = run.model_copy(update={"exhibits": exhibits, "options": options})
    needed = {model.sha256: (SIZES[model.id] + 1) * GIB for model in models}
    forecast = {"needed": needed, "context": 8192, "memory_is_free": not given}
    choice = recommend([run], **forecast, **asked)  # type: ignore[arg-type]
    options, exhibits = {**run.options, **choice.options}, [*exhibits, *choice.exhibits]
    return run.model_copy(update={"options": options, "exhibits": exhibits})


def offers(run: Run) -> list[str]:
    """What stands beside each file."""
    return [offer_words(run, offer) for offer in run.shown("offer")]


def run_lines(run: Run) -> dict[str, str]:
    """What the command lines are filled with."""
    return run_values(run, Candidate.of(run.shown("candidate")[0]))


def interrupted(run: Run) -> Run:
    """The same as far as it came."""
    return run.model_copy(update={"notes": [Note(code="interrupted")]})


def evaluated(run: Run) -> Run:
    """The same, where tasks were asked for."""
    return with_options(run, evaluate="own")


LOST = (*tasks("a", 20, 1e-6), *tasks("b", 30, 1e-8))
ROOM = 20 * GIB


def shown(run: str = "context", llama: str = "", **found: str) -> list[str]:
    """What a page of a pick says of how to run the file, how it was picked and what was scored."""
    told = {"measured": "", "memory": "", "file": "", "speed": "", "tasks": "[evaluation]"}
    told |= {"tokens/s": "", "recipes": "", **found}
    return [
        *(f"Run it/{name}[{run}{llama}]" for name in ("llama-server", "llama-cli")),
        f"Run it/Python[{run}]",
        *(f"How it was picked/{name}{part}" for name, part in told.items()),
        *("corpus/ended", "corpus/levels", "corpus/looks"),
    ]


def with_options(run: Run, **options: object) -> Run:
    """The same with other options."""
    return run.model_copy(update={"options": {**run.options, **options}})


def with_recipe() -> Run:
    """The same where "a" was made by recipe."""
    run, of_recipe = picked(), sample_recipes().exhibits
    named: dict[str, dict[str, object]] = {
        "recipe": {"recipe_model": "a"},
        "offer": {"predicted": 0.02},
    }
    exhibits = [
        e.model_copy(update={"content": {**e.content, **named.get(e.kind, {})}})
        for e in (*run.exhibits, *(e for e in of_recipe if e.kind != "source"))
    ]
    return run.model_copy(update={"exhibits": exhibits})


def with_cache(run: Run) -> Run:
    """The same, where every file has a quantized cache."""
    exhibits = [
        Exhibit(kind=e.kind, model="", content={**e.content, "variant": "?kv=q8_0"})
        if e.kind == "candidate"
        else e
        for e in run.exhibits
    ]
    return run.model_copy(update={"exhibits": exhibits})


def slow(name: str, memory: int | None = None) -> Run:
    """A pick of "a", with the notes that a file is slower than people read, and why."""
    notes = [
        Note(code="slow", model=name, values={"speed": 3.0, "reading": 5.0}),
        Note(code="busy", model=name, values={"core_share": 0.5}),
    ]
    return picked(memory=memory).model_copy(update={"notes": notes})


CASES: Cases = {
    "resume": [
        case("", resume_sentence, "probe"),
        case("compare", resume_sentence, "compare"),
        case("evaluate", resume_sentence, "evaluate"),
        case("evaluate[fresh]", resume_sentence, "evaluate", fresh=True),
        case("imatrix", resume_sentence, "imatrix"),
        case("quantize", resume_sentence, "quantize"),
        case("recipe", resume_sentence, "recipe"),
        case("sensitivity", resume_sentence, "sensitivity"),
        case("sweep", resume_sentence, "sweep"),
    ],
    "notes": [
        case("slow busy", pick_document, slow("a")),
        case("slow busy", pick_document, slow("b", memory=GIB)),  # none is picked
        case("", pick_document, slow("b")),
    ],
    "pick": [
        case("answer needs writes[clearly]", pick_sentence, picked()),
        case("answer[speed] needs writes[clearly]", pick_sentence, picked(speeds=FAST)),
        case("answer fits writes", pick_sentence, picked(memory=ROOM, clearly=False)),
        case("answer fits-given writes[clearly]", pick_sentence, picked(memory=ROOM, given=True)),
        case("answer needs reference", pick_sentence, picked(max_kl=0.001)),
        case("answer needs alone", pick_sentence, picked(measured="")),
        case("none", pick_sentence, picked(memory=GIB)),
        case("", task_sentences, picked()),
        case("", task_sentences, picked(*tasks("a", 2, 0.5))),
        case("passed-over", task_sentences, picked(*tasks("a", 20, 1e-6))),
        case("passed-over no-loss", task_sentences, picked(*tasks("a", 20, 1e-6, -0.5))),
        case("no-loss", task_sentences, picked(*tasks("a", 0, 1.0, 0.0))),
        case("", layers_sentence, picked(speeds=FAST)),
        case("", layers_sentence, picked(timed("b", 9, 9, "gpu_layers=0"))),  # not the picked one
        case("", layers_sentence, picked(memory=GIB)),
        case("layers layers-0", layers_sentence, picked(timed("a", 9, 9, "gpu_layers=0"))),
        case("layers layers--1", layers_sentence, picked(timed("a", 9, 9, "gpu_layers=-1"))),
        case("", repacked_words, picked(speeds=FAST)),
        case("repacked", repacked_words, picked(speeds=FAST, repacked="b")),
        case("against[amount]", against_sentence, picked()),
        case("against[larger,amount]", against_sentence, picked(larger=True)),
        case("against", against_sentence, picked().model_copy(update={"population": None})),
    ],
    "beside": [
        case("", neighbour_sentence, picked(memory=GIB)),
        case("", neighbour_sentence, picked()),
        case("worse", neighbour_sentence, picked(*BESIDE)),
        case("worse[pace] faster", neighbour_sentence, picked(*BESIDE, speeds=FAST)),
        case("worse", neighbour_sentence, picked(*BESIDE, speeds=FAST, depths={"a": 9})),
        case("worse", neighbour_sentence, picked(*BESIDE, speeds=FAST, repacked="a")),
        case("better", neighbour_sentence, picked(*BESIDE, max_kl=0.1)),
        case("better[pace] slower", neighbour_sentence, picked(*BESIDE, speeds=FAST, max_kl=0.1)),
        case("alike", neighbour_sentence, picked(ratio("b", "a", 1.01, 0.1))),
        case(
            "alike[pace] faster",
            neighbour_sentence,
            picked(ratio("b", "a", 1.01, 0.1), speeds=FAST),
        ),
        case("alike", neighbour_sentence, picked(ratio("b", "a", 1.01, 0.1), speeds={"a": (1, 9)})),
        case(
            "alike",
            neighbour_sentence,
            picked(ratio("b", "a", 1.01, 0.1), speeds={"a": (1, 9), "b": (8, 10)}),
        ),
    ],
    "unmet-conditions": [
        case("", unmet_pick_sentence, picked()),
        case("", unmet_pick_sentence, picked(max_kl=0.02)),
        case("", unmet_pick_sentence, picked(memory=int(4.5 * GIB))),  # nothing was asked of damage
        case("kl", unmet_pick_sentence, picked(max_kl=0.001, memory=6 * GIB)),
        case(
            "kl flips", unmet_pick_sentence, picked(max_kl=0.001, max_flips=0.001, memory=6 * GIB)
        ),
        case("flips", unmet_pick_sentence, picked(max_flips=0.001, memory=6 * GIB)),
        case("memory", unmet_pick_sentence, picked(memory=GIB)),
        case("size", unmet_pick_sentence, picked(size=GIB)),
        case("speed", unmet_pick_sentence, picked(speed=20, speeds=FAST)),
        case("", unmet_pick_sentence, picked(speed=20)),
        case("memory size", unmet_pick_sentence, picked(memory=GIB, size=GIB)),
        case("memory", unmet_pick_sentence, picked(memory=GIB, speed=11.9, speeds=FAST)),
        case("context", unmet_pick_sentence, with_options(picked(), context_asked=9000)),
        case("", unmet_pick_sentence, with_options(picked(), context_asked=8192)),
        case(
            "context memory",
            unmet_pick_sentence,
            with_options(picked(memory=GIB), context_asked=9000),
        ),
        case("unevaluated", unmet_pick_sentence, evaluated(picked())),
        case("unevaluated", unmet_pick_sentence, evaluated(picked(*tasks("a", 0, 1.0, n=0)))),
        case("", unmet_pick_sentence, evaluated(picked(*tasks("a", 2, 0.5)))),
        case("", unmet_pick_sentence, evaluated(picked(max_kl=0.001))),  # the reference itself
        case("tasks", unmet_pick_sentence, evaluated(picked(*LOST, memory=6 * GIB))),
        case("", unmet_pick_sentence, evaluated(picked(*LOST))),
    ],
    "recipes": [
        case("", foretold_sentences, picked()),
        case("foretold", foretold_sentences, with_recipe()),
    ],
    "offers": [
        case("reference chosen", offers, picked()),
        case("reference", offers, picked(memory=GIB)),
        case("reference could-win chosen", offers, picked(measured="a")),
        case("chosen could-win", offers, picked(measured="")),
        case("reference chosen open", offers, interrupted(picked(measured="a"))),
        case("reference chosen tasks", offers, picked(why={"b": "tasks"})),
        *(
            case(f"reference chosen {why}", offers, picked(measured="a", why={"b": why}))
            for why in ("memory", "size", "speed", "larger", "tasks", "failed")
        ),
    ],
    "run-it": [
        case("ollama-write lmstudio-import", run_lines, picked()),
        case("ollama-create lmstudio-import", run_lines, with_options(picked(), modelfile="M")),
        case("ollama-has lmstudio-import", run_lines, picked(reference="ollama:")),
        case("ollama-write lmstudio-has", run_lines, picked(reference="lmstudio:")),
    ],
    "facts": [
        case(shown(), pick_document, picked()),
        case(shown(llama=",settings"), pick_document, with_cache(picked())),
        case(shown("context,layers"), pick_document, with_options(picked(), gpu_layers=9)),
        case(shown(measured="[precision]"), pick_document, with_options(picked(), precision=0.2)),
        case(shown(memory="[memory]"), pick_document, picked(memory=ROOM)),
        case(shown(file="[size]"), pick_document, picked(size=ROOM)),
        case(
            shown(speed="[speed]", **{"tokens/s": "[timing]"}),
            pick_document,
            picked(speed=1, speeds=FAST),
        ),
        case(shown(recipes="[sensitivity]"), pick_document, with_recipe()),
        case(shown(tasks=""), pick_document, with_options(picked(), evaluation=None)),
        case(shown(**{"tokens/s": "[timing]"}), pick_document, picked(speeds=FAST)),
        case(
            shown(llama=",repack", **{"tokens/s": "[timing]"}),
            pick_document,
            picked(speeds=FAST, faults=True),
        ),
        case(
            shown(**{"tokens/s": "[timing,repacked]"}),
            pick_document,
            picked(speeds=FAST, repacked="a"),
        ),
    ],
}
