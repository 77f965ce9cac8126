"""`pyengine evaluate` as a document: the answer in words, then tables, then method."""

from collections.abc import Iterable, Sequence

from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.records import (
    EvaluationResult,
    GroupRecord,
    IntervalRecord,
    ModelEvaluation,
)
from pyengine.reports.evaluate_cells import Write, listed, number, with_interval
from pyengine.reports.evaluate_variants import differences_table, flips_table, links
from pyengine.reports.names import file_name
from pyengine.reports.notes import note_paragraphs
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

RIGHT: Align = "right"

MEASURES: tuple[tuple[str, str, Write], ...] = (
    ("Solutions that parse", "parse_share", percent),
    ("Error nodes per 100 syntax leaves", "error_nodes", significant),
    ("Log-probability of the references, nats per token", "reference_log_probability", fixed),
    ("Bits per byte of the references", "reference_bits_per_byte", fixed),
    ("Keywords that are the first choice", "keyword_first", percent),
    ("Rank of the right keyword (geometric mean)", "keyword_rank", significant),
    ("Repeated 4-grams of tokens", "repetition", percent),
    ("Empty answers", "empty_share", percent),
    ("Edit similarity to the reference", "edit_similarity", fixed),
)


def evaluate_document(result: EvaluationResult) -> Document:
    """Lay an evaluation out: one model in full, or several side by side and then each."""
    blocks: list[Block] = [answer(model, result) for model in result.models[:1]]
    blocks += [Paragraph(warning, "warn") for warning in _warnings(result)]
    blocks += note_paragraphs(result.notes)
    if len(result.models) == 1:
        blocks += _details(result.models[0], result)
        title = f"Code written by {label(result.models[0])}"
    else:
        blocks += [models_table(result), *_paired(result), *links(result)]
        blocks += [
            Section(
                short_name(model), (*_own_warnings(model), *_details(model, result)), folded=True
            )
            for model in result.models
        ]
        title = f"Code written by {len(result.models)} models"
    return Document(title, (*blocks, method(result)))


def label(model: ModelEvaluation) -> str:
    """Return a short name that tells variants of one model apart."""
    return f"{model.model.name} ({model.model.file_type})"


def short_name(model: ModelEvaluation) -> str:
    """Return the file's name without ending: variants of one model differ in nothing shorter."""
    return file_name(model.model.path, label(model)).removesuffix(".gguf")


def answer(model: ModelEvaluation, result: EvaluationResult) -> Paragraph:
    """Say in a sentence what was found."""
    total = model.total
    if 1 not in total.pass_at:
        return Paragraph("No task could be executed: no toolchain is installed.", "strong")
    found = total.pass_at[1]
    solved = sum(task.n_passed > 0 for task in model.tasks)
    text = (
        f"{label(model)} solves {solved} of {total.n_executed} tasks"
        + (" at least once" if result.settings.samples > 1 else "")
        + f": pass@1 {percent(found.value)}, 95 % interval {percent(found.low)} to "
        f"{percent(found.high)}."
    )
    if solved:
        names = [task.task for task in model.tasks if task.n_passed]
        text += f" Solved: {listed(names)}."
    return Paragraph(text, "strong")


def _warnings(result: EvaluationResult) -> list[str]:
    """Return the warnings that stand at the top: those of the first model, and general ones."""
    found = [f"{label(result.models[0])}: {text}" for text in result.models[0].warnings]
    others = sum(1 for model in result.models[1:] if model.warnings)
    if others:
        found.append(f"{others} more of {len(result.models)} models have warnings; see below.")
    found += [f"Not executed, {name}: {reason}" for name, reason in result.skipped.items()]
    if result.settings.isolation == "none":
        found.append("Programs ran without a sandbox (--unsafe-local-execution).")
    return found


def _own_warnings(model: ModelEvaluation) -> list[Block]:
    return [Paragraph(text, "warn") for text in model.warnings]


def models_table(result: EvaluationResult) -> Table:
    """Set the models side by side."""
    verdicts = {record.model: record.verdict for record in result.paired}
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
    rows: list[Sequence[CellLike]] = []
    for model in result.models:
        total = model.total
        solved = sum(task.n_passed > 0 for task in model.tasks)
        passed = total.pass_at.get(1)
        rows.append(
            (
                short_name(model),
                model.model.file_type,
                Cell(size(model.model.file_bytes), model.model.file_bytes),
                Cell(f"{solved}/{total.n_executed}", solved),
                number(passed, percent),
                f"{percent(passed.low)} to {percent(passed.high)}" if passed else None,
                number(total.parse_share, percent),
                number(total.reference_log_probability, lambda value: fixed(value, 3)),
                number(total.reference_bits_per_byte, lambda value: fixed(value, 3)),
                number(total.keyword_first, percent),
                verdicts.get(model.model.path),
            )
        )
    passes = [model.total.pass_at[1] for model in result.models if 1 in model.total.pass_at]
    notes = [
        f"pass@1: {_methods(passes)}. Log p: of a token of the reference solutions. The intervals "
        "of the rest are in each model's section."
    ]
    return table("Models", columns, rows, notes=notes)


