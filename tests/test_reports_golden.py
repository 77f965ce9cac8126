"""What every view writes, byte for byte, at fixed widths.

`PYENGINE_UPDATE_GOLDEN=1 pytest tests/test_reports_golden.py` writes the files anew; read the
difference before committing it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from imatrix_samples import sample_imatrix
from paper_samples import paper_run
from recipe_samples import sample_recipes
from report_samples import sample_document, sample_sweep
from run_samples import MADE
from sensitivity_samples import sample_sensitivity
from verify_samples import alone, difference, metadata, sample_verified

from pyengine.choose.recommend import recommend
from pyengine.doctor.checks import check
from pyengine.report.comma_separated import measurements_csv, measurements_of
from pyengine.report.compare_view import model_card
from pyengine.report.document import Document
from pyengine.report.html import render_html
from pyengine.report.markdown import render_markdown
from pyengine.report.tables import Column, table
from pyengine.report.terminal import render_terminal
from pyengine.report.views import document_of
from pyengine.run import Exhibit, Measurement, Note, Run

GOLDEN = Path(__file__).parent / "golden"


def models_run() -> Run:
    def file(reference: str, group: int | None, problem: dict[str, Any] | None) -> Exhibit:
        content = {
            "reference": reference,
            "store": reference.partition(":")[0],
            "path": f"/models/{reference}",
            "name": None if problem else "Tiny",
            "architecture": None if problem else "llama",
            "file_type": None if problem else "Q4_K_M",
            "vocabulary_only": False,
            "n_parts": 1,
            "n_bytes": 1 << 20,
            "same_bytes": group,
            "same_file": False,
            "problem": problem,
        }
        return Exhibit(kind="file", model="", content=content)

    broken = {"code": "unreadable", "message": "it does not begin with GGUF"}
    return Run(
        command="models",
        provenance=MADE,
        models=[],
        measurements=[
            Measurement("disk_bytes", "", "", "", float(4 << 20), n=4),
            Measurement("copy_bytes", "", "", "", float(1 << 20)),
        ],
        exhibits=[
            Exhibit(kind="place", model="", content={"store": "ollama", "folders": ["/models"]}),
            file("embedded:base", None, None),
            file("ollama:tiny:latest", 1, None),
            file("hf:owner/a-rather-long-repository-name-GGUF:tiny-Q4_K_M.gguf", 1, None),
            file("lmstudio:owner/broken/broken.gguf", None, broken),
        ],
    )


def doctor_run() -> Run:
    versions = {"pyengine": "0.1.0", "python": "3.11.7", "llama_cpp": "1"}
    extra = {"module": "pyarrow", "version": None}
    threads = {"cores": 2, "threads": 1, "limit": None, "load": 9.0, "use": 1}
    unsafe = {"problems": {"Q8_0": {"code": "failed", "message": "x" * 90}}}
    checks = [
        check("software", "versions", "versions", versions),
        check("software", "pyarrow", "extra", extra, "install-extra", status="note"),
        check("machine", "threads", "threads", threads, "wait"),
        check("machine", "weight repacking", "repacking-unsafe", unsafe, status="bad"),
    ]
    exhibits = [Exhibit(kind="check", model="", content=content) for content in checks]
    return Run(command="doctor", provenance=MADE, models=[], exhibits=exhibits)


def verified_run() -> Run:
    """Someone's file, of which one tensor differs and one is its own."""
    quantized = {"source": "f16.gguf", "n": 1, "first": "output.weight", "type": "q8_0"}
    return sample_verified(
        difference("blk.0.attn_q.weight"),
        difference("blk.1.attn_q.weight", error=0.0741),
        lonely=alone("source", "rope_freqs.weight"),
        said={"importance_file": "calibration.dat", "said": {"general.quantized_by": "somebody"}},
        keys=[metadata("tokenizer.ggml.pre", "tokenizer")],
        notes=[Note(code="source-quantized", values=quantized)],
    )


VIEWS: dict[str, Callable[[], str]] = {
    "document-80.txt": lambda: render_terminal(sample_document(), width=80),
    "document-60.txt": lambda: render_terminal(sample_document(), width=60),
    "document-80-color.txt": lambda: render_terminal(sample_document(), width=80, color=True),
    "document.md": lambda: render_markdown(sample_document()),
    "document.html": lambda: render_html(sample_document()),
    "imatrix-80.txt": lambda: render_terminal(document_of(sample_imatrix(merged=1)), width=80),
    "recipe-80.txt": lambda: render_terminal(document_of(sample_recipes()), width=80),
    "sensitivity-80.txt": lambda: render_terminal(document_of(sample_sensitivity()), width=80),
    "verify-80.txt": lambda: render_terminal(document_of(verified_run()), width=80),
    "paper-80.txt": lambda: render_terminal(document_of(paper_run()), width=80),
    "paper.md": lambda: render_markdown(document_of(paper_run())),
    "models-80.txt": lambda: render_terminal(document_of(models_run()), width=80),
    "doctor-80.txt": lambda: render_terminal(document_of(doctor_run()), width=80),
    "recommend-80.txt": lambda: render_terminal(
        document_of(recommend([sample_sweep(4)], memory=15 << 29)), width=80
    ),
    "model-card.md": lambda: render_markdown(model_card(sample_sweep(4))),
    "measurements.csv": lambda: measurements_csv(measurements_of([sample_sweep(1)])),
}


@pytest.mark.parametrize("name", VIEWS)
def test_view_is_as_it_was(name: str) -> None:
    text = VIEWS[name]()
    path = GOLDEN / name
    if os.environ.get("PYENGINE_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    from rich.cells import cell_len

    for document in (document_of(doctor_run()), document_of(models_run())):
        for line in render_terminal(document, width=width).splitlines():
            assert cell_len(line) <= width


@pytest.mark.parametrize("width", [20, 30, 47, 48, 80])
@pytest.mark.parametrize("n", [1, 2, 12, 60])
def test_columns_that_do_not_fit_stand_in_blocks(n: int, width: int) -> None:
    heads = [Column("name"), *(Column(f"m{i}", "right") for i in range(n))]
    rows = [[name, *(f"{row}.{i:03}" for i in range(n))] for row, name in enumerate("ab")]
    text = render_terminal(Document("", (table("Title", heads, rows),)), width=width)
    assert max(map(len, text.splitlines())) <= width
    blocks = [block.splitlines() for block in text.split("Title\n")[1].strip().split("\n\n")]
    words = [[line.split() for line in block if not line.startswith("─")] for block in blocks]
    assert all([line[0] for line in block] == ["name", "a", "b"] for block in words)
    joined = [[word for block in words for word in block[i][1:]] for i in range(3)]
    assert joined == [[f"m{i}" for i in range(n)], *(row[1:] for row in rows)]
    # As many as fit: the next block's first column would not have had room in this one.
    longest = max(len(line) for line in blocks[0])
    assert len(blocks) == 1 or longest + len("  0.000") > width


@pytest.mark.parametrize("name", [name for name in VIEWS if not name.endswith("color.txt")])
def test_nothing_can_steer_the_reader(name: str) -> None:
    text = VIEWS[name]()
    assert "\x1b" not in text
    assert "\u202e" not in text
    if name.endswith("html"):
        assert "<script" not in text
