"""Types of one model that are made when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyengine.measure.engine import Progress
from pyengine.measure.quantize import variant_path
from pyengine.models.downloads import Keep
from pyengine.models.file_types import expand_types
from pyengine.models.options import usable_cores
from pyengine.models.quantize import file_sha256, plan_quantization, quantize_file
from pyengine.models.quantize_options import QuantizationPlan, QuantizeOptions
from pyengine.picking.order import Offer

# Fewer bits per weight mean that a file is quantized already.
FLOAT_BITS = 15.9


@dataclass
class MadeTypes:
    """What quantizing a source to every type would give; a file is made when it is fetched.

    Attributes:
        plans: by the names of the offers.
        made: the files that were not there before.
    """

    source: Path
    folder: Path
    options: QuantizeOptions
    progress: Progress
    plans: dict[str, QuantizationPlan] = field(default_factory=dict)
    made: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Path, folder: Path, imatrix: Path | None, progress: Progress) -> MadeTypes:
        """Plan all types of a source; exact sizes are known before anything is written."""
        options = QuantizeOptions(imatrix=imatrix, threads=usable_cores())
        types = expand_types(["all"], has_imatrix=imatrix is not None)
        found = cls(source, folder, options, progress)
        for plan in plan_quantization(source, types, options=options):
            found.plans[variant_path(source, folder, plan.file_type).stem] = plan
        return found

    def offers(self, source: Offer) -> Sequence[Offer]:
        """Return what can be made, each with the memory that the source needs, less what it saves.

        Beside its weights a type needs what the source does.
        """
        return [
            Offer(
                name=name,
                reference=str(self._path(plan)),
                file_type=plan.file_type,
                size=plan.file_bytes,
                n_params=source.n_params,
                bits_per_weight=plan.bits_per_weight,
                imatrix=self.options.imatrix is not None,
                memory=source.memory - source.size + plan.file_bytes,
                here=False,
            )
            for name, plan in self.plans.items()
        ]

    def fetch(self, offer: Offer) -> Path:
        """Return an offer's file, made where it is not there."""
        plan = self.plans[offer.name]
        path = self._path(plan)
        self.folder.mkdir(parents=True, exist_ok=True)
        there = quantize_file(
            self.source,
            path,
            plan,
            source_sha256=file_sha256(self.source),
            options=self.options,
            progress=lambda part: self.progress(f"make {plan.file_type}", part),
        )
        if not there:
            self.made[offer.name] = path
        return path

    def finish(self, keep: Keep, chosen: str | None) -> None:
        """Remove what was made and shall not be kept."""
        for name, path in self.made.items():
            if keep == "none" or (keep == "best" and name != chosen):
                path.unlink(missing_ok=True)

    def _path(self, plan: QuantizationPlan) -> Path:
        return variant_path(self.source, self.folder, plan.file_type)
