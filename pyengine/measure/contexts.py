"""What is decoded: token ids, the positions whose rows are read, and what followed there.

A window of a document, a cold start, a keyword and a word of several tokens are all contexts;
nothing else is ever decoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.errors import OptionError
from pyengine.models.options import SessionOptions
from pyengine.text.windows import Context as Context

NO_TARGET = -1
# Most tokens of a start: its buffers are the memory peak of a probe.
LONGEST_START = 4096


def after(ids: Sequence[int], token_set: str = "") -> Context:
    """Return the context whose one row follows the last of some ids."""
    return Context(
        np.asarray(ids, dtype=np.int32),
        np.array([len(ids) - 1], dtype=np.int64),
        np.array([NO_TARGET], dtype=np.int32),
        token_set,
    )


@dataclass(frozen=True, eq=False)
class Chunk:
    """Contexts that are decoded together: the unit of work, of resuming and of losing.

    Attributes:
        name: of this chunk in notes and progress, unique in a run.
        contexts: in the order in which their rows are counted through.
        session: how they are decoded; a variant may replace single settings.
    """

    name: str
    contexts: tuple[Context, ...]
    session: SessionOptions

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Index of the first row of each context, and the number of all rows at the end."""
        return np.cumsum([0, *(len(context) for context in self.contexts)], dtype=np.int64)

    @property
    def n_rows(self) -> int:
        """Number of scored rows."""
        return sum(len(context) for context in self.contexts)

    @property
    def targets(self) -> npt.NDArray[np.int32]:
        """The targets of all rows."""
        return np.concatenate([context.targets for context in self.contexts])

    @property
    def token_sets(self) -> npt.NDArray[np.str_]:
        """The name of the token set that is observed at each row."""
        names = [context.token_set for context in self.contexts]
        return np.repeat(np.array(names), [len(context) for context in self.contexts])

    def fingerprint(self) -> str:
        """Return the SHA-256 of all that decides its rows, in hexadecimal."""
        digest = hashlib.sha256(repr(self.session).encode())
        for context in self.contexts:
            digest.update(f"{len(context.ids)} {len(context)} {context.token_set}\0".encode())
            for array in (context.ids, context.rows, context.targets):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def one_batch(
    n_tokens: int, *, max_rows: int, threads: int | None, n_seq_max: int = 1
) -> SessionOptions:
    """Return a session that takes so many tokens in one call, and computes 512 of them at once."""
    return SessionOptions(
        n_ctx=n_tokens,
        n_batch=n_tokens,
        n_ubatch=min(512, n_tokens),
        n_seq_max=n_seq_max,
        max_rows=max_rows,
        threads=threads,
    )


def cold_chunk(starts: Sequence[Context], *, threads: int | None) -> Chunk:
    """Return cold starts as a chunk in which each is decoded alone, and equal ones once.

    Raises:
        OptionError: a start is too long.
    """
    longest = max(len(start.ids) for start in starts)
    if longest > LONGEST_START:
        raise OptionError(
            f"a start has {longest} tokens, and at most {LONGEST_START} are decoded; give a "
            "shorter text"
        )
    n_batch = min(longest, 512)
    session = SessionOptions(
        n_ctx=longest, n_batch=n_batch, n_ubatch=n_batch, max_rows=2, threads=threads
    )
    return Chunk("cold", tuple(starts), session)


def first_rows(contexts: Sequence[Context], n: int) -> list[Context]:
    """Return the contexts of the first n rows, the last one cut off where these end."""
    found: list[Context] = []
    for context in contexts:
        if n > 0:
            found.append(context.up_to(min(n, len(context))))
        n -= len(context)
    return found


def grouped(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Return indices in groups of at most so many rows together, and at least one each."""
    groups: list[list[int]] = []
    rows = most + 1
    for index, length in enumerate(lengths):
        if rows + length > most:
            groups.append([])
            rows = 0
        groups[-1].append(index)
        rows += length
    return groups
