"""The metrics of a probe: what a model alone says where nothing was asked.

Padding is part of every probability here, as in the paper's definitions; `padding_mass` says how
much it holds. What is of the vocabulary alone, such as `coverage`, is defined in `file_metrics`.
"""

from __future__ import annotations

from pyengine.run.metric import Metric

PAPER = "arXiv 2601.02563"

STARTS = (
    Metric(
        "effective_tokens",
        "Effective tokens",
        "exp(-sum p ln p): equally likely tokens with the same entropy",
        "Shannon 1948",
    ),
    Metric("control_mass", "P(control)", "sum of p over control tokens", style="percent"),
    Metric(
        "form_mass",
        "P(keywords)",
        "sum of p over n tokens whose bytes are a keyword in the form of the group: bare, "
        "after one space, newline or tab, in another case (bare or after a space), or all of "
        "these",
        style="percent",
    ),
)

LANGUAGES = (
    Metric(
        "keyword_count",
        "Words",
        "keywords that the tokenizer writes with one token, with several, or with none (it "
        "lacks one of their characters)",
        style="count",
    ),
    Metric(
        "split_mass",
        "P(split words)",
        "sum over n words of several tokens of the product of p(token | start, tokens before)",
        style="percent",
    ),
    Metric(
        "geometric_mean",
        "Geometric mean",
        "exp of the mean over n words of ln p(word), of one token or several",
    ),
    Metric(
        "best_rank",
        "Best rank",
        "least rank of the group's tokens by p, from 1, the lower id first among equals",
        better="less",
        style="count",
    ),
    Metric("median_rank", "Median rank", "median rank of the group's tokens by p", style="count"),
    Metric(
        "english_mass",
        "P(English)",
        "sum of p over n English words, each matched to a bare keyword in bytes and token id",
        style="percent",
    ),
    Metric(
        "odds_ratio",
        "Odds against English",
        "[m / (1 - m)] / [c / (1 - c)], m the mass of the n keywords that have an English "
        "partner, c that of the partners",
    ),
    Metric(
        "random_mass",
        "P(random sets)",
        "mean over n random sets, as large as the bare set, of the sum of p over their tokens",
        style="percent",
    ),
    Metric(
        "random_p",
        "p",
        "(1 + random sets with at least the mass of the bare set) / (1 + n)",
        "Phipson and Smyth 2010",
        better="less",
        style="fixed3",
    ),
)

CLASSES = (
    Metric(
        "class_mass",
        "P(class)",
        "sum of p over the n tokens of a class; classes overlap",
        style="percent",
    ),
)

PAPERS = (
    Metric("pkp", "PKP", "sum of p over n keywords that are one bare token", PAPER),
    Metric("kap", "KAP", "PKP / n keywords", PAPER),
    Metric("stp", "STP", "sum of p over n tokens with ASCII punctuation other than _", PAPER),
    Metric("nlp", "NLP", "sum of p over n English words", PAPER),
)

PROBE = (*STARTS, *LANGUAGES, *CLASSES, *PAPERS)
