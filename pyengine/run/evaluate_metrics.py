"""The metrics of an evaluation: programs that models wrote, and how likely the right ones are.

All are estimates over tasks. A change is the model less the reference over the same tasks.
"""

from __future__ import annotations

from dataclasses import replace

from pyengine.run.metric import Better, Metric, Style

KS = (1, 5, 10, 25, 50, 100)


def _code(
    id: str,  # noqa: A002 - the field's own name
    title: str,
    formula: str,
    source: str = "",
    *,
    unit: str = "",
    better: Better = "more",
    column: str = "",
    style: Style = "percent",
) -> Metric:
    return Metric(id, title, unit, better, formula, source, column=column, style=style)


PASSES = tuple(
    _code(
        f"pass_at_{k}",
        f"pass@{k}",
        f"mean over executed tasks of 1 - C(n - c, {k}) / C(n, {k}), c of n samples passing",
        "Chen et al. 2021",
        column=f"pass_at_{k}",
    )
    for k in KS
)

RATIOS = (
    _code(
        "parse_share",
        "Solutions that parse",
        "share of samples whose solution parses without error",
        column="parses",
    ),
    _code(
        "error_nodes",
        "Error nodes per 100 syntax leaves",
        "100 * error nodes / syntax leaves of the completions",
        better="less",
        column="error_nodes",
        style="number",
    ),
    _code(
        "reference_log_probability",
        "Log-probability of the references, nats per token",
        "mean over the tokens of the reference solutions of ln p(x)",
        unit="nats",
        column="log_p",
        style="fixed2",
    ),
    _code(
        "reference_bits_per_byte",
        "Bits per byte of the references",
        "sum over the tokens of the reference solutions of -log2 p(x) / their bytes",
        "Shannon 1948",
        unit="bits",
        better="less",
        column="bits",
        style="fixed2",
    ),
    _code(
        "keyword_first",
        "Keywords that are the first choice",
        "share of the references' keywords whose first token is the model's first choice",
        column="keyword_first",
    ),
    _code(
        "keyword_rank",
        "Rank of the right keyword (geometric mean)",
        "exp of the mean over the references' keywords of ln rank of their first token",
        better="less",
        column="keyword_log_rank",
        style="number",
    ),
    _code(
        "repetition",
        "Repeated 4-grams of tokens",
        "mean over samples of the share of 4-grams of tokens that had occurred before",
        better="less",
        column="repetition",
    ),
    _code(
        "empty_share",
        "Empty answers",
        "share of samples without a completion",
        better="less",
        column="empty",
    ),
    _code(
        "edit_similarity",
        "Edit similarity to the reference",
        "mean over samples of 1 - d / longer, d the distance between completion and reference",
        "Levenshtein 1966",
        column="edit_similarity",
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
    _code("tasks_solved", "Solved", "tasks that a sample passes, of n executed", style="count"),
    _code(
        "samples",
        "Samples",
        "samples with the outcome that the group names, of n",
        better="neither",
        style="count",
    ),
    replace(
        _code(
            "tasks_lost",
            "Lost",
            "tasks of n that the reference solves by at least half of its samples, and the model "
            "does not",
            better="less",
            style="count",
        ),
        needs_reference=True,
    ),
    replace(
        _code(
            "tasks_gained",
            "Gained",
            "tasks of n that the model solves by at least half of its samples, and the reference "
            "does not",
            style="count",
        ),
        needs_reference=True,
    ),
    replace(
        _code(
            "mcnemar_p",
            "McNemar p",
            "exact two-sided p-value over the tasks that change sides",
            "McNemar 1947",
            better="neither",
            style="number",
        ),
        needs_reference=True,
    ),
)

TOKENS = (
    Metric(
        "keyword_mass_shift",
        "Keyword mass shift",
        "",
        "less",
        "mean over tokens of |Q(keywords) - P(keywords)| of the task's language, in any spacing: "
        "bare or after one space, newline or tab",
        needs_reference=True,
        column="keyword_mass_shift",
        estimator="mean_of_finite",
        style="points",
    ),
    _code(
        "rank_agreement",
        "Spearman's rho",
        "rank correlation over n variants of the group's `token` and `code` metrics; the interval "
        "is Fisher's",
        "Spearman 1904; Bonett and Wright 2000",
        better="neither",
        style="fixed2",
    ),
)

COST = (
    _code("prompt_tokens", "Prompt tokens", "tokens read", better="neither", style="count"),
    _code("written_tokens", "Tokens written", "tokens written", better="neither", style="count"),
    _code(
        "writing_seconds",
        "Writing",
        "time to read the prompts and to write",
        unit="s",
        better="less",
        style="seconds",
    ),
    _code(
        "writing_speed",
        "Tokens per second",
        "tokens written in this run / writing_seconds",
        unit="tokens/s",
        style="rate",
    ),
    _code(
        "execution_seconds",
        "Executing",
        "time of all programs together",
        unit="s",
        better="less",
        style="seconds",
    ),
    _code(
        "thinking_share",
        "Samples with thinking removed",
        "share of samples with a block of thinking",
        better="neither",
    ),
    _code(
        "trimmed_share",
        "Samples with an unfinished tail dropped",
        "share of samples that the token budget cut and whose tail was dropped",
        better="neither",
    ),
    _code(
        "length_share",
        "Samples ended by the token budget",
        "share of samples that the token budget ended",
        better="neither",
    ),
)

EVALUATE = (*PASSES, *RATIOS, *CHANGES, *COUNTS, *TOKENS, *COST)
