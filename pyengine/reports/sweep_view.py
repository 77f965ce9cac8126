"""`pyengine sweep` as a document: the table, what may be said of neighbours, and the timings."""

import math
import statistics
from collections.abc import Callable, Sequence
from functools import partial

from pyengine.comparison.records import EstimateRecord
from pyengine.reports.keyword_forms import ANY_SPACING
from pyengine.reports.notes import note_paragraphs
from pyengine.reports.numbers import (
    at_most,
    count,
    counted,
    fixed,
    interval,
    percent,
    seconds,
    signed,
    significant,
    size,
    with_error,
)
from pyengine.reports.probe_view import provenance_facts
from pyengine.reports.tables import (
    Block,
    Cell,
    Column,
    Document,
    Facts,
    Paragraph,
    Table,
    measured,
    table,
)
from pyengine.sweep.records import StepVerdict, SweepResult, SweepRow, SweepTimings
from pyengine.sweep.speed_record import SpeedRecord

_TIMED = 4  # the last columns of the table, which only timings fill
VERDICTS = {"different": "worse", "equivalent": "same", "undecided": "undecided"}


def sweep_document(result: SweepResult, timings: SweepTimings | None = None) -> Document:
    """Lay a sweep out; without timings where only its record is there."""
    timings = timings or SweepTimings(provenance=result.provenance, models={}, failures={})
    blocks: list[Block] = [
        _answer(result),
        *note_paragraphs(result.notes),
        _variants(result, timings),
    ]
    if any(row.step for row in result.rows):
        blocks.append(_neighbours(result))
    failures = [row for row in result.rows if row.failure]
    if failures or timings.failures:
        blocks.append(_failures(failures, timings))
    if timings.models:
        named = [(row.name, _label(row, result)) for row in result.rows]
        blocks.append(_speeds(named, timings))
    blocks.append(_method(result))
    return Document(f"Variants of {result.reference}", tuple(blocks))


def timings_document(timings: SweepTimings) -> Document:
    """Lay timings out alone, where the record of their sweep is not at hand."""
    blocks: list[Block] = [
        Paragraph(
            f"Speeds of {counted(len(timings.models), 'model')}. Give results.json of the same "
            "sweep, too, to see them beside quality.",
            "strong",
        )
    ]
    if timings.models:
        blocks.append(_speeds([(name, name) for name in timings.models], timings))
    if timings.failures:
        blocks.append(_failures([], timings))
    return Document("Timings of a sweep", (*blocks, provenance_facts(timings.provenance)))


def belong_together(result: SweepResult, timings: SweepTimings) -> bool:
    """Tell whether all timings are of files of a sweep."""
    hashes, names = {row.sha256 for row in result.rows}, {row.name for row in result.rows}
    timed = {speed.variant_sha256 for speed in timings.models.values()}
    return timed <= hashes and set(timings.failures) <= names


def _answer(result: SweepResult) -> Paragraph:
    good = [
        row
        for row in result.rows
        if row.kl and not row.is_reference and row.kl.high <= result.margin
    ]
    n = len([row for row in result.rows if not row.is_reference])
    head = f"{counted(n, 'variant')} over {counted(result.n_tokens, 'token')}."
    if all(math.isnan(row.kl.high) for row in result.rows if row.kl):
        return Paragraph(
            f"{head} One document in one window gives no interval, so there is no verdict.",
            "strong",
        )
    if not good:
        return Paragraph(
            f"{head} None stays within {result.margin:g} nats of the source.", "strong"
        )
    smallest = min(good, key=lambda row: row.file_bytes)
    return Paragraph(
        f"{head} The smallest that stays within {result.margin:g} nats per token of "
        f"the source, by its whole 95 % interval, is {_label(smallest, result)}: "
        f"{size(smallest.file_bytes)}, KL divergence {_nats(smallest, result)} nats.",
        "strong",
    )


def _nats(row: SweepRow, result: SweepResult) -> str:
    assert row.kl is not None
    if row.within_floor:
        return at_most(row.kl.value, result.floor)
    return with_error(row.kl.value, row.kl.se_clustered)


