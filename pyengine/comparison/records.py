"""The record of a comparison: what is saved, printed and read by other commands."""

from typing import Literal

from pydantic import Field

from pyengine.results import ModelRecord, Record, Result
from pyengine.statistics import Estimate, Summary


class EstimateRecord(Record):
    """A mean over tokens with both standard errors and the clustered interval.

    Attributes:
        se_independent: as if tokens were independent.
        se_clustered: by document; NaN with fewer than two.
        low, high: the 95 % interval from se_clustered.
    """

    value: float
    se_independent: float
    se_clustered: float
    low: float
    high: float
    n: int
    n_clusters: int

    @classmethod
    def of(cls, estimate: Estimate) -> "EstimateRecord":
        """Record an estimate."""
        return cls(
            value=estimate.value,
            se_independent=estimate.se_independent,
            se_clustered=estimate.se_clustered,
            low=estimate.low,
            high=estimate.high,
            n=estimate.n,
            n_clusters=estimate.n_clusters,
        )


class SummaryRecord(Record):
    """Distribution of a per-token quantity; quantile levels are keys such as "0.999"."""

    mean: EstimateRecord
    median: float
    median_se: float
    rms: float
    quantiles: dict[str, float]
    n_infinite: int

    @classmethod
    def of(cls, summary: Summary) -> "SummaryRecord":
        """Record a summary."""
        return cls(
            mean=EstimateRecord.of(summary.mean),
            median=summary.median,
            median_se=summary.median_se,
            rms=summary.rms,
            quantiles={f"{level:g}": value for level, value in summary.quantiles.items()},
            n_infinite=summary.n_infinite,
        )


class AxisRecord(Record):
    """What separates a variant from the reference."""

    kind: str
    meaning: str
    reason: str
    tensors_of_other_type: int


class Divergences(Record):
    """Averages over some tokens. P is the reference, Q the variant; nats unless said otherwise.

    Attributes:
        kl: KL(P || Q), a summary.
        delta_p: Q(target) - P(target), a summary.
        log_ppl_ratio: mean of ln P(target) - ln Q(target): ln of the ratio of perplexities.
        ppl_reference, ppl_variant: perplexities, exact.
        same_top: share of tokens where both have the same first choice.
        overlap: share of P's k most probable tokens that are among Q's, by k.
        rank_correlation: mean Kendall tau-b over P's 50 most probable tokens.
        rank_change: mean of ln(rank in Q / rank in P) of the target.
    """

    n: int
    kl: SummaryRecord
    kl_reverse: EstimateRecord | None
    jensen_shannon: EstimateRecord
    total_variation: EstimateRecord
    hellinger: EstimateRecord
    delta_p: SummaryRecord
    log_ppl_ratio: EstimateRecord | None
    ppl_reference: float
    ppl_variant: float
    same_top: EstimateRecord
    overlap: dict[str, EstimateRecord]
    rank_correlation: EstimateRecord | None
    rank_change: EstimateRecord | None
    entropy_change: EstimateRecord
    padding_mass_reference: float
    padding_mass_variant: float


class GroupRecord(Record):
    """The main averages over one part of the tokens."""

    name: str
    n: int
    kl: EstimateRecord | None
    same_top: EstimateRecord
    delta_p_rms: float
    log_ppl_ratio: EstimateRecord | None


class KeywordRecord(Record):
    """One language's keywords, over the positions of that language's documents.

    Attributes:
        mass_reference, mass_change: probability of its keywords in any spacing: bare or after
            one space, newline or tab.
        kl: KL divergence of both distributions cut down to these tokens and renormalised.
    """

    language: str
    n_tokens: int
    n: int
    mass_reference: EstimateRecord
    mass_change: EstimateRecord
    kl: EstimateRecord | None


class StartRecord(Record):
    """One context that is not corpus text.

    Attributes:
        kind: "cold", "keyword" (mean over contexts of one keyword each) or "sequence" (all
            keywords of a language joined by spaces).
        keyword_mass_reference, keyword_mass_variant: of that language's keywords in any spacing
            (bare or after one space, newline or tab); for the cold start of all languages'.
    """

    kind: Literal["cold", "keyword", "sequence"]
    language: str
    n_contexts: int
    ids: list[int]
    kl: float
    kl_reverse: float
    jensen_shannon: float
    total_variation: float
    same_top: float
    entropy_reference: float
    entropy_variant: float
    keyword_mass_reference: float
    keyword_mass_variant: float


class Choice(Record):
    """One token and what a model gives it."""

    token: int
    text: str
    probability: float


class SpotRecord(Record):
    """One position of large divergence."""

    document: str
    language: str
    token_index: int
    byte_offset: int | None
    before: str
    target: str
    token_class: str
    kl: float
    delta_p: float
    reference_top: list[Choice]
    variant_top: list[Choice]


