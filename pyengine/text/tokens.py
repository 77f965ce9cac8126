"""Documents as a comparison needs them: tokens, where each token lies, and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.errors import TokenizerError
from pyengine.models.model import Vocabulary
from pyengine.text.classes import SyntaxClass, classify_bytes, classify_tokens
from pyengine.text.documents import CHAT, Document
from pyengine.text.parsing import PARSED_LANGUAGES
from pyengine.vocabulary.offsets import token_offsets

UNKNOWN_CLASS = "not parsed"


@dataclass(frozen=True)
class TokenizedText:
    """A document in one model's tokens.

    Attributes:
        text: the document.
        ids: its tokens, without any that the tokenizer adds.
        starts: offset of each token's first byte in the document, and the end of the last;
            None where the tokens do not spell the document.
        classes: SyntaxClass of each token; None where the document was not parsed.
        spoken: indices of the tokens that the assistant wrote, rising; None where every token is
            scored.
        refused: the tokenizer cannot split the document; it has no ids and is left out.
    """

    text: Document
    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64] | None
    classes: npt.NDArray[np.uint8] | None
    refused: bool = False
    spoken: npt.NDArray[np.int64] | None = None

    def token_class(self, index: int) -> str:
        """Return the name of a token's syntactic class."""
        return UNKNOWN_CLASS if self.classes is None else SyntaxClass(self.classes[index]).label

    def place(self, index: int) -> tuple[int, int] | None:
        """Return line and column of a token's first byte, from 1, a column being a character.

        None where the tokens do not spell the document.
        """
        if self.starts is None:
            return None
        before = self.text.content[: int(self.starts[index])]
        rest = before[before.rfind(b"\n") + 1 :]
        return before.count(b"\n") + 1, len(rest.decode(errors="ignore")) + 1

    def before(self, index: int, n_bytes: int) -> bytes:
        """Return up to n_bytes of the document before a token."""
        if self.starts is None:
            return b""
        begin = int(self.starts[index])
        return self.text.content[max(0, begin - n_bytes) : begin]


def tokenize(
    texts: Sequence[Document], vocabulary: Vocabulary, *, parse: bool = True
) -> list[TokenizedText]:
    """Split documents into tokens; none is added.

    Special tokens in a text are plain text, but for rendered conversations. A document that the
    tokenizer refuses, or a conversation that its tokens do not spell, is marked as such and does
    not end the others.
    """
    return [
        _tokenized(text, vocabulary, parse)
        if text.spoken is None
        else _tokenized_chat(text, text.spoken, vocabulary)
        for text in texts
    ]


def _tokenized(text: Document, vocabulary: Vocabulary, parse: bool) -> TokenizedText:
    assert text.language != CHAT, "a conversation is rendered before it is measured"
    try:
        ids = vocabulary.tokenize(text.content)
    except TokenizerError:
        return TokenizedText(text, np.empty(0, dtype=np.int32), None, None, refused=True)
    starts = token_offsets(vocabulary, ids, text.content)
    if starts is None or not parse or text.language not in PARSED_LANGUAGES:
        return TokenizedText(text, ids, starts, None)
    classes = classify_tokens(classify_bytes(text.content, text.language), starts)
    return TokenizedText(text, ids, starts, classes)


def _tokenized_chat(
    text: Document, spans: Sequence[tuple[int, int]], vocabulary: Vocabulary
) -> TokenizedText:
    try:
        ids = vocabulary.tokenize(text.content, parse_special=True)
        starts = token_offsets(vocabulary, ids, text.content)
    except TokenizerError:
        starts = None
    if starts is None:
        return TokenizedText(text, np.empty(0, dtype=np.int32), None, None, refused=True)
    spoken = [_written(ids, starts, span, vocabulary) for span in spans]
    return TokenizedText(text, ids, starts, None, spoken=np.concatenate(spoken))


def _written(
    ids: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    span: tuple[int, int],
    vocabulary: Vocabulary,
) -> npt.NDArray[np.int64]:
    """Return the tokens within a span, up to the one that ends the turn: none is written behind."""
    begin, end = span
    inside = np.flatnonzero((starts[:-1] >= begin) & (starts[1:] <= end))
    ends = [vocabulary.is_end_of_generation(int(ids[i])) for i in inside]
    return inside[: ends.index(True) + 1] if True in ends else inside
