"""The tokens of one text, as a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pyengine.errors import TokenizerError
from pyengine.results import Record, Result, provenance
from pyengine.vocabulary.offsets import token_offsets
from pyengine.vocabulary.tokens import TokenKind, piece_text

if TYPE_CHECKING:
    from pyengine.engine.model import Model


class TokenRecord(Record):
    """One token of a text.

    text: its bytes as UTF-8, with what is not valid written as \\xNN; bytes_hex: its exact bytes.
    start, end: the bytes of the text that it covers; None where the pieces do not spell the text.
    kind: normal, control, user_defined, byte, unknown or unused; missing, with a negative id,
    where the tokenizer has no token for a byte.
    """

    id: int
    text: str
    bytes_hex: str
    start: int | None
    end: int | None
    kind: str


class TokenizeResult(Result):
    """What `pyengine tokenize` found. round_trip: the tokens decode to the same bytes."""

    kind: Literal["tokenize"] = "tokenize"
    path: str
    name: str
    tokenizer: str
    pre_tokenizer: str
    source: str
    n_bytes: int
    add_special: bool
    parse_special: bool
    round_trip: bool
    tokens: list[TokenRecord]


def tokenize_text(
    model: Model,
    content: bytes,
    *,
    source: str = "text",
    add_special: bool = False,
    parse_special: bool = False,
) -> TokenizeResult:
    """Tokenize a text and say where every token lies in it.

    Raises TokenizerError for a model without a tokenizer.
    """
    vocabulary = model.vocabulary
    if vocabulary.kind == "none":
        raise TokenizerError(f"{model.path}: the file has no tokenizer (its kind is `none`)")
    ids = vocabulary.tokenize(content, add_special=add_special, parse_special=parse_special)
    body = vocabulary.tokenize(content, parse_special=parse_special) if add_special else ids
    offsets = token_offsets(vocabulary, body, content)
    before = _position(ids.tolist(), body.tolist())
    kinds = vocabulary.kinds
    tokens = []
    for place, token in enumerate(ids.tolist()):
        piece = vocabulary.piece(token) if token >= 0 else b""
        inside = offsets is not None and 0 <= place - before < len(body)
        tokens.append(
            TokenRecord(
                id=token,
                text=piece_text(piece),
                bytes_hex=piece.hex(),
                start=int(offsets[place - before]) if inside and offsets is not None else None,
                end=int(offsets[place - before + 1]) if inside and offsets is not None else None,
                kind=TokenKind(int(kinds[token])).name.lower() if token >= 0 else "missing",
            )
        )
    return TokenizeResult(
        provenance=provenance(threads=1, devices=[]),
        path=str(model.path),
        name=model.name,
        tokenizer=vocabulary.kind,
        pre_tokenizer=vocabulary.pre_tokenizer,
        source=source,
        n_bytes=len(content),
        add_special=add_special,
        parse_special=parse_special,
        round_trip=bool((body >= 0).all()) and vocabulary.detokenize(body) == content,
        tokens=tokens,
    )


def _position(ids: list[int], body: list[int]) -> int:
    """Return how many tokens were added before the body."""
    extra = len(ids) - len(body)
    return next((n for n in range(extra + 1) if ids[n : n + len(body)] == body), 0)
