"""The typed records of `pyengine probe`."""

import math

from pyengine.results import ModelRecord, Record, Result


class TokenProbability(Record):
    r"""One token of a distribution.

    Attributes:
        text: its bytes as UTF-8, with what is not valid written as \xNN.
        bytes_hex: its exact bytes.
        rank: among the whole vocabulary, from 1.
    """

    id: int
    text: str
    bytes_hex: str
    probability: float
    rank: int


def token_probability(
    piece: bytes, *, token: int, log_probability: float, rank: int
) -> TokenProbability:
    """Describe one token of a distribution."""
    return TokenProbability(
        id=token,
        text=piece_text(piece),
        bytes_hex=piece.hex(),
        probability=math.exp(log_probability),
        rank=rank,
    )


def piece_text(piece: bytes) -> str:
    r"""Return a piece as text; bytes that are not UTF-8 become \xNN."""
    return piece.decode("utf-8", errors="backslashreplace")


class StartRecord(Record):
    """The distribution after one start.

    Attributes:
        entropy_bits: Shannon entropy H = -sum p log2 p, over the whole vocabulary.
        effective_tokens: 2^H, the number of equally likely tokens with the same entropy.
        padding_mass: probability on rows that belong to no token.
        control_mass: probability on control tokens, EOS included.
        keyword_mass: probability on all bare single-token keywords of the collection.
        js_to_first_bits: Jensen-Shannon divergence to the first start, in bits, 0 to 1.
    """

    name: str
    ids: list[int]
    pieces: list[str]
    reason: str
    entropy_bits: float
    effective_tokens: float
    padding_mass: float
    control_mass: float
    keyword_mass: float
    js_to_first_bits: float
    top: list[TokenProbability]


class ItemsNeeded(Record):
    """How many of a group's tokens, best first, reach a share of the group's own mass.

    The smallest n whose n best tokens hold at least the share; the paper prints one less.
    None where the group has no mass.
    """

    share: float
    keywords: int | None
    special_tokens: int | None


class PaperMetrics(Record):
    """The metrics of arXiv 2601.02563 under its own definitions, at temperature 1.

    Attributes:
        n_keywords: words in the list; n_single_token of them are one bare token.
        pkp: sum of the probabilities of bare single-token keywords; split keywords count 0.
        kap: pkp / n_keywords, which therefore says nothing that pkp does not.
        stp: sum over tokens that contain ASCII punctuation other than `_`.
        nlp: sum over the English control set; the paper's own list is unpublished.
        coverage: n_single_token / n_keywords.
    """

    collection: str
    n_keywords: int
    n_single_token: int
    coverage: float
    pkp: float
    kap: float
    n_special_tokens: int
    stp: float
    n_control_words: int
    nlp: float
    items_needed: list[ItemsNeeded]
    top_keywords: list[TokenProbability]
    top_special_tokens: list[TokenProbability]
    indentation: list[TokenProbability]


class IdRanks(Record):
    """Token ids of the bare single-token keywords. An id is a merge order, not a frequency."""

    mean: float | None
    median: float | None
    maximum: int | None
    mean_over_size: float | None


class LeaveOneOut(Record):
    """The mass that stays when one word is left out."""

    word: str
    share_of_mass: float
    mass_without: float


class VariantMass(Record):
    """Probability on the tokens whose bytes are exactly a variant of the language's words."""

    variant: str
    n_tokens: int
    mass: float


class LanguageRecord(Record):
    """One language's keywords at the first start.

    Attributes:
        n_words: words of the table; n_single_token are one bare token, n_split are several, and
            n_unspellable hold a character that the tokenizer has no token for.
        mass: in all forms: over the distinct tokens of all variants, which are bare, after one
            space, newline or tab, and in another case bare or after a space.
        split_mass: sum over split words of the product of their pieces' probabilities; null where
            some of them were not measured.
        bare_and_split_mass: the mass of the words as bare spellings, however many tokens.
        geometric_mean: exp of the mean log-probability of all bare and split words; null likewise.
        best_rank, median_rank: of bare single tokens among the whole vocabulary, from 1.
        n_control, control_mass: English words matched to the bare single-token keywords.
        odds_ratio: [m / (1 - m)] / [c / (1 - c)] of the matched keywords' mass m and c.
        random_mean, random_q975: mass of random token sets as large as the bare set: their
            mean and 97.5 % quantile.
        random_p: share of random sets with at least the mass, (1 + hits) / (1 + draws).
    """

    language: str
    title: str
    version: str
    n_words: int
    n_single_token: int
    n_split: int
    n_unspellable: int
    variants: list[VariantMass]
    mass: float
    split_mass: float | None
    bare_and_split_mass: float | None
    geometric_mean: float | None
    best_word: str | None
    best_rank: int | None
    median_rank: float | None
    id_ranks: IdRanks
    leave_one_out: list[LeaveOneOut]
    n_control: int
    control_mass: float | None
    odds_ratio: float | None
    random_mean: float
    random_q975: float
    random_p: float


class ClassMass(Record):
    """Probability on a token class at the first start."""

    name: str
    n_tokens: int
    mass: float
    best_rank: int


class ModelProbe(Record):
    """One model's cold start."""

    model: ModelRecord
    starts: list[StartRecord]
    classes: list[ClassMass]
    paper: PaperMetrics
    languages: list[LanguageRecord]
    split_words_measured: bool


class TokenLevelComparison(Record):
    """Two cold starts, token by token; only where the vocabularies are equal.

    Attributes:
        js_bits: Jensen-Shannon divergence between the first starts, in bits.
        kl_bits: KL divergence from the first model's distribution to this one's, in bits.
        refused: why there is no number, or None.
    """

    model: str
    js_bits: float | None
    kl_bits: float | None
    refused: str | None


class ProbeResult(Result):
    """What `pyengine probe` found. The seed is that of the random token sets and the control."""

    kind: str = "probe"
    random_draws: int
    models: list[ModelProbe]
    against_first: list[TokenLevelComparison]
