"""The metrics of an evaluation: programs that models wrote, and how likely the right ones are.

All are estimates over tasks. A change is the model less the reference over the same tasks.
"""

from __future__ import annotations

from dataclasses import replace

from pyengine.run.metric import Metric, Style

KS = (1, 5, 10, 25, 50, 100)


PASSES = tuple(
    Metric(
        f"pass_at_{k}",
        f"pass@{k}",
        f"mean over executed tasks of 1 - C(n - c, {k}) / C(n, {k}), c of n samples passing",
        "Chen et al. 2021",
        better="more",
        style="percent",
    )
    for k in KS
)

RATIOS = (
    Metric(
        "parse_share",
        "Solutions that parse",
        "share of samples whose solution parses without error",
        better="more",
        of="parses",
        style="percent",
    ),
    Metric(
        "error_nodes",
        "Error nodes per 100 syntax leaves",
        "100 * error nodes / syntax leaves of the completions",
        better="less",
    ),
    Metric(
        "reference_log_probability",
        "Log-probability of the references, nats per token",
        "mean over the tokens of the reference solutions of ln p(x)",
        unit="nats",
        better="more",
        of="log_p",
        style="fixed2",
    ),
    Metric(
        "reference_bits_per_byte",
        "Bits per byte of the references",
        "sum over the tokens of the reference solutions of -log2 p(x) / their bytes",
        "Shannon 1948",
        unit="bits",
        better="less",
        of="bits",
        style="fixed2",
    ),
    Metric(
        "keyword_first",
        "Keywords that are the first choice",
        "share of the references' keywords whose first token is the model's first choice",
        better="more",
        style="percent",
    ),
    Metric(
        "keyword_rank",
        "Rank of the right keyword (geometric mean)",
        "exp of the mean over the references' keywords of ln rank of their first token",
        better="less",
        of="keyword_log_rank",
    ),
    Metric(
        "repetition",
        "Repeated 4-grams of tokens",
        "mean over samples of the share of 4-grams of tokens that had occurred before",
        better="less",
        style="percent",
    ),
    Metric(
        "empty_share",
        "Empty answers",
        "share of samples without a completion",
        better="less",
        of="empty",
        style="percent",
    ),
    Metric(
        "edit_similarity",
        "Edit similarity to the reference",
        "mean over samples of 1 - d / longer, d the distance between completion and reference",
        "Levenshtein 1966",
        better="more",
        style="fixed2",
    ),
)


def _change(metric: Metric) -> Metric:
    style: Style = "points" if metric.style == "percent" else "number"
    return replace(
        metric,
        id=f"{metric.id}_change",
        title=f"{metric.title}, change",
        formula=f"{metric.id} of the model less that of the reference over the same tasks",
        source="",
        needs_reference=True,
        style=style,
    )


# The geometric mean of ranks has no difference that means something.
CHANGES = tuple(_change(metric) for metric in (PASSES[0], *RATIOS) if metric.id != "keyword_rank")

COUNTS = (
    Metric(
        "tasks_solved",
        "Solved",
        "tasks that a sample passes, of n executed",
        better="more",
        style="count",
    ),
    Metric(
        "samples", "Samples", "samples with the outcome that the group names, of n", style="count"
    ),
    Metric(
        "tasks_lost",
        "Lost",
        "tasks of n that the reference solves by at least half of its samples, and the model "
        "does not",
        better="less",
        needs_reference=True,
        style="count",
    ),
    Metric(
        "tasks_gained",
        "Gained",
        "tasks of n that the model solves by at least half of its samples, and the reference "
        "does not",
        better="more",
        needs_reference=True,
        style="count",
    ),
    Metric(
        "mcnemar_p",
        "McNemar p",
        "exact two-sided p-value over the tasks that change sides",
        "McNemar 1947",
        needs_reference=True,
    ),
)

TOKENS = (
    Metric(
        "keyword_mass_shift",
        "Keyword mass shift",
        "mean over tokens of |Q(keywords) - P(keywords)| of the task's language, in any "
        "spacing: bare or after one space, newline or tab",
        better="less",
        needs_reference=True,
        estimator="mean_of_finite",
        style="points",
    ),
    Metric(
        "rank_agreement",
        "Spearman's rho",
        "rank correlation over n variants of the group's `token` and `code` metrics; the "
        "interval is Fisher's",
        "Spearman 1904; Bonett and Wright 2000",
        style="fixed2",
    ),
)

COST = (
    Metric("prompt_tokens", "Prompt tokens", "tokens read", style="count"),
    Metric("written_tokens", "Tokens written", "tokens written", style="count"),
    Metric(
        "writing_seconds",
        "Writing",
        "time to read the prompts and to write",
        unit="s",
        better="less",
        style="seconds",
    ),
    Metric(
        "writing_speed",
        "Tokens per second",
        "tokens written in this run / writing_seconds",
        unit="tokens/s",
        better="more",
        style="rate",
    ),
    Metric(
        "execution_seconds",
        "Executing",
        "time of all programs together",
        unit="s",
        better="less",
        style="seconds",
    ),
    Metric(
        "thinking_share",
        "Samples with thinking removed",
        "share of samples with a block of thinking",
        style="percent",
    ),
    Metric(
        "trimmed_share",
        "Samples with an unfinished tail dropped",
        "share of samples that the token budget cut and whose tail was dropped",
        style="percent",
    ),
    Metric(
        "length_share",
        "Samples ended by the token budget",
        "share of samples that the token budget ended",
        style="percent",
    ),
)

EVALUATE = (*PASSES, *RATIOS, *CHANGES, *COUNTS, *TOKENS, *COST)
