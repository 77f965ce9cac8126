"""Every metric once: what it is, how it is estimated, when it is noise, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable

from pyengine.run.evaluate_metrics import EVALUATE
from pyengine.run.file_metrics import FILES, VOCAB
from pyengine.run.metric import Better, Estimator, Metric, Style
from pyengine.run.probe_metrics import PROBE


def _pair(
    id: str,  # noqa: A002 - the field's own name
    title: str,
    unit: str,
    better: Better,
    formula: str,
    source: str = "",
    *,
    column: str | None = None,
    estimator: Estimator = "mean",
    floor: bool = True,
    style: Style = "number",
) -> Metric:
    """Define a metric of a variant beside its reference, averaged over scored tokens."""
    return Metric(
        id, title, unit, better, formula, source, True, column or id, estimator, floor, style
    )


DIVERGENCES = (
    _pair(
        "kl",
        "KL divergence",
        "nats",
        "less",
        "mean over tokens of sum P ln(P / Q)",
        "Kullback and Leibler 1951",
        estimator="mean_of_finite",
    ),
    _pair(
        "kl_reverse",
        "Reverse KL",
        "nats",
        "less",
        "mean over tokens of sum Q ln(Q / P)",
        "Kullback and Leibler 1951",
        estimator="mean_of_finite",
    ),
    _pair(
        "jensen_shannon",
        "Jensen–Shannon",
        "nats",
        "less",
        "mean over tokens of (KL(P, M) + KL(Q, M)) / 2 with M = (P + Q) / 2",
        "Lin 1991",
    ),
    _pair(
        "total_variation",
        "Total variation",
        "",
        "less",
        "mean over tokens of sum |P - Q| / 2",
    ),
    _pair(
        "hellinger",
        "Hellinger",
        "",
        "less",
        "mean over tokens of sqrt(sum (sqrt P - sqrt Q)^2 / 2)",
        "Hellinger 1909",
    ),
    _pair(
        "same_first_choice",
        "Same first choice",
        "",
        "more",
        "share of tokens at which P and Q have the same most probable token",
        "llama-perplexity's same top p",
        floor=False,
        style="percent",
    ),
    _pair(
        "delta_p",
        "Δp",
        "",
        "neither",
        "mean over tokens of Q(x) - P(x)",
        "llama-perplexity",
        style="points",
    ),
    _pair(
        "delta_p_rms",
        "Δp RMS",
        "",
        "less",
        "root of the mean over tokens of (Q(x) - P(x))^2",
        "llama-perplexity",
        column="delta_p",
        estimator="rms",
        style="percent",
    ),
    _pair(
        "log_ppl_ratio",
        "ln PPL ratio",
        "",
        "less",
        "mean over tokens of ln P(x) - ln Q(x)",
        "llama-perplexity",
        estimator="mean_of_finite",
    ),
    _pair(
        "entropy_change",
        "Entropy change",
        "nats",
        "neither",
        "mean over tokens of H(Q) - H(P), H = -sum p ln p",
        "Shannon 1948",
    ),
    _pair(
        "rank_correlation",
        "Kendall τ",
        "",
        "more",
        "mean over tokens of tau-b over the 50 most probable tokens of P",
        "Kendall 1945",
        estimator="mean_of_finite",
        floor=False,
        style="fixed3",
    ),
    _pair(
        "rank_change",
        "ln rank change",
        "",
        "neither",
        "mean over tokens of ln(rank of x in Q / rank of x in P)",
        estimator="mean_of_finite",
    ),
    *(
        _pair(
            f"overlap_{k}",
            f"Top {k}",
            "",
            "more",
            f"mean share of the {k} most probable tokens of P that are among those of Q",
            floor=False,
            style="percent",
        )
        for k in (1, 5, 10, 50)
    ),
    _pair(
        "keyword_kl",
        "KL among keywords",
        "nats",
        "less",
        "mean over tokens of KL(P, Q), both cut down to the keywords of the document's language "
        "and renormalised",
        estimator="mean_of_finite",
    ),
    _pair(
        "keyword_mass_change",
        "Keyword mass change",
        "",
        "neither",
        "mean over tokens of Q(keywords) - P(keywords) of the document's language, in any "
        "spacing: bare or after one space, newline or tab",
        estimator="mean_of_finite",
        style="points",
    ),
)

ALONE = (
    Metric(
        "ppl",
        "Perplexity",
        "",
        "less",
        "exp of the mean over tokens of -ln p(x)",
        "Jelinek 1977",
        column="log_p",
        estimator="exp_mean",
    ),
    Metric(
        "padding_mass",
        "Padding mass",
        "",
        "less",
        "mean over tokens of the probability that rows which stand for no token would hold",
        column="padding_mass",
        estimator="mean",
    ),
    Metric(
        "keyword_mass",
        "Keyword mass",
        "",
        "neither",
        "mean over tokens of the probability of the keywords of the document's language, in any "
        "spacing: bare or after one space, newline or tab",
        column="keyword_mass",
        estimator="mean_of_finite",
        style="percent",
    ),
    Metric(
        "entropy",
        "Entropy",
        "nats",
        "neither",
        "mean over tokens of -sum p ln p",
        "Shannon 1948",
        column="entropy",
        estimator="mean",
    ),
    Metric(
        "bits_per_byte",
        "Bits/byte",
        "bits",
        "less",
        "sum over tokens of -log2 p(x) / bytes of these tokens",
        "Shannon 1948",
        column="bits",
        estimator="ratio",
        style="fixed4",
    ),
    Metric(
        "bits_per_byte_change",
        "Bits/byte change",
        "bits",
        "less",
        "bits per byte of the variant less those of the reference over the same bytes",
        needs_reference=True,
        column="bits_change",
        estimator="ratio",
        floor=True,
        style="fixed4",
    ),
)

DIFFERENCES = (
    Metric(
        "kl_difference",
        "KL difference",
        "nats",
        "neither",
        "mean over the same tokens of KL(reference, model) - KL(reference, against); `against` is "
        "the group's member",
        needs_reference=True,
        floor=True,
    ),
)

STRINGS = (
    Metric(
        "keyword_string_mass",
        "P(keywords)",
        "",
        "neither",
        "sum over keywords of P(the text begins with the keyword) by the chain rule",
        style="percent",
    ),
    Metric(
        "keyword_string_ratio",
        "ln ratio",
        "",
        "neither",
        "mean over keywords of ln Q(keyword) - ln P(keyword) by the chain rule",
        needs_reference=True,
    ),
)

WEIGHTS = (
    Metric("size", "Size", "bytes", "less", "bytes of the file, of all parts", style="bytes"),
    Metric(
        "bits_per_weight",
        "Bits per weight",
        "bits",
        "less",
        "8 * bytes of all tensors / number of weights",
        style="fixed2",
    ),
)

RESOURCES = (
    Metric("load_seconds", "Load", "s", "less", "median time to open the file", style="seconds"),
    Metric(
        "peak_memory",
        "Memory",
        "bytes",
        "less",
        "largest resident size of a process that opens, prompts and generates, mapped weights "
        "included",
        style="bytes",
    ),
    Metric(
        "empty_memory",
        "Memory before",
        "bytes",
        "neither",
        "resident size of that process before a model is opened",
        style="bytes",
    ),
    Metric(
        "prompt_speed",
        "Prompt",
        "tokens/s",
        "more",
        "median over repetitions of prompt tokens per second",
        style="rate",
    ),
    Metric(
        "generation_speed",
        "Generation",
        "tokens/s",
        "more",
        "median over repetitions of generated tokens per second",
        style="rate",
    ),
)


def _registry(*groups: Iterable[Metric]) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for metric in (metric for group in groups for metric in group):
        if metric.id in found:
            raise ValueError(f"the metric {metric.id} is defined twice")
        found[metric.id] = metric
    return found


METRICS: dict[str, Metric] = _registry(
    *(DIVERGENCES, ALONE, DIFFERENCES, STRINGS, WEIGHTS, RESOURCES, VOCAB, FILES, PROBE),
    EVALUATE,
)


def metric(id: str) -> Metric:  # noqa: A002 - the field's own name
    """Return a metric; raises KeyError where there is none of that id."""
    return METRICS[id]