def _variants(result: SweepResult, timings: SweepTimings) -> Table:
    columns: tuple[Column, ...] = (
        Column("Variant", name="variant"),
        Column("Size", "right"),
        Column("Bits", "right", name="bits per weight"),
        Column("KL", "right", "10⁻³ nats", name="kl nats"),
        Column("Same top", "right"),
        Column("Keywords in any spacing", "right", "pp", drop=2, name="keywords_pp"),
        Column("Bits/byte", "right", drop=1),
        Column("Verdict"),
        Column("Load", "right", drop=6),
        Column("Memory", "right", drop=5),
        Column("Prompt", "right", "tokens/s", drop=4),
        Column("Generation", "right", "tokens/s", drop=3),
    )
    notes = [
        "Source first, then from the largest file to the smallest. Bits: per weight. KL: mean "
        "divergence from the source, ± one standard error over documents.",
        "Same top: share of tokens with the same first choice. Keywords: change of the "
        "probability of all keywords at the cold start, in percentage points. "
        f"{ANY_SPACING}; `probe` shows bare keywords, and all forms, which adds other cases.",
        "Verdict: against the variant of the next smaller KL: worse (Holm-adjusted), same (within "
        f"{result.margin:g} nats) or undecided; beaten: another is no larger and has a smaller KL.",
    ]
    if result.floor is not None:
        notes.append(
            "The source against itself under another batch size and thread count gives "
            f"{significant(result.floor)} nats (mean + 2 standard errors){_other_floors(result)}: "
            "differences below that mean nothing."
        )
    padding = max((row.padding_mass or 0.0 for row in result.rows), default=0.0)
    if padding > 0:
        notes.append(
            f"Tokens that stand for nothing would hold up to {percent(padding)} of the "
            "probability; they are masked."
        )
    for row in result.rows:
        if row.smaller_and_better is not None:
            better = row.smaller_and_better.removeprefix(f"{result.reference}-")
            notes.append(f"{_label(row, result)} is beaten by {better}.")
    rows = [_row(row, result, timings.models.get(row.name)) for row in result.rows]
    if not timings.models:
        columns, rows = columns[:-_TIMED], [row[:-_TIMED] for row in rows]
    return table("Variants", columns, rows, notes=notes)


def _row(row: SweepRow, result: SweepResult, speed: SpeedRecord | None) -> Sequence[Cell | None]:
    name = Cell(_label(row, result), row.name, "bad" if row.failure else "strong")
    known = (name, Cell(size(row.file_bytes), row.file_bytes))
    bits = measured(row.bits_per_weight, lambda value: fixed(value, 2))
    if row.failure:
        return (*known, bits, *(None,) * 4, Cell("failed", tone="bad"), *_speed_cells(speed))
    change = row.keyword_mass_change
    return (
        *known,
        bits,
        Cell(_kl(row, result), row.kl.value if row.kl else None),
        _estimate(row.same_top, percent),
        measured(change, partial(_points, floor=result.floors.get("keyword_mass_change"))),
        _estimate(row.bits_per_byte, lambda value: fixed(value, 4)),
        _verdict(row),
        *_speed_cells(speed),
    )


def _other_floors(result: SweepResult) -> str:
    told = []
    if (keywords := result.floors.get("keyword_mass_change")) is not None:
        told.append(f"{significant(100 * keywords)} pp of keywords")
    if (bits := result.floors.get("bits_per_byte_change")) is not None:
        told.append(f"{significant(bits)} bits per byte")
    return "".join(f", {text}" for text in told)


def _points(change: float, *, floor: float | None) -> str:
    if floor and abs(change) <= floor:
        return at_most(100 * abs(change), 100 * floor)
    return signed(100 * change, 2)


def _speed_cells(speed: SpeedRecord | None) -> tuple[Cell | None, ...]:
    if speed is None:
        return (None,) * 4
    load = statistics.median(speed.load_seconds)
    return (
        Cell(seconds(load), load),
        Cell(size(speed.peak_memory_bytes), speed.peak_memory_bytes),
        _median(speed.prompt_tokens_per_second),
        _median(speed.generated_tokens_per_second),
    )


def _median(values: list[float]) -> Cell:
    middle = statistics.median(values)
    return Cell(significant(middle), middle)


def _label(row: SweepRow, result: SweepResult) -> str:
    """Return a variant's name without the source's, where it begins with it."""
    if row.is_reference:
        return row.name
    return row.name.removeprefix(f"{result.reference}-") or row.name


def _kl(row: SweepRow, result: SweepResult) -> str:
    if row.kl is None or row.is_reference:
        return "–"
    if row.within_floor:
        return at_most(1000 * row.kl.value, 1000 * (result.floor or 0.0))
    return with_error(1000 * row.kl.value, 1000 * row.kl.se_clustered)


def _estimate(estimate: EstimateRecord | None, write: Callable[[float], str]) -> Cell | None:
    return None if estimate is None else Cell(write(estimate.value), estimate.value)


