"""A model's cold start as an object: three lines from a file to a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pyengine.errors import OptionError
from pyengine.measure.contexts import after, cold_chunk
from pyengine.measure.observers import top_tokens
from pyengine.measure.start_tokens import NATURAL, Start, resolve_start
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions
from pyengine.models.references import resolve_spec
from pyengine.models.session import Session
from pyengine.statistics.rows import row_statistics
from pyengine.vocabulary.coverage import VARIANTS, bare_tokens, variant_sets
from pyengine.vocabulary.token_sets import TokenSets
from pyengine.vocabulary.tokens import VocabularyLike

LONGEST_NAME = 40


class TokenProbability(NamedTuple):
    """One token of a distribution; `rank` counts from 1."""

    id: int
    text: str
    probability: float
    rank: int


@dataclass(frozen=True, eq=False, repr=False)
class ColdStart:
    """The distribution of the next token after a start that asks for nothing.

    Attributes:
        start: the token ids fed, and why.
        logits: float32 (n_vocab,).
        vocabulary: whose ids they are.
    """

    start: Start
    logits: npt.NDArray[np.float32]
    vocabulary: VocabularyLike

    @cached_property
    def log_probabilities(self) -> npt.NDArray[np.float64]:
        """Natural log-probabilities of all tokens: logits - log sum exp, in float64."""
        return self.logits.astype(np.float64) - float(self._statistics["log_sum_exp"])

    @property
    def entropy_bits(self) -> float:
        """Shannon entropy in bits: -sum p log2 p."""
        return float(self._statistics["entropy"] / np.log(2))

    @property
    def effective_tokens(self) -> float:
        """2 to the entropy in bits: as open as a choice among so many equally likely tokens."""
        return float(np.exp(self._statistics["entropy"]))

    def top(self, k: int = 10) -> list[TokenProbability]:
        r"""Return the k most probable tokens, most probable first.

        Bytes that are not UTF-8 are written as \xNN in a token's text.

        Raises:
            OptionError: k is not positive.
        """
        if k < 1:
            raise OptionError(f"top needs at least 1 token, not {k}")
        (best,) = top_tokens(self.logits[None], self._statistics["log_sum_exp"][None], k)
        return [
            TokenProbability(token, self._text(token), probability, rank)
            for rank, (token, probability) in enumerate(best, start=1)
        ]

    def mass(self, words: str | Iterable[str], *, variant: str = "any") -> float:
        """Return the probability on the single tokens that spell the words.

        Args:
            words: one or several, looked up by exact bytes; words that are no single token
                count 0.
            variant: "bare", "space", "newline", "tab", "case", or "any" of them; each token
                counts once.

        Raises:
            OptionError: an unknown variant, or an empty word.
        """
        words = [words] if isinstance(words, str) else list(words)
        if "" in words:
            raise OptionError("a word is empty: only text has a probability")
        if variant not in (*VARIANTS, "any"):
            raise OptionError(f"unknown variant {variant!r}; use {', '.join(VARIANTS)} or any")
        ids = variant_sets(self.vocabulary, words)[variant]
        sets = TokenSets(len(self.logits), {variant: ids}).look_up(self.logits).sets
        return float(sets[variant].mass[0])

    def probability(self, word: str) -> float | None:
        """Return the probability of the token that is exactly the word; None if there is none."""
        token = bare_tokens(self.vocabulary, [word]).get(word)
        return None if token is None else float(np.exp(self.log_probabilities[token]))

    def __repr__(self) -> str:
        best = ", ".join(f"{token.text!r} {token.probability:.3g}" for token in self.top(3))
        name = self.start.name if len(self.start.name) <= LONGEST_NAME else "text"
        return f"<ColdStart {name}: {best}; {self.entropy_bits:.2f} bits>"

    def _text(self, token: int) -> str:
        return self.vocabulary.piece(token).decode("utf-8", errors="backslashreplace")

    @cached_property
    def _statistics(self) -> np.void:
        statistics: np.void = row_statistics(self.logits[None])[0]
        return statistics


def cold_start(
    model: Model | str | Path | None = None, *, start: str = NATURAL, threads: int | None = None
) -> ColdStart:
    """Decode a model's start and return its next-token distribution.

    Args:
        model: an open model, a path or a reference as on the command line, or nothing for the
            embedded model.
        start: natural, bos, eos, newline, fim, chat, fence:LANGUAGE or text:TEXT.
        threads: CPU threads; None for the cores less one.

    Returns:
        logits float32 (n_vocab,), log-probabilities in nats, and what is computed of them.

    Raises:
        ModelFileError: the file cannot be opened.
        ModelKindError: the model has no next-token distribution.
        NumbersError: its logits are NaN or infinite.
        OptionError: a start that the model does not support.

    Examples:
        >>> pyengine.cold_start("model.gguf").top(10)
    """
    if not isinstance(model, Model):
        spec = resolve_spec(model)
        with open_model(spec.path, options=spec.opening(ModelOptions())) as opened:
            return cold_start(opened, start=start, threads=threads)
    resolved = resolve_start(start, model)
    chunk = cold_chunk([after(resolved.ids)], threads=threads)
    session = Session(model, options=chunk.session)
    (row,) = (rows[0].copy() for _, rows in session.rows(chunk.contexts))
    return ColdStart(resolved, row, model.vocabulary)
