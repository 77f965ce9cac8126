"""The tokens of one text: ids, pieces and the bytes that each covers."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from pyengine.errors import TokenizerError
from pyengine.measure.models import model_info, variant_ids
from pyengine.measure.provenance import provenance
from pyengine.models.model import Model, Vocabulary
from pyengine.run.measurement import NAN, Measurement
from pyengine.run.record import Exhibit, Run
from pyengine.vocabulary.offsets import token_offsets
from pyengine.vocabulary.tokens import TokenKind, piece_text


def tokenize_text(
    model: Model,
    content: bytes,
    *,
    source: str = "text",
    add_special: bool = False,
    parse_special: bool = False,
) -> Run:
    """Tokenize a text and say where every token lies in it.

    Returns:
        a run with one exhibit of kind "tokens": n_bytes of the text and tokens. Of each token:
        id, negative where the tokenizer has none for a byte; text, with what is no UTF-8 as
        \\xNN; bytes_hex; start and end, the bytes of the text that it covers, None where the
        pieces do not spell the text; kind, of `TokenKind` or "missing".

    Raises:
        TokenizerError: the model has no tokenizer.
    """
    vocabulary = model.vocabulary
    if vocabulary.kind == "none":
        raise TokenizerError(f"{model.path}: the file has no tokenizer (its kind is `none`)")
    ids = vocabulary.tokenize(content, add_special=add_special, parse_special=parse_special)
    body = vocabulary.tokenize(content, parse_special=parse_special) if add_special else ids
    comes_back = bool((body >= 0).all()) and vocabulary.detokenize(body) == content
    (name,) = variant_ids([model.path])
    tokens = _tokens(vocabulary, ids.tolist(), body, content)
    density = len(content) / len(tokens) if tokens else NAN
    return Run(
        command="tokenize",
        options={"source": source, "add_special": add_special, "parse_special": parse_special},
        provenance=provenance(threads=1, devices=[]),
        models=[model_info(name, model)],
        measurements=[
            Measurement("bytes_per_token", name, "", "", density, n=len(tokens)),
            Measurement("round_trip_failures", name, "", "", float(not comes_back), n=1),
        ],
        exhibits=[
            Exhibit(kind="tokens", model=name, content={"n_bytes": len(content), "tokens": tokens})
        ],
    )


def _tokens(
    vocabulary: Vocabulary, ids: list[int], body: npt.NDArray[Any], content: bytes
) -> list[dict[str, Any]]:
    offsets = token_offsets(vocabulary, body, content)
    places = [] if offsets is None else offsets.tolist()
    before = _position(ids, body.tolist())
    kinds = vocabulary.kinds
    tokens = []
    for place, token in enumerate(ids):
        piece = vocabulary.piece(token) if token >= 0 else b""
        inside = bool(places) and 0 <= place - before < len(body)
        tokens.append(
            {
                "id": token,
                "text": piece_text(piece),
                "bytes_hex": piece.hex(),
                "start": places[place - before] if inside else None,
                "end": places[place - before + 1] if inside else None,
                "kind": TokenKind(int(kinds[token])).name.lower() if token >= 0 else "missing",
            }
        )
    return tokens


def _position(ids: list[int], body: list[int]) -> int:
    """Return how many tokens were added before the body."""
    extra = len(ids) - len(body)
    return next((n for n in range(extra + 1) if ids[n : n + len(body)] == body), 0)