def _verdict(row: SweepRow) -> Cell | None:
    if row.smaller_and_better is not None:
        return Cell("beaten", "beaten", "warn")
    if row.step is None:
        return None
    plain = row.step.verdict == "different"
    return Cell(VERDICTS[row.step.verdict], row.step.verdict, "plain" if plain else "dim")


def _neighbours(result: SweepResult) -> Table:
    columns = (
        Column("Variant"),
        Column("Against"),
        Column("Difference of KL", "right", "nats"),
        Column("p (Holm)", "right"),
        Column("What may be said"),
    )
    prefix = f"{result.reference}-"
    rows = [
        (
            _label(row, result),
            row.step.against.removeprefix(prefix),
            _difference(row.step.difference, result.floor),
            Cell(significant(row.step.adjusted_p), row.step.adjusted_p),
            _sentence(row.step, result),
        )
        for row in sorted(result.rows, key=lambda row: row.kl.value if row.kl else 0.0)
        if row.step
    ]
    return table(
        "Neighbours in quality",
        columns,
        rows,
        notes=["95 % intervals of the paired difference over the same tokens, by document."],
    )


def _difference(difference: EstimateRecord, floor: float | None) -> str:
    if floor and abs(difference.value) <= floor:
        return at_most(abs(difference.value), floor)
    return interval(difference.low, difference.high)


def _sentence(step: StepVerdict, result: SweepResult) -> str:
    if step.verdict == "different":
        return "worse"
    if step.verdict == "equivalent":
        return f"the same within {result.margin:g} nats"
    told = f"cannot be told apart at {count(result.n_tokens)} tokens"
    if step.more_tokens is None:
        return told
    return f"{told}; about {count(step.more_tokens)} more would separate them"


def _failures(failed: Sequence[SweepRow], timings: SweepTimings) -> Table:
    rows = [(row.name, "comparison", row.failure) for row in failed]
    rows += [(name, "speed", reason) for name, reason in timings.failures.items()]
    return table("Failed", ("Variant", "Measurement", "Reason"), rows)


def _speeds(named: Sequence[tuple[str, str]], timings: SweepTimings) -> Table:
    """Lay out the timings of models, given their names and how to call them here."""
    columns = (
        Column("Variant"),
        Column("Load", "right"),
        Column("Memory", "right"),
        Column("Prompt", "right", "tokens/s"),
        Column("Generation", "right", "tokens/s"),
    )
    rows = []
    for name, label in named:
        speed = timings.models.get(name)
        if speed is not None:
            load, memory, _, _ = _speed_cells(speed)
            prompt, generation = (
                _spread(speed.prompt_tokens_per_second),
                _spread(speed.generated_tokens_per_second),
            )
            rows.append((label, load, memory, prompt, generation))
    any_speed = next(iter(timings.models.values()))
    return table(
        "Speed and memory",
        columns,
        rows,
        notes=[
            f"{any_speed.machine}, {counted(any_speed.threads, 'thread')}, one model at a time. "
            f"Median of {len(any_speed.load_seconds)} and, in parentheses, the range; a prompt of "
            f"{any_speed.prompt_tokens} tokens, {any_speed.generated_tokens} generated.",
            "Load: with the file in the page cache. Memory: the process's largest resident size, "
            f"mapped weights included; {size(any_speed.empty_memory_bytes)} of it before a model "
            "is opened.",
        ],
    )


def _spread(values: list[float]) -> Cell:
    middle, low, high = statistics.median(values), min(values), max(values)
    return Cell(f"{significant(middle)} ({significant(low)}–{significant(high)})", middle)


def _scored(result: SweepResult) -> str:
    tokens, documents = counted(result.n_tokens, "token"), counted(result.n_documents, "document")
    return f"{tokens} of {documents}"


def _method(result: SweepResult) -> Facts:
    made = result.provenance
    reference = next(row for row in result.rows if row.is_reference)
    pairs = [
        ("source SHA-256", result.reference_sha256),
        ("corpus SHA-256", result.corpus_sha256),
        ("scored", _scored(result)),
        ("windows", result.method),
        ("seed", str(made.seed)),
        ("threads", str(made.threads)),
        ("machine", made.cpu),
        ("pyengine", made.pyengine),
        ("llama.cpp", made.llama_cpp),
    ]
    if reference.keyword_mass is not None:
        pairs.insert(
            4, ("keywords of the source", f"{percent(reference.keyword_mass)}, any spacing")
        )
    return Facts("Method", tuple(pairs))
