"""`pyengine tokenize` as a document: the text cut into its tokens, then every token."""

from __future__ import annotations

from pyengine.reports.numbers import count, fixed
from pyengine.reports.pieces import visible
from pyengine.reports.tables import (
    Block,
    Cell,
    Column,
    Document,
    Paragraph,
    Passage,
    PassageToken,
    Table,
    table,
)
from pyengine.vocabulary.tokenization import TokenizeResult, TokenRecord

# Two weights that every view tells apart, one after the other.
_SHADES = (0.2, 0.6)


def tokenize_document(result: TokenizeResult, *, rows: int = 200) -> Document:
    """Show the text with its token borders and a table of its first `rows` tokens."""
    blocks: list[Block] = [Paragraph(_summary(result), "strong")]
    if result.tokens:
        blocks += [_passage(result)]
    if result.tokens and rows:
        blocks += [_table(result, rows)]
    return Document(f"Tokens of {result.source} in {result.name}", tuple(blocks))


def _summary(result: TokenizeResult) -> str:
    n_tokens = len(result.tokens)
    tokenizer = f"{result.tokenizer} {result.pre_tokenizer}".strip()
    text = f"{count(result.n_bytes)} bytes are {count(n_tokens)} tokens ({tokenizer}"
    if n_tokens and result.n_bytes:
        text += f", {fixed(result.n_bytes / n_tokens)} bytes per token"
    text += "). "
    if result.round_trip:
        return text + "Decoding them gives the same bytes."
    return text + "Decoding them gives other bytes."


def _passage(result: TokenizeResult) -> Passage:
    tokens = [
        PassageToken(
            text=visible(bytes.fromhex(token.bytes_hex)) or "∅",
            weight=_SHADES[place % 2],
            hint=f"id {token.id}",
            ends_line=bytes.fromhex(token.bytes_hex).endswith(b"\n"),
        )
        for place, token in enumerate(result.tokens)
    ]
    notes = ["Every other token is marked. · space, ⇥ tab, ⏎ newline, <E4> a lone byte."]
    return Passage("", tuple(tokens), tuple(notes))


def _table(result: TokenizeResult, rows: int) -> Table:
    shown = [
        (
            Cell(count(place), place),
            Cell(str(token.id), token.id),
            Cell(visible(bytes.fromhex(token.bytes_hex)) or "∅", token.text, "strong"),
            _place(token),
            Cell(token.bytes_hex),
            token.kind,
        )
        for place, token in enumerate(result.tokens[:rows])
    ]
    columns = (
        Column("#", "right"),
        Column("id", "right"),
        Column("piece"),
        Column("bytes", "right"),
        Column("in hexadecimal", drop=2, name="bytes_hex"),
        Column("kind", drop=1),
    )
    left = len(result.tokens) - rows
    notes = [f"{count(left)} more tokens are in --json."] if left > 0 else []
    if any(token.start is None for token in result.tokens):
        notes.append("– : added to the text, or the tokenizer changed the text.")
    return table("", columns, shown, notes=notes)


def _place(token: TokenRecord) -> Cell | None:
    if token.start is None or token.end is None:
        return None
    return Cell(f"{token.start}–{token.end}", token.start)
