"""What an evaluation took, and how its samples ended."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.code.answers import Answer
from pyengine.models.generation import GenerationStatistics
from pyengine.run.measurement import Measurement


def cost(
    answers: Sequence[Answer], statistics: GenerationStatistics, *, model: str
) -> list[Measurement]:
    """Return what was read and written, and shares of samples.

    Prompt tokens, seconds and speed are of what was generated in this run: there is no speed
    where every task was finished before.
    """
    samples = [sample for answer in answers for sample in answer["samples"]]
    n = len(samples)
    seconds = statistics.prompt_s + statistics.generation_s
    values: dict[str, float] = {
        "prompt_tokens": statistics.prompt_tokens,
        "written_tokens": sum(sample["tokens"] for sample in samples),
        "writing_seconds": seconds,
        "execution_seconds": sum(sample["wall_s"] for sample in samples),
        "thinking_share": sum(bool(sample["thinking"]) for sample in samples) / n,
        "trimmed_share": sum(sample["trimmed"] for sample in samples) / n,
        "length_share": sum(sample["finish"] == "length" for sample in samples) / n,
    }
    if seconds:
        values["writing_speed"] = statistics.generated_tokens / seconds
    return [
        Measurement(metric, model, "", "", value, n=n, n_clusters=len(answers))
        for metric, value in values.items()
    ]
