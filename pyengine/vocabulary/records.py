"""The record of `pyengine vocab`: everything said about tokenizers, as plain typed values."""

from __future__ import annotations

from typing import Literal

from pyengine.results import Record, Result


class SpecialToken(Record):
    """A special token that the file declares."""

    name: str
    id: int
    piece: str


class ClassRecord(Record):
    """A class of tokens, or an overlapping set: count, share of all rows, bytes per piece."""

    name: str
    tokens: int
    share: float
    mean_bytes: float
    max_bytes: int


class IndentationRecord(Record):
    """Pure white space tokens of one kind, by width.

    widths: how many characters wide they are; complete_to: every width from 1 to this exists.
    """

    kind: Literal["spaces", "tabs", "newlines", "newline and spaces"]
    widths: list[int]
    complete_to: int


class PaperRules(Record):
    """Counts under the paper's rules. Shares: special of all rows, dead of tokens of text."""

    special: int
    special_share: float
    dead: int
    dead_share: float


class MissingWord(Record):
    """A keyword without a bare token: its other single-token forms, and its split."""

    word: str
    word_class: str
    forms: list[str]
    split: list[str]


class CoverageRecord(Record):
    """Words of one language and class ("all": every class) that are one token.

    bare, space, line (after a newline or a tab), any_form: words with that single-token form, or
    with any of these; other cases do not count.
    mean, median, maximum: of the ids of the bare tokens; mean_share: mean / tokens of text.
    cl100k_present, cl100k_mean: words inside the shared order of cl100k_base and their mean place
    in it; None where the vocabulary does not begin with it.
    """

    language: str
    title: str
    word_class: str
    words: int
    bare: int
    space: int
    line: int
    any_form: int
    mean: float | None
    median: float | None
    maximum: int | None
    mean_share: float | None
    cl100k_present: int | None
    cl100k_mean: float | None
    missing: list[MissingWord]


class CollectionRecord(Record):
    """Coverage under one collection of keyword tables; the last entry of `total` is the union."""

    name: str
    origins: list[str]
    languages: list[CoverageRecord]
    union: CoverageRecord


class SyntaxRecord(Record):
    """Tokens spent on one syntactic class of a text."""

    name: str
    tokens: int
    share_of_tokens: float
    share_of_bytes: float
    bytes_per_token: float | None


class FertilityRecord(Record):
    """Tokens spent on a text in one language; exact counts for that text.

    refused: documents that the tokenizer cannot take, having no token for some byte; no other
    figure counts them.
    located_share: share of the bytes whose tokens could be located; keyword, indentation and
    syntax figures hold for those, and are None or empty where there are none.
    """

    language: str
    title: str
    documents: int
    refused: int
    n_bytes: int
    lines: int
    tokens: int
    bytes_per_token: float | None
    tokens_per_1000_bytes: float | None
    tokens_per_line: float | None
    located_share: float
    keywords: int
    tokens_per_keyword: float | None
    indentation_share: float | None
    syntax: list[SyntaxRecord]


class RoundTripRecord(Record):
    """Texts of one kind that came back from encoding and decoding, see integrity.RoundTrip."""

    kind: str
    tested: int
    failed: int
    misspelled: int
    example: str | None
    came_back: str | None


class IntegrityRecord(Record):
    """What is broken or surprising in a tokenizer; examples are pieces as text."""

    tested: int
    fragments: int
    unreachable: int
    unreachable_examples: list[str]
    untested_reason: str
    duplicates: int
    duplicate_examples: list[str]
    colliding: int
    colliding_lost: int
    invalid_utf8: int
    special_token_faults: list[str]
    round_trips: list[RoundTripRecord]


class VocabularyRecord(Record):
    """One tokenizer, with the file that it was read from.

    size: rows, padding included; text_tokens: normal and user-defined tokens; padding: unused
    rows and rows that a converter added. begins_with_cl100k: its first tokens are those of
    cl100k_base, in that order.
    """

    path: str
    name: str
    architecture: str
    kind: str
    pre_tokenizer: str
    size: int
    text_tokens: int
    padding: int
    sha256: str
    add_bos: bool
    add_eos: bool
    begins_with_cl100k: bool
    special_tokens: list[SpecialToken]
    classes: list[ClassRecord]
    sets: list[ClassRecord]
    indentation: list[IndentationRecord]
    paper_rules: PaperRules
    collections: list[CollectionRecord]
    fertility: list[FertilityRecord]
    integrity: IntegrityRecord


class SharingRecord(Record):
    """What two of the models have in common, see sharing.Sharing. a, b: places in `models`."""

    a: int
    b: int
    identical: bool
    common: int
    share_of_a: float
    share_of_b: float
    same_ids: int
    same_order: int
    last_a: int | None
    last_b: int | None


class DifferenceRecord(Record):
    """Where two tokenizers differ most. a, b: places in `models`.

    whole_in_a, whole_in_b: keywords that are one bare token in that one alone. languages: by
    language the tokens per 1,000 bytes of both, largest ratio first.
    """

    a: int
    b: int
    whole_in_a: list[str]
    whole_in_b: list[str]
    languages: list[LanguageDifference]


class LanguageDifference(Record):
    """Tokens per 1,000 bytes of one language in two tokenizers; ratio is B over A."""

    language: str
    title: str
    a: float
    b: float
    ratio: float


class PaperLine(Record):
    """One statement of the paper beside ours.

    source: "published", or "recomputed" from the paper's lists on the tokenizers that it names.
    """

    quantity: str
    source: str
    paper: str
    here: str
    same: bool | None


class PaperRecord(Record):
    """The paper's numbers for one tokenizer beside ours."""

    path: str
    column: str
    lines: list[PaperLine]


class VocabResult(Result):
    """What `pyengine vocab` found."""

    kind: Literal["vocab"] = "vocab"
    corpus: str
    corpus_sha256: str
    corpus_documents: int
    models: list[VocabularyRecord]
    sharing: list[SharingRecord]
    differences: list[DifferenceRecord]
    paper: list[PaperRecord]


DifferenceRecord.model_rebuild()
