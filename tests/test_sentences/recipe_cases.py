"""Cases of what is said of recipes."""

from recipe_samples import sample_recipes
from said import Cases, case

from pyengine.report.recipe_view import recipe_document, type_speeds
from pyengine.report.sentences.recipes import (
    layers_words,
    prediction_sentences,
    recipe_sentences,
    rules_sentences,
    unmet_recipes_sentence,
)
from pyengine.report.views import next_facts
from pyengine.run import Note, Run

UNKNOWN = Note(code="matrix-of-unknown-text", values={"path": "m.gguf"})


def without_text(run: Run) -> Run:
    """The same where nothing is known of the sensitivity's documents."""
    bare = {"corpus_sha256": None, "n_tokens": None, "kl_joint": None}
    exhibits = [
        e.model_copy(update={"content": {**e.content, **bare}}) if e.kind == "sensitivity" else e
        for e in run.exhibits
    ]
    return run.model_copy(update={"exhibits": exhibits})


PLANNED = sample_recipes(kept=None)
(RECIPE,) = sample_recipes().shown("recipe")
(ALONE,) = PLANNED.shown("recipe")
NAN = float("nan")
BOTH = sample_recipes(asked_speed=30.0, speeds={"recipe": 31.0, "preset": 29.0})
TOO_SLOW = sample_recipes(asked_speed=30.0, speeds={"recipe": 31.0, "preset": 20.0})
ALL_SLOW = sample_recipes(asked_speed=30.0, speeds={"recipe": 20.0})
NOT_TIMED = sample_recipes(asked_speed=30.0)
FORETOLD = sample_recipes(kept=None, asked_speed=30.0)
(TIMED,) = BOTH.shown("recipe")
(FORETOLD_ALONE,) = FORETOLD.shown("recipe")

CASES: Cases = {
    "recipes": [
        case("recipe[ends] ends", recipe_sentences, sample_recipes()),
        case("recipe[there,ends] there ends", recipe_sentences, sample_recipes(reused=True)),
        case("recipe", recipe_sentences, sample_recipes(error=NAN)),
        case(
            "recipe[ends,undecided] ends undecided",
            recipe_sentences,
            sample_recipes(times=0.99, error=0.05),
        ),
        case("preset[ends] ends", recipe_sentences, sample_recipes(kept="preset", times=1.5)),
        case("preset", recipe_sentences, sample_recipes(kept="preset", times=1.5, error=NAN)),
        case(
            "preset[there,ends,undecided] there ends undecided",
            recipe_sentences,
            sample_recipes(kept="preset", times=1.01, error=0.05, reused=True),
        ),
        case("only-recipe", recipe_sentences, sample_recipes(times=None)),
        case("only-recipe[there] there", recipe_sentences, sample_recipes(times=None, reused=True)),
        case("only-preset", recipe_sentences, sample_recipes(kept="preset", times=None)),
        case(
            "only-preset[there] there",
            recipe_sentences,
            sample_recipes(kept="preset", times=None, reused=True),
        ),
        case("planned", recipe_sentences, PLANNED),
        case("predicted[row,ends] ends", prediction_sentences, sample_recipes(), RECIPE),
        case("predicted", prediction_sentences, PLANNED, ALONE),
        case("recipe[ends] ends fast[beside] speed-ends beside", recipe_sentences, BOTH),
        case("recipe[ends] ends fast[beside] speed-ends beside-slow", recipe_sentences, TOO_SLOW),
        case("recipe[ends] ends slow speed-ends", recipe_sentences, ALL_SLOW),
        case("recipe[ends] ends", recipe_sentences, NOT_TIMED),
        case(
            "preset[ends] ends slow[beside] speed-ends beside-slow",
            recipe_sentences,
            sample_recipes(
                kept="preset",
                times=1.5,
                asked_speed=30.0,
                speeds={"recipe": 20.0, "preset": 21.0},
            ),
        ),
        case(
            "recipe[ends] ends fast speed-ends",
            recipe_sentences,
            sample_recipes(asked_speed=30.0, speeds={"recipe": 31.0}),
        ),
        case("planned planned-speed", recipe_sentences, FORETOLD),
        case(
            "predicted[row,ends] ends predicted-speed[row] speed-ends",
            prediction_sentences,
            BOTH,
            TIMED,
        ),
        case("predicted predicted-speed", prediction_sentences, FORETOLD, FORETOLD_ALONE),
        case("type-speeds", type_speeds, BOTH),
        case("", type_speeds, sample_recipes()),
        case("unmet speed-ends", unmet_recipes_sentence, ALL_SLOW),
        case("", unmet_recipes_sentence, BOTH),
        case("", unmet_recipes_sentence, FORETOLD),
        case("", rules_sentences, RECIPE),
        case("", rules_sentences, ALONE),
        case("rules", rules_sentences, {**RECIPE, "kept": None}),
        case("", layers_words, {"first_layer": None, "last_layer": None}),
        case("layer", layers_words, {"first_layer": 3, "last_layer": 3}),
        case("layers", layers_words, {"first_layer": 3, "last_layer": 5}),
    ],
    "notes": [
        case("matrix-of-unknown-text", recipe_sentences, sample_recipes(notes=[UNKNOWN])),
        case("", recipe_sentences, sample_recipes()),
    ],
    "facts": [
        case(
            [
                "recipe-method/choice",
                "recipe-method/sensitivity[n_tokens,kl_sum]",
                "recipe-method/chosen by[corpus_sha256]",
                "recipe-method/kept",
            ],
            recipe_document,
            PLANNED,
        ),
        case(
            [f"recipe-method/{what}" for what in ("choice", "sensitivity", "chosen by", "kept")],
            recipe_document,
            without_text(PLANNED),
        ),
        case(
            [
                "recipe-method/choice[speeds]",
                "recipe-method/sensitivity[n_tokens,kl_sum]",
                "recipe-method/chosen by[corpus_sha256]",
                "recipe-method/kept[speeds]",
            ],
            recipe_document,
            FORETOLD,
        ),
        case(
            ["next-recipe/the same with llama.cpp", "next-recipe/that it is so"],
            next_facts,
            sample_recipes(),
        ),
        case(
            [
                "next-recipe/the same with llama.cpp[imatrix]",
                "next-recipe/that it is so[imatrix]",
            ],
            next_facts,
            sample_recipes(imatrix="m.gguf"),
        ),
        case([], next_facts, sample_recipes(kept="preset", times=1.5)),
    ],
}
