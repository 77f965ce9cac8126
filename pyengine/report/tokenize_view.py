"""`pyengine tokenize` as a document: the text cut into its tokens, then every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pyengine.report.document import Block, Document, Paragraph, Passage, PassageToken
from pyengine.report.listing import listing
from pyengine.report.pieces import visible
from pyengine.report.sentences import vocabulary
from pyengine.report.tables import Table
from pyengine.run.record import Run

Token: TypeAlias = Mapping[str, Any]

# Two weights that every view tells apart, one after the other.
_SHADES = (0.2, 0.6)


def tokenize_document(run: Run, *, rows: int = 200) -> Document:
    """Show the text with its token borders and a table of its first `rows` tokens."""
    (content,) = run.shown("tokens")
    tokens = content["tokens"]
    blocks: list[Block] = [Paragraph(vocabulary.tokenize_sentence(run, content), "strong")]
    if tokens:
        blocks += [_passage(tokens)]
    if tokens and rows:
        blocks += [_table(tokens, rows)]
    return Document(f"Tokens of {run.options['source']} in {run.models[0].name}", tuple(blocks))


def _passage(tokens: Sequence[Token]) -> Passage:
    shown = [
        PassageToken(
            text=_piece(token),
            weight=_SHADES[place % 2],
            hint=f"id {token['id']}",
            ends_line=bytes.fromhex(token["bytes_hex"]).endswith(b"\n"),
        )
        for place, token in enumerate(tokens)
    ]
    return Passage("", tuple(shown), (vocabulary.marks_sentence(),))


def _table(tokens: Sequence[Token], rows: int) -> Table:
    shown = [
        {
            **token,
            "place": place,
            "piece": _piece(token),
            "bytes": None
            if token["start"] is None or token["end"] is None
            else f"{token['start']}–{token['end']}",
        }
        for place, token in enumerate(tokens[:rows])
    ]
    return listing("tokens", shown, notes=vocabulary.tokens_sentences(tokens, rows))


def _piece(token: Token) -> str:
    return visible(bytes.fromhex(token["bytes_hex"])) or "∅"
