"""The tables of `pyengine probe` about one model, each from its part of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any

from pyengine.report.measured import ModelNumbers, Shown, TableView, measured_table
from pyengine.report.numbers import count, fixed, percent, probability, significant, whole
from pyengine.report.pieces import visible
from pyengine.report.sentences import ALL_FORMS, ANY_SPACING, BARE
from pyengine.report.tables import Column, Table, listing, measured, number, table, text
from pyengine.run.record import ModelInfo, Note, Run

BAR_WIDTH = 16
# Divergences and entropies are written in bits.
NATS_PER_BIT = math.log(2)
# The paper's metrics: id, how it is written, and what it is of n things.
PAPER: tuple[tuple[str, Callable[[float], str], str], ...] = (
    ("pkp", probability, "sum over {n} keywords that are one bare token"),
    ("kap", probability, "PKP / {n}: no information beyond PKP"),
    ("stp", probability, "sum over {n} tokens with punctuation"),
    ("nlp", probability, "sum over {n} English words of our own list"),
)
CLASSES = TableView(
    "Token classes at the first start",
    (
        Shown("class_mass", "tokens", part="n"),
        Shown("class_mass", "mass"),
        Shown("best_rank", "best rank"),
    ),
    ("class",),
    ("class",),
    notes=("Classes overlap: `#` opens comments in some languages and headings in Markdown.",),
)
RANKS = TableView(
    "Ranks of bare keywords",
    (
        Shown("keyword_id_mean", "id: mean"),
        Shown("keyword_id_median", "median"),
        Shown("keyword_id_max", "maximum", 1),
        Shown("keyword_id_share", "mean / size", 2),
        Shown("best_rank", "best p rank"),
        Shown("median_rank", "median p rank"),
    ),
    ("language",),
    ("language",),
    notes=(
        "A token id is the tokenizer's merge order, not a frequency in training data. "
        "size: tokens that are text.",
    ),
)
LANGUAGES = (
    Shown("coverage", "1 token", group="form=bare", part="of"),
    Shown("form_mass", "bare", group="form=bare"),
    Shown("keyword_string_mass", "+ split", 1),
    Shown("form_mass", "all forms", group="form=any"),
    Shown("geometric_mean", "geo. mean", 4),
    Shown("odds_ratio", "odds vs English"),
    Shown("random_mass", "random 97.5 %", 3, part="high"),
    Shown("random_p", "p"),
)


class ProbedModel(ModelNumbers):
    """One model of a run; `label` is what it is called beside the others."""

    def __init__(self, run: Run, info: ModelInfo, label: str) -> None:
        super().__init__(run, info)
        self.label = label

    @cached_property
    def starts(self) -> Sequence[Mapping[str, Any]]:
        """The starts, the first of which is the one that keywords are measured at."""
        return self.run.shown("start", self.info.id)

    @property
    def top(self) -> Sequence[Mapping[str, Any]]:
        """The most probable first tokens."""
        found: Sequence[Mapping[str, Any]] = self.starts[0]["top"]
        return found

    @cached_property
    def languages(self) -> Mapping[str, str]:
        """The title of each language."""
        return {table["language"]: table["title"] for table in self.run.shown("keyword-table")}

    @cached_property
    def by_mass(self) -> Sequence[str]:
        """The languages, the one whose keywords hold most first."""
        return sorted(self.languages, key=lambda name: -self.mass(name))

    def mass(self, language: str) -> float:
        """Return what a language's keywords hold in all forms."""
        return self.value("form_mass", language=language, form="any") or 0.0

    def of_start(self, metric: str, start: Mapping[str, Any], **members: str) -> float:
        """Return a number of a start; 0 where there is none."""
        return self.value(metric, start=start["name"], **members) or 0.0

    @property
    def bits(self) -> float:
        """The entropy at the first start."""
        return self.of_start("entropy", self.starts[0]) / NATS_PER_BIT


