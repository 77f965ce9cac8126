"""Where a variant's greedy continuation first leaves the reference's.

Only the reference has to write. The variant then reads that text in one batch: up to the first
token that it would not have chosen, both contexts are the same, so its own continuation is too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pyengine.measure import decode
from pyengine.measure.contexts import Chunk, Context, one_batch
from pyengine.measure.engine import Processes, Progress
from pyengine.measure.observers import first_choice
from pyengine.measure.options import CompareOptions
from pyengine.measure.plan import Plan
from pyengine.measure.subjects import Subject
from pyengine.models.model import Vocabulary
from pyengine.run.record import Exhibit
from pyengine.text.tokens import TokenizedText

N_PROMPT = 32
N_GENERATED = 48


def continuations(
    plan: Plan,
    subjects: Sequence[Subject],
    documents: Sequence[TokenizedText],
    processes: Processes,
    progress: Progress,
) -> Iterator[Exhibit]:
    """Let the reference continue some documents, and yield where each variant would leave its text.

    Kind continuation: document, language, n_prompt, n_generated, first_divergence (index of the
    first token that the variant would not have written, null where there is none), agreed (the
    text up to there), reference_next and variant_next (the two choices there).
    """
    chosen = _choose(documents, plan.options)
    if not chosen:
        return
    prompts = [[*plan.prefix, *documents[i].ids[: _prompt(documents[i])].tolist()] for i in chosen]
    longest = max(map(len, prompts))
    most = N_GENERATED
    if plan.options.n_positions is not None:  # the last token that is written is not read again
        most = min(most, plan.options.n_positions - longest + 1)
    if most < 1:
        return
    progress("continue greedily", 0.0)
    vocabulary, reference = plan.vocabulary, plan.reference.variant
    ends = frozenset(i for i in range(len(vocabulary)) if vocabulary.is_end_of_generation(i))
    session = one_batch(longest + N_GENERATED, max_rows=N_GENERATED, threads=plan.threads)
    texts: list[list[int]] = processes.call(
        *(reference, decode.write_greedily, reference, session),
        *(prompts, most, plan.padding, ends),
    )
    chunk = Chunk("continuations", tuple(map(_as_context, prompts, texts)), session)
    for subject in subjects:
        variant = subject.variant
        seen: decode.Observation = processes.call(
            variant, decode.observe, variant, chunk, (first_choice,), {}, plan.padding
        )
        own = np.split(seen.columns["first_choice"], chunk.offsets[1:-1])
        for i, prompt, text, mine in zip(chosen, prompts, texts, own, strict=True):
            content = {
                "document": documents[i].text.name,
                "language": documents[i].text.language,
                "n_prompt": len(prompt),
                "n_generated": len(text),
                **_divergence(text, mine.tolist(), vocabulary),
            }
            yield Exhibit(kind="continuation", model=subject.info.id, content=content)


def _prompt(document: TokenizedText) -> int:
    """Return how many tokens of a document are its prompt: of a conversation, up to the answer."""
    spoken = document.spoken
    return N_PROMPT if spoken is None else int(spoken[0]) if len(spoken) else len(document.ids)


def _choose(documents: Sequence[TokenizedText], options: CompareOptions) -> list[int]:
    """Draw documents that are longer than a prompt that fits a window, languages in turn."""
    by_language: dict[str, list[int]] = {}
    for i in np.random.default_rng(options.seed).permutation(len(documents)).tolist():
        if len(documents[i].ids) > _prompt(documents[i]) <= options.windows.n_ctx:
            by_language.setdefault(documents[i].text.language, []).append(i)
    queues = [by_language[language] for language in sorted(by_language)]
    turns = range(len(documents))
    return [queue[turn] for turn in turns for queue in queues if turn < len(queue)][
        : options.continuations
    ]


def _as_context(prompt: list[int], written: list[int]) -> Context:
    """Return a written text as a context whose targets are what the reference wrote."""
    fed = np.array([*prompt, *written[:-1]], dtype=np.int32)
    rows = np.arange(len(prompt) - 1, len(fed), dtype=np.int64)
    return Context(fed, rows, np.array(written, dtype=np.int32))


def _divergence(written: list[int], own: list[int], vocabulary: Vocabulary) -> dict[str, Any]:
    pairs = zip(own, written, strict=True)
    place = next((i for i, (mine, its) in enumerate(pairs) if mine != its), None)
    here = slice(0) if place is None else slice(place, place + 1)
    return {
        "first_divergence": place,
        "agreed": _text(vocabulary, written[:place]),
        "reference_next": _text(vocabulary, written[here]),
        "variant_next": _text(vocabulary, own[here]),
    }


def _text(vocabulary: Vocabulary, ids: Sequence[int]) -> str:
    return b"".join(vocabulary.piece(i) for i in ids).decode(errors="replace")
