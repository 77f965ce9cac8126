"""`pyengine evaluate` as a document: the answer in words, then tables, then method."""

from __future__ import annotations

from collections.abc import Sequence

from pyengine.reports.evaluate_cells import (
    Write,
    ends,
    listed,
    members,
    number,
    passing,
    share_of,
    with_interval,
)
from pyengine.reports.evaluate_variants import differences_table, flips_table, links
from pyengine.reports.evaluate_words import (
    OUTCOMES,
    label,
    methods,
    sides_verdict,
    warning_blocks,
    warnings,
)
from pyengine.reports.numbers import counted, fixed, percent, significant, size
from pyengine.reports.tables import (
    Align,
    Block,
    Cell,
    CellLike,
    Column,
    Document,
    Facts,
    Paragraph,
    Section,
    Table,
    table,
)
from pyengine.run.evaluate_metrics import KS, RATIOS
from pyengine.run.measurement import Measurement
from pyengine.run.metrics import METRICS
from pyengine.run.record import ModelInfo, Run

RIGHT: Align = "right"
WRITE: dict[str, Write] = {"percent": percent, "fixed2": fixed, "number": significant}


def evaluate_document(run: Run) -> Document:
    """Lay an evaluation out: one model in full, or several side by side and then each."""
    blocks: list[Block] = [answer(run, run.models[0])]
    blocks += [Paragraph(warning, "warn") for warning in warnings(run)]
    if len(run.models) == 1:
        blocks += _details(run, run.models[0])
        title = f"Code written by {label(run.models[0])}"
    else:
        blocks += [models_table(run), *_paired(run), *links(run)]
        blocks += [
            Section(model.id, (*warning_blocks(run, model), *_details(run, model)), folded=True)
            for model in run.models
        ]
        title = f"Code written by {len(run.models)} models"
    return Document(title, (*blocks, method(run)))


def answer(run: Run, model: ModelInfo) -> Paragraph:
    """Say in a sentence what was found."""
    found, solved = run.find("pass_at_1", model.id), run.find("tasks_solved", model.id)
    if found is None or solved is None:
        return Paragraph("No task could be executed: no toolchain is installed.", "strong")
    text = (
        f"{label(model)} solves {solved.value:.0f} of {solved.n} tasks"
        + (" at least once" if run.options["samples"] > 1 else "")
        + f": pass@1 {percent(found.value)}, 95 % interval {percent(found.low)} to "
        f"{percent(found.high)}."
    )
    names = [shown["task"] for shown in run.shown("answer", model.id) if passing(shown)]
    if names:
        text += f" Solved: {listed(names)}."
    return Paragraph(text, "strong")


def models_table(run: Run) -> Table:
    """Set the models side by side."""
    columns = [
        Column("Model"),
        Column("Type", drop=6),
        Column("Size", RIGHT, drop=5),
        Column("Solved", RIGHT),
        Column("pass@1", RIGHT),
        Column("95 % interval", RIGHT),
        Column("Parse", RIGHT),
        Column("Log p", RIGHT, unit="nats"),
        Column("Bits/byte", RIGHT, drop=1),
        Column("Keywords first", RIGHT, drop=2),
        Column("Against the reference", drop=7),
    ]
    rows = [_model_row(run, model) for model in run.models]
    passes = run.select("pass_at_1", group="")
    notes = [
        f"pass@1: {methods(passes, single=_single(run))}. Log p: of a token of the reference "
        "solutions. The intervals of the rest are in each model's section."
    ]
    return table("Models", columns, rows, notes=notes)


def _model_row(run: Run, model: ModelInfo) -> Sequence[CellLike]:
    passed = run.find("pass_at_1", model.id)
    return (
        model.id,
        model.file_type,
        Cell(size(model.file_bytes), model.file_bytes),
        share_of(run.find("tasks_solved", model.id)),
        number(passed, percent),
        ends(passed),
        number(run.find("parse_share", model.id), percent),
        number(run.find("reference_log_probability", model.id), lambda value: fixed(value, 3)),
        number(run.find("reference_bits_per_byte", model.id), lambda value: fixed(value, 3)),
        number(run.find("keyword_first", model.id), percent),
        sides_verdict(run, model.id),
    )


def _single(run: Run) -> bool:
    return bool(run.options["samples"] == 1)


def _paired(run: Run) -> list[Block]:
    if run.options["reference"] is None or len(run.models) < 2:
        return []
    return [differences_table(run), flips_table(run)]


def _details(run: Run, model: ModelInfo) -> list[Block]:
    blocks: list[Block] = [measures_table(run, model)]
    if len(members(run, model.id, "language")) > 1:
        blocks.append(languages_table(run, model))
    return [*blocks, outcomes_table(run, model), cost(run, model), prompts(run, model)]


