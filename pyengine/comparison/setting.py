"""What all steps of one comparison share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pyengine.comparison.options import CompareOptions
from pyengine.comparison.starts import keyword_sets
from pyengine.comparison.subjects import Subject, padding_ids
from pyengine.comparison.texts import TokenizedText, tokenize
from pyengine.corpus import Corpus
from pyengine.engine.model import Model
from pyengine.engine.session import default_threads


class Progress(Protocol):
    """Told what is being done and which part of it is done."""

    def __call__(self, what: str, fraction: float) -> None:
        """Show it."""


def silent(what: str, fraction: float) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Setting:
    """The reference, the corpus in its tokens, and how things are measured.

    Attributes:
        prefix: what the tokenizer puts before every text.
        padding: entries of a row that belong to no token.
        keywords: the keyword tokens of each language.
        documents: the corpus in the reference's tokens; empty where it is not measured.
        save_logits: a folder for whole rows, where that was asked for.
        n_positions: how many positions all models have learned; None where none counts them.
    """

    reference: Subject
    options: CompareOptions
    threads: int
    corpus: Corpus
    prefix: list[int]
    padding: npt.NDArray[np.int32]
    keywords: dict[str, npt.NDArray[np.int32]]
    documents: list[TokenizedText]
    progress: Progress
    save_logits: Path | None
    n_positions: int | None


def make_setting(
    reference: Subject,
    corpus: Corpus,
    options: CompareOptions,
    progress: Progress,
    save_logits: Path | None,
    *,
    n_positions: int | None,
) -> Setting:
    """Prepare a comparison with this reference."""
    model = reference.opened()
    padding = padding_ids(model.vocabulary, model.n_vocab)
    progress("read the corpus", 0.0)
    return Setting(
        reference=reference,
        options=options,
        threads=options.threads or default_threads(),
        corpus=corpus,
        prefix=document_prefix(model),
        padding=padding,
        keywords=keyword_sets(model.vocabulary, padding),
        documents=tokenize(corpus.documents, model.vocabulary) if options.corpus else [],
        progress=progress,
        save_logits=save_logits,
        n_positions=n_positions,
    )


def document_prefix(model: Model) -> list[int]:
    """Return what the tokenizer puts before every text: BOS, or nothing."""
    bos = model.vocabulary.bos
    return [bos] if model.vocabulary.add_bos and bos is not None else []
