"""Where a variant's greedy continuation first leaves the reference's.

Only the reference has to write. The variant then reads that text in one batch: up to the first
token that it would not have chosen, both contexts are the same, so its own continuation is too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyengine.comparison.records import ContinuationRecord
from pyengine.comparison.texts import TokenizedText
from pyengine.engine.model import Vocabulary
from pyengine.engine.options import SessionOptions
from pyengine.engine.session import Session

N_PROMPT = 32
N_GENERATED = 48


@dataclass(frozen=True)
class Continuation:
    """A document's beginning and what the reference wrote after it."""

    document: int
    prompt: list[int]
    written: list[int]


def greedy_options(n_prefix: int, threads: int) -> SessionOptions:
    """Return a session that holds a prompt and what is written after it."""
    n_tokens = n_prefix + N_PROMPT + N_GENERATED
    return SessionOptions(
        n_ctx=n_tokens,
        n_batch=n_tokens,
        n_ubatch=n_tokens,
        max_rows=N_GENERATED,
        threads=threads,
    )


def choose_documents(documents: Sequence[TokenizedText], n: int, *, seed: int) -> list[int]:
    """Draw up to n documents that are longer than a prompt, languages in turn."""
    order = np.random.default_rng(seed).permutation(len(documents))
    by_language: dict[str, list[int]] = {}
    for i in order:
        if len(documents[i].ids) > N_PROMPT:
            by_language.setdefault(documents[i].text.language, []).append(int(i))
    queues = [by_language[language] for language in sorted(by_language)]
    chosen: list[int] = []
    while len(chosen) < n and any(queues):
        for queue in queues:
            if queue and len(chosen) < n:
                chosen.append(queue.pop(0))
    return chosen


def most_written(n_prompt: int, n_positions: int | None) -> int:
    """Return how many tokens can be written after a prompt; the last of them is not read again."""
    return N_GENERATED if n_positions is None else min(N_GENERATED, n_positions - n_prompt + 1)


def write_greedily(
    session: Session,
    vocabulary: Vocabulary,
    prompt: list[int],
    padding: npt.NDArray[np.int32],
    most: int = N_GENERATED,
) -> list[int]:
    """Return the most probable next tokens one after another, until `most` or the end."""
    context = session.context
    context.clear()
    written: list[int] = []
    fed, begin = prompt, 0
    while len(written) < most:
        outputs = np.zeros(len(fed), dtype=np.bool_)
        outputs[-1] = True
        positions = np.arange(begin, begin + len(fed))
        context.decode(fed, positions, [[0]] * len(fed), outputs)
        token = first_choice(context.logits, padding)[-1]
        begin += len(fed)
        written.append(token)
        if vocabulary.is_end_of_generation(token):
            break
        fed = [token]
    return written


def first_choice(rows: npt.NDArray[np.float32], padding: npt.NDArray[np.int32]) -> list[int]:
    """Return the first of equal maxima of each row, padding left out."""
    rows = rows.copy()
    rows[:, padding] = -np.inf
    return [int(i) for i in np.argmax(rows, axis=1)]


def continuations(
    session: Session,
    documents: Sequence[TokenizedText],
    chosen: Sequence[int],
    prefix: Sequence[int],
    padding: npt.NDArray[np.int32],
    n_positions: int | None = None,
) -> list[Continuation]:
    """Let the reference continue the chosen documents, as far as positions were learned."""
    found = []
    for document in chosen:
        prompt = [*prefix, *(int(i) for i in documents[document].ids[:N_PROMPT])]
        most = most_written(len(prompt), n_positions)
        written = write_greedily(session, session.model.vocabulary, prompt, padding, most)
        found.append(Continuation(document, prompt, written))
    return found


def first_divergence(
    session: Session, continuation: Continuation, padding: npt.NDArray[np.int32]
) -> tuple[int | None, int]:
    """Return the index of the first token that the session would not have written, and its own."""
    n_prompt = len(continuation.prompt)
    fed = [*continuation.prompt, *continuation.written[:-1]]
    rows = session.logits_at(fed, list(range(n_prompt - 1, len(fed))))
    own = first_choice(rows, padding)
    for i, (mine, theirs) in enumerate(zip(own, continuation.written, strict=True)):
        if mine != theirs:
            return i, mine
    return None, -1


def continuation_record(
    continuation: Continuation,
    divergence: tuple[int | None, int],
    documents: Sequence[TokenizedText],
    vocabulary: Vocabulary,
) -> ContinuationRecord:
    """Write out where a continuation was left."""
    place, own = divergence
    written = continuation.written
    text = documents[continuation.document].text
    agreed = written if place is None else written[:place]
    return ContinuationRecord(
        document=text.name,
        language=text.language,
        n_prompt=len(continuation.prompt),
        n_generated=len(written),
        first_divergence=place,
        agreed=b"".join(vocabulary.piece(i) for i in agreed).decode(errors="replace"),
        reference_next="" if place is None else _piece(vocabulary, written[place]),
        variant_next="" if place is None else _piece(vocabulary, own),
    )


def _piece(vocabulary: Vocabulary, token: int) -> str:
    return vocabulary.piece(token).decode(errors="replace")
