"""The tables of `pyengine probe`, each from its part of the run."""

from __future__ import annotations

import math
from collections.abc import Callable

from pyengine.reports.keyword_forms import ALL_FORMS, ANY_SPACING, BARE
from pyengine.reports.numbers import count, fixed, percent, probability, significant
from pyengine.reports.probed_model import ProbedModel, fed, shown
from pyengine.reports.tables import Cell, CellLike, Column, Table, measured, table

BAR_WIDTH = 16
# Divergences and entropies are written in bits.
NATS_PER_BIT = math.log(2)
PAPER = "paper"
COLLECTION = "union of the paper's eight published lists"


def top_tokens(model: ProbedModel) -> Table:
    """List the most probable tokens with a bar each."""
    start, top = model.starts[0], model.top
    largest = top[0]["probability"] if top else 1.0
    padding = model.start_value("padding_mass", start) or 0.0
    control = model.start_value("control_mass", start) or 0.0
    return table(
        "Most probable first tokens",
        [
            Column("#", "right"),
            Column("token"),
            Column("id", "right"),
            Column("probability", "right"),
            Column("", drop=1, name="bar"),
        ],
        [
            (
                str(rank),
                Cell(shown(token), tone="strong"),
                str(token["token"]),
                measured(token["probability"], percent),
                _bar(token["probability"] / largest if largest else 0.0),
            )
            for rank, token in enumerate(top, start=1)
        ],
        notes=[
            f"Softmax at temperature 1 over all tokens; padding rows hold "
            f"{percent(padding)}, control tokens {percent(control)}."
        ],
    )


def starts_table(model: ProbedModel) -> Table:
    """Show how far the answer depends on where one starts."""
    rows = [
        (
            start["name"],
            fed(start),
            Cell(shown(start["top"][0]) if start["top"] else "", tone="strong"),
            measured(start["top"][0]["probability"] if start["top"] else None, percent),
            measured(model.start_value("effective_tokens", start), significant),
            measured(model.bare_mass(start), percent),
            measured(model.distance(start) / NATS_PER_BIT, lambda value: fixed(value, 3)),
        )
        for start in model.starts
    ]
    masses = [model.bare_mass(start) for start in model.starts]
    return table(
        "Spread over starts",
        [
            "start",
            Column("fed (ids)", drop=2),
            "top token",
            Column("its p", "right"),
            Column("effective", "right"),
            Column("bare keywords", "right"),
            Column("JS", "right", "bit", drop=1),
        ],
        rows,
        notes=[
            "One start is one sample: read differences against this spread (bare keywords "
            f"{percent(min(masses))} to {percent(max(masses))}). JS: Jensen-Shannon divergence "
            "to the first start, 0 to 1 bit.",
            f"Keywords of all languages below, {BARE}. `compare` and `sweep` count {ANY_SPACING}. "
            "The next table has all forms too, which adds other cases.",
        ],
    )


def languages_table(model: ProbedModel) -> Table:
    """Show every language's keyword mass beside what it must be held against."""
    draws = max((model.count("random_p", language=name) for name in model.languages), default=0)
    return table(
        "Keywords at the first start, by language",
        [
            "language",
            Column("1 token", "right"),
            Column("bare", "right"),
            Column("+ split", "right", drop=1),
            Column("all forms", "right"),
            Column("geo. mean", "right", drop=4),
            Column("odds vs English", "right"),
            Column("random 97.5 %", "right", drop=3),
            Column("p", "right"),
        ],
        [_language_row(model, language) for language in model.by_mass],
        notes=[
            f"{BARE}. + split: also words of several tokens, by the chain rule. {ALL_FORMS}. "
            "odds vs English: bare words against English words of the same "
            "byte length and token-id decile. p: share of "
            f"{count(draws)} random token sets of equal size with at least the "
            "bare mass.",
            *_left_out(model),
        ],
    )


def _left_out(model: ProbedModel) -> list[str]:
    """Say which words take no part, where there are such."""
    notes = []
    unspellable = sum(
        model.value("keyword_count", language=name, tokens="none") or 0 for name in model.languages
    )
    if unspellable:
        notes.append(
            "Words with characters that this tokenizer has no token for, left out: "
            f"{count(round(unspellable))}."
        )
    if not model.has_split_words:
        notes.append("–: words of several tokens were not measured.")
    return notes


def _language_row(model: ProbedModel, language: str) -> tuple[CellLike, ...]:
    one = round(model.value("keyword_count", language=language, tokens="one") or 0)
    random = model.row("random_mass", language=language)
    return (
        model.languages[language],
        f"{one}/{model.count('coverage', language=language, form='bare')}",
        measured(model.value("form_mass", language=language, form="bare"), percent),
        measured(model.value("keyword_string_mass", language=language), percent),
        measured(model.mass(language), percent),
        measured(model.value("geometric_mean", language=language), probability),
        measured(model.value("odds_ratio", language=language), significant),
        measured(None if random is None else random.high, percent),
        measured(model.value("random_p", language=language), lambda value: fixed(value, 3)),
    )