def measures_table(run: Run, model: ModelInfo) -> Table:
    """Show every measure over all tasks with its interval."""
    passes = [row for k in KS if (row := run.find(f"pass_at_{k}", model.id))]
    rest = [(metric, run.find(metric.id, model.id)) for metric in RATIOS]
    rows: list[Sequence[CellLike]] = [
        (METRICS[row.metric].title, with_interval(row, percent)) for row in passes
    ]
    rows += [(metric.title, with_interval(row, WRITE[metric.style])) for metric, row in rest]
    columns = [Column("Measure"), Column("Value (95 % interval)", RIGHT, name="value")]
    others = methods([row for _, row in rest if row is not None])
    notes = [f"pass@k: {methods(passes, single=_single(run))}. The rest: {others}."]
    n_tasks = len(run.shown("answer", model.id))
    return table(f"All {counted(n_tasks, 'task')}", columns, rows, notes=notes)


def languages_table(run: Run, model: ModelInfo) -> Table:
    """Show the main measures for each language."""
    n_tasks: dict[str, int] = {}
    for shown in run.shown("answer", model.id):
        n_tasks[shown["language"]] = n_tasks.get(shown["language"], 0) + 1

    def find(metric: str, language: str) -> Measurement | None:
        return run.find(metric, model.id, language=language)

    def executed(language: str) -> CellLike:
        row = find("tasks_solved", language)
        return None if row is None else Cell(f"{row.n}/{n_tasks[language]}", row.n)

    rows: list[Sequence[CellLike]] = [
        (
            name,
            executed(name),
            with_interval(find("pass_at_1", name), percent),
            number(find("parse_share", name), percent),
            number(find("error_nodes", name), significant),
            number(find("reference_bits_per_byte", name), fixed),
            number(find("keyword_first", name), percent),
        )
        for name in members(run, model.id, "language")
    ]
    columns = [
        Column("Language"),
        Column("Executed", RIGHT, drop=3),
        Column("pass@1", RIGHT),
        Column("Parse", RIGHT),
        Column("Errors/100", RIGHT, drop=2),
        Column("Bits/byte", RIGHT),
        Column("Keywords first", RIGHT, drop=1),
    ]
    return table("By language", columns, rows)


def outcomes_table(run: Run, model: ModelInfo) -> Table:
    """Show how the samples fared."""
    counts = [(code, run.find("samples", model.id, outcome=code)) for code in OUTCOMES]
    rows: list[Sequence[CellLike]] = [
        (OUTCOMES[code], Cell(f"{row.value:.0f}", int(row.value)), percent(row.value / row.n))
        for code, row in counts
        if row is not None
    ]
    columns = [Column("Outcome"), Column("Samples", RIGHT), Column("Share", RIGHT)]
    return table("Outcomes", columns, rows)


def cost(run: Run, model: ModelInfo) -> Facts:
    """Say what the measurement took."""

    def value(metric: str) -> float:
        row = run.find(metric, model.id)
        return float("nan") if row is None else row.value

    pairs = [
        ("Tokens written", f"{value('written_tokens'):,.0f}"),
        ("Tokens per second", significant(value("writing_speed"))),
        ("Samples ended by the token budget", percent(value("length_share"))),
        ("Samples with an unfinished tail dropped", percent(value("trimmed_share"))),
        ("Samples with thinking removed", percent(value("thinking_share"))),
        ("Seconds executing programs", fixed(value("execution_seconds"), 1)),
    ]
    return Facts("Cost", tuple(pairs))


def prompts(run: Run, model: ModelInfo) -> Facts:
    """Say what was sent, by the first task."""
    first = run.shown("answer", model.id)[0]
    ids = " ".join(map(str, first["prompt_tokens"][:24]))
    more = " …" if len(first["prompt_tokens"]) > 24 else ""
    pairs = (
        ("Prompt style", str(model.settings["style"])),
        ("Tasks", f"{run.options['tasks']}, {run.options['n_tasks']} of them"),
        (f"Sent for {first['task']}", repr(first["prompt"][:160])),
        ("As token ids", ids + more),
    )
    return Facts("Prompts", pairs)


def method(run: Run) -> Facts:
    """Say how it was measured, so that it can be repeated."""
    options, origin = run.options, run.provenance
    sampling = (
        "greedy"
        if options["temperature"] == 0
        else f"temperature {options['temperature']:g}, top-k {options['top_k']}, "
        f"top-p {options['top_p']:g}, min-p {options['min_p']:g}"
    )
    samples = counted(options["samples"], "sample")
    limits = f"{options['cpu_s']} s CPU, {options['wall_s']:g} s"
    pairs = [
        ("Decoding", f"{sampling}, {samples}, seed {options['seed']}"),
        ("Token budget", f"{options['max_tokens']} (+ {options['thinking_tokens']} for thinking)"),
        ("Tasks' SHA-256", options["tasks_sha256"][:16]),
        ("Sandbox", options["isolation"]),
        ("Limits", f"{limits}, {size(options['memory_bytes'])} memory"),
        ("Software", f"pyengine {origin.pyengine}, llama-cpp-python {origin.llama_cpp_python}"),
        (
            "Machine",
            ", ".join(
                (origin.cpu, counted(origin.cores, "core"), counted(origin.threads, "thread"))
            ),
        ),
    ]
    pairs += [(f"SHA-256 of {label(m)}", m.sha256[:16]) for m in run.models]
    return Facts("Method", tuple(pairs))
