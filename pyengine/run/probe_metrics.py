"""The metrics of a probe: what a model alone says where nothing was asked.

Padding is part of every probability here, as in the paper's definitions; `padding_mass` says how
much it holds. What is of the vocabulary alone, such as `coverage`, is defined in `file_metrics`.
"""

from __future__ import annotations

from pyengine.run.metric import Better, Metric, Style

PAPER = "arXiv 2601.02563"


def _probe(
    id: str,  # noqa: A002 - the field's own name
    title: str,
    formula: str,
    source: str = "",
    *,
    better: Better = "neither",
    style: Style = "percent",
) -> Metric:
    """Define a metric of one distribution; what its groups are stands in the formula."""
    return Metric(id, title, "", better, formula, source, style=style)


STARTS = (
    _probe(
        "effective_tokens",
        "Effective tokens",
        "exp(-sum p ln p): equally likely tokens with the same entropy",
        "Shannon 1948",
        style="number",
    ),
    _probe("control_mass", "P(control)", "sum of p over control tokens"),
    _probe(
        "form_mass",
        "P(keywords)",
        "sum of p over n tokens whose bytes are a keyword in the form of the group: bare, after "
        "one space, newline or tab, in another case (bare or after a space), or all of these",
    ),
)

LANGUAGES = (
    _probe(
        "keyword_count",
        "Words",
        "keywords that the tokenizer writes with one token, with several, or with none (it lacks "
        "one of their characters)",
        style="count",
    ),
    _probe(
        "split_mass",
        "P(split words)",
        "sum over n words of several tokens of the product of p(token | start, tokens before)",
    ),
    _probe(
        "geometric_mean",
        "Geometric mean",
        "exp of the mean over n words of ln p(word), of one token or several",
        style="number",
    ),
    _probe(
        "best_rank",
        "Best rank",
        "least rank of the group's tokens by p, from 1, the lower id first among equals",
        better="less",
        style="count",
    ),
    _probe("median_rank", "Median rank", "median rank of the group's tokens by p", style="count"),
    _probe(
        "english_mass",
        "P(English)",
        "sum of p over n English words, each matched to a bare keyword in bytes and token id",
    ),
    _probe(
        "odds_ratio",
        "Odds against English",
        "[m / (1 - m)] / [c / (1 - c)], m the mass of the n keywords that have an English "
        "partner, c that of the partners",
        style="number",
    ),
    _probe(
        "random_mass",
        "P(random sets)",
        "mean over n random sets, as large as the bare set, of the sum of p over their tokens",
    ),
    _probe(
        "random_p",
        "p",
        "(1 + random sets with at least the mass of the bare set) / (1 + n)",
        "Phipson and Smyth 2010",
        better="less",
        style="fixed3",
    ),
)

CLASSES = (
    _probe("class_mass", "P(class)", "sum of p over the n tokens of a class; classes overlap"),
)

PAPERS = (
    _probe("pkp", "PKP", "sum of p over n keywords that are one bare token", PAPER, style="number"),
    _probe("kap", "KAP", "PKP / n keywords", PAPER, style="number"),
    _probe(
        "stp",
        "STP",
        "sum of p over n tokens with ASCII punctuation other than _",
        PAPER,
        style="number",
    ),
    _probe("nlp", "NLP", "sum of p over n English words", PAPER, style="number"),
)

PROBE = (*STARTS, *LANGUAGES, *CLASSES, *PAPERS)
