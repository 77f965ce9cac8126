"""Compare the numbers of a probe with those that an earlier version printed.

    python benchmarks/probe_numbers.py OLD.json NEW.json

OLD is a record of schema version 1 (up to commit 7243b50), NEW a run of this version over the same
model. Prints each number that differs by more than 1e-9, relative to the larger, or that only one
of them has.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyengine.run import Run, load

CLOSE = 1e-9
LN_2 = math.log(2)
Number = float | int | str | None


def old_numbers(model: dict[str, Any]) -> Iterator[tuple[str, Number]]:
    """Yield the numbers of one model of an old record, entropies and divergences in nats."""
    for start in model["starts"]:
        key = f"start {start['name']}: "
        yield key + "entropy", start["entropy_bits"] * LN_2
        yield key + "js", start["js_to_first_bits"] * LN_2
        for name in ("effective_tokens", "padding_mass", "control_mass", "keyword_mass"):
            yield key + name, start[name]
        for token in start["top"]:
            yield f"{key}top {token['rank']} is {token['id']}", token["probability"]
    for language in model["languages"]:
        key = f"{language['language']}: "
        for variant in language["variants"]:
            yield f"{key}{variant['variant']}", variant["mass"]
            yield f"{key}{variant['variant']} tokens", variant["n_tokens"]
        yield key + "any", language["mass"]
        for name in LANGUAGE:
            yield key + name, language[name]
        for name, value in language["id_ranks"].items():
            yield f"{key}id {name}", value
        for i, left in enumerate(language["leave_one_out"]):
            yield f"{key}left out {i} {left['word']}", left["share_of_mass"]
            yield f"{key}without {i} {left['word']}", left["mass_without"]
    for item in model["classes"]:
        yield f"class {item['name']}", item["mass"]
        yield f"class {item['name']} rank", item["best_rank"] or None
    paper = model["paper"]
    for name in PAPER:
        yield f"paper {name}", paper[name]
    for i, needed in enumerate(paper["items_needed"]):
        yield f"needed {i} keywords", needed["keywords"]
        yield f"needed {i} special", needed["special_tokens"]
    for name, key in (("top_keywords", "keywords"), ("top_special_tokens", "special")):
        for token in paper[name]:
            yield f"best of {key} {token['rank']} is {token['id']}", token["probability"]
    for token in paper["indentation"]:
        yield f"best of indentation {token['rank']} is {token['id']}", token["probability"]


LANGUAGE = {
    "split_mass": "split_mass",
    "bare_and_split_mass": "keyword_string_mass",
    "geometric_mean": "geometric_mean",
    "best_rank": "best_rank",
    "median_rank": "median_rank",
    "control_mass": "english_mass",
    "odds_ratio": "odds_ratio",
    "random_mean": "random_mass",
    "random_p": "random_p",
}
IDS = {
    "mean": "keyword_id_mean",
    "median": "keyword_id_median",
    "maximum": "keyword_id_max",
    "mean_over_size": "keyword_id_share",
}
PAPER = ("pkp", "kap", "stp", "nlp", "coverage")


def new_numbers(run: Run, model: str) -> Iterator[tuple[str, Number]]:
    """Yield the same numbers of a run."""

    def value(metric: str, **members: str) -> Number:
        found = run.find(metric, model, **members)
        return None if found is None else found.value

    first = run.shown("start", model)[0]["name"]
    for start in run.shown("start", model):
        name = start["name"]
        key = f"start {name}: "
        js = value("jensen_shannon", start=name, against=first)
        yield key + "js", 0.0 if name == first else js
        for metric in ("entropy", "effective_tokens", "padding_mass", "control_mass"):
            yield key + metric, value(metric, start=name)
        yield key + "keyword_mass", value("form_mass", start=name, form="bare")
        for i, token in enumerate(start["top"], start=1):
            yield f"{key}top {i} is {token['token']}", token["probability"]
    for table in run.shown("keyword-table"):
        yield from _new_language(run, model, table["language"])
    for row in run.select("class_mass", model=model):
        name = row.members["class"]
        yield f"class {name}", row.value
        yield f"class {name} rank", value("best_rank", **{"class": name})
    for metric in PAPER:
        yield f"paper {metric}", value(metric, collection="paper")
    (needed,) = run.shown("items-needed", model)
    for i, (keywords, special) in enumerate(
        zip(needed["keywords"], needed["special_tokens"], strict=True)
    ):
        yield f"needed {i} keywords", keywords
        yield f"needed {i} special", special
    for best in run.shown("set-tokens", model):
        for token in best["tokens"]:
            yield f"best of {best['set']} {token['rank']} is {token['token']}", token["probability"]


def _new_language(run: Run, model: str, language: str) -> Iterator[tuple[str, Number]]:
    key = f"{language}: "
    for row in run.select("form_mass", model=model, dimension="language"):
        if row.members["language"] == language:
            form = row.members["form"]
            yield f"{key}{form}", row.value
            if form != "any":
                yield f"{key}{form} tokens", row.n
    for name, metric in LANGUAGE.items():
        found = run.find(metric, model, language=language)
        yield key + name, None if found is None else found.value
    for name, metric in IDS.items():
        found = run.find(metric, model, language=language)
        yield f"{key}id {name}", None if found is None else found.value
    (left,) = (
        one["words"] for one in run.shown("leave-one-out", model) if one["language"] == language
    )
    for i, word in enumerate(left):
        yield f"{key}left out {i} {word['word']}", word["share"]
        yield f"{key}without {i} {word['word']}", word["mass_without"]


def differs(one: Number, other: Number) -> bool:
    """Whether two numbers are not the same to 1e-9."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return not math.isclose(one, other, rel_tol=CLOSE, abs_tol=1e-15)
    return one != other


def main() -> int:
    """Compare both files and print what differs."""
    old_path, new_path = map(Path, sys.argv[1:3])
    run, n_differing, n_compared = load(new_path), 0, 0
    for old, info in zip(json.loads(old_path.read_text())["models"], run.models, strict=True):
        before, after = dict(old_numbers(old)), dict(new_numbers(run, info.id))
        n_compared += len(before)
        for key in sorted(before.keys() | after.keys()):
            if differs(before.get(key), after.get(key)):
                n_differing += 1
                print(f"{info.id}: {key}: {before.get(key)} {after.get(key)}")
    print(f"{n_differing} of {n_compared} numbers differ by more than {CLOSE}")
    return 1 if n_differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
