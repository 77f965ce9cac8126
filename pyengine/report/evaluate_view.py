"""`pyengine evaluate` as a document: the answer in words, then tables, then method."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from pyengine.choose.evaluation import standings
from pyengine.report.document import Block, Document, Facts, Paragraph, Section
from pyengine.report.listing import listing
from pyengine.report.measured import Numbers, Part
from pyengine.report.numbers import fixed, percent, seconds, signed, significant, writer
from pyengine.report.origin import machine
from pyengine.report.sample_tables import (
    failure_tables,
    failures_beside,
    outcomes_table,
)
from pyengine.report.sentences import answers, code
from pyengine.report.tables import Cell, CellLike, Table, measured
from pyengine.report.words import facts, member_name
from pyengine.run.measurement import Measurement
from pyengine.run.metrics import ANSWERS, KS, METRICS
from pyengine.run.record import ModelInfo, Run

Write = Callable[[float], str]
WRITE: dict[str, Write] = {"percent": percent, "fixed2": fixed, "number": significant}


# Differences to the reference: metric, header, how it is written, what gives way first.
DIFFERENCES: tuple[tuple[str, str, str, int], ...] = (
    ("pass_at_1_change", "pass@1, points", "points", 0),
    ("parse_share_change", "parse, points", "points", 2),
    ("reference_log_probability_change", "log p, nats", "signed3", 0),
    ("reference_bits_per_byte_change", "bits per byte", "signed3", 1),
    ("keyword_first_change", "keywords first, points", "points", 3),
    ("thought_tokens_change", "thoughts, tokens", "signed", 4),
    ("answer_tokens_change", "answer, tokens", "signed", 5),
)
THOUGHTS = {"metric": "thought_tokens", "head": "Thoughts", "write": "whole", "unit": "tokens"}
OF_THOUGHTS = ("thought_tokens", "thought_tokens_change")


def evaluate_document(run: Run) -> Document:
    """Lay an evaluation out: one model in full, or several side by side and then each."""
    blocks: list[Block] = [Paragraph(code.answer_sentence(run, run.models[0]), "strong")]
    blocks += [Paragraph(warning, "warn") for warning in code.warnings(run)]
    if len(run.models) == 1:
        blocks += _details(run, run.models[0])
        title = f"Code written by {run.models[0].id}"
    else:
        blocks.append(models_table(run))
        if run.options["reference"] is not None:
            blocks += map(Paragraph, code.stopping_sentences(run) + code.side_sentences(run))
            blocks += [differences_table(run), flips_table(run)]
        blocks += failures_beside(run)
        blocks += _links(run)
        for model in run.models:
            told = [Paragraph(warning, "warn") for warning in code.warnings_of(run, model)]
            blocks.append(Section(model.id, (*told, *_details(run, model)), folded=True))
        title = f"Code written by {len(run.models)} models"
    return Document(title, (*blocks, method_facts(run)))


def models_table(run: Run) -> Table:
    """Set the models side by side."""
    numbers = Numbers(run)
    rows = []
    for model in run.models:
        solved, passed = run.find("tasks_solved", model.id), run.find("pass_at_1", model.id)
        rows.append(
            Part(
                numbers,
                model.id,
                id=model.id,
                type=model.file_type,
                size=model.file_bytes,
                solved=solved and f"{solved.value:.0f}/{solved.n}",
                interval=passed and _ends(passed),
            )
        )
    thinks = _is_told(run, "thought_tokens")
    return listing(
        "evaluate-models",
        rows,
        more=[THOUGHTS] if thinks else [],
        interval=code.interval_of_shares(run),
        thoughts=THOUGHTS["head"] if thinks else None,
    )


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


def _ends(row: Measurement) -> str | None:
    """Write the ends of a share's interval; None where it has none."""
    known = math.isfinite(row.low)
    return f"{percent(row.low)} to {percent(row.high)}" if known else None


def differences_table(run: Run) -> Table:
    """Show each variant minus the reference, task by task."""
    reference, *variants = run.models
    shown = [line for line in DIFFERENCES if _is_told(run, line[0])]
    more = [
        {"head": head, "of": metric, "align": "right", "drop": drop}
        for metric, head, _, drop in shown
    ]
    rows = []
    for model in variants:
        row: dict[str, CellLike] = {"id": model.id}
        for metric, _, write, _ in shown:
            row[metric] = _with_interval(run.find(metric, model.id), writer(write))
        rows.append(row)
    return listing(
        "evaluate-differences",
        rows,
        more=more,
        reference=reference.id,
        clusters=f"{code.clustered(run)}s",
        variants=code.several(len(variants)),
    )


def _is_told(run: Run, metric: str) -> bool:
    """Return whether a metric says something: nothing is said of thoughts where nobody thinks."""
    thinks = any(row.value for row in run.select("thought_tokens"))
    return bool(run.select(metric)) and (metric not in OF_THOUGHTS or thinks)


def flips_table(run: Run) -> Table:
    """Show which tasks change sides, by name."""
    numbers, sides = Numbers(run), standings(run)
    rows = [
        Part(
            numbers,
            model.id,
            id=model.id,
            n_lost=len(flip["lost"]),
            n_gained=len(flip["gained"]),
            n_form=len(flip.get("lost_by_form", [])),
            p=sides[model.id].p_holm if model.id in sides else None,
            lost=code.listed(flip["lost"]) or None,
            gained=code.listed(flip["gained"]) or None,
        )
        for model in run.models[1:]
        for flip in run.shown("flips", model.id)
    ]
    variants = code.several(max((side.n_variants for side in sides.values()), default=0))
    return listing(
        "flips",
        rows,
        cluster=code.clustered(run),
        variants=variants,
        p="p" if variants is None else "p (Holm)",
        looks=code.several(run.options.get("looks", 1)),
        agreement=" ".join(answers.flip_agreement_sentences(run)),
    )


