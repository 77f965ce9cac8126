"""A variant: a model file and the settings that it is computed with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyengine.models.options import ModelOptions, SessionOptions

if TYPE_CHECKING:
    from pyengine.run.record import Setting


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A model file and its settings; two settings of one file are two variants.

    Attributes:
        id: its name in the run.
        path, sha256: of the file.
        options: how it is opened.
        settings: fields of `SessionOptions` in which it differs from the others.
    """

    id: str
    path: str
    sha256: str
    options: ModelOptions = field(default_factory=ModelOptions)
    settings: tuple[tuple[str, Setting], ...] = ()

    def session(self, usual: SessionOptions) -> SessionOptions:
        """Return how this variant decodes what others decode as usual."""
        return replace(usual, **dict(self.settings))  # type: ignore[arg-type]

    def identity(self) -> tuple[object, ...]:
        """Return all that decides its numbers."""
        return (self.sha256, self.options, self.settings)
