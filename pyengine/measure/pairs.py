"""A prompt and what follows it as tokens: tokenized together, because the border may lie in one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.measure.start_tokens import natural_start
from pyengine.models.chat import special_text
from pyengine.models.model import Vocabulary, prompt_ids
from pyengine.models.prefix_tree import common_prefix
from pyengine.vocabulary.offsets import token_offsets


@dataclass(frozen=True)
class EncodedPair:
    """A prompt and its continuation, tokenized as one text.

    Attributes:
        ids: the tokens, behind what begins a text.
        first: index of the continuation's first token: the first that the prompt alone has not.
        n_added: tokens before the text that stand for none of its bytes.
        merged: the prompt's own last tokens are none of these: a token spans the border, or the
            prompt is split otherwise before this continuation. Those from `first` on hold bytes
            of the prompt, and the bytes of the continuation whole.
    """

    ids: tuple[int, ...]
    first: int
    n_added: int
    merged: bool

    def offsets(
        self, vocabulary: Vocabulary, prompt: str, continuation: str
    ) -> npt.NDArray[np.int64] | None:
        """Return where each token from `first` on begins, and where the last one ends.

        Bytes of the continuation in UTF-8; negative within the prompt. None where the pieces do
        not spell the text.
        """
        before, text = len(prompt.encode()), continuation.encode()
        if not self.merged:
            own = token_offsets(vocabulary, self.ids[self.first :], text)
            if own is not None:
                return own
        body = self.ids[self.n_added :]
        found = token_offsets(vocabulary, body, prompt.encode() + text)
        return None if found is None else found[self.first - self.n_added :] - before


class PairEncoder:
    """Encodes many pairs with one tokenizer; a prompt that comes again is not split again."""

    def __init__(self, vocabulary: Vocabulary, *, parse_special: bool = False) -> None:
        """Take a tokenizer.

        Args:
            vocabulary: the tokenizer.
            parse_special: read control tokens as such, as in what a chat template renders. A text
                that begins with BOS gets no second one.
        """
        self.vocabulary = vocabulary
        self._special = parse_special
        self._bos = special_text(vocabulary, vocabulary.bos) if parse_special else ""
        self._prompt: tuple[str, list[int]] = "", []

    def __call__(self, prompt: str, continuation: str) -> EncodedPair:
        """Return both as tokens.

        A prompt follows what the tokenizer puts before every text (BOS, or nothing); where there
        is none, and where a continuation would have no token before it, the continuation follows
        the natural start (`natural_start`).

        Raises:
            TokenizerError: the tokenizer cannot split the text.
        """
        if self._prompt[0] != prompt:
            self._prompt = prompt, self.ids(prompt) if prompt else []
        own, whole = self._prompt[1], self.ids(prompt + continuation)
        n_added = int(self.vocabulary.add_bos and not self._begun(prompt + continuation))
        # What begins a text is never scored, whether it was added or is written there.
        first = max(common_prefix(own, whole), n_added, int(self._begun(prompt + continuation)))
        if first == 0:
            start = natural_start(self.vocabulary).ids
            whole, n_added, first = [*start, *whole], len(start), len(start)
            return EncodedPair(tuple(whole), first, n_added, merged=bool(own))
        return EncodedPair(tuple(whole), first, n_added, merged=first < len(own))

    def started(self, text: str) -> list[int]:
        """Return the tokens of a prompt, at least one: the natural start where it has none."""
        return self.ids(text) or list(natural_start(self.vocabulary).ids)

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text that goes on, with BOS where it needs one and has none."""
        return prompt_ids(
            self.vocabulary, text, begun=self._begun(text), parse_special=self._special
        )

    def _begun(self, text: str) -> bool:
        return bool(self._bos) and text.startswith(self._bos)


def encode_pair(
    vocabulary: Vocabulary, prompt: str, continuation: str, *, parse_special: bool = False
) -> EncodedPair:
    """Return a prompt and its continuation as tokens, see `PairEncoder`."""
    return PairEncoder(vocabulary, parse_special=parse_special)(prompt, continuation)
