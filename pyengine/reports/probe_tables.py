"""The tables of `pyengine probe`, each from its part of the record."""

import math
from collections.abc import Sequence
from pathlib import PurePath

from pyengine.probes.records import (
    LanguageRecord,
    ModelProbe,
    PaperMetrics,
    ProbeResult,
    StartRecord,
    TokenProbability,
)
from pyengine.reports.keyword_forms import ALL_FORMS, ANY_SPACING, BARE
from pyengine.reports.numbers import count, fixed, percent, probability, significant
from pyengine.reports.pieces import visible
from pyengine.reports.tables import Cell, CellLike, Column, Table, measured, table

BAR_WIDTH = 16


def top_tokens(start: StartRecord) -> Table:
    """List the most probable tokens with a bar each."""
    largest = start.top[0].probability if start.top else 1.0
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
                str(token.rank),
                Cell(shown(token), tone="strong"),
                str(token.id),
                Cell(percent(token.probability), token.probability),
                _bar(token.probability / largest if largest else 0.0),
            )
            for token in start.top
        ],
        notes=[
            f"Softmax at temperature 1 over all tokens; padding rows hold "
            f"{percent(start.padding_mass)}, control tokens {percent(start.control_mass)}."
        ],
    )


def starts_table(probe: ModelProbe) -> Table:
    """Show how far the answer depends on where one starts."""
    rows = [
        (
            start.name,
            fed(start),
            Cell(shown(start.top[0]) if start.top else "", tone="strong"),
            measured(start.top[0].probability if start.top else None, percent),
            measured(start.effective_tokens, significant),
            measured(start.keyword_mass, percent),
            measured(start.js_to_first_bits, lambda value: fixed(value, 3)),
        )
        for start in probe.starts
    ]
    masses = [start.keyword_mass for start in probe.starts]
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


def languages_table(probe: ModelProbe, result: ProbeResult) -> Table:
    """Show every language's keyword mass beside what it must be held against."""
    ordered = sorted(probe.languages, key=lambda language: -language.mass)
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
        [_language_row(language) for language in ordered],
        notes=[
            f"{BARE}. + split: also words of several tokens, by the chain rule. {ALL_FORMS}. "
            "odds vs English: bare words against English words of the same "
            "byte length and token-id decile. p: share of "
            f"{count(result.random_draws)} random token sets of equal size with at least the "
            "bare mass.",
            *_left_out(probe),
        ],
    )


def _left_out(probe: ModelProbe) -> list[str]:
    """Say which words take no part, where there are such."""
    notes = []
    if unspellable := sum(language.n_unspellable for language in probe.languages):
        notes.append(
            "Words with characters that this tokenizer has no token for, left out: "
            f"{count(unspellable)}."
        )
    if not probe.split_words_measured:
        notes.append("–: words of several tokens were not measured.")
    return notes


def _language_row(language: LanguageRecord) -> tuple[CellLike, ...]:
    by_variant = {v.variant: v.mass for v in language.variants}
    return (
        language.title,
        f"{language.n_single_token}/{language.n_words}",
        measured(by_variant["bare"], percent),
        measured(language.bare_and_split_mass, percent),
        measured(language.mass, percent),
        measured(language.geometric_mean, probability),
        measured(language.odds_ratio, significant),
        measured(language.random_q975, percent),
        measured(language.random_p, lambda value: fixed(value, 3)),
    )


def leave_one_out_table(probe: ModelProbe) -> Table:
    """Show how much of each language's mass is one word."""
    rows = []
    for language in sorted(probe.languages, key=lambda item: -item.mass):
        cells: list[CellLike] = [language.title]
        for item in language.leave_one_out[:2]:
            cells += [item.word, measured(item.share_of_mass, percent)]
        cells += [None] * (5 - len(cells))
        one = language.leave_one_out[:1]
        cells.append(measured(one[0].mass_without if one else None, percent))
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


