"""The typed records of `pyengine evaluate`."""

from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.prompting import PromptStyle
from pyengine.engine.generation import Finish
from pyengine.results import ModelRecord, Record, Result


class IntervalRecord(Record):
    """A value, the ends of its interval, and how it was made; NaN where there is none."""

    value: float
    low: float
    high: float
    level: float
    method: str


class SampleRecord(Record):
    """One continuation of one task and how it fared.

    Attributes:
        completion: what was executed after the prompt, or instead of it where `whole`.
        thinking: what was removed as thinking.
        trimmed: an unfinished tail, cut off by the token budget, was dropped.
        log_probabilities: of the first tokens, nats, before filters and temperature.
        repetition: share of 4-grams of tokens that had occurred before.
        edit_similarity: to the reference, 1 - Levenshtein / longer.
    """

    seed: int
    completion: str
    whole: bool
    thinking: str
    trimmed: bool
    finish: Finish
    tokens: int
    log_probabilities: list[float]
    outcome: Outcome
    detail: str
    wall_s: float
    parses: bool
    error_nodes: int
    leaves: int
    repetition: float
    edit_similarity: float


class ReferenceRecord(Record):
    """How likely the model finds the reference solution; see ReferenceScore."""

    nll: float
    tokens: int
    bytes: int
    keyword_ranks: list[int]


class TaskRecord(Record):
    """One task with what was sent, its samples and the reference's score.

    Attributes:
        prompt_tokens: ids sent; the text may hide special tokens, these do not.
    """

    task: str
    language: str
    level: int
    style: PromptStyle
    prompt: str
    prompt_tokens: list[int]
    reference: ReferenceRecord | None
    samples: list[SampleRecord]

    @property
    def executed(self) -> list[SampleRecord]:
        """The samples that count: those that were not skipped for want of a toolchain."""
        return [sample for sample in self.samples if sample.outcome is not Outcome.SKIPPED]

    @property
    def n_passed(self) -> int:
        """How many samples passed."""
        return sum(sample.outcome is Outcome.PASSED for sample in self.samples)


class GroupRecord(Record):
    """The measures of one group of tasks: all of them, or those of one language.

    Attributes:
        pass_at: k -> pass@k over the tasks that could be executed.
        outcomes: outcome -> number of samples.
        parse_share: share of samples whose solution parses without error.
        error_nodes: per 100 syntax leaves of the completions.
        reference_log_probability: mean log-probability of a token of the references, nats.
        reference_bits_per_byte: of the references after their prompts.
        keyword_first: share of the references' keywords that are the model's first choice.
        keyword_rank: geometric mean of their ranks.
    """

    name: str
    n_tasks: int
    n_executed: int
    pass_at: dict[int, IntervalRecord]
    outcomes: dict[Outcome, int]
    parse_share: IntervalRecord
    error_nodes: IntervalRecord
    reference_log_probability: IntervalRecord
    reference_bits_per_byte: IntervalRecord
    keyword_first: IntervalRecord
    keyword_rank: IntervalRecord
    repetition: IntervalRecord
    empty_share: IntervalRecord
    edit_similarity: IntervalRecord
    n_keywords: int


class CostRecord(Record):
    """What the measurement took.

    Attributes:
        prompt_tokens, generation_s, tokens_per_s: of what was generated in this run; nothing, and
            NaN, where every task was finished before.
        thinking_share: share of samples with a thinking block that was removed.
        trimmed_share: share of samples cut by the token budget whose tail was dropped.
        length_share: share of samples that the token budget ended.
    """

    prompt_tokens: int
    generated_tokens: int
    generation_s: float
    tokens_per_s: float
    scoring_s: float
    execution_s: float
    thinking_share: float
    trimmed_share: float
    length_share: float


class TokenLevelRecord(Record):
    """Token-level measures against the reference.

    Attributes:
        code_kl: mean KL(reference || variant) over the tokens of the reference solutions, nats.
        keyword_mass_change: mean over those tokens of |difference| of the mass on the language's
            keywords that are one token, bare or after a space.
        cold_start_js: Jensen-Shannon divergence after the start token, bits.
        pkp: the variant's mass after the start token on the paper's keywords, bare.
    """

    code_kl: float
    keyword_mass_change: float
    cold_start_js: float
    pkp: float


class ModelEvaluation(Record):
    """One model on all tasks.

    Attributes:
        token_level: None for the reference itself, and where the vocabularies differ.
    """

    model: ModelRecord
    style: PromptStyle
    groups: list[GroupRecord]
    cost: CostRecord
    token_level: TokenLevelRecord | None
    warnings: list[str]
    tasks: list[TaskRecord]

    @property
    def total(self) -> GroupRecord:
        """The group of all tasks."""
        return self.groups[0]


class PairedRecord(Record):
    """A model against the reference on the same tasks and seeds.

    Attributes:
        model, reference: paths.
        lost: tasks that the reference solves and the model does not, by majority of samples.
        gained: the other way round.
        mcnemar_p: exact two-sided p-value over those tasks.
        difference: model minus reference, name of the measure -> mean over tasks.
    """

    model: str
    reference: str
    n_tasks: int
    lost: list[str]
    gained: list[str]
    mcnemar_p: float
    difference: dict[str, IntervalRecord]
    verdict: str


class LinkRecord(Record):
    """Rank correlation over variants between a token-level measure and a code measure."""

    token_measure: str
    code_measure: str
    rho: IntervalRecord
    n_variants: int
    verdict: str


class EvaluationSettings(Record):
    """All that decides what was measured.

    Attributes:
        tasks: as asked for: own, humaneval, mbpp or a file.
        tasks_sha256: of the tasks' content.
        isolation: how the programs were kept away from the machine.
    """

    tasks: str
    tasks_sha256: str
    n_tasks: int
    samples: int
    max_tokens: int
    thinking_tokens: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    seed: int
    isolation: str
    cpu_s: int
    wall_s: float
    memory_bytes: int


class EvaluationResult(Result):
    """What `pyengine evaluate` found.

    Attributes:
        skipped: language -> why its programs were not executed.
    """

    kind: str = "evaluate"
    settings: EvaluationSettings
    models: list[ModelEvaluation]
    paired: list[PairedRecord]
    links: list[LinkRecord]
    skipped: dict[str, str]
