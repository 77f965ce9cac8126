"""The rows of a sweep's table, and how it looks, from made-up measurements."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pyengine.comparison.averages import noise_floor
from pyengine.comparison.records import EstimateRecord
from pyengine.reports.markdown import render_markdown
from pyengine.reports.measurements import measurements_of
from pyengine.reports.sweep_view import sweep_document
from pyengine.reports.terminal import render_terminal
from pyengine.results import Provenance
from pyengine.sweep.aggregate import Measured, bits_per_byte, make_rows
from pyengine.sweep.measurements import QualityRecord
from pyengine.sweep.null_control import noise_floors
from pyengine.sweep.records import SweepResult, SweepRow, SweepTimings
from pyengine.sweep.speed_record import SpeedRecord
from pyengine.sweep.token_numbers import TokenNumbers, read_arrays, write_arrays

N, DOCUMENTS = 400, 20


def tokens(level: float, *, seed: int = 0, n_bytes: int = 3) -> TokenNumbers:
    """Make numbers whose mean KL is about `level`, the same noise for every variant."""
    rng = np.random.default_rng(seed)
    noise = rng.exponential(1.0, N)
    log_p = -rng.exponential(2.0, N)
    document = np.repeat(np.arange(DOCUMENTS, dtype=np.int32), N // DOCUMENTS)
    return TokenNumbers(
        document=document,
        cluster=document,
        n_bytes=np.full(N, n_bytes, np.int32),
        kl=level * noise,
        log_p=log_p,
        log_q=log_p - level,
        same_top=rng.random(N) > level,
        token_class=np.zeros(N, np.uint8),
        padding_mass=np.zeros(N),
    )


def model(
    name: str,
    size: int,
    level: float | None,
    *,
    is_reference: bool = False,
    failure: str | None = None,
) -> Measured:
    quality = None
    if level is not None:
        record = QualityRecord(
            key="k",
            variant_sha256="v",
            reference_sha256="r",
            n_tokens=N,
            n_documents=DOCUMENTS,
            n_bytes=3 * N,
            start_ids=[1],
            prefix=[1],
            reference_keyword_mass=0.2,
            variant_keyword_mass=0.2 - level,
            keyword_masses={},
            cold_top=[],
            devices=["CPU"],
            arrays_sha256="a",
            longest_context=64,
            n_ctx_train=64,
        )
        quality = record, tokens(level)
    return Measured(
        name=name,
        sha256="s",
        file_bytes=size,
        bits_per_weight=size / 1000,
        file_type="q4_K",
        is_reference=is_reference,
        quality=quality,
        failure=failure,
    )


MODELS = (
    model("m-Q2", 3000, 0.08),
    model("m", 16000, 0.0, is_reference=True),
    model("m-Q8", 8000, 0.0001),
    model("m-Q5", 5000, 0.01),
    model("m-Q4", 4500, 0.0099),
    model("m-Q3", 3500, None, failure="the process died with SIGSEGV"),
)


def rows(models: Sequence[Measured] = MODELS, *, floor: float = 1e-8) -> dict[str, SweepRow]:
    languages = ["python", "go"] * (DOCUMENTS // 2)
    made = make_rows(models, languages=languages, floor=floor, margin=0.005)
    return {row.name: row for row in made}


def test_order_is_source_then_size() -> None:
    assert list(rows()) == ["m", "m-Q8", "m-Q5", "m-Q4", "m-Q3", "m-Q2"]


def test_estimates_are_those_of_the_tokens() -> None:
    row = rows()["m-Q2"]
    truth = tokens(0.08)
    assert row.kl is not None
    assert row.kl.value == pytest.approx(float(truth.kl.mean()))
    sums = truth.kl.reshape(DOCUMENTS, -1).sum(axis=1)
    size = N / DOCUMENTS
    error = np.sqrt(DOCUMENTS / (DOCUMENTS - 1) * ((sums - row.kl.value * size) ** 2).sum()) / N
    assert row.kl.se_clustered == pytest.approx(error)
    assert row.kl_median == pytest.approx(float(np.median(truth.kl)))
    assert row.keyword_mass_change == pytest.approx(-0.08)
    assert row.bits_per_byte_change is not None
    assert row.bits_per_byte_change.value == pytest.approx(0.08 / np.log(2) / 3)


def test_parts_add_up_to_the_whole() -> None:
    row = rows()["m-Q2"]
    parts = {part.name: part.kl for part in row.by_language}
    assert set(parts) == {"python", "go"}
    assert sum(kl.n for kl in parts.values()) == N
    total = sum(kl.n * kl.value for kl in parts.values()) / N
    assert row.kl is not None
    assert total == pytest.approx(row.kl.value)


def test_verdicts_follow_quality_not_size() -> None:
    found = rows()
    assert found["m-Q8"].step is None  # nothing is better
    assert found["m"].step is None
    steps = {name: row.step for name, row in found.items() if row.step}
    assert steps["m-Q4"].against == "m-Q8"
    assert steps["m-Q5"].against == "m-Q4"
    assert steps["m-Q2"].against == "m-Q5"
    assert steps["m-Q4"].verdict == "different"
    assert steps["m-Q5"].verdict == "equivalent"
    assert steps["m-Q2"].verdict == "different"


def test_a_variant_that_another_beats_says_by_which() -> None:
    found = rows()
    assert found["m-Q5"].smaller_and_better == "m-Q4"
    assert found["m-Q8"].smaller_and_better is None
    assert found["m-Q2"].smaller_and_better is None
    assert found["m"].smaller_and_better is None


def test_a_failed_row_has_its_reason_and_no_number() -> None:
    row = rows()["m-Q3"]
    assert row.failure == "the process died with SIGSEGV"
    assert row.kl is None
    assert row.same_top is None
    assert row.step is None


def test_below_the_floor_nothing_is_claimed() -> None:
    assert rows(floor=0.001)["m-Q8"].within_floor
    assert not rows(floor=0.001)["m-Q2"].within_floor
    assert not rows(floor=0.001)["m"].within_floor


def test_floors_are_those_of_the_null_control() -> None:
    control = model("m", 16000, 0.001, is_reference=True).quality
    assert control is not None
    record, numbers = control
    numbers = replace(numbers, log_q=numbers.log_q - 0.01 * numbers.kl)
    floors = noise_floors(record, numbers)
    bits = (numbers.log_p - numbers.log_q) / np.log(2)
    totals = bits.mean() + 2 * bits.std(ddof=1) / np.sqrt(N)
    assert floors["bits_per_byte_change"] == pytest.approx(abs(totals) / numbers.n_bytes.mean())
    assert floors["keyword_mass_change"] == pytest.approx(0.001)
    assert floors["kl"] == pytest.approx(noise_floor(numbers.kl))
    unknown = noise_floors(record, tokens(0.1, n_bytes=-1))
    assert unknown.keys() == {"kl", "keyword_mass_change"}


def test_differences_below_the_floor_are_not_shown() -> None:
    table, _ = result()
    floors = {"kl": 0.0005, "keyword_mass_change": 0.05, "bits_per_byte_change": 0.0003}
    low = table.model_copy(update={"floor": 0.0005, "floors": floors})
    text = render_terminal(sweep_document(low), width=200)
    lines = {line.split()[0]: line for line in text.split("\n") if line.startswith("Q")}
    assert "≤ 5.0" in lines["Q8"]  # percentage points
    assert "−8.00" in text
    assert "5.00 pp of keywords, 0.000300 bits per byte: differences" in text.replace("\n", " ")
    neighbours = text.split("\nNeighbours in quality")[1]
    assert "≤ 0.00050" in next(line for line in neighbours.split("\n") if line.startswith("Q5"))
    rows = {m.metric: m for m in measurements_of([low]) if m.group == "null control"}
    assert {name: rows[f"{name}_floor"].value for name in floors} == floors


def test_bits_per_byte_is_said_to_be_unknown() -> None:
    unknown = tokens(0.1, n_bytes=-1)
    assert bits_per_byte(unknown) is None


def test_equal_numbers_give_equal_bytes() -> None:
    data = write_arrays(tokens(0.1))
    assert data == write_arrays(tokens(0.1))
    assert np.array_equal(read_arrays(data).kl, tokens(0.1).kl)


PROVENANCE = Provenance(
    pyengine="1",
    llama_cpp="2",
    llama_cpp_python="3",
    python="3.11",
    platform="Linux x86_64",
    cpu="a processor",
    cores=2,
    threads=1,
    devices=["CPU"],
    seed=7,
)


def result() -> tuple[SweepResult, SweepTimings]:
    table = SweepResult(
        provenance=PROVENANCE,
        reference="m",
        reference_sha256="0" * 64,
        corpus_sha256="1" * 64,
        n_tokens=N,
        n_documents=DOCUMENTS,
        method="Windows of 64 tokens.",
        margin=0.005,
        floor=1e-8,
        rows=list(rows().values()),
    )
    speed = SpeedRecord(
        key="k",
        variant_sha256="v",
        machine="a processor",
        threads=1,
        load_seconds=[0.02, 0.01, 0.03],
        prompt_tokens=256,
        prompt_tokens_per_second=[100.0, 120.0, 110.0],
        generated_tokens=64,
        generated_tokens_per_second=[50.0, 40.0, 45.0],
        peak_memory_bytes=90 << 20,
        empty_memory_bytes=40 << 20,
        devices=["CPU"],
    )
    timings = SweepTimings(provenance=PROVENANCE, models={"m": speed, "m-Q8": speed}, failures={})
    return table, timings


def test_the_report_fits_80_columns_and_says_what_matters() -> None:
    text = render_terminal(sweep_document(*result()), width=80)
    assert max(len(line) for line in text.splitlines()) <= 80
    lines = text.splitlines()
    head = next(line for line in lines if line.startswith("Variant "))
    assert head.split() == [
        *("Variant", "Size", "Bits", "KL", "[10⁻³", "nats]", "top", "[pp]", "Bits/byte", "Verdict")
    ]
    assert any(line.startswith("Q5 ") and line.endswith("beaten") for line in lines)
    assert any(line.startswith("Q3 ") and line.endswith("failed") for line in lines)
    assert "Q5 is beaten by Q4." in lines
    assert "The smallest that stays within 0.005 nats" in text
    assert "SIGSEGV" in text
    assert "110 (100–120)" in text


def test_the_wide_report_is_one_table() -> None:
    text = render_markdown(sweep_document(*result()))
    row = next(line for line in text.splitlines() if line.startswith("| Q8 "))
    for part in ("20.0 ms", "90.0 MiB", "110", "45.0"):
        assert part in row


def test_records_survive_their_json() -> None:
    table, timings = result()
    for record in (table, timings):  # as text: a number that is not one equals nothing
        text = record.model_dump_json()
        assert type(record).model_validate_json(text).model_dump_json() == text
    assert isinstance(table.rows[0].kl, EstimateRecord)
