"""What two tokenizers have in common, and where they differ most."""

from __future__ import annotations

from collections.abc import Iterator

from pyengine.measure.vocab_analysis import Analysed
from pyengine.run.measurement import Measurement, group_of
from pyengine.run.record import Exhibit
from pyengine.vocabulary.sharing import compare_vocabularies


def pair_rows(a: Analysed, b: Analysed, *, identical: bool) -> Iterator[Measurement]:
    """Yield what the vocabularies of a and b share and, where they differ, what code costs.

    Numbers that depend on the direction stand both ways; the others have a as reference.
    """
    found = compare_vocabularies(a.tokenizer.features, b.tokenizer.features)
    for model, reference, size, last in (
        (a.id, b.id, found.size_a, found.last_a),
        (b.id, a.id, found.size_b, found.last_b),
    ):
        share = found.common / size if size else 0.0
        yield Measurement("shared_tokens", model, reference, "", share, n=size)
        if last is not None:
            yield Measurement("same_order_last", model, reference, "", float(last))
    yield Measurement("same_ids", b.id, a.id, "", float(found.same_ids))
    yield Measurement("same_order", b.id, a.id, "", float(found.same_order))
    if not identical:
        yield from _token_ratios(a, b)


def _token_ratios(a: Analysed, b: Analysed) -> Iterator[Measurement]:
    for language, left in a.fertility.items():
        right = b.fertility[language]
        if left.tokens and right.tokens:
            value = (right.tokens / right.n_bytes) / (left.tokens / left.n_bytes)
            group = group_of({"language": language})
            yield Measurement("token_ratio", b.id, a.id, group, value)


def pair_exhibits(a: Analysed, b: Analysed) -> Iterator[Exhibit]:
    """Yield the keywords of the first collection that one keeps whole and the other does not.

    Kind whole_words_only: reference (the other tokenizer) and words.
    """
    whole_a, whole_b = _whole_words(a), _whole_words(b)
    for item, other, mine, theirs in ((a, b, whole_a, whole_b), (b, a, whole_b, whole_a)):
        content = {"reference": other.id, "words": [word for word in mine if word not in theirs]}
        yield Exhibit(kind="whole_words_only", model=item.id, content=content)


def _whole_words(item: Analysed) -> dict[str, None]:
    parts = next(iter(item.coverage.values())).values()
    return {w.keyword.word: None for part in parts for w in part.words if w.bare is not None}
