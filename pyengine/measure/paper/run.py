"""Hold files against arXiv 2601.02563: from models and finished evaluations to one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pyengine.measure.cold_rows import ProbeOptions
from pyengine.measure.found import Finding, by_kind
from pyengine.measure.models import distinct, model_info, spec_name
from pyengine.measure.paper.claims import claim_lines, kind_of_pair, pair_rows
from pyengine.measure.paper.cold import Cold, decode
from pyengine.measure.paper.lines import Line
from pyengine.measure.paper.programs import (
    Evaluated,
    evaluated,
    file_lines,
    program_lines,
    setting_lines,
)
from pyengine.measure.paper.quantizations import (
    baseline_of,
    cold_lines,
    input_lines,
    number_exhibit,
)
from pyengine.measure.paper.tokenizers import list_lines, tokenizer_lines
from pyengine.measure.paper.weaknesses import weakness_values
from pyengine.measure.provenance import provenance
from pyengine.models.gguf import check_gguf
from pyengine.models.model import open_model
from pyengine.models.options import ModelOptions
from pyengine.models.settings import ModelSpec
from pyengine.run.record import Exhibit, ModelInfo, Run
from pyengine.vocabulary.tokenizer import Tokenizer

Progress = Callable[[str, float], object]


@dataclass(frozen=True, eq=False)
class Given:
    """A file: its tokenizer, and its cold starts where it has weights."""

    info: ModelInfo
    tokenizer: Tokenizer
    cold: Cold | None


def paper(
    specs: Sequence[ModelSpec],
    records: Sequence[Run],
    options: ProbeOptions,
    *,
    has_reference: bool,
    progress: Progress,
) -> Run:
    """Hold every statement of the paper against files.

    Args:
        specs: files, with weights or without; the first is the reference where there is one.
        records: finished runs of `evaluate`, for what is said of programs.
        progress: called with what is being done and the part that is done.

    Returns:
        a run; exhibits "paper-table" hold the lines, "paper-weakness" what answers a weakness.

    Raises:
        ModelFileError, ModelKindError, NumbersError, TokenizerError, WorkerError: a model cannot
            be used.
    """
    names = distinct([spec_name(spec) for spec in specs])
    given = [_open(*both, options, progress) for both in zip(names, specs, strict=True)]
    reference = given[0].info.id if has_reference else ""
    models = {one.info.id: one.cold for one in given if one.cold is not None}
    done = evaluated(records)
    infos = [one.info for one in given]
    lines = [
        *list_lines(),
        *(line for one in _distinct(given) for line in tokenizer_lines(one.info.id, one.tokenizer)),
        *input_lines(models),
        *setting_lines(done),
        *cold_lines(models),
        *program_lines(done),
        *file_lines(infos),
        *claim_lines(models, infos, reference, done),
    ]
    found: list[Finding] = list(_tables(lines))
    for one in models.values():
        found += [*one.findings(), number_exhibit(one, baseline_of(one, models))]
    for info in infos[1:] if has_reference else ():
        pair = {"pair": kind_of_pair(infos[0], info)}
        found.append(Exhibit(kind="paper-pair", model=info.id, content=pair))
        if reference in models and info.id in models:
            found += pair_rows(models[reference], models[info.id])
    subject = reference if reference in models else next(iter(models), "")
    for number, values in weakness_values(given[0].tokenizer, models, subject, done).items():
        told = {"number": number, "values": values}
        found.append(Exhibit(kind="paper-weakness", model="", content=told))
    computed = next((one.decoded.provenance for one in models.values()), None)
    return Run(
        command="paper",
        options={"reference": reference or None, "records": _told(done)},
        provenance=computed or provenance(threads=1, devices=[]),
        models=infos,
        **by_kind(found),
    )


def _open(name: str, spec: ModelSpec, options: ProbeOptions, progress: Progress) -> Given:
    progress(f"read {spec.path.name}", 0.0)
    model = open_model(spec.path, options=ModelOptions(vocabulary_only=True))
    tokenizer = Tokenizer(model)
    if check_gguf(spec.path, vocabulary=False).n_tensors == 0:
        return Given(model_info(name, model), tokenizer, None)
    cold = decode(spec, options, progress)
    info = cold.info.model_copy(update={"id": name})
    cold = replace(cold, decoded=replace(cold.decoded, info=info))
    return Given(info, tokenizer, cold)


def _distinct(given: Sequence[Given]) -> list[Given]:
    """Return the first file of each tokenizer."""
    return list({one.info.vocabulary_sha256: one for one in reversed(given)}.values())[::-1]


def _tables(lines: Sequence[Line]) -> Iterator[Exhibit]:
    """Yield the lines by the paper's numbers of its tables, in their order."""
    for table in sorted({line.table for line in lines}):
        inside = [line.content() for line in lines if line.table == table]
        yield Exhibit(kind="paper-table", model="", content={"table": table, "lines": inside})


def _told(done: Sequence[Evaluated]) -> list[dict[str, object]]:
    """Say which finished evaluations were held against the paper."""
    return [{"model": one.info.id, "sha256": one.info.sha256} for one in done]
