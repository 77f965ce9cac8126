"""Cases of what is said of recipes."""

from recipe_samples import sample_recipes
from said import Cases, case

from pyengine.report.recipe_view import recipe_document
from pyengine.report.sentences.recipes import (
    layers_words,
    prediction_sentence,
    recipe_sentences,
    rules_sentences,
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
        case("predicted[row,ends] ends", prediction_sentence, sample_recipes(), RECIPE),
        case("predicted", prediction_sentence, PLANNED, ALONE),
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
                "recipe-method/sensitivity[n_tokens,kl_sum]",
                "recipe-method/chosen by[corpus_sha256]",
            ],
            recipe_document,
            PLANNED,
        ),
        case(
            ["recipe-method/sensitivity", "recipe-method/chosen by"],
            recipe_document,
            without_text(PLANNED),
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