def probed_models(run: Run) -> list[ProbedModel]:
    """Return the models of a run, named so that they are told apart."""
    return [
        ProbedModel(run, info, label)
        for info, label in zip(run.models, labels(run.models), strict=True)
    ]


def labels(models: Sequence[ModelInfo]) -> list[str]:
    """Name models by name and type, and by their files too where that tells them apart."""
    names = [f"{model.name} {model.file_type}" for model in models]
    paths = [PurePath(model.path) for model in models]
    by_file = [f"{name} ({path.name})" for name, path in zip(names, paths, strict=True)]
    by_path = [f"{name} ({path})" for name, path in zip(names, paths, strict=True)]
    distinct = (found for found in (names, by_file) if len(set(found)) == len(found))
    return next(distinct, by_path)


def fed(start: Mapping[str, Any]) -> str:
    """Return the tokens of a start, visible, and their ids."""
    return f"{' '.join(map(visible, start['pieces']))} ({', '.join(map(str, start['ids']))})"


def shown(token: Mapping[str, Any]) -> str:
    """Return a token as visible text; one without any, such as padding, by its id."""
    piece = bytes.fromhex(token["hex"]) if "hex" in token else token["text"]
    return visible(piece) or f"[id {token['token']}]"


def model_tables(model: ProbedModel) -> tuple[Table, ...]:
    """Return the tables of one model."""
    by_class = sorted(
        model.members("class_mass", "class"),
        key=lambda name: -(model.value("class_mass", **{"class": name}) or 0.0),
    )
    return (
        top_tokens_table(model),
        starts_table(model),
        languages_table(model),
        leave_one_out_table(model),
        measured_table(CLASSES, model, by_class, {}),
        paper_table(model),
        items_table(model),
        measured_table(RANKS, model, model.languages, model.languages),
        indentation_table(model),
    )


def top_tokens_table(model: ProbedModel) -> Table:
    """List the most probable tokens with a bar each."""
    start, top = model.starts[0], model.top
    largest = top[0]["probability"] if top else 1.0
    fields = (
        number("#", lambda row: row[0], str),
        text("token", lambda row: shown(row[1]), tone="strong"),
        number("id", lambda row: row[1]["token"], str),
        number("probability", lambda row: row[1]["probability"], percent),
        text("", lambda row: _bar(row[1]["probability"] / largest if largest else 0.0), drop=1),
    )
    note = (
        f"Softmax at temperature 1 over all tokens; padding rows hold "
        f"{percent(model.of_start('padding_mass', start))}, control tokens "
        f"{percent(model.of_start('control_mass', start))}."
    )
    return listing("Most probable first tokens", fields, enumerate(top, start=1), notes=[note])


def starts_table(model: ProbedModel) -> Table:
    """Show how far the answer depends on where one starts."""
    against = model.starts[0]["name"]
    fields = (
        text("start", lambda s: s["name"]),
        text("fed (ids)", fed, drop=2),
        text("top token", lambda s: shown(s["top"][0]) if s["top"] else "", tone="strong"),
        number("its p", lambda s: s["top"][0]["probability"] if s["top"] else None, percent),
        number(
            "effective", lambda s: model.value("effective_tokens", start=s["name"]), significant
        ),
        number("bare keywords", lambda s: model.of_start("form_mass", s, form="bare"), percent),
        number(
            "JS",
            lambda s: model.of_start("jensen_shannon", s, against=against) / NATS_PER_BIT,
            lambda bits: fixed(bits, 3),
            unit="bit",
            drop=1,
        ),
    )
    masses = [model.of_start("form_mass", start, form="bare") for start in model.starts]
    notes = [
        "One start is one sample: read differences against this spread (bare keywords "
        f"{percent(min(masses))} to {percent(max(masses))}). JS: Jensen-Shannon divergence "
        "to the first start, 0 to 1 bit.",
        f"Keywords of all languages below, {BARE}. `compare` and `sweep` count {ANY_SPACING}. "
        "The next table has all forms too, which adds other cases.",
    ]
    return listing("Spread over starts", fields, model.starts, notes=notes)


