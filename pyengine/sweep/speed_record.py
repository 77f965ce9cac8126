"""One speed measurement as it lies on disk; apart, because its process must stay small."""

from pyengine.results import Record


class SpeedRecord(Record):
    """Load time, memory and speed of one model on one machine.

    Attributes:
        load_seconds: of each opening; the file is in the page cache after the first.
        prompt_tokens_per_second: of each repetition, the whole prompt in one batch.
        generated_tokens_per_second: of each repetition, token by token.
        peak_memory_bytes: largest resident size of the process, mapped weights included.
        empty_memory_bytes: its resident size before the model was opened.
        devices: those that computed it.
    """

    key: str
    variant_sha256: str
    machine: str
    threads: int
    load_seconds: list[float]
    prompt_tokens: int
    prompt_tokens_per_second: list[float]
    generated_tokens: int
    generated_tokens_per_second: list[float]
    peak_memory_bytes: int
    empty_memory_bytes: int
    devices: list[str]
