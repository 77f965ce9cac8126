"""Runs of evaluations with made-up numbers."""

from run_samples import MADE, info

from pyengine.run import Exhibit, Measurement, Note, Run

OPTIONS = {"samples": 1, "isolation": "bubblewrap", "reference": "base", "n_tasks": 2}


def made(*rows: Measurement, notes: tuple[Note, ...] = (), **options: object) -> Run:
    """An evaluation of a reference and two variants; two tasks were answered."""
    return Run(
        command="evaluate",
        options={**OPTIONS, **options},
        provenance=MADE,
        models=[info("base", 2.0), info("small-Q2_K", 1.0), info("tiny-Q2_K", 1.0)],
        measurements=list(rows),
        exhibits=[
            Exhibit(
                kind="answer",
                model="base",
                content={"task": f"t{i}", "idea": f"i{i}", "samples": [{"outcome": outcome}]},
            )
            for i, outcome in enumerate(("passed", "no-code"))
        ],
        notes=list(notes),
    )


def solved(n: int = 2, n_clusters: int = 2) -> Measurement:
    """How many tasks the reference solves."""
    return Measurement("tasks_solved", "base", "", "", 1, n=n, n_clusters=n_clusters)


RATE = Measurement("pass_at_1", "base", "", "", 0.5, 0.09, 0.91, 0.95, n=2, interval="wilson")


def sides(
    lost: int,
    gained: int,
    p: float,
    *,
    model: str = "small-Q2_K",
    n: int = 12,
    n_clusters: int = 12,
) -> list[Measurement]:
    """Tasks that change sides between the reference and a variant."""
    values = {"tasks_lost": lost, "tasks_gained": gained, "mcnemar_p": p}
    rows = [
        Measurement(name, model, "base", "", v, n=n, n_clusters=n_clusters)
        for name, v in values.items()
    ]
    change = (gained - lost) / max(n, 1)
    ends = (change - 0.25, change + 0.25)
    return [*rows, Measurement("pass_at_1_change", model, "base", "", change, *ends, 0.95, n=n)]
