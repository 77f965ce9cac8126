"""The models under comparison: what each is, and how a session on it is made."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyengine.comparison.axis import chosen_axis, recognise_axis
from pyengine.comparison.options import CompareOptions
from pyengine.comparison.records import AxisRecord
from pyengine.comparison.tensor_table import TensorTable, read_tensor_table
from pyengine.engine.header import short_name
from pyengine.engine.model import Model, Vocabulary, open_model
from pyengine.engine.options import ModelOptions, SessionOptions
from pyengine.engine.session import Session
from pyengine.engine.vocabulary_hash import vocabulary_sha256
from pyengine.errors import ModelKindError
from pyengine.results import ModelRecord, Note, beyond_trained, model_record
from pyengine.vocabulary.tokens import TokenKind


@dataclass
class Subject:
    """One model file. Its weights are mapped while `model` is open.

    Attributes:
        n_ctx_train: context that it was trained with.
        n_positions: rows of its table of learned positions; None where positions are computed.
        longest_context: tokens of the longest context decoded before the model was put aside.
    """

    path: Path
    record: ModelRecord
    tensors: TensorTable
    options: ModelOptions
    model: Model | None
    n_ctx_train: int
    n_positions: int | None
    label: str = ""
    longest_context: int = 0

    def opened(self) -> Model:
        """Return the model, opening it again where it was put aside."""
        if self.model is None:
            self.model = open_model(self.path, options=self.options)
        return self.model

    def put_aside(self) -> None:
        """Close the model; `opened` brings it back."""
        if self.model is not None:
            self.note_context()
            self.model.close()
            self.model = None

    def note_context(self) -> None:
        """Keep the length of the longest context that was decoded, which the model may outlive."""
        if self.model is not None:
            self.longest_context = max(self.longest_context, self.model.longest_context)

    def notes(self) -> list[Note]:
        """Return what a reader must know of how this model was used."""
        self.note_context()
        return beyond_trained(self.path, positions=self.longest_context, trained=self.n_ctx_train)

    @contextmanager
    def session(self, options: SessionOptions) -> Iterator[Session]:
        """Yield a session and put the model aside afterwards."""
        try:
            yield Session(self.opened(), options=options)
        finally:
            self.put_aside()


def open_subject(path: str | Path, options: CompareOptions) -> Subject:
    """Open a model file for comparison.

    Raises:
        ModelFileError: the file is missing or damaged.
        ModelKindError: it holds a vocabulary only.
    """
    how = ModelOptions(n_gpu_layers=options.n_gpu_layers, use_extra_bufts=options.use_extra_bufts)
    model = open_model(path, options=how)
    if not model.has_weights:
        model.close()
        raise ModelKindError(f"{path}: holds a vocabulary and no weights; nothing to compare")
    record = model_record(model, vocabulary_sha256=vocabulary_sha256(model.vocabulary))
    return Subject(
        path=Path(path),
        record=record,
        tensors=read_tensor_table(path),
        options=how,
        model=model,
        n_ctx_train=model.n_ctx_train,
        n_positions=model.n_positions,
    )


def positions_of(subjects: Sequence[Subject]) -> int | None:
    """Return how many positions all models have; None where none of them counts."""
    found = [subject.n_positions for subject in subjects if subject.n_positions is not None]
    return min(found, default=None)


def name_subjects(subjects: Sequence[Subject]) -> None:
    """Give each a label that no other has: the file's name without suffix, numbered if needed."""
    stems = [short_name(subject.path) for subject in subjects]
    for number, subject in enumerate(subjects):
        stem = stems[number]
        earlier = stems[:number].count(stem)
        subject.label = f"{stem} ({earlier + 1})" if earlier else stem


def same_vocabulary(reference: ModelRecord, variant: ModelRecord) -> bool:
    """Tell whether one token id means the same bytes to both, in rows of one length."""
    return (reference.vocabulary_sha256, reference.n_vocab) == (
        variant.vocabulary_sha256,
        variant.n_vocab,
    )


def axis_of(reference: Subject, variant: Subject, options: CompareOptions) -> AxisRecord:
    """Return what separates a variant from the reference."""
    if options.axis != "auto":
        return chosen_axis(options.axis, reference.tensors, variant.tensors)
    return recognise_axis(
        reference.tensors,
        variant.tensors,
        same_bytes=reference.record.sha256 == variant.record.sha256,
        same_architecture=reference.record.architecture == variant.record.architecture,
    )


def padding_ids(vocabulary: Vocabulary, n_vocab: int) -> npt.NDArray[np.int32]:
    """Return the entries of a row that belong to no token.

    These are rows beyond the tokenizer, tokens of kind "unused" or "undefined", and those that
    converters name [PAD<id>].
    """
    kinds = np.asarray(vocabulary.kinds)
    blank = (kinds == TokenKind.UNUSED) | (kinds == TokenKind.UNDEFINED)
    for token in np.flatnonzero(kinds == TokenKind.USER_DEFINED):
        blank[token] = vocabulary.piece(int(token)) == b"[PAD%d]" % token
    if blank.all():
        blank[:] = False
    return np.concatenate([np.flatnonzero(blank), np.arange(len(kinds), n_vocab)]).astype(np.int32)
