"""`pyengine tokenize` as a document: the text cut into its tokens, then every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pyengine.report.document import Block, Document, Paragraph, Passage, PassageToken
from pyengine.report.listing import listing
from pyengine.report.numbers import count
from pyengine.report.pieces import visible
from pyengine.report.tables import Table
from pyengine.report.words import say
from pyengine.run.record import Run

Token: TypeAlias = Mapping[str, Any]

# Two weights that every view tells apart, one after the other.
_SHADES = (0.2, 0.6)


def tokenize_document(run: Run, *, rows: int = 200) -> Document:
    """Show the text with its token borders and a table of its first `rows` tokens."""
    (content,) = run.shown("tokens")
    tokens = content["tokens"]
    blocks: list[Block] = [Paragraph(_summary(run, content), "strong")]
    if tokens:
        blocks += [_passage(tokens)]
    if tokens and rows:
        blocks += [_table(tokens, rows)]
    return Document(f"Tokens of {run.options['source']} in {run.models[0].name}", tuple(blocks))


def _summary(run: Run, content: Mapping[str, Any]) -> str:
    model = run.models[0]
    tokenizer = f"{model.tokenizer} {model.pre_tokenizer}".strip()
    density = run.find("bytes_per_token", model.id)
    failed = run.find("round_trip_failures", model.id)
    return say(
        "answers",
        "tokenize",
        n_bytes=content["n_bytes"],
        n=len(content["tokens"]),
        tokenizer=tokenizer,
        density=density.value if density is not None and density.value > 0 else None,
        what="the same" if failed is not None and failed.value == 0 else "other",
    )


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
    notes = ["Every other token is marked. · space, ⇥ tab, ⏎ newline, <E4> a lone byte."]
    return Passage("", tuple(shown), tuple(notes))


def _table(tokens: Sequence[Token], rows: int) -> Table:
    left = len(tokens) - rows
    notes = [f"{count(left)} more tokens are in --json."] if left > 0 else []
    if any(token["start"] is None for token in tokens):
        notes.append("– : added to the text, or the tokenizer changed the text.")
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
    return listing("tokens", shown, notes=notes)


def _piece(token: Token) -> str:
    return visible(bytes.fromhex(token["bytes_hex"])) or "∅"
