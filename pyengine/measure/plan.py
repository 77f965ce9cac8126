"""What a comparison decodes: text, starts, and the reference beside itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

import pyengine
from pyengine._build_info import LLAMA_CPP_PYTHON_VERSION
from pyengine.measure.contexts import Chunk, cold_chunk, grouped
from pyengine.measure.documents import (
    ScoredCorpus,
    document_ends,
    scored_tokens,
    window_session,
)
from pyengine.measure.engine import Work
from pyengine.measure.observers import (
    PASSAGE_LENGTH,
    FirstTokens,
    Keeper,
    LargestDivergence,
    pair_columns,
    set_columns,
)
from pyengine.measure.options import CompareOptions
from pyengine.measure.saved_rows import row_savers
from pyengine.measure.start_tokens import document_prefix
from pyengine.measure.starts import keyword_sets, start_chunk
from pyengine.measure.subjects import Subject, padding_ids
from pyengine.measure.variants import Variant
from pyengine.models.model import Vocabulary
from pyengine.models.options import used_threads
from pyengine.run.metrics import METRICS
from pyengine.statistics.looks import first_level_look, look_points
from pyengine.text.documents import Corpus
from pyengine.text.joined import octaves, position_windows
from pyengine.text.tokens import TokenizedText, tokenize
from pyengine.text.windows import Window, cut_windows

PASSAGES, POSITIONS, COLD, ROWS = "passages", "positions", "cold", "rows"
# Of the scored rows, those that every model computes twice, in another order the second time.
SHARE_TWICE = 0.04
FEWEST_TWICE = 128
COLD_CHOICES = 10


@dataclass(frozen=True, eq=False)
class Plan:
    """What a comparison decodes, in the reference's tokens.

    Attributes:
        vocabulary: of the reference.
        start: ids of the cold start.
    """

    options: CompareOptions
    reference: Subject
    vocabulary: Vocabulary
    start: tuple[int, ...]

    @property
    def threads(self) -> int:
        """CPU threads of every model."""
        return used_threads(self.options.threads)

    @cached_property
    def prefix(self) -> list[int]:
        """What the tokenizer puts before every text."""
        return document_prefix(self.vocabulary)

    @cached_property
    def padding(self) -> npt.NDArray[np.int32]:
        """Entries of a row that belong to no token."""
        return padding_ids(self.vocabulary, self.reference.info.n_vocab)

    @cached_property
    def sets(self) -> Mapping[str, npt.NDArray[np.int32]]:
        """The keyword tokens of each language, and of all."""
        return keyword_sets(self.vocabulary, self.padding)

    def text(self, corpus: Corpus) -> ScoredCorpus:
        """Cut the corpus into chunks.

        Raises:
            CorpusError: there is nothing to score.
        """
        options = self.options
        documents = tokenize(corpus.documents, self.vocabulary)
        windows = self._windows(documents)
        n_vocab = self.reference.info.n_vocab
        n_ctx = options.windows.n_ctx
        session = window_session(windows, n_ctx=n_ctx, n_vocab=n_vocab, threads=self.threads)
        chunk_rows = max(1, options.cap_bytes // (4 * n_vocab))
        groups, looks = [], []
        for begin, end in pairwise((0, *self._look_ends(windows))):
            lengths = [len(window) for window in windows[begin:end]]
            groups += [[windows[begin + i] for i in g] for g in grouped(lengths, chunk_rows)]
            looks.append(len(groups))
        chunks = [Chunk(f"text {n}", tuple(group), session) for n, group in enumerate(groups)]
        # On which side of a limit a level lies is asked at every look.
        limited = options.max_kl is not None or options.max_flips is not None
        first = 0 if limited else first_level_look(options.precision, len(looks))
        depths = octaves(n_ctx) if options.windows.by_position else ()
        scored = scored_tokens(
            documents, windows, looks=len(looks), levels_from=first, depths=depths
        )
        return ScoredCorpus(documents, windows, chunks, scored, looks)

    def _windows(self, documents: Sequence[TokenizedText]) -> list[Window]:
        options = self.options.windows
        cut = position_windows if options.by_position else cut_windows
        return list(cut(documents, self.prefix, options, seed=self.options.seed))

    def _look_ends(self, windows: Sequence[Window]) -> list[int]:
        """Return after how many windows to look, the last time at the end."""
        if not self.options.precision:
            return [len(windows)]
        ends = document_ends(windows)
        return [ends[n - 1] for n in look_points(len(ends))]

    def text_work(
        self,
        text: ScoredCorpus,
        variants: Sequence[Variant],
        *,
        save_logits: Path | None = None,
    ) -> Work:
        """Return the work over the corpus, every model beside itself included.

        Args:
            save_logits: a folder for whole rows, where that was asked for.
        """
        keepers: dict[str, Keeper] = {
            POSITIONS: LargestDivergence(self.options.positions),
            PASSAGES: LargestDivergence(self.options.passages, PASSAGE_LENGTH),
        }
        saving: dict[str, dict[str, Keeper]] = {}
        if save_logits is not None:
            savers = row_savers(save_logits, text.chunks, [variant.id for variant in variants])
            saving = {name: {ROWS: saver} for name, saver in savers.items()}
        return self._work(
            variants,
            text.chunks,
            {chunk.name: {**keepers, **saving.get(chunk.name, {})} for chunk in text.chunks},
            rows_twice(text.chunks, text.looks),
            text.looks,
        )

    def start_work(self, variants: Sequence[Variant]) -> tuple[Work, list[str]]:
        """Return the work over cold starts and then warm ones, and the kind of each start."""
        whole, kinds = start_chunk(
            self.vocabulary,
            self.prefix,
            self.start,
            threads=self.threads,
            n_positions=self.options.n_positions,
        )
        n_cold = kinds.count("cold")
        cold = cold_chunk(whole.contexts[:n_cold], threads=self.threads)
        warm = replace(whole, contexts=whole.contexts[n_cold:])
        keepers: dict[str, Keeper] = {COLD: FirstTokens(0, COLD_CHOICES)}
        return self._work(variants, (cold, warm), {cold.name: keepers}), kinds

    def _work(
        self,
        variants: Sequence[Variant],
        chunks: Sequence[Chunk],
        keepers: Mapping[str, Mapping[str, Keeper]],
        twice: Mapping[str, int] = MappingProxyType({}),
        looks: Sequence[int] = (),
    ) -> Work:
        return Work(
            reference=self.reference.variant,
            variants=tuple(variants),
            chunks=tuple(chunks),
            observers=(pair_columns, partial(set_columns, self.sets)),
            keepers=keepers,
            padding=self.padding,
            fingerprint=self._fingerprint(),
            twice=twice,
            looks=looks,
            workers=self.options.workers,
            keep_open=self.options.keep_open,
        )

    def _fingerprint(self) -> str:
        options = self.options
        told = f"{pyengine.__version__} {LLAMA_CPP_PYTHON_VERSION} "
        told += f"{options.positions} {options.passages} {' '.join(METRICS)}"
        digest = hashlib.sha256(told.encode())
        for name, ids in sorted({**self.sets, "padding": self.padding}.items()):
            digest.update(name.encode() + b"\0" + ids.tobytes())
        return digest.hexdigest()


def rows_twice(chunks: Sequence[Chunk], looks: Sequence[int]) -> dict[str, int]:
    """Return how many of each chunk's first rows every model computes twice, by its name.

    Args:
        looks: after how many chunks a variant may stop; each stretch gives its share.
    """
    found = {}
    for begin, end in pairwise((0, *looks)):
        stretch = chunks[begin:end]
        share = round(SHARE_TWICE * sum(chunk.n_rows for chunk in stretch))
        left = share if begin else max(FEWEST_TWICE, share)
        for chunk in stretch:
            if left > 0:
                found[chunk.name] = min(left, chunk.n_rows)
            left -= chunk.n_rows
    return found