class PassageToken(Record):
    """One token of a text, its KL divergence, and what both models wanted in its place."""

    text: str
    kl: float
    reference_top: list[Choice]
    variant_top: list[Choice]


class PassageRecord(Record):
    """Consecutive tokens of a document, among the most changed by their mean KL divergence.

    Attributes:
        token_index: index in the document of the first of them.
    """

    document: str
    language: str
    token_index: int
    mean_kl: float
    tokens: list[PassageToken]


class ContinuationRecord(Record):
    """A greedy continuation of one document's beginning.

    Attributes:
        n_prompt: tokens given.
        n_generated: tokens that the reference then wrote.
        first_divergence: index among these of the first that the variant would not have chosen;
            None where it would have written them all.
        agreed: text up to there.
        reference_next, variant_next: the two choices there.
    """

    document: str
    language: str
    n_prompt: int
    n_generated: int
    first_divergence: int | None
    agreed: str
    reference_next: str
    variant_next: str


class BitsRecord(Record):
    """Bits per byte over the same text, each model in its own tokens.

    Attributes:
        n_bytes: of the documents that both tokenizers take.
        left_out: names of the others.
    """

    reference: EstimateRecord
    variant: EstimateRecord
    difference: EstimateRecord
    n_bytes: int
    left_out: list[str] = Field(default_factory=list)


class StringRecord(Record):
    """Cold-start probability of a language's keywords as strings, by the chain rule.

    Attributes:
        total_reference, total_variant: sum over keywords of P(the text begins with the keyword),
            each along the model's own split of it.
        mean_log_ratio: mean over keywords of ln of variant over reference.
    """

    language: str
    n_keywords: int
    total_reference: float
    total_variant: float
    mean_log_ratio: float


class VariantRecord(Record):
    """One variant against the reference.

    Attributes:
        label: short name, unlike that of any other model here.
        refused: what was not measured, and why.
        cold_reference_top, cold_variant_top: the most probable tokens at the cold start.
        verdict: in words.
    """

    label: str
    model: ModelRecord
    axis: AxisRecord
    same_vocabulary: bool
    refused: list[str]
    overall: Divergences | None = None
    by_language: list[GroupRecord] = Field(default_factory=list)
    by_confidence: list[GroupRecord] = Field(default_factory=list)
    by_class: list[GroupRecord] = Field(default_factory=list)
    keywords: list[KeywordRecord] = Field(default_factory=list)
    starts: list[StartRecord] = Field(default_factory=list)
    spots: list[SpotRecord] = Field(default_factory=list)
    passages: list[PassageRecord] = Field(default_factory=list)
    cold_reference_top: list[Choice] = Field(default_factory=list)
    cold_variant_top: list[Choice] = Field(default_factory=list)
    continuations: list[ContinuationRecord] = Field(default_factory=list)
    bits_per_byte: BitsRecord | None = None
    strings: list[StringRecord] = Field(default_factory=list)
    verdict: str


class PairRecord(Record):
    """Two variants on the same tokens: mean of KL(first) - KL(second).

    Attributes:
        p_value: two-sided; p_holm: after Holm's correction over all pairs.
        more_tokens: how many more would separate them with a chance of 80 %, were the difference
            seen the true one.
    """

    first: str
    second: str
    difference: EstimateRecord
    p_value: float
    p_holm: float
    verdict: Literal["different", "equivalent", "undecided"]
    more_tokens: int | None
    words: str


class NullRecord(Record):
    """The reference against itself, computed with another batch size and thread count.

    Attributes:
        n_ubatch, threads: of both computations.
        floors: for each measure |mean| + 2 standard errors of it here; a mean below that cannot
            be told from arithmetic noise.
        largest: for each measure the largest absolute value at any token.
            Both hold keyword_mass_change and keyword_kl, over the positions of languages whose
            keywords are known, where there is one.
        same_top: share of tokens with the same first choice.
    """

    n: int
    n_ubatch: tuple[int, int]
    threads: tuple[int, int]
    floors: dict[str, float]
    largest: dict[str, float]
    same_top: float


class CorpusRecord(Record):
    """What was read."""

    origin: str
    sha256: str
    n_documents: int
    n_bytes: int
    languages: dict[str, int]


class ScopeRecord(Record):
    """How the corpus was cut, how much of it was scored, and with what means.

    Attributes:
        left_out: names of the documents that the tokenizer refuses.
    """

    n_ctx: int
    stride: int
    prefix: list[int]
    n_windows: int
    n_documents: int
    n_tokens: int
    words: str
    plan: str
    plan_reason: str
    stopped: str
    left_out: list[str] = Field(default_factory=list)


class ComparisonResult(Result):
    """Everything that one comparison measured."""

    kind: Literal["compare"] = "compare"
    reference: ModelRecord
    corpus: CorpusRecord | None
    scope: ScopeRecord | None
    null: NullRecord | None
    variants: list[VariantRecord]
    pairs: list[PairRecord]
    margin: float
