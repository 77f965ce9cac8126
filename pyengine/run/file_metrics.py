"""The metrics of what is read and not computed: tokenizers, and files on a disk."""

from __future__ import annotations

from pyengine.run.metric import Better, Metric, Style


def _vocab(
    id: str,  # noqa: A002 - the field's own name
    title: str,
    formula: str,
    better: Better = "neither",
    style: Style = "number",
    unit: str = "",
) -> Metric:
    """Define a metric of a tokenizer; what its groups are stands in the formula."""
    return Metric(id, title, unit, better, formula, style=style)


VOCAB = (
    _vocab(
        "token_share",
        "Share of tokens",
        "tokens of the group / n rows of the vocabulary; of tokens of text for rule=dead",
        style="percent",
    ),
    _vocab("piece_bytes", "Mean bytes", "mean bytes of a piece", style="fixed2", unit="bytes"),
    _vocab("piece_bytes_max", "Longest", "most bytes of a piece", style="count", unit="bytes"),
    _vocab(
        "coverage",
        "Coverage",
        "share of n words that have a single token in this form: bare, after a space, after a "
        "newline or tab (line), or any of these",
        "more",
        "percent",
    ),
    _vocab("keyword_id_mean", "Mean id", "mean id of the bare tokens of n words", style="count"),
    _vocab(
        "keyword_id_median", "Median id", "median id of the bare tokens of n words", style="count"
    ),
    _vocab(
        "keyword_id_max", "Largest id", "largest id of the bare tokens of n words", style="count"
    ),
    _vocab(
        "keyword_id_share",
        "Mean id / size",
        "mean id of the bare tokens of n words / tokens of text",
        style="fixed4",
    ),
    _vocab(
        "keyword_place_mean",
        "Mean place",
        "mean place of the bare tokens of n words in the order of cl100k_base",
        style="count",
    ),
    _vocab("bytes_per_token", "Bytes/token", "bytes / n tokens", "more", "fixed2", "bytes"),
    _vocab("tokens_per_1000_bytes", "Tokens/1,000 B", "1000 tokens / n bytes", "less", "fixed2"),
    _vocab("tokens_per_line", "Tokens/line", "tokens / n lines", "less", "fixed2"),
    _vocab(
        "tokens_per_keyword",
        "Tokens/keyword",
        "tokens that touch a keyword / n occurrences of keywords",
        "less",
        "fixed3",
    ),
    _vocab(
        "indentation_share",
        "Indentation",
        "tokens that are indentation and no more than white space / n tokens",
        "less",
        "percent",
    ),
    _vocab(
        "located_share",
        "Located",
        "share of n bytes that lie in documents which the tokens spell",
        "more",
        "percent",
    ),
    _vocab(
        "refused_documents",
        "Refused",
        "documents of n that hold bytes without a token",
        "less",
        "count",
    ),
    _vocab(
        "syntax_token_share",
        "Share of tokens",
        "share of n tokens whose first byte that is not white space is of the class",
        style="percent",
    ),
    _vocab("syntax_byte_share", "Share of bytes", "share of n bytes of the class", style="percent"),
    _vocab(
        "unreachable",
        "Unreachable",
        "share of n tokens whose own bytes encode to other tokens",
        "less",
        "percent",
    ),
    _vocab(
        "round_trip_failures",
        "Changed",
        "share of n texts that decoding their tokens does not give back",
        "less",
        "percent",
    ),
    _vocab(
        "round_trip_misspellings",
        "Changed by pieces",
        "share of n texts that the pieces of their tokens do not spell",
        "less",
        "percent",
    ),
    Metric(
        "shared_tokens",
        "In common",
        "",
        "neither",
        "share of n tokens of text that the reference has too",
        needs_reference=True,
        style="percent",
    ),
    Metric(
        "same_ids",
        "Same ids",
        "",
        "neither",
        "tokens from id 0 on that have the same bytes in the reference",
        needs_reference=True,
        style="count",
    ),
    Metric(
        "same_order",
        "Same order",
        "",
        "neither",
        "common tokens from the start on that come in the same order in the reference",
        needs_reference=True,
        style="count",
    ),
    Metric(
        "same_order_last",
        "Last in order",
        "",
        "neither",
        "id of the last token of same_order",
        needs_reference=True,
        style="count",
    ),
    Metric(
        "token_ratio",
        "Token ratio",
        "",
        "less",
        "tokens per byte / tokens per byte of the reference",
        needs_reference=True,
        style="fixed3",
    ),
)

FILES = (
    Metric(
        "disk_bytes",
        "On disk",
        "bytes",
        "neither",
        "size of n model files, those that are one file on disk counted once",
        style="bytes",
    ),
    Metric(
        "copy_bytes",
        "Copies",
        "bytes",
        "less",
        "size of files that are copies of others",
        style="bytes",
    ),
)
