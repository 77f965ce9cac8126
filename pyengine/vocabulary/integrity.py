"""Integrity of a tokenizer: texts that do not come back, and tokens that are not what they seem."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine.errors import TokenizerError
from pyengine.vocabulary.offsets import spell
from pyengine.vocabulary.piece_features import PieceFeatures
from pyengine.vocabulary.tokens import TokenKind

if TYPE_CHECKING:
    from pyengine.models.model import Vocabulary

_SEED = 20_261_121
_REPLACEMENT = "\ufffd".encode()
_SCRIPTS = (
    "Grüße, naïve façade – ½ € “x”",
    "Съешь ещё этих мягких булок",
    "Ζαφείρι δέξου πάγκαλο",
    "דג סקרן שט בים",
    "نص حكيم له سر قاطع",
    "ऋषियों को सताने वाले",
    "เป็นมนุษย์สุดประเสริฐ",
    "いろはにほへと チリヌルヲ",
    "天地玄黃宇宙洪荒",
    "다람쥐 헌 쳇바퀴에",
    "ﬁ Ⅷ ﷺ Å Å ẛ̣",
)
_CODE = (
    b"def f(x):\n    return {'a': [x ** 2, -1]}  # done\n",
    b'int main(void)\n{\n\treturn puts("a\\tb\\n") != EOF;\n}\n',
    b'<div class="a">{items.map((x) => <p key={x}>{x}</p>)}</div>\r\n',
    b"fn f<'a>(s: &'a str) -> Option<&'a [u8]> { None }\n",
)
_EMOJI = ("👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇪🇺", "🙂🙃", "e\u0301 = é, a\u0300\u0301")


@dataclass(frozen=True)
class RoundTrip:
    """How many texts of one kind came back byte for byte, and the first that did not.

    failed: the detokenizer gave other bytes; misspelled: the pieces themselves, put together,
    are other bytes (but for a space that the tokenizer puts before a text). Where failed exceeds
    misspelled, the detokenizer cleans up spaces.
    """

    kind: str
    tested: int
    failed: int
    misspelled: int
    example: bytes | None = None
    came_back: bytes | None = None


@dataclass(frozen=True)
class PieceFaults:
    """Tokens whose pieces are shared or broken; each array holds sorted int64 ids.

    duplicate: tokens with bytes that another token has too. colliding: tokens whose bytes decode,
    with U+FFFD for what is invalid, to the same text as another token's, so that a table keyed by
    text would mix them up; lost: how many entries such a table would lose. invalid: pieces that
    are not valid UTF-8. Control tokens, padding rows and empty pieces are left out.
    """

    duplicate: npt.NDArray[np.int64]
    colliding: npt.NDArray[np.int64]
    lost: int
    invalid: npt.NDArray[np.int64]


def round_trips(vocabulary: Vocabulary) -> tuple[RoundTrip, ...]:
    """Encode and decode texts of every kind."""
    groups: Mapping[str, Iterable[bytes]] = {
        "printable ASCII": _printable(),
        "code": _CODE,
        "white space": _white_space(),
        "control characters": (bytes([i]) + b"x" for i in (*range(9), *range(14, 32), 127)),
        "scripts of the world": (text.encode() for text in _SCRIPTS),
        "emoji and combining marks": (text.encode() for text in _EMOJI),
        "random characters": _random_characters(),
        "special tokens as text": _special_texts(vocabulary),
        "bytes that are not UTF-8": _invalid(),
    }
    found = (_round_trip(vocabulary, kind, group) for kind, group in groups.items())
    return tuple(result for result in found if result.tested)


def piece_faults(features: PieceFeatures, repeated: npt.NDArray[np.integer]) -> PieceFaults:
    """Find tokens with equal bytes, with equal decoded text, and with invalid bytes.

    `repeated` are the ids of all tokens, of whatever kind, whose bytes another has too, in order
    (`Vocabulary.repeated_pieces`).
    """
    pieces = features.pieces
    texts = features.text
    suspects = repeated[texts[repeated]]
    duplicate = _repeated(suspects, pieces.take(suspects))
    # Only invalid bytes become U+FFFD, so only those pieces and ones with a true U+FFFD can meet.
    written = [found.start() for found in re.finditer(_REPLACEMENT, pieces.data.tobytes())]
    holders = np.searchsorted(pieces.offsets, np.array(written, np.int64), side="right") - 1
    invalid = np.flatnonzero(texts & ~features.valid)
    candidates = _union(pieces.size, invalid, holders[texts[holders]])
    keys = [p.decode("utf-8", "replace").encode() for p in pieces.take(candidates)]
    colliding = _union(pieces.size, duplicate, _repeated(candidates, keys))
    lost = len(colliding) - len({p.decode("utf-8", "replace") for p in pieces.take(colliding)})
    return PieceFaults(duplicate, colliding, lost, invalid)


def special_token_faults(
    vocabulary: Vocabulary, metadata: Mapping[str, str]
) -> list[dict[str, str]]:
    """Find declared special tokens that are missing, and needed ones that are not declared.

    Returns:
        for each: token (its name), declared (its id as written, or empty) and fault: "outside"
        of the vocabulary, an "empty" piece, a "normal" token of text, or "undeclared" though it
        is to be added to texts.
    """
    faults = []
    for key, value in sorted(metadata.items()):
        if not (key.startswith("tokenizer.ggml.") and key.endswith("_token_id")):
            continue
        name = key.removeprefix("tokenizer.ggml.").removesuffix("_id")
        if not value.isdigit() or int(value) >= vocabulary.size:
            faults.append({"token": name, "declared": value, "fault": "outside"})
        elif not vocabulary.piece(int(value)):
            faults.append({"token": name, "declared": value, "fault": "empty"})
        elif vocabulary.kinds[int(value)] == TokenKind.NORMAL:
            faults.append({"token": name, "declared": value, "fault": "normal"})
    for asked, token, name in (
        (vocabulary.add_bos, vocabulary.bos, "BOS"),
        (vocabulary.add_eos, vocabulary.eos, "EOS"),
    ):
        if asked and token is None:
            faults.append({"token": name, "declared": "", "fault": "undeclared"})
    return faults


def _union(size: int, *groups: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Join sets of indices below `size`; np.union1d would import numpy.ma, which takes longer."""
    member = np.zeros(size, bool)
    for group in groups:
        member[group] = True
    return np.flatnonzero(member)


