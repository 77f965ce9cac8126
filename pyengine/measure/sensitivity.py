"""How far a model moves when a group of its tensors is rounded to a type, all else as it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pyengine.errors import ModelKindError, OptionError
from pyengine.measure.compare import silent
from pyengine.measure.decode import used_weights
from pyengine.measure.documents import ScoredCorpus, population
from pyengine.measure.engine import LocalExecutor, Processes, Progress, Work
from pyengine.measure.found import (
    Finding,
    beyond_trained,
    by_kind,
    documents_left_out,
    fitted,
)
from pyengine.measure.models import variant_ids
from pyengine.measure.observers import pair_columns
from pyengine.measure.options import CompareOptions
from pyengine.measure.plan import Plan
from pyengine.measure.provenance import provenance
from pyengine.measure.rounding_types import RoundingTypes, known_type, weight_errors
from pyengine.measure.sensitivity_groups import COMMAND, TensorGroup, TypeChoice
from pyengine.measure.sensitivity_rounds import Rounds
from pyengine.measure.store import open_cache
from pyengine.measure.subjects import Subject, identify, open_subject
from pyengine.measure.tensor_kinds import Part, kinds_of
from pyengine.measure.variants import Rounding
from pyengine.models.gguf import TensorEntry, parts_sha256, read_tensor_table
from pyengine.models.imatrix import check_fits
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions, used_threads
from pyengine.models.quantize import quantizable
from pyengine.run.record import ModelInfo, Note, Population, Run
from pyengine.text.documents import Corpus
from pyengine.text.windows import WindowOptions

FLOATS = ("f32", "f16", "bf16")
# Scored tokens of a document: twelve documents at least.
DOCUMENTS = 12
# For the reference's rows, which go to a temporary file: each chunk opens every variant once.
CAP_BYTES = 2 << 30


@dataclass(frozen=True, kw_only=True)
class SensitivityOptions:
    """How sensitivity is measured.

    Attributes:
        at: the type to which a group is rounded.
        n_groups: groups at most into which the tensors are divided, if there are not more kinds.
        imatrix: importance matrix to quantize with.
        tokens: scored tokens.
        n_ctx: tokens of a context.
        threads: CPU threads; None for the cores less one.
        n_gpu_layers: layers on the GPU; negative for all.
        seed: of the order of documents.
    """

    at: str = "q4_K"
    n_groups: int = 14
    imatrix: Path | None = None
    tokens: int = 1536
    n_ctx: int = 512
    threads: int | None = None
    n_gpu_layers: int = 0
    seed: int = 20260102

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        known_type(self.at)
        if self.n_groups < 1:
            raise OptionError(f"the number of groups must be at least 1, not {self.n_groups}")
        used_threads(self.threads)
        self.windows(DOCUMENTS).check()

    def windows(self, n_documents: int) -> WindowOptions:
        """Return how documents are cut: an equal share of each, of twelve where there are more."""
        share = -(-self.tokens // min(DOCUMENTS, n_documents))
        return WindowOptions(n_ctx=self.n_ctx, document_tokens=share, max_tokens=self.tokens)


def measure_sensitivity(
    source: Path,
    corpus: Corpus,
    *,
    options: SensitivityOptions | None = None,
    progress: Progress = silent,
) -> Run:
    """Round groups of tensors in memory, one at a time, and measure KL from the source.

    First the tensors of one name in all layers, and all that there are at once; then the group with
    the largest divergence is divided into halves of its layers, until there are enough. What other
    types would lose is predicted in proportion to the error of the weights. What was measured is
    kept in the user's cache, where a run that was killed finds it.

    Args:
        source: a model of floats.
        corpus: documents to measure on.
        options: how.
        progress: called with what is being done and the part that is done.

    Returns:
        a run of two models, the source and the source rounded, with "kl" and "same_first_choice"
        by group (`tensors=attn_q 0-14`), and of all groups at once without one; and an exhibit for
        each group, see `sensitivity_groups`.

    Raises:
        ModelFileError, ModelKindError: the source or the matrix cannot be used.
        NumbersError: it computes logits that are NaN or infinite.
        CorpusError: there is nothing to score.
        WorkerError: a process died.
        OptionError: an option is impossible.
    """
    options = options or SensitivityOptions()
    options.check()
    threads = used_threads(options.threads)
    with Processes() as processes, open_cache() as store:
        progress("open the model", 0.0)
        (name,) = variant_ids([source])
        opening = ModelOptions(n_gpu_layers=options.n_gpu_layers)
        subject = open_subject(identify(name, source, opening), processes)
        used = processes.call(subject.variant, used_weights, subject.variant, threads)
        processes.close(subject.variant)
        types = _types(source, options)
        tensors, left = _tensors(source, used, types)
        at = {t.name: types.nearest(t, known_type(options.at)) for t in tensors}
        work, text, scope, notes = _read(corpus, options, subject)
        rounds = Rounds(
            work=work,
            text=text,
            executor=LocalExecutor(processes),
            store=store,
            model=f"{name} rounded",
            rounding=_rounding(options, threads),
            types=at,
            progress=progress,
        )
        parts = rounds.run(kinds_of(tensors), options.n_groups)
    errors = weight_errors(
        source,
        tensors,
        types,
        imatrix=str(options.imatrix or ""),
        threads=threads,
        progress=partial(progress, "Weighing errors"),
    )
    groups = [_group(part, rounds, types, errors) for part in parts]
    found: list[Finding] = [*rounds.measurements(), *(group.exhibit(name) for group in groups)]
    found += [*notes, *_type_notes(options, at), *left]
    return Run(
        command=COMMAND,
        options=_told(options, rounds),
        provenance=provenance(threads=threads, devices=subject.devices, seed=options.seed),
        models=[subject.info, _rounded_info(subject, rounds, options)],
        population=scope,
        **by_kind(found),
    )


def _types(source: Path, options: SensitivityOptions) -> RoundingTypes:
    """Return the types that tensors can have; with importance there are more."""
    if options.imatrix is None:
        return RoundingTypes()
    counted = check_fits(options.imatrix, read_tensor_table(source), source)
    return RoundingTypes(covered=frozenset(one.name for one in counted))


def _rounding(options: SensitivityOptions, threads: int) -> Rounding:
    if options.imatrix is None:
        return Rounding(threads=threads)
    sha256 = parts_sha256([options.imatrix])
    return Rounding(imatrix=str(options.imatrix), imatrix_sha256=sha256, threads=threads)


def _tensors(
    source: Path, used: Collection[str], types: RoundingTypes
) -> tuple[list[TensorEntry], list[Note]]:
    """Return the tensors that are rounded, and a note of those that no token needs.

    Raises:
        ModelKindError: they are no floats, or there is none.
    """
    table = read_tensor_table(source)
    for tensor in table:
        if tensor.type not in FLOATS:
            raise ModelKindError(
                f"{source}: {tensor.name} is {tensor.type}: what rounding does is measured against "
                "a model of floats; use its F16, BF16 or F32 file"
            )
    names = quantizable(source)
    table = [tensor for tensor in table if tensor.name in names and types.of(tensor)]
    found = [tensor for tensor in table if tensor.name in used]
    if not found:
        raise ModelKindError(f"{source}: has no tensor that can be quantized")
    left = [tensor.name for tensor in table if tensor.name not in used]
    return found, [Note(code="tensors-unused", values={"names": left})] if left else []


def _read(
    corpus: Corpus, options: SensitivityOptions, subject: Subject
) -> tuple[Work, ScoredCorpus, Population, list[Note]]:
    """Cut the corpus, in a context that the model can hold."""
    n_ctx, notes = fitted(options.n_ctx, subject.n_positions)
    windows = replace(options.windows(len(corpus)), n_ctx=n_ctx)
    comparing = CompareOptions(
        windows=windows,
        cap_bytes=CAP_BYTES,
        keep_open=False,
        threads=options.threads,
        precision=0,
        seed=options.seed,
        n_positions=subject.n_positions,
    )
    comparing.check()
    with open_model(subject.info.path, options=ModelOptions(vocabulary_only=True)) as model:
        plan = Plan(comparing, subject, model.vocabulary, ())
        text = plan.text(corpus)
        work = replace(plan.text_work(text, ()), observers=(pair_columns,), keepers={}, twice={})
        scope = population(corpus, text.windows, windows, prefix=plan.prefix, seed=options.seed)
    notes += documents_left_out([d.text.name for d in text.documents if d.refused])
    longest = max(len(context.ids) for chunk in text.chunks for context in chunk.contexts)
    notes += beyond_trained([(subject.info.id, subject.info.n_ctx_train)], longest)
    return work, text, scope, notes


def _group(
    part: Part,
    rounds: Rounds,
    types: RoundingTypes,
    errors: Mapping[str, Mapping[str, float]],
) -> TensorGroup:
    """Describe a group: what was measured of it, and what other types would lose."""
    row = rounds.rows[part.name, "kl"]
    own = {tensor.name: errors[tensor.name][rounds.types[tensor.name]] for tensor in part.tensors}
    measured = _mean(part, own)

    def choice(name: str) -> TypeChoice:
        error = _mean(part, {tensor.name: errors[tensor.name][name] for tensor in part.tensors})
        kl = row.value * error / measured if measured else 0.0
        return TypeChoice(name, types.n_bytes(part.tensors, name), error, kl)

    layers = part.layers
    return TensorGroup(
        kind=part.kind,
        first_layer=layers[0] if layers else None,
        last_layer=layers[-1] if layers else None,
        tensors=tuple(tensor.name for tensor in part.tensors),
        n_weights=part.n_weights,
        measured_types=dict(Counter(rounds.types[tensor.name] for tensor in part.tensors)),
        kl=row.value,
        low=row.low,
        high=row.high,
        choices=tuple(choice(name) for name in types.of_all(part.tensors)),
        leaf=part in rounds.leaves,
    )


def _mean(part: Part, errors: Mapping[str, float]) -> float:
    """Return the mean error of a group's weights."""
    sums = [math.prod(tensor.shape) * errors[tensor.name] for tensor in part.tensors]
    return sum(sums) / part.n_weights


def _type_notes(options: SensitivityOptions, types: Mapping[str, str]) -> list[Note]:
    """Note the tensors that were rounded to another type than was asked for."""
    asked = known_type(options.at)
    others = Counter(name for name in types.values() if name != asked)
    if not others:
        return []
    return [Note(code="rounded-to-nearest", values={"asked": asked, "types": dict(others)})]


def _told(options: SensitivityOptions, rounds: Rounds) -> dict[str, Any]:
    return {
        "at": known_type(options.at),
        "groups": len(rounds.leaves),
        "imatrix": None if options.imatrix is None else str(options.imatrix),
        "imatrix_sha256": rounds.rounding.imatrix_sha256,
    }


def _rounded_info(subject: Subject, rounds: Rounds, options: SensitivityOptions) -> ModelInfo:
    """Describe the model of which some weights are rounded, which is no file."""
    settings = {**subject.info.settings, "rounded_to": known_type(options.at)}
    return subject.info.model_copy(update={"id": rounds.model, "settings": settings})
