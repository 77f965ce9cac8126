"""What several recipes put into a run: rows of one model, and notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Exhibit, Note
from pyengine.text.windows import WindowOptions

Finding: TypeAlias = Measurement | Exhibit | Note
_WHOLE: Mapping[str, str] = MappingProxyType({})


def measured(
    model: str, metric: str, value: float, n: int = 0, members: Mapping[str, str] = _WHOLE
) -> Measurement:
    """Return a number of one model alone, of a group of n things."""
    return Measurement(metric, model, "", group_of(members), float(value), n=n)


def by_kind(found: Iterable[Finding]) -> dict[str, Any]:
    """Return the measurements, exhibits and notes of a `Run`."""
    every = list(found)
    return {
        "measurements": [one for one in every if isinstance(one, Measurement)],
        "exhibits": [one for one in every if isinstance(one, Exhibit)],
        "notes": [one for one in every if isinstance(one, Note)],
    }


def fitted(asked: int, positions: int | None) -> tuple[int, list[Note]]:
    """Return how long a context may be with so many learned positions, and a note where less."""
    if positions is None or asked <= positions:
        return asked, []
    values = {"asked": asked, "positions": positions}
    return positions, [Note(code="fitted-to-positions", values=values)]


def fewest_positions(found: Iterable[int | None]) -> int | None:
    """Return the fewest learned positions of some models; None where none learned any."""
    return min((positions for positions in found if positions is not None), default=None)


def beyond_trained(trained: Iterable[tuple[str, int]], positions: int) -> list[Note]:
    """Return a note for each model that was given more positions than it was trained with.

    Args:
        trained: id and trained positions of each model; 0 where they are unknown.
    """
    return [
        Note(
            code="beyond-trained-context",
            model=model,
            values={"positions": positions, "trained": n_ctx},
        )
        for model, n_ctx in trained
        if 0 < n_ctx < positions
    ]


def variant_failed(model: str, failure: Mapping[str, str], chunk: str = "open") -> Note:
    """Note that a variant has no numbers from a chunk on; for `failure` see `failure_values`."""
    return Note(code="variant-failed", model=model, values={**failure, "chunk": chunk})


def fewer_tokens(n_tokens: int, longest: int, options: WindowOptions) -> list[Note]:
    """Note that documents were cut to pieces and the tokens asked for were not reached.

    Args:
        longest: tokens of the longest document.
    """
    most, asked = options.document_tokens, options.max_tokens
    if most is None or longest <= most or (asked is not None and n_tokens >= asked):
        return []
    values = {"tokens": n_tokens, "asked": asked, "document_tokens": most}
    return [Note(code="fewer-tokens", values=values)]


def documents_left_out(names: list[str], model: str = "") -> list[Note]:
    """Note the documents that a tokenizer refuses, if there are any."""
    return [Note(code="documents-left-out", model=model, values={"names": names})] if names else []


def turns_left_out(n: int) -> list[Note]:
    """Note the assistant's messages that a chat template does not show as they were written."""
    return [Note(code="turns-left-out", values={"n": n})] if n else []


def race_ended(left: Sequence[str], *, whole: bool) -> list[Note]:
    """Note that measuring stopped because enough was known, or that it ended before that.

    Args:
        left: the variants of which more was asked than is known.
        whole: all documents were measured.
    """
    notes = [] if whole else [Note(code="stopped-early", values={"why": "precision"})]
    return notes + [Note(code="not-known", model=model, values={}) for model in left]
