"""By what recipes choose: a sensitivity of this model over the half of the documents for it."""

from __future__ import annotations

from pathlib import Path

from pyengine.errors import OptionError
from pyengine.measure.engine import Progress
from pyengine.measure.sensitivity import SensitivityOptions, measure_sensitivity
from pyengine.measure.sensitivity_groups import leaves
from pyengine.models.imatrix import text_sha256
from pyengine.models.quantize import bytes_sha256, file_sha256
from pyengine.models.quantize_options import QuantizeOptions
from pyengine.run.record import Exhibit, Note, Run
from pyengine.text.documents import Corpus


def sensitivity_by(
    source: Path,
    choosing: Corpus,
    given: Run | None,
    options: QuantizeOptions,
    *,
    threads: int | None,
    seed: int,
    progress: Progress,
) -> Run:
    """Return the sensitivity that is given, or measure it.

    Args:
        source: a model of floats.
        choosing: the half of the documents that chooses.
        given: a run of `measure_sensitivity`; None measures it.
        options: how to quantize; its importance matrix is used.
        threads: CPU threads; None for the cores less one.
        seed: of the order of documents.
        progress: called with what is being done and the part that is done.

    Raises:
        OptionError: the given one is of another model, other documents or another matrix.
        ModelFileError, ModelKindError, NumbersError, CorpusError, WorkerError: as
            `measure_sensitivity`.
    """
    if given is not None:
        _check(source, given, choosing, options)
        return given
    how = SensitivityOptions(imatrix=options.imatrix, threads=threads, seed=seed)
    return measure_sensitivity(source, choosing, options=how, progress=progress)


def _check(source: Path, run: Run, choosing: Corpus, options: QuantizeOptions) -> None:
    """Raise OptionError where a sensitivity was measured on something else."""
    leaves(run)
    if run.models[0].sha256 != file_sha256(source):
        raise OptionError(
            f"the sensitivity is of another model, {run.models[0].path}, and not of {source}"
        )
    if run.population is None or run.population.sha256 != choosing.sha256:
        raise OptionError(
            f"the sensitivity was measured on other documents than the half of {choosing.origin} "
            "that chooses: give the same --corpus and --seed to both"
        )
    importance = "" if options.imatrix is None else bytes_sha256(options.imatrix)
    if (run.options.get("imatrix_sha256") or "") != importance:
        raise OptionError(
            "the sensitivity was measured with another importance matrix, or with or without one: "
            "it decides which types are good; give the same --imatrix to both"
        )


def sensitivity_exhibit(run: Run) -> Exhibit:
    """Tell by what recipes were chosen.

    Keys: n_groups; corpus_sha256, n_tokens and n_documents of what it was measured on; kl_sum and
    kl_joint: of the groups, each rounded alone, and of all at once.
    """
    joint = run.find("kl", run.models[-1].id)
    groups = leaves(run)
    content = {
        "n_groups": len(groups),
        "corpus_sha256": run.population and run.population.sha256,
        "n_tokens": run.population and run.population.n_tokens,
        "n_documents": run.population and run.population.n_scored_documents,
        "kl_sum": sum(group.kl for group in groups),
        "kl_joint": joint and joint.value,
    }
    return Exhibit(kind="sensitivity", model="", content=content)


def matrix_notes(options: QuantizeOptions, choosing: Corpus) -> list[Note]:
    """Note that an importance matrix may be of documents on which files are verified."""
    if options.imatrix is None or text_sha256(options.imatrix) == choosing.sha256:
        return []
    return [Note(code="matrix-of-unknown-text", values={"path": str(options.imatrix)})]
