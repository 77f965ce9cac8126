"""Run all models over the windows and collect what was measured of every token."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyengine.comparison.decoding import Decoding
from pyengine.comparison.options import CompareOptions
from pyengine.comparison.passages import PassageKeeper
from pyengine.comparison.passes import (
    Block,
    Group,
    KeptRows,
    Reduction,
    beside_kept,
    blocks_of,
    control_block,
    keep_rows,
    live_window,
)
from pyengine.comparison.reference_cache import ReferenceCache
from pyengine.comparison.saved_rows import RowFolder
from pyengine.comparison.setting import Progress
from pyengine.comparison.spots import SpotKeeper
from pyengine.comparison.subjects import Subject
from pyengine.comparison.texts import TokenizedText
from pyengine.comparison.tokens import KeywordColumns, VariantColumns
from pyengine.comparison.windows import Window
from pyengine.engine.session import Session
from pyengine.files import temporary_folder
from pyengine.statistics import confidence_sequence, restricted_statistics

Ids = npt.NDArray[np.int32]


@dataclass
class Collected:
    """Records of one variant, or of the null control, as they come in."""

    pairs: list[npt.NDArray[np.void]] = field(default_factory=list)
    mass_p: list[npt.NDArray[np.float64]] = field(default_factory=list)
    mass_q: list[npt.NDArray[np.float64]] = field(default_factory=list)
    keyword_kl: list[npt.NDArray[np.float64]] = field(default_factory=list)

    def take(self, block: Block, ids: Ids, targets: Ids, threads: int) -> None:
        """Keep the records of a block, and what its rows say of the keywords `ids`."""
        self.pairs.append(block.records)
        if len(ids) == 0:
            nothing = np.full(len(block.records), np.nan)
            for column in (self.mass_p, self.mass_q, self.keyword_kl):
                column.append(nothing)
            return
        kept = restricted_statistics(
            block.reference, block.rows, targets, ids, block.records, threads=threads
        )
        self.mass_p.append(kept.mass_p)
        self.mass_q.append(kept.mass_q)
        self.keyword_kl.append(kept.pairs["kl"])

    def columns(self) -> VariantColumns:
        """Join all records."""
        keywords = KeywordColumns(
            np.concatenate(self.mass_p),
            np.concatenate(self.mass_q),
            np.concatenate(self.keyword_kl),
        )
        return VariantColumns(np.concatenate(self.pairs), keywords)


@dataclass(frozen=True)
class Measurement:
    """What the passes over the corpus gave."""

    windows: list[Window]
    variants: list[VariantColumns]
    null: VariantColumns
    spots: list[SpotKeeper]
    passages: list[PassageKeeper]
    stopped: str


class Measurer:
    """Runs the windows through all models; keeps numbers per token and no rows."""

    def __init__(
        self,
        documents: Sequence[TokenizedText],
        reduction: Reduction,
        keyword_sets: Mapping[str, npt.NDArray[np.int32]],
        n_variants: int,
        options: CompareOptions,
        save_logits: Path | None = None,
    ) -> None:
        self.documents = documents
        self.reduction = reduction
        self.keyword_sets = keyword_sets
        self.options = options
        self.collected = [Collected() for _ in range(n_variants)]
        self.null = Collected()
        self.saved = None if save_logits is None else RowFolder(save_logits)
        self.spots = [SpotKeeper(options.spots) for _ in range(n_variants)]
        self.passages = [PassageKeeper(options.passages) for _ in range(n_variants)]

    def take(self, block: Block, window: Window) -> None:
        """Reduce one block of rows to numbers; the variant after the last is the null control."""
        ids = self.keywords_of(window)
        targets = window.targets[block.begin : block.begin + len(block.records)]
        if block.variant == len(self.collected):
            self.null.take(block, ids, targets, self.reduction.threads)
            return
        self.collected[block.variant].take(block, ids, targets, self.reduction.threads)
        if self.saved is not None:
            self.saved.write(block, window)
        self.spots[block.variant].offer(block, window)
        self.passages[block.variant].offer(block, window)

    def keywords_of(self, window: Window) -> Ids:
        """Return the keyword tokens of a window's language; none where it is not known."""
        language = self.documents[window.document].text.language
        return self.keyword_sets.get(language, np.empty(0, dtype=np.int32))

    def precise_enough(self, windows: Sequence[Window]) -> bool:
        """Tell whether every variant's mean KL is known well enough to stop."""
        if self.options.precision is None:
            return False
        clusters = np.repeat([w.document for w in windows], [len(w) for w in windows])
        for collected in self.collected:
            kl = np.concatenate(collected.pairs)["kl"].astype(np.float64)
            if not confidence_sequence(kl, clusters).reached(self.options.precision):
                return False
        return True


