"""Cold and warm starts: what two models want to write before any text, and after a keyword."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.comparison.records import Choice, StartRecord
from pyengine.comparison.spots import choice_record
from pyengine.engine.model import Vocabulary
from pyengine.engine.session import Session
from pyengine.statistics import pair_statistics, restricted_statistics, top_k
from pyengine.vocabulary import KeywordTable, load_tables
from pyengine.vocabulary.coverage import find_forms, split_text

ALL_LANGUAGES = "all"
CONTEXTS_AT_ONCE = 32
COLD_CHOICES = 10


@dataclass(frozen=True)
class Context:
    """Token ids to start from, and the keyword set that is watched there."""

    kind: str
    language: str
    ids: list[int]


def keyword_ids(
    vocabulary: Vocabulary, table: KeywordTable, padding: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Return every token that is a keyword: bare or after a space, newline or tab, as written."""
    found = {
        token
        for word in table.words()
        for token in find_forms(vocabulary, word, cases=False).tokens
    }
    return np.array(sorted(found - set(padding.tolist())), dtype=np.int32)


def keyword_sets(
    vocabulary: Vocabulary, padding: npt.NDArray[np.int32]
) -> dict[str, npt.NDArray[np.int32]]:
    """Return the keyword tokens of every shipped language."""
    tables = load_tables()
    return {name: keyword_ids(vocabulary, table, padding) for name, table in tables.items()}


def contexts(
    vocabulary: Vocabulary,
    prefix: Sequence[int],
    cold: Sequence[int],
    n_positions: int | None = None,
) -> list[Context]:
    """List the cold start, each keyword of each language alone, and each language's sequence.

    `prefix` is what the tokenizer puts before a text; `cold` is the start token even where the
    tokenizer adds none. No context is longer than `n_positions`: a longer one is cut there.
    """
    found = [Context("cold", ALL_LANGUAGES, list(cold))]
    for language, table in load_tables().items():
        splits = {word: ids for word in table.words() if (ids := split_text(vocabulary, word))}
        found += [Context("keyword", language, [*prefix, *ids]) for ids in splits.values()]
        joined = split_text(vocabulary, " ".join(splits))
        if splits and joined:
            found.append(Context("sequence", language, [*prefix, *joined]))
    return [Context(each.kind, each.language, each.ids[:n_positions]) for each in found]


def compare_starts(
    reference: Session,
    variant: Session,
    wanted: Sequence[Context],
    sets: dict[str, npt.NDArray[np.int32]],
    padding: npt.NDArray[np.int32],
    *,
    progress: Callable[[float], None],
) -> list[StartRecord]:
    """Compare both models after every context, in batches; keywords are averaged by language."""
    everything = np.unique(np.concatenate(list(sets.values())))
    measured: list[tuple[Context, np.void, float, float]] = []
    for begin in range(0, len(wanted), CONTEXTS_AT_ONCE):
        some = wanted[begin : begin + CONTEXTS_AT_ONCE]
        rows_p = reference.batch_logits([context.ids for context in some])
        rows_q = variant.batch_logits([context.ids for context in some])
        pairs = pair_statistics(
            rows_p, rows_q, [-1] * len(some), padding=padding, threads=reference.threads
        )
        for i, context in enumerate(some):
            ids = everything if context.language == ALL_LANGUAGES else sets[context.language]
            mass_p, mass_q = _masses(rows_p[i : i + 1], rows_q[i : i + 1], ids, pairs[i : i + 1])
            measured.append((context, pairs[i], mass_p, mass_q))
        progress(len(measured) / len(wanted))
    return _records(measured)


def cold_top(session: Session, ids: Sequence[int], vocabulary: Vocabulary) -> list[Choice]:
    """Return the most probable tokens after a start."""
    return top_choices(session.logits(list(ids)), vocabulary)


def top_choices(logits: npt.NDArray[np.float32], vocabulary: Vocabulary) -> list[Choice]:
    """Return the most probable tokens of one row, padding rows included."""
    best = top_k(logits[None], min(COLD_CHOICES, len(logits)))[0]
    wide = logits.astype(np.float64)
    probabilities = np.exp(wide[best] - np.logaddexp.reduce(wide))
    return [
        choice_record((int(token), float(p)), vocabulary)
        for token, p in zip(best, probabilities, strict=True)
    ]


def _masses(
    rows_p: npt.NDArray[np.float32],
    rows_q: npt.NDArray[np.float32],
    ids: npt.NDArray[np.int32],
    whole: npt.NDArray[np.void],
) -> tuple[float, float]:
    if len(ids) == 0:
        return 0.0, 0.0
    kept = restricted_statistics(rows_p, rows_q, [-1], ids, whole)
    return float(kept.mass_p[0]), float(kept.mass_q[0])


def _records(measured: list[tuple[Context, np.void, float, float]]) -> list[StartRecord]:
    grouped: dict[tuple[str, str], list[tuple[Context, np.void, float, float]]] = {}
    for entry in measured:
        grouped.setdefault((entry[0].kind, entry[0].language), []).append(entry)
    return [_record(entries) for entries in grouped.values()]


def _record(entries: list[tuple[Context, np.void, float, float]]) -> StartRecord:
    first = entries[0][0]
    pairs = np.array([entry[1] for entry in entries])

    def mean(name: str) -> float:
        return float(np.mean(pairs[name]))

    return StartRecord.model_validate(
        {
            "kind": first.kind,
            "language": first.language,
            "n_contexts": len(entries),
            "ids": first.ids if first.kind == "cold" else [],
            "kl": mean("kl"),
            "kl_reverse": mean("kl_reverse"),
            "jensen_shannon": mean("jensen_shannon"),
            "total_variation": mean("total_variation"),
            "same_top": float(np.mean(pairs["argmax_p"] == pairs["argmax_q"])),
            "entropy_reference": mean("entropy_p"),
            "entropy_variant": mean("entropy_q"),
            "keyword_mass_reference": float(np.mean([entry[2] for entry in entries])),
            "keyword_mass_variant": float(np.mean([entry[3] for entry in entries])),
        }
    )