def _repeated(tokens: npt.NDArray[np.integer], keys: list[bytes]) -> npt.NDArray[np.int64]:
    if len(set(keys)) == len(keys):
        return np.zeros(0, np.int64)
    counts = Counter(keys)
    repeated = np.array([counts[key] > 1 for key in keys], bool)
    found: npt.NDArray[np.int64] = tokens[repeated].astype(np.int64)
    return found


def _round_trip(vocabulary: Vocabulary, kind: str, texts: Iterable[bytes]) -> RoundTrip:
    tested = failed = misspelled = 0
    first: tuple[bytes, bytes] | None = None
    for text in texts:
        tested += 1
        try:
            ids = vocabulary.tokenize(text)
        except TokenizerError:  # no token for a byte
            ids = np.zeros(0, np.int32)
        back = vocabulary.detokenize(ids[ids >= 0])  # negative: no token for a byte, either
        misspelled += not spell(vocabulary, ids, text)
        if back != text:
            failed += 1
            first = first or (text, back)
    return RoundTrip(kind, tested, failed, misspelled, *(first or (None, None)))


def _printable() -> Iterator[bytes]:
    yield bytes(range(32, 127))
    for first in range(33, 127):
        yield b"a" + bytes([first]) + b" " + bytes([first])


def _white_space() -> Iterator[bytes]:
    for blank in (b" ", b"\t", b"\n", b"\r\n", "\u00a0".encode(), "\u3000".encode()):
        for count in (1, 2, 3, 4, 7, 8, 16, 31, 64, 200):
            yield b"a" + blank * count + b"b"
    yield from (b" leading", b"  leading", b"trailing ", b"trailing\n\n", b"\n", b" ", b"\t\n \t")


def _random_characters() -> Iterator[bytes]:
    rng = random.Random(_SEED)  # numpy's takes longer to import than all tests
    for _ in range(40):
        codes = (rng.randrange(0x20, 0x2FFFF) for _ in range(24))
        yield "".join(chr(code) for code in codes if not 0xD800 <= code <= 0xDFFF).encode()


def _special_texts(vocabulary: Vocabulary) -> Iterator[bytes]:
    control = np.flatnonzero(vocabulary.kinds == TokenKind.CONTROL)[:20]
    for token in control.tolist():
        piece = vocabulary.piece(token)
        if piece:
            yield b"a " + piece + b" b"


def _invalid() -> Iterator[bytes]:
    yield from (bytes([byte]) for byte in range(128, 256))
    yield from (b"\xe4\xb8", b"a\xffb", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf")
