"""Decode one window with several models, two at once on half of the threads each.

Threads wait for each other after every operation of a model. Two models on one thread each do
not, and a part that one thread does alone no longer leaves the other idle.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import numpy.typing as npt

from pyengine.comparison.windows import Window
from pyengine.engine.session import Session

Logits = npt.NDArray[np.float32]


def share_threads(threads: int, n_models: int) -> list[int]:
    """Return the threads of each model: half for those that run in pairs, all for one left over.

    An odd number of threads cannot be halved; then every model has all of them, in its turn.
    """
    n_paired = 0 if threads % 2 else n_models // 2 * 2
    return [threads // 2] * n_paired + [threads] * (n_models - n_paired)


def decode_all(sessions: Sequence[Session], window: Window, threads: int) -> Iterator[list[Logits]]:
    """Yield the rows of all sessions, block by block; neighbours that fit the threads run at once.

    All sessions must have the same n_batch and max_rows, so that their blocks are the same. The
    rows are views: read them before taking the next block.
    """
    streams = [_decode(group, window) for group in _groups(sessions, threads)]
    for blocks in zip(*streams, strict=True):
        yield list(chain.from_iterable(blocks))


def _groups(sessions: Sequence[Session], threads: int) -> Iterator[Sequence[Session]]:
    begin = 0
    while begin < len(sessions):
        pair = sessions[begin : begin + 2]
        size = len(pair) if sum(session.threads for session in pair) <= threads else 1
        yield sessions[begin : begin + size]
        begin += size


def _decode(group: Sequence[Session], window: Window) -> Iterator[list[Logits]]:
    if len(group) == 1:
        for _, rows in group[0].iterate_rows(window.ids, window.rows):
            yield [rows]
        return
    with ThreadPoolExecutor(max_workers=1) as helper:
        streams = [session.iterate_rows(window.ids, window.rows) for session in group]
        while True:
            elsewhere = helper.submit(next, streams[0], None)
            try:
                here = next(streams[1], None)
                there = elsewhere.result()
            except BaseException:  # Ctrl-C reaches this thread alone
                group[0].cancel()
                raise
            if there is None or here is None:
                assert there is here, "sessions cut a window into other blocks"
                return
            yield [there[1], here[1]]
