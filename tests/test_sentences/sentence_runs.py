"""Runs that the tables of cases share, each with little more than one sentence needs."""

from collections.abc import Iterable, Sequence

from run_samples import TEXT, control, estimate, failure, info, made_run, ratio

from pyengine.run import Measurement, Note, Population, Run

ONE = TEXT.model_copy(update={"n_scored_documents": 1})
DIED = failure("a", "killed", "text 3")
OTHER = Note(code="other-vocabulary", model="a", values={})


def a_run(
    *rows: Measurement,
    kl: float | None = 0.05,
    error: float = 0.001,
    floor: float = 0.001,
    documents: int = 30,
    notes: Sequence[Note] = (),
    population: Population | None = TEXT,
) -> Run:
    """A reference "m" and the variant "a"."""
    made = [control("kl", floor, "m"), *rows]
    if kl is not None:
        made.append(estimate("kl", "a", kl, error, reference="m", n_clusters=documents))
    models = [info("m", 2), info("a", 1)]
    return made_run(models, made, command="compare", notes=notes, population=population)


def two(
    value: float,
    error: float = 0.01,
    *,
    notes: Sequence[Note] = (),
    sizes: Iterable[float] = (2, 1),
) -> Run:
    """Variants "a" and "b", where a has `value` times the damage of b."""
    models = [info("m", 4), *(info(n, s) for n, s in zip(("a", "b"), sizes, strict=True))]
    rows = [estimate("kl", "a", 0.05 * value, reference="m"), estimate("kl", "b", 0.05)]
    return made_run(models, [*rows, ratio("a", "b", value, error)], command="compare", notes=notes)


def a_sweep(*rows: Measurement, notes: Sequence[Note] = ()) -> Run:
    names = dict.fromkeys(row.model for row in rows if row.model != "m")
    models = [info("m", 8), *(info(name, 4 - i) for i, name in enumerate(names))]
    return made_run(models, rows, notes=notes)
