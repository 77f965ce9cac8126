"""What is said in files for the Hugging Face hub."""

from __future__ import annotations

import math

from pyengine.report.words import say
from pyengine.run.measurement import Measurement
from pyengine.run.record import Population, Run

# In place of a data set's id, where the data are on no hub.
CORPUS, OWN_TASKS = "pyengine-corpus", "pyengine-tasks"


def corpus_words(population: Population) -> str:
    """Name the documents that were measured."""
    code = "shipped" if population.origin == "shipped" else "corpus"
    return say("hub", code, population=population, n=population.n_scored_documents)


def notes_words(run: Run, row: Measurement) -> str:
    """Say which file was evaluated, and how it was asked."""
    known = math.isfinite(row.low)
    return say(
        "hub",
        "notes",
        model=row.model,
        style=run.model(row.model).settings.get("style"),
        samples=run.options["samples"],
        temperature=run.options["temperature"],
        n=row.n,
        low=row.low if known else None,
        high=row.high,
        made=run.provenance,
    )
