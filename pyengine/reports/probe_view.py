"""`pyengine probe` as a document: the answer in words, then tables, then method."""

from collections.abc import Sequence

from pyengine.probes.records import ModelProbe, ProbeResult, TokenProbability
from pyengine.reports.keyword_forms import ALL_FORMS
from pyengine.reports.notes import note_paragraphs
from pyengine.reports.numbers import (
    count,
    counted,
    fixed,
    parameters,
    percent,
    probability,
    significant,
    size,
)
from pyengine.reports.pieces import visible
from pyengine.reports.probe_tables import (
    classes_table,
    fed,
    indentation_table,
    items_table,
    labels,
    languages_table,
    leave_one_out_table,
    paper_table,
    ranks_table,
    shown,
    starts_table,
    top_tokens,
)
from pyengine.reports.tables import (
    Block,
    Cell,
    CellLike,
    Column,
    Document,
    Facts,
    Paragraph,
    Section,
    Table,
    measured,
    table,
)
from pyengine.results import Provenance

DIFFERENT_VOCABULARIES = (
    "The vocabularies differ. Probabilities of words are comparable, most of all with + split, "
    "where a word counts however many tokens it takes; PKP, STP and NLP count single tokens, as "
    "the paper does. Entropy and effective tokens are not set side by side: they count tokens of "
    "different sizes."
)


def probe_document(result: ProbeResult) -> Document:
    """Lay a probe out: one model in full, or several side by side and then each in full."""
    if len(result.models) == 1:
        only = result.models[0]
        shown = _model_blocks(only, result)
        blocks = (shown[0], *note_paragraphs(result.notes), *shown[1:], method(result))
        return Document(f"Cold start of {only.model.name}", blocks)
    sections = tuple(
        Section(label, _model_blocks(probe, result))
        for label, probe in zip(labels(result.models), result.models, strict=True)
    )
    return Document(
        f"Cold starts of {len(result.models)} models",
        (
            first_choices(result),
            *note_paragraphs(result.notes),
            side_by_side(result),
            *_differences(result),
            *sections,
            method(result),
        ),
    )


def _model_blocks(probe: ModelProbe, result: ProbeResult) -> tuple[Block, ...]:
    return (
        answer(probe),
        _model_facts(probe),
        top_tokens(probe.starts[0]),
        starts_table(probe),
        languages_table(probe, result),
        leave_one_out_table(probe),
        classes_table(probe),
        paper_table(probe.paper),
        items_table(probe.paper),
        ranks_table(probe),
        indentation_table(probe.paper),
    )


def answer(probe: ModelProbe) -> Paragraph:
    """Say what the model wants to write, in one sentence."""
    start = probe.starts[0]
    best = ", ".join(f"{shown(t)} ({percent(t.probability)})" for t in start.top[:3])
    leading = max(probe.languages, key=lambda language: language.mass, default=None)
    languages = ""
    if leading is not None and leading.mass > 0:
        languages = (
            f" Of the keyword sets, {leading.title}'s hold the most probability: "
            f"{percent(leading.mass)} in all forms."
        )
    return Paragraph(
        f"Asked nothing, {probe.model.name} ({probe.model.file_type}) most wants to write {best}; "
        f"its choice is as open as one among {significant(start.effective_tokens)} equally "
        f"likely tokens ({fixed(start.entropy_bits)} bits).{languages}",
        tone="strong",
    )


def first_choices(result: ProbeResult) -> Paragraph:
    """Say in one sentence what each of several models most wants to write."""
    best = [
        f"{label} {shown(top[0])} ({percent(top[0].probability)})"
        for label, probe in zip(labels(result.models), result.models, strict=True)
        if (top := probe.starts[0].top)
    ]
    return Paragraph(f"Asked nothing, they most want to write: {'; '.join(best)}.", tone="strong")


