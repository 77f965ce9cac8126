"""One comparison as it lies on disk."""

from pyengine.comparison.records import Choice
from pyengine.results import Record


class QualityRecord(Record):
    """One variant against the reference; the per-token numbers lie beside it.

    Attributes:
        key: hash of everything that decides the measurement.
        arrays_sha256: of the file with the per-token numbers.
        start_ids: tokens of the cold start.
        prefix: tokens that every window begins with.
        reference_keyword_mass, variant_keyword_mass: probability, at the cold start, of all
            tokens that are a keyword of any language in any spacing: bare or after one space,
            newline or tab.
        keyword_masses: per language, (reference, variant).
        cold_top: the variant's most probable tokens at the cold start.
        devices: those that computed both models.
        longest_context: tokens of the longest context that the variant was given.
        n_ctx_train: context that the variant was trained with.
    """

    key: str
    variant_sha256: str
    reference_sha256: str
    n_tokens: int
    n_documents: int
    n_bytes: int | None
    start_ids: list[int]
    prefix: list[int]
    reference_keyword_mass: float
    variant_keyword_mass: float
    keyword_masses: dict[str, tuple[float, float]]
    cold_top: list[Choice]
    devices: list[str]
    arrays_sha256: str
    longest_context: int
    n_ctx_train: int
