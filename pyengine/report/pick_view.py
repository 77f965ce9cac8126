"""Show the file that was picked, its neighbours, how to run it, and all files that there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyengine.choose.candidates import Candidate
from pyengine.choose.recommend import Limits
from pyengine.report.compare_view import corpus_facts
from pyengine.report.document import Block, Document, Facts, Paragraph
from pyengine.report.listing import listing
from pyengine.report.numbers import at_most, interval, significant
from pyengine.report.origin import provenance_facts
from pyengine.report.recipe_view import recipe_groups, type_speeds
from pyengine.report.recommend_view import run_facts
from pyengine.report.sentences import choice, notes, pick
from pyengine.report.tables import Cell, Table
from pyengine.report.words import facts
from pyengine.run.record import Run

# Notes on a speed that is too low: of interest where it is the picked file's, or none is picked.
OF_THE_PICKED = ("slow", "busy")
PREDICTED = {"head": "predicted", "of": "predicted", "write": "significant", "drop": 3}


def pick_document(run: Run) -> Document:
    """Show the answer, what stands beside it and why, how to run it, and the files."""
    (found,), limits = run.shown("choice"), Limits.of(run.options)
    by_name = pick.candidates_by_name(run)
    wanted = ("change",) if found["chosen"] is None else ("why", "change")  # why is said first
    reasons = [choice.reason_sentence(found[of], by_name, limits) for of in wanted]
    told = [
        *pick.task_sentences(run),
        pick.layers_sentence(run),
        pick.neighbour_sentence(run),
        *reasons,
    ]
    told.append(pick.against_sentence(run))
    blocks: list[Block] = [Paragraph(pick.pick_sentence(run), "strong")]
    blocks += [Paragraph(sentence) for sentence in told if sentence]
    hidden = OF_THE_PICKED if found["chosen"] is not None else ()
    kept = [n for n in run.notes if n.code not in hidden or n.model == found["chosen"]]
    blocks += [Paragraph(sentence, "warn") for sentence in notes.note_sentences(kept)]
    blocks += run_facts(run, by_name.get(found["chosen"]))
    recipes = [r for r in run.shown("recipe") if r["recipe_model"] == found["chosen"]]
    blocks += [_table(run, by_name), *(recipe_groups(run, recipe) for recipe in recipes)]
    blocks += type_speeds(run) if recipes else []
    blocks += [_method(run), provenance_facts(run.provenance)]
    return Document(f"Which file of {run.models[0].name or run.models[0].id}", tuple(blocks))


def _table(run: Run, candidates: dict[str, Candidate]) -> Table:
    chosen = run.shown("choice")[0]["chosen"]
    rows = [_row(run, offer, candidates, chosen) for offer in run.shown("offer")]
    told = pick.foretold_sentences(run)
    return listing("offers", rows, more=[PREDICTED] if told else [], notes=told)


def _row(
    run: Run, offer: dict[str, Any], candidates: dict[str, Candidate], chosen: str | None
) -> dict[str, Any]:
    found = candidates.get(offer["name"])
    known = None if found is None or found.is_reference else found
    known = known if known is not None and known.excluded in ("", "fewer-tasks") else None
    picked = offer["name"] == chosen
    return {
        "name": Cell(offer["name"], tone="strong" if picked else "plain"),
        "size": offer["size"],
        "bits": offer["bits_per_weight"],
        "imatrix": "yes" if offer["imatrix"] else "no",
        "memory": offer["memory"],
        "predicted": offer.get("predicted"),
        "kl": None if known is None else at_most(known.kl, known.kl_floor),
        "interval": None if known is None else interval(max(known.kl_low, 0.0), known.kl_high),
        "documents": None if known is None else known.n_documents,
        "speed": _speed(run, offer),
        "status": Cell(pick.offer_words(run, offer), tone="good" if picked else "dim"),
    }


def _speed(run: Run, offer: dict[str, Any]) -> str | None:
    """Write how fast a file generates, with the range where it is in the record."""
    row = run.find("generation_speed", offer["name"])
    if row is None:
        return None if offer["speed"] is None else significant(offer["speed"])
    return f"{significant(row.value)} ({significant(row.low)} to {significant(row.high)})"


def _method(run: Run) -> Facts:
    limits = Limits.of(run.options)
    told = facts(
        "How it was picked",
        bounds=choice.bounds_words(limits),
        origin=choice.limit_words(run),
        n_measured=len(run.models) - 1,
        precision=run.options["precision"],
        n_offers=len(run.shown("offer")),
        memory=limits.memory,
        free=choice.free_words(run),
        forecast=choice.forecast_words(run),
        size=limits.size,
        speed=limits.speed,
        evaluation=run.options.get("evaluation"),
        timing=run.options.get("timing"),
        repacked=pick.repacked_words(run),
        sensitivity=next(iter(run.shown("sensitivity")), None),
    )
    return replace(told, pairs=(*told.pairs, *corpus_facts(run)))
