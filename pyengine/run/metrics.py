"""Every metric once: what it is, how it is estimated, when it is noise, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from pyengine.run.evaluate_metrics import EVALUATE
from pyengine.run.file_metrics import FILES, VOCAB
from pyengine.run.metric import Metric
from pyengine.run.probe_metrics import PROBE

# Of a variant beside its reference: averaged over scored tokens, and noise up to the floor.
_pair = partial(Metric, needs_reference=True, estimator="mean", floor="distance")

DIVERGENCES = (
    _pair(
        "kl",
        "KL divergence",
        "mean over tokens of sum P ln(P / Q)",
        "Kullback and Leibler 1951",
        unit="nats",
        better="less",
        estimator="mean_of_finite",
    ),
    _pair(
        "kl_reverse",
        "Reverse KL",
        "mean over tokens of sum Q ln(Q / P)",
        "Kullback and Leibler 1951",
        unit="nats",
        better="less",
        estimator="mean_of_finite",
    ),
    _pair(
        "jensen_shannon",
        "Jensen–Shannon",
        "mean over tokens of (KL(P, M) + KL(Q, M)) / 2 with M = (P + Q) / 2",
        "Lin 1991",
        unit="nats",
        better="less",
    ),
    _pair(
        "total_variation",
        "Total variation",
        "mean over tokens of sum |P - Q| / 2",
        better="less",
    ),
    _pair(
        "hellinger",
        "Hellinger",
        "mean over tokens of sqrt(sum (sqrt P - sqrt Q)^2 / 2)",
        "Hellinger 1909",
        better="less",
    ),
    _pair(
        "same_first_choice",
        "Same first choice",
        "share of tokens at which P and Q have the same most probable token",
        "llama-perplexity's same top p",
        better="more",
        floor="",
        style="percent",
    ),
    _pair(
        "outside_first_five",
        "First choice outside the first five",
        "share of tokens at which at least five tokens are more probable in P than the most "
        "probable token of Q",
        better="less",
        floor="",
        style="percent",
    ),
    _pair(
        "delta_p",
        "Δp",
        "mean over tokens of Q(x) - P(x)",
        "llama-perplexity",
        style="points",
        floor="change",
    ),
    _pair(
        "delta_p_rms",
        "Δp RMS",
        "root of the mean over tokens of (Q(x) - P(x))^2",
        "llama-perplexity",
        better="less",
        of="delta_p",
        estimator="rms",
        style="percent",
    ),
    _pair(
        "log_ppl_ratio",
        "ln PPL ratio",
        "mean over tokens of ln P(x) - ln Q(x)",
        "llama-perplexity",
        better="less",
        estimator="mean_of_finite",
        floor="change",
    ),
    _pair(
        "entropy_change",
        "Entropy change",
        "mean over tokens of H(Q) - H(P), H = -sum p ln p",
        "Shannon 1948",
        unit="nats",
        floor="change",
    ),
    _pair(
        "rank_correlation",
        "Kendall τ",
        "mean over tokens of tau-b over the 50 most probable tokens of P",
        "Kendall 1945",
        better="more",
        estimator="mean_of_finite",
        floor="",
        style="fixed3",
    ),
    _pair(
        "rank_change",
        "ln rank change",
        "mean over tokens of ln(rank of x in Q / rank of x in P)",
        estimator="mean_of_finite",
        floor="change",
    ),
    *(
        _pair(
            f"overlap_{k}",
            f"Top {k}",
            f"mean share of the {k} most probable tokens of P that are among those of Q",
            better="more",
            floor="",
            style="percent",
        )
        for k in (1, 5, 10, 50)
    ),
    _pair(
        "keyword_kl",
        "KL among keywords",
        "mean over tokens of KL(P, Q), both cut down to the keywords of the document's "
        "language and renormalised",
        unit="nats",
        better="less",
        estimator="mean_of_finite",
    ),
    _pair(
        "keyword_mass_change",
        "Keyword mass change",
        "mean over tokens of Q(keywords) - P(keywords) of the document's language, in any "
        "spacing: bare or after one space, newline or tab",
        estimator="mean_of_finite",
        style="points",
        floor="change",
    ),
)

ALONE = (
    Metric(
        "ppl",
        "Perplexity",
        "exp of the mean over tokens of -ln p(x)",
        "Jelinek 1977",
        better="less",
        of="log_p",
        estimator="exp_mean",
    ),
    Metric(
        "padding_mass",
        "Padding mass",
        "mean over tokens of the probability that rows which stand for no token would hold",
        better="less",
        estimator="mean",
    ),
    Metric(
        "keyword_mass",
        "Keyword mass",
        "mean over tokens of the probability of the keywords of the document's language, in "
        "any spacing: bare or after one space, newline or tab",
        estimator="mean_of_finite",
        style="percent",
    ),
    Metric(
        "entropy",
        "Entropy",
        "mean over tokens of -sum p ln p",
        "Shannon 1948",
        unit="nats",
        estimator="mean",
    ),
    Metric(
        "bits_per_byte",
        "Bits/byte",
        "sum over tokens of -log2 p(x) / bytes of these tokens",
        "Shannon 1948",
        unit="bits",
        better="less",
        of="bits",
        estimator="ratio",
        style="fixed4",
    ),
    Metric(
        "bits_per_byte_change",
        "Bits/byte change",
        "bits per byte of the variant less those of the reference over the same bytes",
        unit="bits",
        better="less",
        needs_reference=True,
        of="bits_change",
        estimator="ratio",
        floor="change",
        style="fixed4",
    ),
)

DIFFERENCES = (
    Metric(
        "kl_difference",
        "KL difference",
        "mean over the same tokens of KL(reference, model) - KL(reference, against); `against` "
        "is the group's member",
        unit="nats",
        needs_reference=True,
        floor="distance",
    ),
    Metric(
        "kl_beyond_arithmetic",
        "KL beyond arithmetic",
        "KL(P, Q) - (KL(P, P') + KL(Q, Q')) / 2, where P' and Q' are the same models computed in "
        "another order",
        unit="nats",
        better="less",
        needs_reference=True,
    ),
)

STRINGS = (
    Metric(
        "keyword_string_mass",
        "P(keywords)",
        "sum over keywords of P(the text begins with the keyword) by the chain rule",
        style="percent",
    ),
    Metric(
        "keyword_string_ratio",
        "ln ratio",
        "mean over keywords of ln Q(keyword) - ln P(keyword) by the chain rule",
        needs_reference=True,
    ),
)

WEIGHTS = (
    Metric(
        "size",
        "Size",
        "bytes of the file, of all parts",
        unit="bytes",
        better="less",
        style="bytes",
    ),
    Metric(
        "bits_per_weight",
        "Bits per weight",
        "8 * bytes of all tensors / number of weights",
        unit="bits",
        better="less",
        style="fixed2",
    ),
)

RESOURCES = (
    Metric(
        "load_seconds",
        "Load",
        "median time to open the file",
        unit="s",
        better="less",
        style="seconds",
    ),
    Metric(
        "peak_memory",
        "Memory",
        "largest resident size of a process that opens, prompts and generates, mapped weights "
        "included",
        unit="bytes",
        better="less",
        style="bytes",
    ),
    Metric(
        "empty_memory",
        "Memory before",
        "resident size of that process before a model is opened",
        unit="bytes",
        style="bytes",
    ),
    Metric(
        "prompt_speed",
        "Prompt",
        "median over repetitions of prompt tokens per second",
        unit="tokens/s",
        better="more",
        style="rate",
    ),
    Metric(
        "generation_speed",
        "Generation",
        "median over repetitions of generated tokens per second",
        unit="tokens/s",
        better="more",
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
