"""Documents and records that the tests of the reports share."""

from pyengine.comparison.records import Choice, EstimateRecord
from pyengine.reports.charts import (
    Bars,
    Chart,
    Curve,
    Dots,
    Heatmap,
    Lines,
    Panel,
    Panels,
    Point,
    Scatter,
    Series,
)
from pyengine.reports.numbers import percent, size, with_error
from pyengine.reports.tables import (
    Cell,
    CellLike,
    Column,
    Document,
    Facts,
    Paragraph,
    Passage,
    PassageToken,
    Picture,
    Section,
    measured,
    table,
)
from pyengine.results import Provenance
from pyengine.sweep.records import PartRecord, SweepResult, SweepRow, SweepTimings
from pyengine.sweep.speed_record import SpeedRecord

LANGUAGES = ("c", "cpp", "csharp", "go", "java", "javascript", "php", "python", "react", "ruby")
CLASSES = ("bracket", "comment", "identifier", "indentation", "keyword", "literal", "operator")
HOSTILE = '<script>alert(1)</script> \x1b[31m \u202e & "quoted" | `code` _x_'
MADE = Provenance(
    pyengine="0.1.0",
    llama_cpp="1",
    llama_cpp_python="0.3.36",
    python="3.11",
    platform="Linux x86_64",
    cpu="a processor",
    cores=2,
    threads=1,
    devices=["CPU"],
    seed=7,
)


def estimate(value: float, error: float = 0.0001, n: int = 20_000) -> EstimateRecord:
    return EstimateRecord(
        value=value,
        se_independent=error / 2,
        se_clustered=error,
        low=value - 2 * error,
        high=value + 2 * error,
        n=n,
        n_clusters=30,
    )


def sample_document() -> Document:
    """A document with a block of every kind, and text that tries to break out."""
    columns = (
        Column("variant"),
        Column("size", "right", name="bytes"),
        Column("bits per weight", "right", drop=2),
        Column("KL divergence", "right", "nats", name="kl"),
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
    charts: dict[str, Chart] = {
        "scatter": Scatter("size", "KL", points, log_y=True, floor=1e-5),
        "heatmap": Heatmap(names, ("a", "b", "c"), values, texts, "KL", logarithmic=True),
        "bars": Bars(("x", "y", "z"), series, "share"),
        "dots": Dots(("x", "y", "z"), series, "probability"),
        "panels": Panels(tuple(Panel(n, ("·a", "⏎"), (0.7, 0.1)) for n in names), "p"),
        "lines": Lines("KL", "share", tuple(Curve(n, (0.1, 1.0), (0.0, 1.0)) for n in names), True),
    }
    return tuple(Picture(name, HOSTILE, "what to see", chart) for name, chart in charts.items())


def sample_sweep(n_variants: int = 20) -> SweepResult:
    """A sweep with as many variants as asked, complete in every field that has a picture."""
    reference = _row("model", 16.0, None, is_reference=True)
    variants = [_row(f"model-Q{i}", 8.0 - 0.3 * i, 0.0005 * 1.5**i) for i in range(n_variants)]
    return SweepResult(
        provenance=MADE,
        reference="model",
        reference_sha256="r" * 64,
        corpus_sha256="c" * 64,
        n_tokens=20_000,
        n_documents=30,
        method="windows of 512 tokens",
        margin=0.005,
        floor=1e-6,
        rows=[reference, *variants],
    )


def sample_timings(n_variants: int = 20) -> SweepTimings:
    """The timings of the sweep of the same number of variants."""
    names = ["model", *(f"model-Q{i}" for i in range(n_variants))]
    models = {
        name: SpeedRecord(
            key="k",
            variant_sha256=f"{name}-hash",
            machine="a processor",
            threads=1,
            load_seconds=[0.1, 0.2, 0.3],
            prompt_tokens=256,
            prompt_tokens_per_second=[1200.0, 1234.0, 1300.0],
            generated_tokens=64,
            generated_tokens_per_second=[40.0, 50.0, 60.0],
            peak_memory_bytes=9 << 30,
            empty_memory_bytes=1 << 20,
            devices=["CPU"],
        )
        for name in names
    }
    return SweepTimings(provenance=MADE, models=models, failures={})


def _row(name: str, gib: float, kl: float | None, *, is_reference: bool = False) -> SweepRow:
    def parts(labels: tuple[str, ...]) -> list[PartRecord]:
        base = kl or 0.0
        return [
            PartRecord(name=label, kl=estimate(base * (1 + 0.1 * i)))
            for i, label in enumerate(labels)
        ]

    top = [Choice(token=i, text=text, probability=0.5 / 2**i) for i, text in enumerate("#/\n \t")]
    return SweepRow(
        name=name,
        sha256=f"{name}-hash",
        file_bytes=int(gib * (1 << 30)),
        bits_per_weight=gib,
        file_type=name.rpartition("-")[2],
        is_reference=is_reference,
        failure=None,
        kl=estimate(kl or 0.0),
        kl_median=kl,
        kl_99=kl,
        same_top=estimate(1 - min(kl or 0.0, 1.0), 0.001),
        by_language=parts(LANGUAGES),
        by_class=parts(CLASSES),
        cold_top=top,
        keyword_masses={language: 0.01 * (i + 1) for i, language in enumerate(LANGUAGES)},
        keyword_mass=0.2,
        keyword_mass_change=None if is_reference else 0.001,
    )
