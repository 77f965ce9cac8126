"""`pyengine evaluate` as a document: the answer in words, then tables, then method."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath

from pyengine.codegen.outcomes import Outcome
from pyengine.codegen.records import (
    EvaluationResult,
    GroupRecord,
    IntervalRecord,
    ModelEvaluation,
    PairedRecord,
)
from pyengine.reports.numbers import counted, fixed, percent, signed, significant, size
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
Write = Callable[[float], str]
MOST_FLIPS = 12

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
DIFFERENCES: dict[str, tuple[str, Write]] = {
    "pass_1": ("pass@1, points", lambda value: signed(100 * value, 1)),
    "parse_share": ("parse, points", lambda value: signed(100 * value, 1)),
    "reference_log_probability": ("log p, nats", lambda v: signed(v, 3)),
    "reference_bits_per_byte": ("bits per byte", lambda value: signed(value, 3)),
    "keyword_first": ("keywords first, points", lambda v: signed(100 * v, 1)),
}
DROPPED = {"keyword_first": 3, "parse_share": 2, "reference_bits_per_byte": 1}
TOKEN_NAMES = {
    "code_kl": "KL divergence on code",
    "keyword_mass_change": "keyword mass change on code",
    "cold_start_js": "cold-start JS divergence",
    "pkp": "PKP (keyword mass at the cold start)",
}
CODE_NAMES = {
    "pass_1": "pass@1",
    "parse_share": "solutions that parse",
    "reference_log_probability": "log-probability of references",
    "keyword_first": "keywords first",
    "edit_similarity": "edit similarity",
}


def evaluate_document(result: EvaluationResult) -> Document:
    """Lay an evaluation out: one model in full, or several side by side and then each."""
    blocks: list[Block] = [answer(model, result) for model in result.models[:1]]
    blocks += [Paragraph(warning, "warn") for warning in _warnings(result)]
    if len(result.models) == 1:
        blocks += _details(result.models[0], result)
        title = f"Code written by {label(result.models[0])}"
    else:
        blocks += [models_table(result), *_paired(result), *_links(result)]
        blocks += [
            Section(
                file_name(model), (*_own_warnings(model), *_details(model, result)), folded=True
            )
            for model in result.models
        ]
        title = f"Code written by {len(result.models)} models"
    return Document(title, (*blocks, method(result)))


def label(model: ModelEvaluation) -> str:
    """Return a short name that tells variants of one model apart."""
    return f"{model.model.name} ({model.model.file_type})"


def file_name(model: ModelEvaluation) -> str:
    """Return the file's name without ending: variants of one model differ in nothing shorter."""
    return PurePath(model.model.path).stem


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
        text += f" Solved: {_listed(names)}."
    return Paragraph(text, "strong")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_FLIPS])
    rest = len(names) - MOST_FLIPS
    return f"{shown} and {rest} more" if rest > 0 else shown


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
                file_name(model),
                model.model.file_type,
                Cell(size(model.model.file_bytes), model.model.file_bytes),
                Cell(f"{solved}/{total.n_executed}", solved),
                _number(passed, percent),
                f"{percent(passed.low)} to {percent(passed.high)}" if passed else None,
                _number(total.parse_share, percent),
                _number(total.reference_log_probability, lambda value: fixed(value, 3)),
                _number(total.reference_bits_per_byte, lambda value: fixed(value, 3)),
                _number(total.keyword_first, percent),
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


def _number(record: IntervalRecord | None, write: Write) -> CellLike:
    if record is None or record.value != record.value:
        return None
    return Cell(write(record.value), record.value)


def _with_interval(record: IntervalRecord | None, write: Write) -> CellLike:
    if record is None or record.value != record.value:
        return None
    if record.low != record.low:
        return Cell(write(record.value), record.value)
    text = f"{write(record.value)} ({write(record.low)} to {write(record.high)})"
    return Cell(text, record.value)


def _paired(result: EvaluationResult) -> list[Block]:
    if not result.paired:
        return []
    return [differences_table(result.paired), flips_table(result.paired)]


def differences_table(records: Sequence[PairedRecord]) -> Table:
    """Show each variant minus the reference, task by task, with bootstrap intervals."""
    keys = [key for key in DIFFERENCES if any(key in record.difference for record in records)]
    columns = [
        Column("Model", min_width=11),
        *(Column(DIFFERENCES[key][0], RIGHT, drop=DROPPED.get(key, 0)) for key in keys),
    ]
    rows = [
        [
            PurePath(record.model).stem,
            *(_with_interval(record.difference.get(key), DIFFERENCES[key][1]) for key in keys),
        ]
        for record in records
    ]
    note = (
        "Over the same tasks and seeds, 95 % intervals by resampling tasks (of shares in which no "
        "task differs: Wilson's); points are percentage points."
    )
    return table(
        f"Difference to {PurePath(records[0].reference).stem}", columns, rows, notes=[note]
    )


def flips_table(records: Sequence[PairedRecord]) -> Table:
    """Show which tasks change sides, by name."""
    rows: list[Sequence[CellLike]] = [
        (
            PurePath(record.model).stem,
            Cell(str(len(record.lost)), len(record.lost)),
            Cell(str(len(record.gained)), len(record.gained)),
            Cell(significant(record.mcnemar_p), record.mcnemar_p),
            _listed(record.lost) or None,
            _listed(record.gained) or None,
        )
        for record in records
    ]
    columns = [
        Column("Model"),
        Column("Lost", RIGHT),
        Column("Gained", RIGHT),
        Column("McNemar p", RIGHT),
        Column("Tasks lost", drop=1, name="lost_names"),
        Column("Tasks gained", drop=2, name="gained_names"),
    ]
    note = "A task counts as solved where at least half of its samples pass; p is exact."
    return table("Tasks that change sides", columns, rows, notes=[note])


def _links(result: EvaluationResult) -> list[Block]:
    if not result.links:
        return []
    rows: list[Sequence[CellLike]] = [
        (
            TOKEN_NAMES.get(item.token_measure, item.token_measure),
            CODE_NAMES.get(item.code_measure, item.code_measure),
            _with_interval(item.rho, lambda value: signed(value, 2)),
            Cell(str(item.n_variants), item.n_variants),
            item.verdict,
        )
        for item in result.links
    ]
    columns = [
        Column("Token-level measure"),
        Column("Code measure"),
        Column("Spearman's rho", RIGHT),
        Column("Variants", RIGHT),
        Column("In words"),
    ]
    notes = [
        f"{len(rows)} intervals of 95 % each: about one in twenty misses zero by chance alone. "
        "The reference is left out.",
        "Keywords on code are the language's, bare or after a space; PKP's are the paper's, bare.",
    ]
    return [table("Do token-level changes go along with code quality?", columns, rows, notes=notes)]


def _details(model: ModelEvaluation, result: EvaluationResult) -> list[Block]:
    blocks: list[Block] = [measures_table(model.total)]
    if len(model.groups) > 1:
        blocks.append(languages_table(model))
    return [*blocks, outcomes_table(model), cost(model), prompts(model, result)]


def measures_table(group: GroupRecord) -> Table:
    """Show every measure over all tasks with its interval."""
    rows: list[Sequence[CellLike]] = [
        (f"pass@{k}", _with_interval(record, percent)) for k, record in group.pass_at.items()
    ]
    rows += [
        (title, _with_interval(getattr(group, name), write)) for title, name, write in MEASURES
    ]
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
            _with_interval(group.pass_at.get(1), percent),
            _number(group.parse_share, percent),
            _number(group.error_nodes, significant),
            _number(group.reference_bits_per_byte, fixed),
            _number(group.keyword_first, percent),
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
