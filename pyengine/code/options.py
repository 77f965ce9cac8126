"""How an evaluation is done."""

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from pyengine.code.prompting import PromptStyle
from pyengine.code.sandbox import MIB, Limits
from pyengine.errors import OptionError
from pyengine.files import user_cache
from pyengine.models.chat import DAY
from pyengine.models.generation import SamplingOptions

MOST_SECONDS = 86400
MOST_MEMORY = 1 << 50


def default_folder() -> Path:
    """Return where finished tasks are kept: the user's cache."""
    try:
        return user_cache() / "evaluate"
    except RuntimeError as error:
        raise OptionError(
            "you have no home folder to keep finished tasks in; give --results"
        ) from error


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How an evaluation is done.

    Attributes:
        style: how to ask; None for what suits the model.
        limit: most tasks, drawn from all by the seed; None for all.
        day: what a chat template is told that asks for the day.
        samples: continuations of each task; more than one needs a temperature.
        max_tokens: budget of each continuation.
        thinking_tokens: added to it for a chat model whose template knows thinking blocks.
        sampling: its seed is that of the first sample, the next has the next seed.
        parallel: continuations computed at once.
        threads: CPU threads of the model; None for one less than the cores.
        jobs: programs executed at once.
        limits: of each program.
        folder: where finished tasks are kept.
        resume: take up what the folder holds.
        likelihoods: also score the references.
        margin: changes of pass@1 up to it make a model like the reference.
        until_decided: ask no further once it is known of every model whether it is like the
            reference, or better, or worse.
    """

    style: PromptStyle | None = None
    limit: int | None = None
    day: date = DAY
    samples: int = 1
    max_tokens: int = 256
    thinking_tokens: int = 2048
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    parallel: int = 16
    threads: int | None = None
    gpu_layers: int = 0
    jobs: int = 2
    limits: Limits = field(default_factory=Limits)
    folder: Path = field(default_factory=default_folder)
    resume: bool = True
    likelihoods: bool = True
    margin: float = 0.1
    until_decided: bool = False

    def check(self) -> None:
        """Raise OptionError where the options contradict each other or are out of range."""
        for name in ("samples", "max_tokens", "parallel", "jobs", "limit"):
            if (getattr(self, name) or 1) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.parallel > 256:
            raise OptionError(f"parallel must be at most 256, not {self.parallel}")
        if self.thinking_tokens < 0:
            raise OptionError("thinking_tokens must be 0 or more")
        if not 0.0 <= self.margin < 1.0:
            raise OptionError(f"margin must be from 0 to less than 1, not {self.margin}")
        if self.samples > 1 and self.sampling.temperature == 0.0:
            raise OptionError("several samples of greedy decoding are all equal: set a temperature")
        self._check_limits()
        last = self.sampling.seed + self.samples - 1
        replace(self.sampling, seed=last).sampler()
        self.sampling.sampler()

    def _check_limits(self) -> None:
        """Hold limits to what the system can be told."""
        limits = self.limits
        if not 1 <= limits.cpu_s <= MOST_SECONDS:
            raise OptionError(f"cpu_s must be from 1 to {MOST_SECONDS}, not {limits.cpu_s}")
        if not 0 < limits.wall_s <= MOST_SECONDS:
            raise OptionError(f"wall_s must be above 0 and at most {MOST_SECONDS}")
        if not MIB <= limits.memory_bytes <= MOST_MEMORY:
            raise OptionError(f"memory must be from 1 to {MOST_MEMORY // MIB} MiB")