def classes_table(probe: ModelProbe) -> Table:
    """Show the probability on token classes."""
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
                c.name,
                count(c.n_tokens),
                measured(c.mass, percent),
                _count_or_none(c.best_rank or None),
            )
            for c in sorted(probe.classes, key=lambda item: -item.mass)
        ],
        notes=["Classes overlap: `#` opens comments in some languages and headings in Markdown."],
    )


def paper_table(paper: PaperMetrics) -> Table:
    """Show the paper's metrics under the paper's definitions."""
    return table(
        "The paper's metrics, as the paper defines them",
        ["metric", Column("value", "right"), "what it is"],
        [
            (
                "PKP",
                Cell(probability(paper.pkp), paper.pkp),
                f"sum over {count(paper.n_single_token)} keywords that are one bare token",
            ),
            (
                "KAP",
                Cell(probability(paper.kap), paper.kap),
                f"PKP / {count(paper.n_keywords)}: no information beyond PKP",
            ),
            (
                "STP",
                Cell(probability(paper.stp), paper.stp),
                f"sum over {count(paper.n_special_tokens)} tokens with punctuation",
            ),
            (
                "NLP",
                Cell(probability(paper.nlp), paper.nlp),
                f"sum over {count(paper.n_control_words)} English words of our own list",
            ),
            (
                "coverage",
                Cell(percent(paper.coverage), paper.coverage),
                f"of {count(paper.n_keywords)} words, {paper.collection}",
            ),
        ],
    )


def items_table(paper: PaperMetrics) -> Table:
    """Show how few tokens carry a group's mass."""
    return table(
        "Tokens needed for a share of the group's mass",
        ["group", *(Column(percent(i.share, 0), "right") for i in paper.items_needed)],
        [
            ("keywords", *(_count_or_none(i.keywords) for i in paper.items_needed)),
            (
                "tokens with punctuation",
                *(_count_or_none(i.special_tokens) for i in paper.items_needed),
            ),
        ],
        notes=["The smallest number that reaches the share; the paper's figures are one less."],
    )


def ranks_table(probe: ModelProbe) -> Table:
    """Show token ids and probability ranks of each language's keywords."""
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
                language.title,
                measured(language.id_ranks.mean, lambda v: count(round(v))),
                measured(language.id_ranks.median, lambda v: count(round(v))),
                _count_or_none(language.id_ranks.maximum),
                measured(language.id_ranks.mean_over_size, lambda v: fixed(v, 4)),
                _count_or_none(language.best_rank),
                measured(language.median_rank, lambda v: count(round(v))),
            )
            for language in probe.languages
        ],
        notes=["A token id is the tokenizer's merge order, not a frequency in training data."],
    )


def indentation_table(paper: PaperMetrics) -> Table:
    """Show the most probable white-space tokens."""
    return table(
        "Indentation at the first start",
        ["token", Column("id", "right"), Column("probability", "right")],
        [
            (shown(item), str(item.id), Cell(percent(item.probability), item.probability))
            for item in paper.indentation[:6]
        ],
    )


def _bar(share: float) -> str:
    if not math.isfinite(share):
        return ""
    eighths = round(share * BAR_WIDTH * 8)
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _count_or_none(number: int | None) -> CellLike:
    return None if number is None else Cell(count(number), number)


def labels(probes: Sequence[ModelProbe]) -> list[str]:
    """Name models by name and type, and by their files too where that tells them apart."""
    names = [f"{probe.model.name} {probe.model.file_type}" for probe in probes]
    paths = [PurePath(probe.model.path) for probe in probes]
    by_file = [f"{name} ({path.name})" for name, path in zip(names, paths, strict=True)]
    by_path = [f"{name} ({path})" for name, path in zip(names, paths, strict=True)]
    distinct = (found for found in (names, by_file) if len(set(found)) == len(found))
    return next(distinct, by_path)


def fed(start: StartRecord) -> str:
    """Return the tokens of a start, visible, and their ids."""
    return f"{' '.join(map(visible, start.pieces))} ({', '.join(map(str, start.ids))})"


def shown(token: TokenProbability) -> str:
    """Return a token as visible text; one without any, such as padding, by its id."""
    return visible(bytes.fromhex(token.bytes_hex)) or f"[id {token.id}]"
