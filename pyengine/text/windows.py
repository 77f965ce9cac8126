"""Cut documents into windows, so that each token is scored once and documents never meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyengine.errors import CorpusError, OptionError

if TYPE_CHECKING:
    from pyengine.text.tokens import TokenizedText

# Tokens before a piece of a long document that are decoded and not scored: nine of ten that are
# decoded with the default piece are scored.
LEAD = 28


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """How documents are cut.

    Attributes:
        n_ctx: tokens in a window, the start token included.
        stride: tokens by which a window moves on; None for half of n_ctx. Each token is scored
            once, so all windows but a document's first score only their last `stride` tokens.
        document_tokens: most scored tokens of each document: a longer one gives one piece, from a
            place drawn by the seed, after `LEAD` unscored tokens; None for all of it.
        by_position: score the texts of `pyengine.text.joined` at places of every depth.
        max_windows: stop after so many windows; None for all.
        max_tokens: stop after the window that reaches so many scored tokens; None for all.
    """

    n_ctx: int = 512
    stride: int | None = None
    document_tokens: int | None = 128
    max_windows: int | None = None
    max_tokens: int | None = 100_000
    by_position: bool = False

    @property
    def step(self) -> int:
        """The stride in use."""
        return self.n_ctx // 2 if self.stride is None else self.stride

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        if self.n_ctx < 4:
            raise OptionError(f"a context of {self.n_ctx} tokens is too short; use at least 4")
        if not 1 <= self.step < self.n_ctx:
            raise OptionError(f"stride must lie between 1 and {self.n_ctx - 1}, not {self.step}")
        for name, value in (
            ("windows", self.max_windows),
            ("tokens", self.max_tokens),
            ("tokens of a document", self.document_tokens),
        ):
            if value is not None and value < 1:
                raise OptionError(f"the limit of {name} must be at least 1, not {value}")


@dataclass(frozen=True, eq=False)
class Context:
    """Token ids that are decoded from an empty memory.

    Attributes:
        ids: what is fed, int32.
        rows: rising indices into ids, int64: after these tokens the row of logits is read.
        targets: the token that followed each of these, int32; -1 where none did.
        token_set: name of the set of tokens that is observed here, such as a language's keywords;
            empty for none.
    """

    ids: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    token_set: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def up_to(self, n: int) -> Context:
        """Return the context cut off behind its first n scored rows."""
        end = int(self.rows[:n][-1]) + 1
        return Context(self.ids[:end], self.rows[:n], self.targets[:n], self.token_set)


@dataclass(frozen=True, eq=False, kw_only=True)
class Window(Context):
    """Tokens of a document that are decoded together.

    Attributes:
        document: index of the document.
        tokens: index in the document of each target.
    """

    document: int
    tokens: npt.NDArray[np.int64]


def document_windows(
    document: int,
    ids: npt.NDArray[np.int32],
    prefix: Sequence[int],
    options: WindowOptions,
    token_set: str = "",
    *,
    begin: int = 0,
    end: int | None = None,
    lead: int = 0,
    spoken: npt.NDArray[np.int64] | None = None,
) -> Iterator[Window]:
    """Yield the windows of one document, or of its tokens from `begin` to `end`.

    Of those that it scores, a window scores only the ones in `spoken`, where that is given.

    Every window begins with the prefix (the start token). The first one scores all its tokens but
    the first `lead`; each later one begins `step` tokens further on and scores those that were not
    scored yet. Without a prefix the first token has nothing before it and is not scored.
    """
    room = options.n_ctx - len(prefix)
    stop = len(ids) if end is None else end
    scored = begin + max(lead, 0 if prefix else 1)
    while scored < stop:
        # Of a lead that is longer than a window, only the last tokens are decoded.
        while begin + room <= scored:
            begin += options.step
        end = min(begin + room, stop)
        fed = np.concatenate([np.asarray(prefix, dtype=np.int32), ids[begin:end]])
        tokens = np.arange(scored, end, dtype=np.int64)
        if spoken is not None:
            tokens = tokens[np.isin(tokens, spoken)]
        if len(tokens):
            rows = tokens - begin + len(prefix) - 1
            # Tokens behind the last row would only predict what is not scored here.
            fed = fed[: rows[-1] + 1]
            yield Window(fed, rows, ids[tokens], token_set, document=document, tokens=tokens)
        scored = end
        begin += options.step


def cut_windows(
    documents: Sequence[TokenizedText],
    prefix: Sequence[int],
    options: WindowOptions,
    *,
    seed: int,
) -> list[Window]:
    """Cut documents, taken in an order drawn by the seed, within the budget.

    The token set of each window is the one of its language.

    The order makes any budget a sample of the whole corpus, the same share of every language as
    long as each has documents left, and makes stopping early valid.

    Raises:
        CorpusError: there is nothing to score.
    """
    options.check()
    windows: list[Window] = []
    scored = 0
    languages = [text.text.language for text in documents]
    for number in document_order(languages, seed=seed):
        ids, spoken = documents[number].ids, documents[number].spoken
        n_scored = len(ids) if spoken is None else len(spoken)
        begin, end, lead = choose_piece(n_scored, options.document_tokens, seed=(seed, number))
        if spoken is not None:
            # A conversation is read from its beginning, as far back as a window reaches.
            spoken = spoken[begin + lead : end]
            begin, end, lead = 0, *_around(spoken)
        for window in document_windows(
            number,
            ids,
            prefix,
            options,
            languages[number],
            begin=begin,
            end=end,
            lead=lead,
            spoken=spoken,
        ):
            full = options.max_windows is not None and len(windows) >= options.max_windows
            if full or (options.max_tokens is not None and scored >= options.max_tokens):
                return windows
            windows.append(window)
            scored += len(window)
    if not windows:
        raise CorpusError("the corpus has no token to score; give it at least one longer document")
    return windows


def _around(tokens: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Return the end of some tokens of a document, and how many tokens stand before the first."""
    return (int(tokens[-1]) + 1, int(tokens[0])) if len(tokens) else (0, 0)


def document_order(languages: Sequence[str], *, seed: int) -> list[int]:
    """Return the indices of documents in a random order that takes turns between languages."""
    order = np.random.default_rng(seed).permutation(len(languages)).tolist()
    taken: Counter[str] = Counter()
    turns = []
    for document in order:
        turns.append(taken[languages[document]])
        taken[languages[document]] += 1
    return [order[i] for i in np.argsort(turns, kind="stable").tolist()]


def choose_piece(n_tokens: int, most: int | None, *, seed: Sequence[int]) -> tuple[int, int, int]:
    """Choose which tokens of a document are decoded: all, or a piece from a random place.

    Returns:
        its begin, its end, and how many of its first tokens are not scored.
    """
    if most is None or n_tokens <= most:
        return 0, n_tokens, 0
    lead = min(LEAD, n_tokens - most)
    begin = int(np.random.default_rng(seed).integers(n_tokens - most - lead + 1))
    return begin, begin + lead + most, lead
