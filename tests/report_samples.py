"""Documents and records that the tests of the reports share."""

from run_samples import control, estimate, info, made_run, made_timings

from pyengine.report.charts import Chart, Point, Series
from pyengine.report.document import (
    Document,
    Facts,
    Paragraph,
    Passage,
    PassageToken,
    Picture,
    Section,
)
from pyengine.report.numbers import percent, size, with_error
from pyengine.report.tables import Cell, CellLike, Column, measured, table
from pyengine.run import Exhibit, Measurement, Run

LANGUAGES = ("c", "cpp", "csharp", "go", "java", "javascript", "php", "python", "react", "ruby")
CLASSES = ("bracket", "comment", "identifier", "indentation", "keyword", "literal", "operator")
HOSTILE = '<script>alert(1)</script> \x1b[31m \u202e & "quoted" | `code` _x_'


def sample_document() -> Document:
    """A document with a block of every kind, and text that tries to break out."""
    columns = (
        Column("variant"),
        Column("size", "right"),
        Column("bits per weight", "right", drop=2),
        Column("KL divergence", "right", "nats"),
        Column("same top", "right", drop=1),
        Column("verdict"),
    )
    rows: list[tuple[CellLike, ...]] = [
        (
            Cell("Q8_0", tone="strong"),
            Cell(size(8 << 30), 8 << 30),
            "8.50",
            measured(0.0012, lambda value: with_error(value, 0.00011)),
            measured(0.9991, percent),
            Cell("practically the same", "same", "good"),
        ),
        (
            "Q2_K",
            Cell(size(3 << 30), 3 << 30),
            "2.96",
            measured(0.4, lambda value: with_error(value, 0.021)),
            None,
            Cell("changed beyond the margin that was asked for", "changed", "bad"),
        ),
    ]
    passage = Passage(
        "where it changed",
        (
            PassageToken("def ", 0.1, "KL 0.1"),
            PassageToken("größe", 0.9, "KL 0.9\nreference: größe 80 %"),
            PassageToken(HOSTILE, 0.4, HOSTILE),
            PassageToken("⏎", 0.0, "", ends_line=True),
            PassageToken("    return 語", 1.0),
        ),
        ("Darker changed more.",),
    )
    blocks = (
        Paragraph("Q8_0 is the smallest file that cannot be told from the reference.", "strong"),
        table("Variants", columns, rows, notes=["± is a standard error."]),
        Section("In detail", (Paragraph(HOSTILE), passage)),
        Section("Method", (Facts("With", (("seed", "7"), ("sha256", "ab" * 40))),), folded=True),
    )
    return Document(f"A report of {HOSTILE}", blocks)


def sample_pictures() -> tuple[Picture, ...]:
    """A picture of every kind, with labels that no font or markup expects."""
    names = ("Q2_K", "Q4_K_M", "$x$ <b>", "語 \u202e")
    points = tuple(
        Point(name, 1.0 + i, 0.5 / 10**i, 0.4 / 10**i, 0.6 / 10**i, on_front=i % 2 == 0)
        for i, name in enumerate(names)
    )
    values = tuple(tuple(None if c == r else 0.1 * (c + r) for c in range(3)) for r in range(4))
    texts = tuple(tuple("" if v is None else f"{v:.1f}" for v in row) for row in values)
    series = (
        Series("keywords", (0.1, None, 0.3), (0.05, None, 0.2), (0.2, None, 0.4)),
        Series("control", (0.2, 0.0, 0.1)),
    )
    rows = tuple(
        Series(name, row, texts=written)
        for name, row, written in zip(names, values, texts, strict=True)
    )
    panels = tuple(Series(n, (0.7, 0.1), texts=("·a", "⏎")) for n in names)
    curves = tuple(Series(n, (0.0, 1.0), xs=(0.1, 1.0)) for n in names)
    xyz = ("x", "y", "z")
    charts = (
        Chart(kind="scatter", x_label="size", y_label="KL", points=points, log=True, line=1e-5),
        Chart(kind="heatmap", x_label="KL", categories=("a", "b", "c"), series=rows, log=True),
        Chart(kind="bars", x_label="share", categories=xyz, series=series),
        Chart(kind="dots", x_label="probability", categories=xyz, series=series, log=True),
        Chart(kind="panels", x_label="p", series=panels),
        Chart(kind="lines", x_label="KL", y_label="share", series=curves, log=True),
    )
    return tuple(Picture(chart.kind, HOSTILE, "what to see", chart) for chart in charts)


def sample_sweep(n_variants: int = 20) -> Run:
    """A sweep with as many variants as asked, complete in everything that has a picture."""
    models = [info("model", 16.0)]
    models += [info(f"model-Q{i}", 8.0 - 0.3 * i) for i in range(n_variants)]
    rows = [control("kl", 1e-6)]
    exhibits = []
    for number, model in enumerate(models):
        rows += _rows(model.id, None if number == 0 else 0.0005 * 1.5 ** (number - 1))
        top = [
            {"token": i, "text": text, "probability": 0.5 / 2**i}
            for i, text in enumerate("#/\n \t")
        ]
        content = {"ids": [1], "top": top}
        exhibits.append(Exhibit(kind="cold-start", model=model.id, content=content))
    return made_run(models, rows, exhibits=exhibits)


def sweep_of_few_pictures() -> Run:
    """A small record that is drawn in a moment: nothing by language or class, no cold start.

    Only sizes and the distribution have data for a picture.
    """
    run = sample_sweep(2)
    whole = [row for row in run.measurements if set(row.members) <= {"quantile"}]
    return run.model_copy(update={"measurements": whole, "exhibits": []})


def sample_timings(n_variants: int = 20) -> Run:
    """The timings of the sweep of the same number of variants."""
    return made_timings(sample_sweep(n_variants).models)


def _rows(name: str, kl: float | None) -> list[Measurement]:
    reference = "" if kl is None else "model"
    rows = []
    for i, language in enumerate(LANGUAGES):
        group = f"start=cold;language={language}"
        rows.append(Measurement("keyword_mass", name, "", group, 0.01 * (i + 1)))
    rows.append(Measurement("keyword_mass", name, "", "start=cold", 0.2))
    rows.append(estimate("bits_per_byte", name, 1.5, reference=""))
    if kl is None:
        return rows
    rows.append(Measurement("keyword_mass_change", name, reference, "start=cold", 0.001))
    rows.append(estimate("kl", name, kl))
    rows.append(estimate("same_first_choice", name, 1 - min(kl, 1.0), 0.001))
    for level in ("0", "0.5", "0.99", "1"):
        rows.append(Measurement("kl", name, reference, f"quantile={level}", kl, n=20_000))
    for dimension, members in (("language", LANGUAGES), ("class", CLASSES)):
        for i, member in enumerate(members):
            rows.append(estimate("kl", name, kl * (1 + 0.1 * i), group=f"{dimension}={member}"))
    for language in LANGUAGES:
        group = f"language={language}"
        rows.append(estimate("keyword_mass_change", name, 0.001, group=group))
    return rows
