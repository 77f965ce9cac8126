"""What a sweep measures, and with what means."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from pyengine.comparison.options import WindowOptions
from pyengine.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class SpeedOptions:
    """How speed is measured.

    Attributes:
        repeats: how often each measurement is repeated; the median is reported.
        prompt_tokens: tokens of the prompt, decoded at once.
        generated_tokens: tokens decoded one after another, behind the prompt.
        threads: CPU threads; one model is measured at a time.
    """

    repeats: int = 5
    prompt_tokens: int = 256
    generated_tokens: int = 64
    threads: int = 1

    def within(self, n_positions: int | None) -> "SpeedOptions":
        """Return options whose prompt and continuation fit, in their proportion."""
        total = self.prompt_tokens + self.generated_tokens
        if n_positions is None or total <= n_positions:
            return self
        prompt = max(1, self.prompt_tokens * n_positions // total)
        return replace(self, prompt_tokens=prompt, generated_tokens=max(1, n_positions - prompt))

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        for name in ("repeats", "prompt_tokens", "generated_tokens", "threads"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What a sweep measures.

    Attributes:
        windows: how the corpus is cut and how much of it is read.
        speed: how speed is measured; None to leave it out.
        corpus: files and folders; empty for the corpus that is shipped.
        workers: models measured at the same time, each in its own process.
        threads: CPU threads of each.
        n_gpu_layers: layers on the GPU; negative for all.
        margin: KL divergence, in nats, below which a difference is of no interest.
        seed: of the order in which documents are taken.
        check_files: let each worker compare the files' hashes before it measures.
    """

    windows: WindowOptions = field(default_factory=WindowOptions)
    speed: SpeedOptions | None = field(default_factory=SpeedOptions)
    corpus: tuple[Path, ...] = ()
    workers: int = 1
    threads: int = 1
    n_gpu_layers: int = 0
    margin: float = 0.005
    seed: int = 20260102
    check_files: bool = False

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        self.windows.check()
        if self.speed is not None:
            self.speed.check()
        for name in ("workers", "threads"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.margin > 0:
            raise OptionError(f"margin must be positive, not {self.margin}")
