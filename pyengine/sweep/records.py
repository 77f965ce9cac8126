"""What a sweep leaves behind: the table made of its measurements, and the timings."""

from typing import Literal

from pydantic import Field

from pyengine.comparison.records import Choice, EstimateRecord
from pyengine.results import Record, Result
from pyengine.sweep.speed_record import SpeedRecord


class StepVerdict(Record):
    """A row against the next better one, token by token.

    Attributes:
        against: name of the other row.
        difference: of the mean KL divergences, this row's less the other's, in nats.
        adjusted_p: two-sided, Holm-adjusted over the rows of the table.
        verdict: "different", "equivalent" (within the margin) or "undecided".
        more_tokens: how many more tokens would separate them, where a forecast makes sense.
    """

    against: str
    difference: EstimateRecord
    adjusted_p: float
    verdict: Literal["different", "equivalent", "undecided"]
    more_tokens: int | None


class PartRecord(Record):
    """The mean KL divergence, nats, over one part of the tokens."""

    name: str
    kl: EstimateRecord


class SweepRow(Record):
    """One model of the table; measured numbers are None where the row failed.

    Attributes:
        kl: mean KL divergence from the source, nats per token; kl_median, kl_99: its quantiles.
        same_top: share of tokens at which source and variant have the same first choice.
        bits_per_byte: of the text, by this model.
        bits_per_byte_change: that, less the source's, over the same tokens.
        by_language, by_class: kl over the documents of a language, over a class of tokens.
        cold_top: the most probable tokens at the cold start.
        keyword_masses: probability of each language's keywords at the cold start, in any spacing:
            bare or after one space, newline or tab.
        keyword_mass: likewise of all keywords; its change from the source.
        padding_mass: mean of what tokens that stand for nothing would hold; they are masked.
        within_floor: the KL divergence is no larger than that of the null control.
        smaller_and_better: a variant that is no larger and has a smaller mean KL divergence.
        step: the verdict against the variant of the next smaller mean KL divergence.
    """

    name: str
    sha256: str | None
    file_bytes: int
    bits_per_weight: float | None
    file_type: str | None
    is_reference: bool
    failure: str | None
    kl: EstimateRecord | None = None
    kl_median: float | None = None
    kl_99: float | None = None
    same_top: EstimateRecord | None = None
    bits_per_byte: EstimateRecord | None = None
    bits_per_byte_change: EstimateRecord | None = None
    by_language: list[PartRecord] = Field(default_factory=list)
    by_class: list[PartRecord] = Field(default_factory=list)
    cold_top: list[Choice] = Field(default_factory=list)
    keyword_masses: dict[str, float] = Field(default_factory=dict)
    keyword_mass: float | None = None
    keyword_mass_change: float | None = None
    padding_mass: float | None = None
    within_floor: bool = False
    smaller_and_better: str | None = None
    step: StepVerdict | None = None


class SweepResult(Result):
    """The table of a sweep: equal runs, interrupted or not, give equal bytes.

    Attributes:
        floor: of the KL divergence: |mean| + 2 standard errors of the source against itself under
            another batch size and thread count; None where that failed.
        floors: those of kl, keyword_mass_change and, where bytes are known, bits_per_byte_change.
    """

    kind: Literal["sweep"] = "sweep"
    reference: str
    reference_sha256: str
    corpus_sha256: str
    n_tokens: int
    n_documents: int
    method: str
    margin: float
    floor: float | None
    floors: dict[str, float] = Field(default_factory=dict)
    rows: list[SweepRow]


class SweepTimings(Result):
    """Load time, memory and speed of the sweep's models. Timings differ from run to run."""

    kind: Literal["sweep-timings"] = "sweep-timings"
    models: dict[str, SpeedRecord]
    failures: dict[str, str]
