"""Cut documents into windows, so that each token is scored once and documents never meet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.comparison.options import WindowOptions
from pyengine.comparison.texts import TokenizedText
from pyengine.errors import CorpusError


@dataclass(frozen=True)
class Window:
    """Tokens that are decoded together, from an empty memory.

    Attributes:
        document: index of the document.
        ids: what is fed, the start token included.
        rows: rising indices into ids, whose rows of logits are used.
        targets: the token that followed each of these.
        tokens: index in the document of each target.
    """

    document: int
    ids: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    tokens: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def up_to(self, n: int) -> "Window":
        """Return the window cut off behind its first n scored rows."""
        end = int(self.rows[:n][-1]) + 1
        return Window(
            self.document, self.ids[:end], self.rows[:n], self.targets[:n], self.tokens[:n]
        )


def document_windows(
    document: int, ids: npt.NDArray[np.int32], prefix: Sequence[int], options: WindowOptions
) -> Iterator[Window]:
    """Yield the windows of one document.

    Every window begins with the prefix (the start token). The first one scores all its tokens;
    each later one begins `step` tokens further on and scores those that were not scored yet.
    Without a prefix the document's first token has nothing before it and is not scored.
    """
    room = options.n_ctx - len(prefix)
    scored = 0 if prefix else 1
    begin = 0
    while scored < len(ids):
        end = min(begin + room, len(ids))
        fed = np.concatenate([np.asarray(prefix, dtype=np.int32), ids[begin:end]])
        tokens = np.arange(scored, end, dtype=np.int64)
        rows = tokens - begin + len(prefix) - 1
        # The last token fed would only predict what lies beyond the window.
        yield Window(document, fed[:-1], rows, ids[scored:end], tokens)
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

    The random order makes any budget a sample of the whole corpus, and makes stopping early valid.

    Raises:
        CorpusError: there is nothing to score.
    """
    options.check()
    order = np.random.default_rng(seed).permutation(len(documents))
    windows: list[Window] = []
    scored = 0
    for document in order:
        for window in document_windows(int(document), documents[document].ids, prefix, options):
            full = options.max_windows is not None and len(windows) >= options.max_windows
            if full or (options.max_tokens is not None and scored >= options.max_tokens):
                return windows
            windows.append(window)
            scored += len(window)
    if not windows:
        raise CorpusError("the corpus has no token to score; give it at least one longer document")
    return windows


def describe(options: WindowOptions, prefix: Sequence[int]) -> str:
    """Say in words what is scored."""
    start = (
        f"each window begins with token {prefix[0]}"
        if prefix
        else "no start token is added, and a document's first token is not scored"
    )
    return (
        f"Windows of {options.n_ctx} tokens, {options.step} apart, within one document each; "
        f"{start}. A document's first window scores all its tokens, later ones their last "
        f"{options.step}, so every token is scored once, with at least "
        f"{max(options.n_ctx - options.step - len(prefix), 0)} tokens before it, or all that the "
        f"document has."
    )
