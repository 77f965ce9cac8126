"""Write out what keepers kept: positions, passages and lists of tokens, with their text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyengine.measure.start_tokens import Start
from pyengine.measure.table import Scored
from pyengine.models.model import Vocabulary
from pyengine.run.record import Exhibit
from pyengine.text.tokens import TokenizedText
from pyengine.vocabulary.keywords import KeywordTable
from pyengine.vocabulary.tokens import VocabularyLike

BYTES_BEFORE = 160


def table_exhibit(table: KeywordTable, *, collection: str = "") -> Exhibit:
    """Say whose words are counted; the collection is empty where only one is."""
    content = {
        "collection": collection,
        "language": table.language,
        "title": table.title,
        "version": table.version,
        "origin": table.origin,
    }
    return Exhibit(kind="keyword-table", model="", content=content)


def most_changed(parts: Iterable[tuple[int, list[dict[str, Any]]]], n: int) -> list[dict[str, Any]]:
    """Join what was kept of several chunks: the n most changed, of equal ones the earlier.

    Args:
        parts: for each chunk the index of its first row among all rows, and what it kept.

    Returns:
        what was kept, with its places counted through all rows.
    """
    everything = [
        {**kept, "places": [begin + place for place in kept["places"]]}
        for begin, found in parts
        for kept in found
    ]
    everything.sort(key=lambda kept: (-kept["worth"], kept["places"][0]))
    return everything[:n]


def position_content(
    kept: dict[str, Any],
    scored: Scored,
    documents: Sequence[TokenizedText],
    vocabulary: Vocabulary,
) -> dict[str, Any]:
    """Write out one position of large divergence.

    Keys: document, language, token_index (in the document), place (line and column from 1; null
    where unknown), before (text), target, class, kl, delta_p, reference_top and variant_top
    (see `top_content`).
    """
    row = kept["places"][0]
    document, token = documents[int(scored.document[row])], int(scored.token[row])
    return {
        "document": document.text.name,
        "language": document.text.language,
        "token_index": token,
        "place": document.place(token),
        "before": text_of(document.before(token, BYTES_BEFORE)),
        "target": text_of(vocabulary.piece(int(document.ids[token]))),
        "class": document.token_class(token),
        "kl": kept["kl"][0],
        "delta_p": kept["delta_p"][0],
        "reference_top": top_content(kept["reference"][0], vocabulary),
        "variant_top": top_content(kept["variant"][0], vocabulary),
    }


def passage_content(
    kept: dict[str, Any],
    scored: Scored,
    documents: Sequence[TokenizedText],
    vocabulary: Vocabulary,
) -> dict[str, Any]:
    """Write out a stretch of text.

    Keys: document, language, token_index and place of the first token (line and column from 1; null
    where unknown), mean_kl, and tokens: for each text, kl, reference_top and variant_top.
    """
    rows = kept["places"]
    document, token = documents[int(scored.document[rows[0]])], int(scored.token[rows[0]])
    targets = document.ids[scored.token[rows]]
    return {
        "document": document.text.name,
        "language": document.text.language,
        "token_index": token,
        "place": document.place(token),
        "mean_kl": kept["worth"],
        "tokens": [
            {
                "text": text_of(vocabulary.piece(int(target))),
                "kl": kept["kl"][i],
                "reference_top": top_content(kept["reference"][i], vocabulary),
                "variant_top": top_content(kept["variant"][i], vocabulary),
            }
            for i, target in enumerate(targets)
        ],
    }


def start_exhibit(
    model: str, start: Start, top: Sequence[tuple[int, float]], vocabulary: VocabularyLike
) -> Exhibit:
    """Show what a model says at a start: name, ids, pieces, reason (a code) and top."""
    content = {
        "name": start.name,
        "ids": list(start.ids),
        "pieces": [text_of(vocabulary.piece(token)) for token in start.ids],
        "reason": start.reason,
        "top": top_content(top, vocabulary),
    }
    return Exhibit(kind="start", model=model, content=content)


def top_content(
    top: Sequence[tuple[int, float]], vocabulary: VocabularyLike
) -> list[dict[str, Any]]:
    """Write out the most probable tokens of a row: see `token_content`, and probability."""
    return [
        {**token_content(token, vocabulary), "probability": probability}
        for token, probability in top
    ]


def token_content(token: int, vocabulary: VocabularyLike) -> dict[str, Any]:
    """Write out a token: token (id), text, and hex where its bytes are not UTF-8."""
    data = vocabulary.piece(token)
    text = text_of(data)
    exact = {} if text.encode() == data else {"hex": data.hex()}
    return {"token": token, "text": text, **exact}


def text_of(data: bytes) -> str:
    """Decode bytes for the eye; ids are exact."""
    return data.decode(errors="replace")
