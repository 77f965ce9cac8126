"""With what a record was computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyengine.reports.numbers import counted
from pyengine.reports.tables import Facts
from pyengine.run import record

if TYPE_CHECKING:
    from pyengine import results


def importance_facts(run: record.Run) -> list[tuple[str, str]]:
    """Say how much of an importance matrix was used; nothing where there was none."""
    found = run.shown("importance")
    return [
        ("importance matrix", f"{told['used']} of {told['entries']} entries are used")
        for told in found
    ]


def provenance_facts(provenance: results.Provenance | record.Provenance) -> Facts:
    """Describe versions, machine and seed."""
    seed = "none" if provenance.seed is None else str(provenance.seed)
    return Facts(
        "With",
        (
            ("pyengine", provenance.pyengine),
            (
                "llama.cpp",
                f"{provenance.llama_cpp} (llama-cpp-python {provenance.llama_cpp_python})",
            ),
            (
                "machine",
                f"{provenance.cpu}, {counted(provenance.cores, 'core')}, "
                f"{counted(provenance.threads, 'thread')}, {provenance.platform}",
            ),
            ("devices", ", ".join(provenance.devices)),
            ("seed", seed),
        ),
    )