def measure(
    reference: Subject,
    variants: Sequence[Subject],
    windows: list[Window],
    measurer: Measurer,
    decoding: Decoding,
    *,
    plan: str,
    progress: Progress,
) -> Measurement:
    """Measure all windows, or as many as the requested precision needs."""
    run = {"live": _live, "block": _blocks, "cache": _cached}[plan]
    count = 0
    stopped = "all windows of the budget were measured"
    for group in run(reference, variants, windows, measurer, decoding):
        count += len(group)
        progress("measure the corpus", count / len(windows))
        ends = count == len(windows) or windows[count].document != windows[count - 1].document
        if ends and count < len(windows) and measurer.precise_enough(windows[:count]):
            stopped = "the requested precision was reached"
            break
    return Measurement(
        windows=windows[:count],
        variants=[collected.columns() for collected in measurer.collected],
        null=measurer.null.columns(),
        spots=measurer.spots,
        passages=measurer.passages,
        stopped=stopped,
    )


def _live(
    reference: Subject,
    variants: Sequence[Subject],
    windows: list[Window],
    measurer: Measurer,
    decoding: Decoding,
) -> Iterator[Group]:
    """Yield each window when all models have seen it."""
    first = Session(reference.opened(), options=decoding.usual)
    others = [Session(variant.opened(), options=decoding.usual) for variant in variants]
    again: Session | None = Session(reference.opened(), options=decoding.control)
    for index, window in enumerate(windows):
        if index == decoding.n_control:
            again = None
        blocks = live_window(first, others, index, window, measurer.reduction, control=again)
        for block in blocks:
            measurer.take(block, window)
        yield [(index, window)]


def _blocks(
    reference: Subject,
    variants: Sequence[Subject],
    windows: list[Window],
    measurer: Measurer,
    decoding: Decoding,
) -> Iterator[Group]:
    """Yield each group of windows when all models have seen it, one variant open at a time."""
    first = Session(reference.opened(), options=decoding.usual)
    for variant in variants:
        variant.put_aside()
    cap = measurer.options.memory.cap_bytes
    for group in blocks_of(windows, reference.record.n_vocab, cap):
        kept = keep_rows(first, group)
        for number, variant in enumerate(variants):
            with variant.session(decoding.usual) as session:
                for block in beside_kept(kept, number, session, group, measurer.reduction):
                    measurer.take(block, windows[block.window])
        _control(reference, kept, group, measurer, decoding)
        yield group


def _control(
    reference: Subject,
    kept: Sequence[KeptRows],
    group: Group,
    measurer: Measurer,
    decoding: Decoding,
) -> None:
    """Compute the reference again on the first rows of those windows that are controlled."""
    chosen = [(index, window) for index, window in group if index < decoding.n_control]
    if not chosen:
        return
    again = Session(reference.opened(), options=decoding.control)
    number = len(measurer.collected)
    for (index, window), (reference_rows, *_) in zip(chosen, kept, strict=False):
        block = control_block(again, number, index, window, reference_rows, measurer.reduction)
        measurer.take(block, window)


def _cached(
    reference: Subject,
    variants: Sequence[Subject],
    windows: list[Window],
    measurer: Measurer,
    decoding: Decoding,
) -> Iterator[Group]:
    """Yield all windows at once when every model has been open once, one after another."""
    everything = list(enumerate(windows))
    for variant in variants:
        variant.put_aside()
    with temporary_folder() as folder:
        cache = ReferenceCache(
            folder,
            measurer.reduction,
            {index: measurer.keywords_of(window) for index, window in everything},
        )
        first = Session(reference.opened(), options=decoding.usual)
        for index, window in everything:
            kept = keep_rows(first, [(index, window)])
            cache.write(index, window, np.concatenate(kept[0]))
            _control(reference, kept, [(index, window)], measurer, decoding)
        for number, variant in enumerate(variants):
            with variant.session(decoding.usual) as session:
                for index, window in everything:
                    begin = 0
                    for _, rows in session.iterate_rows(window.ids, window.rows):
                        measurer.take(cache.block(number, index, window, begin, rows), window)
                        begin += len(rows)
    yield everything