def _methods(records: Iterable[IntervalRecord]) -> str:
    """Name how intervals were made: it depends on what was found."""
    return ", or ".join(sorted({record.method for record in records})) or "none"


def _paired(result: EvaluationResult) -> list[Block]:
    if not result.paired:
        return []
    names = {model.model.path: short_name(model) for model in result.models}
    return [differences_table(result.paired, names), flips_table(result.paired, names)]


def _details(model: ModelEvaluation, result: EvaluationResult) -> list[Block]:
    blocks: list[Block] = [measures_table(model.total)]
    if len(model.groups) > 1:
        blocks.append(languages_table(model))
    return [*blocks, outcomes_table(model), cost(model), prompts(model, result)]


def measures_table(group: GroupRecord) -> Table:
    """Show every measure over all tasks with its interval."""
    rows: list[Sequence[CellLike]] = [
        (f"pass@{k}", with_interval(record, percent)) for k, record in group.pass_at.items()
    ]
    rows += [(title, with_interval(getattr(group, name), write)) for title, name, write in MEASURES]
    columns = [Column("Measure"), Column("Value (95 % interval)", RIGHT, name="value")]
    rest = [getattr(group, name) for _, name, _ in MEASURES]
    notes = [f"pass@k: {_methods(group.pass_at.values())}. The rest: {_methods(rest)}."]
    return table(f"All {counted(group.n_tasks, 'task')}", columns, rows, notes=notes)


def languages_table(model: ModelEvaluation) -> Table:
    """Show the main measures for each language."""
    rows: list[Sequence[CellLike]] = [
        (
            group.name,
            Cell(f"{group.n_executed}/{group.n_tasks}", group.n_executed),
            with_interval(group.pass_at.get(1), percent),
            number(group.parse_share, percent),
            number(group.error_nodes, significant),
            number(group.reference_bits_per_byte, fixed),
            number(group.keyword_first, percent),
        )
        for group in model.groups[1:]
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


def outcomes_table(model: ModelEvaluation) -> Table:
    """Show how the samples fared."""
    counts = model.total.outcomes
    n = sum(counts.values())
    rows: list[Sequence[CellLike]] = [
        (outcome.value, Cell(str(counts[outcome]), counts[outcome]), percent(counts[outcome] / n))
        for outcome in Outcome
        if outcome in counts
    ]
    columns = [Column("Outcome"), Column("Samples", RIGHT), Column("Share", RIGHT)]
    return table("Outcomes", columns, rows)


def cost(model: ModelEvaluation) -> Facts:
    """Say what the measurement took."""
    found = model.cost
    pairs = [
        ("Tokens written", f"{found.generated_tokens:,}"),
        ("Tokens per second", significant(found.tokens_per_s)),
        ("Samples ended by the token budget", percent(found.length_share)),
        ("Samples with an unfinished tail dropped", percent(found.trimmed_share)),
        ("Samples with thinking removed", percent(found.thinking_share)),
        ("Seconds executing programs", fixed(found.execution_s, 1)),
    ]
    return Facts("Cost", tuple(pairs))


def prompts(model: ModelEvaluation, result: EvaluationResult) -> Facts:
    """Say what was sent, by the first task."""
    first = model.tasks[0]
    ids = " ".join(map(str, first.prompt_tokens[:24]))
    more = " …" if len(first.prompt_tokens) > 24 else ""
    pairs = (
        ("Prompt style", model.style.value),
        ("Tasks", f"{result.settings.tasks}, {result.settings.n_tasks} of them"),
        (f"Sent for {first.task}", repr(first.prompt[:160])),
        ("As token ids", ids + more),
    )
    return Facts("Prompts", pairs)


def method(result: EvaluationResult) -> Facts:
    """Say how it was measured, so that it can be repeated."""
    settings, origin = result.settings, result.provenance
    sampling = (
        "greedy"
        if settings.temperature == 0
        else f"temperature {settings.temperature:g}, top-k {settings.top_k}, "
        f"top-p {settings.top_p:g}, min-p {settings.min_p:g}"
    )
    pairs = [
        ("Decoding", f"{sampling}, {counted(settings.samples, 'sample')}, seed {settings.seed}"),
        ("Token budget", f"{settings.max_tokens} (+ {settings.thinking_tokens} for thinking)"),
        ("Tasks' SHA-256", settings.tasks_sha256[:16]),
        ("Sandbox", settings.isolation),
        (
            "Limits",
            f"{settings.cpu_s} s CPU, {settings.wall_s:g} s, {size(settings.memory_bytes)} memory",
        ),
        ("Software", f"pyengine {origin.pyengine}, llama-cpp-python {origin.llama_cpp_python}"),
        (
            "Machine",
            ", ".join(
                (origin.cpu, counted(origin.cores, "core"), counted(origin.threads, "thread"))
            ),
        ),
    ]
    pairs += [(f"SHA-256 of {label(m)}", m.model.sha256[:16]) for m in result.models]
    return Facts("Method", tuple(pairs))
