"""Cheap, sensitive measures of code: how likely the reference is, how the completion is built."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pyengine.codegen.parsing import analyse
from pyengine.codegen.tasks import Task
from pyengine.comparison.subjects import padding_ids
from pyengine.engine.model import Vocabulary, prompt_ids
from pyengine.engine.session import Session
from pyengine.statistics.rows import Logits, ranks, row_statistics

NGRAM = 4


@dataclass(frozen=True)
class ReferenceScore:
    """How a model sees the reference solution after the prompt.

    Attributes:
        nll: sum of -ln p over the scored tokens, nats.
        tokens: how many were scored.
        bytes: of their pieces.
        keyword_ranks: for each keyword of the reference, the place of its first token in the
            model's order, 1 for the first choice.
    """

    nll: float
    tokens: int
    bytes: int
    keyword_ranks: tuple[int, ...]


@dataclass(frozen=True)
class CompletionShape:
    """What a parser says of a solution: no verdict, and no toolchain needed.

    Attributes:
        parses: there is a completion, and the solution that it makes has no error.
    """

    parses: bool
    error_nodes: int
    leaves: int


@dataclass(frozen=True)
class ReferenceText:
    """The prompt and reference of a task as token ids, and which of them are scored.

    Attributes:
        ids: prompt + reference, tokenized as one text.
        first: index of the first scored token: those before it are the prompt's own.
        keywords: indices of the scored tokens in which a keyword of the reference begins.
    """

    ids: tuple[int, ...]
    first: int
    keywords: tuple[int, ...]

    @property
    def targets(self) -> tuple[int, ...]:
        """The scored ids."""
        return self.ids[self.first :]

    def rows(self, session: Session) -> Logits:
        """Return the logits that predict the scored tokens: (len(targets), n_vocab)."""
        return session.logits_at(self.ids[:-1], list(range(self.first - 1, len(self.ids) - 1)))


def reference_text(task: Task, vocabulary: Vocabulary, *, longest: int) -> ReferenceText | None:
    """Tokenize the reference of `task`; None where it is longer than `longest` tokens, or empty.

    Scored are the tokens after those that the whole shares with the prompt's own tokenization, so
    that bits per byte is over exactly their bytes.
    """
    prompt = prompt_ids(vocabulary, task.prompt)
    whole = prompt_ids(vocabulary, task.prompt + task.reference)
    first = max(1, _shared(prompt, whole))
    if len(whole) > longest or len(whole) <= first:
        return None
    starts = _byte_starts(vocabulary, whole, task.prompt)
    return ReferenceText(tuple(whole), first, tuple(_keyword_tokens(task, starts, first)))


def score_reference(rows: Logits, text: ReferenceText, vocabulary: Vocabulary) -> ReferenceScore:
    """Score the reference by teacher forcing, from the rows that predict its tokens."""
    padding = padding_ids(vocabulary, rows.shape[1])
    normalisers = row_statistics(rows, padding=padding)["log_sum_exp"]
    targets = list(text.targets)
    chosen = rows[np.arange(len(targets)), targets].astype(np.float64)
    places = [
        int(ranks(rows[index - text.first][None, :], [text.ids[index]])[0, 0])
        for index in text.keywords
    ]
    return ReferenceScore(
        nll=float(np.sum(normalisers - chosen)),
        tokens=len(targets),
        bytes=sum(len(vocabulary.piece(token)) for token in targets),
        keyword_ranks=tuple(places),
    )


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    count = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        count += 1
    return count


def _byte_starts(vocabulary: Vocabulary, tokens: Sequence[int], prompt: str) -> list[int]:
    """Return where each token's bytes begin in the text, a BOS and an added space before 0."""
    sizes = [len(vocabulary.piece(token)) for token in tokens]
    special = vocabulary.bos is not None and bool(tokens) and tokens[0] == vocabulary.bos
    if special:
        sizes[0] = 0
    joined = b"".join(vocabulary.piece(token) for token in tokens[1 if special else 0 :])
    added = 1 if joined[:1] == b" " and not prompt.startswith(" ") else 0
    return [int(start) - added for start in np.concatenate([[0], np.cumsum(sizes)])[:-1]]


def _keyword_tokens(task: Task, starts: Sequence[int], first: int) -> list[int]:
    """Return the indices of the tokens in which the reference's keywords begin."""
    prompt = len(task.prompt.encode())
    source = (task.prompt + task.reference).encode()
    found = []
    spans = [*pairwise(starts), (starts[-1], len(source))]
    for leaf in analyse(source, task.language).leaves:
        if leaf.is_keyword and leaf.start >= prompt:
            for index, (start, end) in enumerate(spans):
                if index >= first and start <= leaf.start < end:
                    found.append(index)
                    break
    return found


def shape_of(task: Task, completion: str, *, whole: bool = False) -> CompletionShape:
    """Parse the solution that `completion` makes; leaves are those of the completion."""
    source = task.solution(completion, whole=whole).encode("utf-8", "replace")
    syntax = analyse(source, task.language)
    start = len((task.prelude if whole else task.prelude + task.prompt).encode())
    end = start + len(completion.encode("utf-8", "replace"))
    leaves = sum(1 for leaf in syntax.leaves if start <= leaf.start < end)
    return CompletionShape(bool(completion.strip()) and syntax.parses, syntax.n_errors, leaves)


def repetition(tokens: Sequence[int]) -> float:
    """Return the share of 4-grams of tokens that have occurred before; 0 below five tokens."""
    grams = [tuple(tokens[i : i + NGRAM]) for i in range(len(tokens) - NGRAM + 1)]
    if len(grams) < 2:
        return 0.0
    return 1.0 - len(set(grams)) / len(grams)


def edit_similarity(first: str, second: str) -> float:
    """Return 1 - d / max(len) with d Levenshtein's distance over characters (Levenshtein 1966)."""
    longest = max(len(first), len(second))
    if longest == 0:
        return 1.0
    return 1.0 - levenshtein(first, second) / longest


def levenshtein(first: str, second: str) -> int:
    """Return the fewest insertions, deletions and substitutions that make one of the other."""
    if not first or not second:
        return max(len(first), len(second))
    columns = np.arange(len(second) + 1)
    target = np.frombuffer(second.encode("utf-32-le", "replace"), dtype=np.uint32)
    row = columns.copy()
    for number, letter in enumerate(first, start=1):
        substituted = row[:-1] + (target != ord(letter))
        row = np.concatenate([[number], np.minimum(row[1:] + 1, substituted)])
        # An insertion costs one for each column that it moves on.
        row = np.minimum.accumulate(row - columns) + columns
    return int(row[-1])
