"""The metrics of what is read and not computed: tokenizers, and files on a disk."""

from __future__ import annotations

from pyengine.run.metric import Metric

VOCAB = (
    Metric(
        "token_share",
        "Share of tokens",
        "tokens of the group / n rows of the vocabulary; of tokens of text for rule=dead",
        style="percent",
    ),
    Metric("piece_bytes", "Mean bytes", "mean bytes of a piece", unit="bytes", style="fixed2"),
    Metric("piece_bytes_max", "Longest", "most bytes of a piece", unit="bytes", style="count"),
    Metric(
        "coverage",
        "Coverage",
        "share of n words that have a single token in this form: bare, after a space, after a "
        "newline or tab (line), or any of these",
        better="more",
        style="percent",
    ),
    Metric("keyword_id_mean", "Mean id", "mean id of the bare tokens of n words", style="count"),
    Metric(
        "keyword_id_median", "Median id", "median id of the bare tokens of n words", style="count"
    ),
    Metric(
        "keyword_id_max", "Largest id", "largest id of the bare tokens of n words", style="count"
    ),
    Metric(
        "keyword_id_share",
        "Mean id / size",
        "mean id of the bare tokens of n words / tokens of text",
        style="fixed4",
    ),
    Metric(
        "keyword_place_mean",
        "Mean place",
        "mean place of the bare tokens of n words in the order of cl100k_base",
        style="count",
    ),
    Metric(
        "bytes_per_token",
        "Bytes/token",
        "bytes / n tokens",
        unit="bytes",
        better="more",
        style="fixed2",
    ),
    Metric(
        "tokens_per_1000_bytes",
        "Tokens/1,000 B",
        "1000 tokens / n bytes",
        better="less",
        style="fixed2",
    ),
    Metric("tokens_per_line", "Tokens/line", "tokens / n lines", better="less", style="fixed2"),
    Metric(
        "tokens_per_keyword",
        "Tokens/keyword",
        "tokens that touch a keyword / n occurrences of keywords",
        better="less",
        style="fixed3",
    ),
    Metric(
        "indentation_share",
        "Indentation",
        "tokens that are indentation and no more than white space / n tokens",
        better="less",
        style="percent",
    ),
    Metric(
        "located_share",
        "Located",
        "share of n bytes that lie in documents which the tokens spell",
        better="more",
        style="percent",
    ),
    Metric(
        "refused_documents",
        "Refused",
        "documents of n that hold bytes without a token",
        better="less",
        style="count",
    ),
    Metric(
        "syntax_token_share",
        "Share of tokens",
        "share of n tokens whose first byte that is not white space is of the class",
        style="percent",
    ),
    Metric("syntax_byte_share", "Share of bytes", "share of n bytes of the class", style="percent"),
    Metric(
        "unreachable",
        "Unreachable",
        "share of n tokens whose own bytes encode to other tokens",
        better="less",
        style="percent",
    ),
    Metric(
        "round_trip_failures",
        "Changed",
        "share of n texts that decoding their tokens does not give back",
        better="less",
        style="percent",
    ),
    Metric(
        "round_trip_misspellings",
        "Changed by pieces",
        "share of n texts that the pieces of their tokens do not spell",
        better="less",
        style="percent",
    ),
    Metric(
        "shared_tokens",
        "In common",
        "share of n tokens of text that the reference has too",
        needs_reference=True,
        style="percent",
    ),
    Metric(
        "same_ids",
        "Same ids",
        "tokens from id 0 on that have the same bytes in the reference",
        needs_reference=True,
        style="count",
    ),
    Metric(
        "same_order",
        "Same order",
        "common tokens from the start on that come in the same order in the reference",
        needs_reference=True,
        style="count",
    ),
    Metric(
        "same_order_last",
        "Last in order",
        "id of the last token of same_order",
        needs_reference=True,
        style="count",
    ),
    Metric(
        "token_ratio",
        "Token ratio",
        "tokens per byte / tokens per byte of the reference",
        better="less",
        needs_reference=True,
        style="fixed3",
    ),
)

FILES = (
    Metric(
        "disk_bytes",
        "On disk",
        "size of n model files, those that are one file on disk counted once",
        unit="bytes",
        style="bytes",
    ),
    Metric(
        "copy_bytes",
        "Copies",
        "size of files that are copies of others",
        unit="bytes",
        better="less",
        style="bytes",
    ),
)