def _model_facts(probe: ModelProbe) -> Facts:
    model, start = probe.model, probe.starts[0]
    ids = ", ".join(map(str, start.ids))
    return Facts(
        "What was measured",
        (
            ("file", model.path),
            (
                "model",
                f"{model.architecture}, {parameters(model.n_params)} parameters, "
                f"{model.file_type}, {fixed(model.bits_per_weight)} bits per weight, "
                f"{size(model.file_bytes)}",
            ),
            (
                "tokenizer",
                f"{model.tokenizer} {model.pre_tokenizer or '(no pre-tokenizer)'}, "
                f"{count(model.n_vocab)} tokens",
            ),
            ("fed", f"{' '.join(map(visible, start.pieces))} (id {ids}): {start.reason}"),
            ("sha256", model.sha256),
        ),
    )


def side_by_side(result: ProbeResult) -> Table:
    """Put the models beside each other, metric by metric.

    Between different vocabularies only what is defined over strings is set side by side.
    """
    probes = result.models
    alike = len({p.model.vocabulary_sha256 for p in probes}) == 1
    rows: list[tuple[CellLike, ...]] = [
        ("file type", *(p.model.file_type for p in probes)),
        ("size", *(Cell(size(p.model.file_bytes), p.model.file_bytes) for p in probes)),
        ("fed (ids)", *(fed(p.starts[0]) for p in probes)),
        ("top token", *(_top_text(p.starts[0].top) for p in probes)),
        *(_openness(probes) if alike else ()),
        ("PKP", *(measured(p.paper.pkp, probability) for p in probes)),
        ("STP", *(measured(p.paper.stp, probability) for p in probes)),
        ("NLP", *(measured(p.paper.nlp, probability) for p in probes)),
    ]
    for i, language in enumerate(probes[0].languages):
        of_models = [p.languages[i] for p in probes]
        masses = (measured(one.mass, percent) for one in of_models)
        rows.append((f"{language.title}, all forms", *masses))
        if not alike:
            whole = (measured(one.bare_and_split_mass, percent) for one in of_models)
            rows.append((f"{language.title}, + split", *whole))
    return table(
        "Side by side",
        ["", *(Column(label, "right") for label in labels(probes))],
        rows,
        notes=(f"{ALL_FORMS}.", *(() if alike else (DIFFERENT_VOCABULARIES,))),
    )


def _openness(probes: Sequence[ModelProbe]) -> tuple[tuple[CellLike, ...], ...]:
    starts = [probe.starts[0] for probe in probes]
    return (
        ("entropy [bit]", *(measured(start.entropy_bits, fixed) for start in starts)),
        ("effective tokens", *(measured(start.effective_tokens, significant) for start in starts)),
    )


def _differences(result: ProbeResult) -> tuple[Table, ...]:
    first, *others = labels(result.models)
    rows = [
        (
            label,
            measured(other.js_bits, probability),
            measured(other.kl_bits, probability),
            other.refused or "",
        )
        for label, other in zip(others, result.against_first, strict=True)
    ]
    title = f"Against {first}, token by token"
    columns: list[Column | str] = [
        "model",
        Column("JS", "right", "bit"),
        Column("KL", "right", "bit"),
        "not measured",
    ]
    return (table(title, columns, rows),)


def method(result: ProbeResult) -> Facts:
    """Say with what everything was computed."""
    return provenance_facts(result.provenance)


def provenance_facts(provenance: Provenance) -> Facts:
    """Describe versions, machine and seed."""
    seed = "none" if provenance.seed is None else str(provenance.seed)
    return Facts(
        "With",
        (
            ("pyengine", provenance.pyengine),
            (
                "llama.cpp",
                f"{provenance.llama_cpp} (llama-cpp-python {provenance.llama_cpp_python})",
            ),
            (
                "machine",
                f"{provenance.cpu}, {counted(provenance.cores, 'core')}, "
                f"{counted(provenance.threads, 'thread')}, {provenance.platform}",
            ),
            ("devices", ", ".join(provenance.devices)),
            ("seed", seed),
        ),
    )


def _top_text(top: list[TokenProbability]) -> CellLike:
    return f"{shown(top[0])} {percent(top[0].probability)}" if top else None
