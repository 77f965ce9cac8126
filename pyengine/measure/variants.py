"""A variant: a model file and the settings that it is computed with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyengine.models.options import ModelOptions, SessionOptions

if TYPE_CHECKING:
    from pyengine.run.record import Setting


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """Weights that are replaced, in memory, by what quantizing leaves of them.

    Attributes:
        tensors: pairs of a name and a type; what is not named stays as it is.
        imatrix, imatrix_sha256: the importance matrix to quantize with; empty for none.
        threads: that quantize; no bit depends on them.
    """

    tensors: tuple[tuple[str, str], ...] = ()
    imatrix: str = field(default="", compare=False)
    imatrix_sha256: str = ""
    threads: int = field(default=1, compare=False)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A model file and its settings; two settings of one file are two variants.

    Attributes:
        id: its name in the run.
        path, sha256: of the file.
        options: how it is opened, and what its sessions do otherwise than others'.
        settings: further fields of `SessionOptions`, for the same numbers in another order.
        rounding: of its weights.
        text: what its settings add to the string of the model, see `Settings`.
    """

    id: str
    path: str
    sha256: str
    options: ModelOptions = field(default_factory=ModelOptions)
    settings: tuple[tuple[str, Setting], ...] = ()
    rounding: Rounding = field(default_factory=Rounding)
    text: str = ""

    def session(self, usual: SessionOptions) -> SessionOptions:
        """Return how this variant decodes what others decode as usual."""
        return replace(self.options.session(usual), **dict(self.settings))  # type: ignore[arg-type]

    def identity(self) -> tuple[object, ...]:
        """Return all that decides its numbers."""
        rounding = self.rounding
        changed = (rounding.tensors, rounding.imatrix_sha256) if rounding.tensors else ()
        return (self.sha256, self.options, self.settings, *changed)

    def described(self) -> dict[str, Setting]:
        """Return what a record says of its settings."""
        return self.options.described() | dict(self.settings)
