"""`pyengine evaluate` as a document: the answer in words, then tables, then method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.evaluate_words import (
    correlation_verdict,
    label,
    listed,
    methods,
    sides_verdict,
    warnings,
    warnings_of,
)
from pyengine.report.notes import OUTCOMES
from pyengine.report.numbers import counted, fixed, percent, signed, significant, size
from pyengine.report.origin import machine
from pyengine.report.tables import (
    Cell,
    CellLike,
    Column,
    Field,
    Table,
    listing,
    measured,
    number,
    text,
)
from pyengine.run.measurement import Measurement
from pyengine.run.metrics import ANSWERS, KS, METRICS
from pyengine.run.record import ModelInfo, Run

Write = Callable[[float], str]
WRITE: dict[str, Write] = {"percent": percent, "fixed2": fixed, "number": significant}


def _points(value: float) -> str:
    return signed(100 * value, 1)


# Differences to the reference: metric, header, how it is written, what gives way first.
DIFFERENCES: tuple[tuple[str, str, Write, int], ...] = (
    ("pass_at_1_change", "pass@1, points", _points, 0),
    ("parse_share_change", "parse, points", _points, 2),
    ("reference_log_probability_change", "log p, nats", partial(signed, decimals=3), 0),
    ("reference_bits_per_byte_change", "bits per byte", partial(signed, decimals=3), 1),
    ("keyword_first_change", "keywords first, points", _points, 3),
)
TOKEN_NAMES = {
    "kl": "KL divergence on code",
    "keyword_mass_shift": "keyword mass change on code",
    "jensen_shannon": "cold-start JS divergence",
    "pkp": "PKP (keyword mass at the cold start)",
}
CODE_NAMES = {
    "pass_at_1": "pass@1",
    "parse_share": "solutions that parse",
    "reference_log_probability": "log-probability of references",
    "keyword_first": "keywords first",
    "edit_similarity": "edit similarity",
}


def evaluate_document(run: Run) -> Document:
    """Lay an evaluation out: one model in full, or several side by side and then each."""
    blocks: list[Block] = [answer(run, run.models[0])]
    blocks += [Paragraph(warning, "warn") for warning in warnings(run)]
    if len(run.models) == 1:
        blocks += _details(run, run.models[0])
        title = f"Code written by {label(run.models[0])}"
    else:
        blocks.append(models_table(run))
        if run.options["reference"] is not None:
            blocks += [_differences(run), _flips(run)]
        blocks += _links(run)
        for model in run.models:
            told = [Paragraph(warning, "warn") for warning in warnings_of(run, model)]
            blocks.append(Section(model.id, (*told, *_details(run, model)), folded=True))
        title = f"Code written by {len(run.models)} models"
    return Document(title, (*blocks, _method(run)))


def answer(run: Run, model: ModelInfo) -> Paragraph:
    """Say in a sentence what was found."""
    found, solved = run.find("pass_at_1", model.id), run.find("tasks_solved", model.id)
    if found is None or solved is None:
        return Paragraph("No task could be executed: no toolchain is installed.", "strong")
    words = (
        f"{label(model)} solves {solved.value:.0f} of {solved.n} tasks"
        + (" at least once" if run.options["samples"] > 1 else "")
        + f": pass@1 {percent(found.value)}, 95 % interval {percent(found.low)} to "
        f"{percent(found.high)}."
    )
    names = [
        shown["task"]
        for shown in run.shown("answer", model.id)
        if any(sample["outcome"] == "passed" for sample in shown["samples"])
    ]
    if names:
        words += f" Solved: {listed(names)}."
    return Paragraph(words, "strong")


def models_table(run: Run) -> Table:
    """Set the models side by side."""

    def of(metric: str, header: str, write: Write, drop: int = 0, unit: str | None = None) -> Field:
        return number(header, lambda m: _value(run, metric, m.id), write, drop=drop, unit=unit)

    three = partial(fixed, decimals=3)
    fields = (
        text("Model", lambda m: m.id),
        text("Type", lambda m: m.file_type, drop=6),
        number("Size", lambda m: m.file_bytes, size, drop=5),
        text("Solved", lambda m: _share_of(run.find("tasks_solved", m.id)), align="right"),
        of("pass_at_1", "pass@1", percent),
        text("95 % interval", lambda m: _ends(run.find("pass_at_1", m.id)), align="right"),
        of("parse_share", "Parse", percent),
        of("reference_log_probability", "Log p", three, unit="nats"),
        of("reference_bits_per_byte", "Bits/byte", three, drop=1),
        of("keyword_first", "Keywords first", percent, drop=2),
        text("Against the reference", lambda m: sides_verdict(run, m.id), drop=7),
    )
    notes = [
        f"pass@1: {methods(run.select('pass_at_1', group=''), single=_single(run))}. Log p: of a "
        "token of the reference solutions. The intervals of the rest are in each model's section."
    ]
    return listing("Models", fields, run.models, notes=notes)


def _value(run: Run, metric: str, model: str, **members: str) -> float | None:
    row = run.find(metric, model, **members)
    return None if row is None else row.value


def _with_interval(row: Measurement | None, write: Write) -> CellLike:
    """Show a number, and its interval where it has one."""
    if row is None or row.value != row.value:
        return None
    if row.low != row.low:
        return Cell(write(row.value), row.value)
    return Cell(f"{write(row.value)} ({write(row.low)} to {write(row.high)})", row.value)


def _ends(row: Measurement | None) -> str | None:
    """Show the interval of a share alone."""
    return None if row is None else f"{percent(row.low)} to {percent(row.high)}"


def _share_of(row: Measurement | None) -> str | None:
    """Show a count and what it is of."""
    return None if row is None else f"{row.value:.0f}/{row.n}"


def _single(run: Run) -> bool:
    return bool(run.options["samples"] == 1)


def _differences(run: Run) -> Table:
    """Show each variant minus the reference, task by task, with bootstrap intervals."""
    reference, *variants = run.models

    def field(metric: str, header: str, write: Write, drop: int) -> Field:
        return Field(
            Column(header, "right", drop=drop),
            lambda model: _with_interval(run.find(metric, model.id), write),
        )

    shown = [field(*line) for line in DIFFERENCES if run.select(line[0])]
    note = (
        "Over the same tasks and seeds, 95 % intervals by resampling tasks (of shares in which no "
        "task differs: Wilson's); points are percentage points."
    )
    fields = [text("Model", lambda model: model.id, min_width=11), *shown]
    return listing(f"Difference to {reference.id}", fields, variants, notes=[note])


def _flips(run: Run) -> Table:
    """Show which tasks change sides, by name."""
    flips = [(m.id, flip) for m in run.models[1:] for flip in run.shown("flips", m.id)]
    fields = (
        text("Model", lambda flip: flip[0]),
        number("Lost", lambda flip: len(flip[1]["lost"]), str),
        number("Gained", lambda flip: len(flip[1]["gained"]), str),
        number("McNemar p", lambda flip: _value(run, "mcnemar_p", flip[0]), significant),
        text("Tasks lost", lambda flip: listed(flip[1]["lost"]) or None, drop=1),
        text("Tasks gained", lambda flip: listed(flip[1]["gained"]) or None, drop=2),
    )
    note = "A task counts as solved where at least half of its samples pass; p is exact."
    return listing("Tasks that change sides", fields, flips, notes=[note])


def _links(run: Run) -> list[Block]:
    """Show the rank correlations of token-level measures with code quality, if there are any."""
    found = run.select("rank_agreement")
    if not found:
        return []
    fields = (
        text("Token-level measure", lambda row: _named(TOKEN_NAMES, row.members["token"])),
        text("Code measure", lambda row: _named(CODE_NAMES, row.members["code"])),
        Field(Column("Spearman's rho", "right"), lambda row: _with_interval(row, signed)),
        number("Variants", lambda row: row.n, str),
        text("In words", correlation_verdict),
    )
    notes = [
        f"{len(found)} intervals of 95 % each: about one in twenty misses zero by chance alone. "
        "The reference is left out.",
        "Keywords on code are the language's, bare or after a space, newline or tab; PKP's are "
        "the paper's, bare.",
    ]
    title = "Do token-level changes go along with code quality?"
    return [listing(title, fields, found, notes=notes)]


def _named(names: dict[str, str], name: str) -> str:
    return names.get(name, name)


def _details(run: Run, model: ModelInfo) -> list[Block]:
    blocks: list[Block] = [measures_table(run, model)]
    if len(languages_of(run, model.id)) > 1:
        blocks.append(_languages(run, model))
    return [*blocks, _outcomes(run, model), _cost(run, model), _prompts(run, model)]


def languages_of(run: Run, model: str) -> list[str]:
    """Return the languages for which a model has measurements, in their order."""
    rows = run.select("parse_share", model=model, dimension="language")
    return [row.members["language"] for row in rows]


def measures_table(run: Run, model: ModelInfo) -> Table:
    """Show every measure over all tasks with its interval."""
    passes = [row for k in KS if (row := run.find(f"pass_at_{k}", model.id))]
    rest = [(metric, run.find(metric.id, model.id)) for metric in ANSWERS]
    lines = [(METRICS[row.metric], row) for row in passes] + rest
    fields = (
        text("Measure", lambda line: line[0].title),
        Field(
            Column("Value (95 % interval)", "right"),
            lambda line: _with_interval(line[1], WRITE[line[0].style]),
        ),
    )
    others = methods([row for _, row in rest if row is not None])
    notes = [f"pass@k: {methods(passes, single=_single(run))}. The rest: {others}."]
    n_tasks = len(run.shown("answer", model.id))
    return listing(f"All {counted(n_tasks, 'task')}", fields, lines, notes=notes)


def _languages(run: Run, model: ModelInfo) -> Table:
    """Show the main measures for each language."""
    n_tasks = Counter(shown["language"] for shown in run.shown("answer", model.id))

    def of(metric: str) -> Callable[[str], Measurement | None]:
        return lambda name: run.find(metric, model.id, language=name)

    def field(metric: str, header: str, write: Write, drop: int = 0) -> Field:
        def value(name: str) -> float | None:
            return _value(run, metric, model.id, language=name)

        return number(header, value, write, drop=drop)

    def executed(name: str) -> str | None:
        row = of("tasks_solved")(name)
        return None if row is None else f"{row.n}/{n_tasks[name]}"

    passed = of("pass_at_1")
    fields = (
        text("Language", str),
        text("Executed", executed, align="right", drop=3),
        Field(Column("pass@1", "right"), lambda name: _with_interval(passed(name), percent)),
        field("parse_share", "Parse", percent),
        field("error_nodes", "Errors/100", significant, 2),
        field("reference_bits_per_byte", "Bits/byte", fixed),
        field("keyword_first", "Keywords first", percent, 1),
    )
    return listing("By language", fields, languages_of(run, model.id))


def _outcomes(run: Run, model: ModelInfo) -> Table:
    """Show how the samples fared."""
    rows = [row for code in OUTCOMES if (row := run.find("samples", model.id, outcome=code))]
    fields = (
        text("Outcome", lambda row: OUTCOMES[row.members["outcome"]]),
        number("Samples", lambda row: row.value, "{:.0f}".format),
        number("Share", lambda row: row.value / row.n, percent),
    )
    return listing("Outcomes", fields, rows)


def _cost(run: Run, model: ModelInfo) -> Facts:
    """Say what the measurement took."""
    lines: Sequence[tuple[str, str, Write]] = (
        ("Tokens written", "written_tokens", "{:,.0f}".format),
        ("Tokens per second", "writing_speed", significant),
        ("Samples ended by the token budget", "length_share", percent),
        ("Samples with an unfinished tail dropped", "trimmed_share", percent),
        ("Samples with thinking removed", "thinking_share", percent),
        ("Seconds executing programs", "execution_seconds", partial(fixed, decimals=1)),
    )
    pairs = [
        (title, measured(_value(run, metric, model.id), write).text)
        for title, metric, write in lines
    ]
    return Facts("Cost", tuple(pairs))


def _prompts(run: Run, model: ModelInfo) -> Facts:
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


def _method(run: Run) -> Facts:
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
        ("Machine", machine(origin)),
    ]
    pairs += [(f"SHA-256 of {label(m)}", m.sha256[:16]) for m in run.models]
    return Facts("Method", tuple(pairs))