def _links(run: Run) -> list[Block]:
    """Show the rank correlations of token-level measures with code quality, if there are any."""
    rows = [
        {
            "token": code.words_of("token-measures", row.members["token"]),
            "code": code.words_of("code-measures", row.members["code"]),
            "rho": _with_interval(row, signed),
            "n": row.n,
            "words": code.agreement_words(row),
        }
        for row in run.select("rank_agreement")
    ]
    return [listing("correlations", rows, n=len(rows))] if rows else []


def _details(run: Run, model: ModelInfo) -> list[Block]:
    blocks: list[Block] = [*map(Paragraph, code.thinking_sentences(run, model))]
    blocks.append(measures_table(run, model))
    if len(languages_of(run, model.id)) > 1:
        blocks.append(_languages(run, model))
    blocks += [outcomes_table(run, model), *failure_tables(run, model)]
    return [*blocks, _cost(run, model), prompt_facts(run, model)]


def languages_of(run: Run, model: str) -> list[str]:
    """Return the languages for which a model has measurements, in their order."""
    rows = run.select("parse_share", model=model, dimension="language")
    return [row.members["language"] for row in rows]


def measures_table(run: Run, model: ModelInfo) -> Table:
    """Show every measure over all tasks with its interval."""
    passes = [row for k in KS if (row := run.find(f"pass_at_{k}", model.id))]
    told = [metric for metric in ANSWERS if _is_told(run, metric.id)]
    rest = [(metric, run.find(metric.id, model.id)) for metric in told]
    lines = [(METRICS[row.metric], row) for row in passes] + rest
    rows = [
        {"title": metric.title, "value": _with_interval(row, WRITE[metric.style])}
        for metric, row in lines
    ]
    tasks = run.shown("answer", model.id)
    n_ideas = len({shown["idea"] for shown in tasks})
    return listing(
        "measures",
        rows,
        tasks=len(tasks),
        ideas=n_ideas if n_ideas < len(tasks) else None,
        interval=code.interval_of_shares(run),
        clusters=f"{code.clustered(run)}s",
    )


def _languages(run: Run, model: ModelInfo) -> Table:
    """Show the main measures for each language."""
    n_tasks = Counter(shown["language"] for shown in run.shown("answer", model.id))

    numbers = Numbers(run)
    rows = []
    for name in languages_of(run, model.id):
        solved = run.find("tasks_solved", model.id, language=name)
        passed = run.find("pass_at_1", model.id, language=name)
        rows.append(
            Part(
                numbers,
                model.id,
                {"language": name},
                language=member_name("language", name),
                executed=solved and f"{solved.n}/{n_tasks[name]}",
                passed=_with_interval(passed, percent),
            )
        )
    return listing("evaluate-languages", rows)


def _cost(run: Run, model: ModelInfo) -> Facts:
    """Say what the measurement took."""
    lines: Sequence[tuple[str, str, Write]] = (
        ("Tokens written", "written_tokens", "{:,.0f}".format),
        ("Tokens per second", "writing_speed", significant),
        ("Samples ended by the token budget", "length_share", percent),
        ("Samples cut off in a thought", "thought_cut_share", percent),
        ("Samples that end in a loop", "loop_share", percent),
        ("Tokens of loops after the first time round", "looping_tokens", "{:,.0f}".format),
        ("Samples with an unfinished tail dropped", "trimmed_share", percent),
        ("Samples with thinking removed", "thinking_share", percent),
        ("Executing programs", "execution_seconds", seconds),
    )
    pairs = [
        (title, measured(_value(run, metric, model.id), write).text)
        for title, metric, write in lines
    ]
    return Facts("Cost", tuple(pairs))


def prompt_facts(run: Run, model: ModelInfo) -> Facts:
    """Say what was sent, by the first task."""
    first = run.shown("answer", model.id)[0]
    ids = " ".join(map(str, first["prompt_tokens"][:24]))
    more = " …" if len(first["prompt_tokens"]) > 24 else ""
    gain = run.find("chat_log_probability_gain", model.id)
    ends = gain is not None and math.isfinite(gain.low)
    return facts(
        "evaluate-prompts",
        title="Prompts",
        options=run.options,
        n_in_set=code.in_set(run),
        style=model.settings["style"],
        reason=answers.style_words(model),
        day=model.settings.get("day"),
        unscored=None if run.options.get("likelihoods", True) else "--no-likelihoods",
        row=gain,
        gain=signed(gain.value) if gain else None,
        low=signed(gain.low) if gain and ends else None,
        high=signed(gain.high) if gain and ends else None,
        task=first["task"],
        prompt=repr(first["prompt"][:160]),
        ids=ids + more,
    )


def method_facts(run: Run) -> Facts:
    """Say how it was measured, so that it can be repeated."""
    options, origin = run.options, run.provenance
    hashes = ((f"SHA-256 of {m.id}", m.sha256[:16]) for m in run.models)
    words = {"options": options, "made": origin, "machine": machine(origin)}
    sampling = code.decoding_words(options)
    words |= {"sampling": sampling, "looks": code.looks_words(run)}
    return facts("evaluate-method", *hashes, title="Method", **words)
