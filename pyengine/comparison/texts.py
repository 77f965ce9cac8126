"""Documents as a comparison needs them: tokens, where each token lies, and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from pyengine.engine.model import Vocabulary

UNKNOWN_CLASS = "unknown"


@dataclass(frozen=True)
class Text:
    """One document of a corpus.

    Attributes:
        name: where it came from.
        language: the programming language, "" where unknown.
        data: its bytes.
        class_names: names of syntactic classes.
        byte_classes: for each byte an index into class_names; empty where it was not parsed.
    """

    name: str
    language: str
    data: bytes
    class_names: tuple[str, ...] = ()
    byte_classes: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class TokenizedText:
    """A document in one model's tokens.

    Attributes:
        text: the document.
        ids: its tokens, without any that the tokenizer adds.
        starts: offset of each token's first byte in the document, and the end of the last;
            None where the tokens do not spell the document.
    """

    text: Text
    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64] | None

    def token_class(self, index: int) -> str:
        """Return the syntactic class of a token: that of its first byte that is not blank."""
        classes = self.text.byte_classes
        if classes is None or self.starts is None:
            return UNKNOWN_CLASS
        begin, end = int(self.starts[index]), int(self.starts[index + 1])
        for place in range(max(begin, 0), end):
            if self.text.data[place : place + 1].strip():
                return self.text.class_names[int(classes[place])]
        inside = max(begin, 0)
        if inside >= end:
            return UNKNOWN_CLASS
        return self.text.class_names[int(classes[end - 1])]

    def before(self, index: int, n_bytes: int) -> bytes:
        """Return up to n_bytes of the document before a token."""
        if self.starts is None:
            return b""
        begin = max(int(self.starts[index]), 0)
        return self.text.data[max(0, begin - n_bytes) : begin]

    def n_bytes(self, first: int) -> int:
        """Return the bytes from token `first` to the end of the document."""
        if self.starts is None:
            return len(self.text.data) if first == 0 else 0
        return len(self.text.data) - max(int(self.starts[first]), 0)


def tokenize(texts: Sequence[Text], vocabulary: Vocabulary) -> list[TokenizedText]:
    """Split documents into tokens; none is added, and special tokens in the text are plain text."""
    pieces = vocabulary.pieces()
    return [_tokenized(text, vocabulary, pieces) for text in texts]


def _tokenized(text: Text, vocabulary: Vocabulary, pieces: list[bytes]) -> TokenizedText:
    ids = vocabulary.tokenize(text.data)
    spelled = [pieces[i] for i in ids]
    lead = _leading(b"".join(spelled), text.data)
    if lead is None:
        return TokenizedText(text, ids, None)
    ends = accumulate((len(piece) for piece in spelled), initial=-lead)
    return TokenizedText(text, ids, np.fromiter(ends, dtype=np.int64, count=len(ids) + 1))


def _leading(spelled: bytes, data: bytes) -> int | None:
    """Return the bytes that the tokenizer put before the text (SentencePiece adds a space)."""
    for lead in (0, 1):
        if spelled[lead:] == data and spelled[:lead] in (b"", b" "):
            return lead
    return None