def leave_one_out_table(model: ProbedModel) -> Table:
    """Show how much of each language's mass is one word."""
    left = {
        one["language"]: one["words"] for one in model.run.shown("leave-one-out", model.info.id)
    }
    rows = []
    for language in model.by_mass:
        cells: list[CellLike] = [model.languages[language]]
        for item in left[language][:2]:
            cells += [item["word"], measured(item["share"], percent)]
        cells += [None] * (5 - len(cells))
        one = left[language][:1]
        cells.append(measured(one[0]["mass_without"] if one else None, percent))
        rows.append(cells)
    return table(
        "One word at a time",
        [
            "language",
            "best word",
            Column("share", "right"),
            Column("second", drop=1),
            Column("share", "right", drop=1, name="second_share"),
            Column("mass without the best", "right"),
        ],
        rows,
        notes=["share: of the language's bare and split mass. A sum over keywords is often one."],
    )


def classes_table(model: ProbedModel) -> Table:
    """Show the probability on token classes."""
    classes = [row for (metric, _), row in model.known.items() if metric == "class_mass"]
    return table(
        "Token classes at the first start",
        [
            "class",
            Column("tokens", "right"),
            Column("mass", "right"),
            Column("best rank", "right"),
        ],
        [
            (
                row.members["class"],
                count(row.n),
                measured(row.value, percent),
                measured(model.value("best_rank", **row.members), _whole),
            )
            for row in sorted(classes, key=lambda row: -row.value)
        ],
        notes=["Classes overlap: `#` opens comments in some languages and headings in Markdown."],
    )


def paper_table(model: ProbedModel) -> Table:
    """Show the paper's metrics under the paper's definitions."""

    def row(
        metric: str, title: str, write: Callable[[float], str], what: str, **form: str
    ) -> list[CellLike]:
        found = model.row(metric, collection=PAPER, **form)
        value, n = (None, 0) if found is None else (found.value, found.n)
        return [title, measured(value, write), what.format(n=count(n))]

    return table(
        "The paper's metrics, as the paper defines them",
        ["metric", Column("value", "right"), "what it is"],
        [
            row("pkp", "PKP", probability, "sum over {n} keywords that are one bare token"),
            row("kap", "KAP", probability, "PKP / {n}: no information beyond PKP"),
            row("stp", "STP", probability, "sum over {n} tokens with punctuation"),
            row("nlp", "NLP", probability, "sum over {n} English words of our own list"),
            row("coverage", "coverage", percent, f"of {{n}} words, {COLLECTION}", form="bare"),
        ],
    )


def items_table(model: ProbedModel) -> Table:
    """Show how few tokens carry a group's mass."""
    (needed,) = model.run.shown("items-needed", model.info.id)
    return table(
        "Tokens needed for a share of the group's mass",
        ["group", *(Column(percent(share, 0), "right") for share in needed["shares"])],
        [
            ("keywords", *(measured(n, _whole) for n in needed["keywords"])),
            ("tokens with punctuation", *(measured(n, _whole) for n in needed["special_tokens"])),
        ],
        notes=["The smallest number that reaches the share; the paper's figures are one less."],
    )


def ranks_table(model: ProbedModel) -> Table:
    """Show token ids and probability ranks of each language's keywords."""

    def cell(metric: str, language: str, write: Callable[[float], str] | None = None) -> CellLike:
        return measured(model.value(metric, language=language), write or _whole)

    return table(
        "Ranks of bare keywords",
        [
            "language",
            Column("id: mean", "right"),
            Column("median", "right"),
            Column("maximum", "right", drop=1),
            Column("mean / size", "right", drop=2),
            Column("best p rank", "right"),
            Column("median p rank", "right"),
        ],
        [
            (
                title,
                cell("keyword_id_mean", language),
                cell("keyword_id_median", language),
                cell("keyword_id_max", language),
                cell("keyword_id_share", language, lambda v: fixed(v, 4)),
                cell("best_rank", language),
                cell("median_rank", language),
            )
            for language, title in model.languages.items()
        ],
        notes=[
            "A token id is the tokenizer's merge order, not a frequency in training data. "
            "size: tokens that are text."
        ],
    )


def indentation_table(model: ProbedModel) -> Table:
    """Show the most probable white-space tokens."""
    (tokens,) = (
        one["tokens"]
        for one in model.run.shown("set-tokens", model.info.id)
        if one["set"] == "indentation"
    )
    return table(
        "Indentation at the first start",
        ["token", Column("id", "right"), Column("probability", "right")],
        [
            (shown(item), str(item["token"]), measured(item["probability"], percent))
            for item in tokens[:6]
        ],
    )


def _bar(share: float) -> str:
    if not math.isfinite(share):
        return ""
    eighths = round(share * BAR_WIDTH * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _whole(number: float) -> str:
    return count(round(number))