def languages_table(model: ProbedModel) -> Table:
    """Show every language's keyword mass beside what it must be held against."""
    draws = max((model.n("random_p", language=name) for name in model.languages), default=0)
    notes = [
        f"{BARE}. + split: also words of several tokens, by the chain rule. {ALL_FORMS}. "
        "odds vs English: bare words against English words of the same "
        "byte length and token-id decile. p: share of "
        f"{count(draws)} random token sets of equal size with at least the "
        "bare mass."
    ]
    unspellable = sum(
        model.value("keyword_count", language=name, tokens="none") or 0 for name in model.languages
    )
    if unspellable:
        notes.append(
            "Words with characters that this tokenizer has no token for, left out: "
            f"{count(round(unspellable))}."
        )
    if Note(code="split-words-not-measured", model=model.info.id) in model.run.notes:
        notes.append("–: words of several tokens were not measured.")
    title = "Keywords at the first start, by language"
    view = TableView(title, LANGUAGES, ("language",), ("language",), notes=tuple(notes))
    return measured_table(view, model, model.by_mass, model.languages)


def leave_one_out_table(model: ProbedModel) -> Table:
    """Show how much of each language's mass is one word."""
    left = {
        one["language"]: one["words"] for one in model.run.shown("leave-one-out", model.info.id)
    }

    def word(place: int, key: str) -> Callable[[str], Any]:
        return lambda name: left[name][place][key] if len(left[name]) > place else None

    fields = (
        text("language", lambda name: model.languages[name]),
        text("best word", word(0, "word")),
        number("share", word(0, "share"), percent),
        text("second", word(1, "word"), drop=1),
        number("share", word(1, "share"), percent, drop=1),
        number("mass without the best", word(0, "mass_without"), percent),
    )
    notes = ["share: of the language's bare and split mass. A sum over keywords is often one."]
    return listing("One word at a time", fields, model.by_mass, notes=notes)


def paper_table(model: ProbedModel) -> Table:
    """Show the paper's metrics under the paper's definitions."""
    rows = [
        (
            metric.upper(),
            measured(model.value(metric, collection="paper"), write),
            what.format(n=count(model.n(metric, collection="paper"))),
        )
        for metric, write, what in PAPER
    ]
    words = {"collection": "paper", "form": "bare"}
    n_words = count(model.n("coverage", **words))
    union = f"of {n_words} words, union of the paper's eight published lists"
    return table(
        "The paper's metrics, as the paper defines them",
        ["metric", Column("value", "right"), "what it is"],
        [*rows, ("coverage", measured(model.value("coverage", **words), percent), union)],
    )


def items_table(model: ProbedModel) -> Table:
    """Show how few tokens carry a group's mass."""
    (needed,) = model.run.shown("items-needed", model.info.id)
    groups = (("keywords", "keywords"), ("tokens with punctuation", "special_tokens"))
    return table(
        "Tokens needed for a share of the group's mass",
        ["group", *(Column(percent(share, 0), "right") for share in needed["shares"])],
        [(title, *(measured(n, whole) for n in needed[name])) for title, name in groups],
        notes=["The smallest number that reaches the share; the paper's figures are one less."],
    )


def indentation_table(model: ProbedModel) -> Table:
    """Show the most probable white-space tokens."""
    (tokens,) = (
        one["tokens"]
        for one in model.run.shown("set-tokens", model.info.id)
        if one["set"] == "indentation"
    )
    fields = (
        text("token", shown),
        number("id", lambda token: token["token"], str),
        number("probability", lambda token: token["probability"], percent),
    )
    return listing("Indentation at the first start", fields, tokens[:6])


def _bar(share: float) -> str:
    if not math.isfinite(share):
        return ""
    eighths = round(share * BAR_WIDTH * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")
