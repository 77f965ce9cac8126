"""What a comparison measures, and with what means."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pyengine.errors import OptionError

Plan: TypeAlias = Literal["auto", "live", "block", "cache"]
Axis: TypeAlias = Literal["auto", "quantization", "fine-tuning", "scaling", "identical"]

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """How documents are cut.

    Attributes:
        n_ctx: tokens in a window, the start token included.
        stride: tokens by which a window moves on; None for half of n_ctx. Each token is scored
            once, so all windows but a document's first score only their last `stride` tokens.
        max_windows: stop after so many windows; None for all.
        max_tokens: stop after the window that reaches so many scored tokens; None for all.
    """

    n_ctx: int = 512
    stride: int | None = None
    max_windows: int | None = None
    max_tokens: int | None = 20_000

    @property
    def step(self) -> int:
        """The stride in use."""
        return self.n_ctx // 2 if self.stride is None else self.stride

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        if self.n_ctx < 4:
            raise OptionError(f"a context of {self.n_ctx} tokens is too short; use at least 4")
        if not 1 <= self.step < self.n_ctx:
            raise OptionError(f"stride must lie between 1 and {self.n_ctx - 1}, not {self.step}")
        for name, value in (("windows", self.max_windows), ("tokens", self.max_tokens)):
            if value is not None and value < 1:
                raise OptionError(f"the limit of {name} must be at least 1, not {value}")


@dataclass(frozen=True, kw_only=True)
class MemoryOptions:
    """Where the reference's rows are while the variants are measured.

    Attributes:
        plan: "live" keeps all models open and decodes each window with all of them; "block" keeps
            rows of the reference for a block of windows and opens one variant at a time; "cache"
            keeps a compact copy on disk, opens every model once, and gives lower bounds of
            divergences; "auto" takes live where the models fit into the free memory, else block.
        cap_bytes: memory for rows of logits, over all models.
    """

    plan: Plan = "auto"
    cap_bytes: int = 512 * MIB


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What is compared.

    Attributes:
        windows: how the corpus is cut.
        memory: where rows wait.
        threads: CPU threads; None for one less than the cores this process may use.
        n_gpu_layers: layers on the GPU; negative for all.
        use_extra_bufts: let llama.cpp repack weights.
        corpus: measure over the corpus.
        starts: measure cold and warm starts.
        spots: how many positions of largest divergence to show.
        passages: how many stretches of text of largest mean divergence to keep token by token.
        greedy: how many documents to continue greedily; 0 for none.
        margin: KL divergence, in nats, below which a difference is of no interest.
        precision: stop when every variant's mean KL is known to +- this many nats, at every look;
            None to go on to the end.
        axis: what separates the variants from the reference; "auto" reads it from the files.
        seed: of the order of documents and of every resampling.
    """

    windows: WindowOptions = field(default_factory=WindowOptions)
    memory: MemoryOptions = field(default_factory=MemoryOptions)
    threads: int | None = None
    n_gpu_layers: int = 0
    use_extra_bufts: bool = False
    corpus: bool = True
    starts: bool = True
    spots: int = 10
    passages: int = 3
    greedy: int = 12
    margin: float = 0.005
    precision: float | None = None
    axis: Axis = "auto"
    seed: int = 20260102

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        self.windows.check()
        if not self.margin >= 0:
            raise OptionError(f"margin must not be negative: {self.margin}")
        if self.precision is not None and not self.precision > 0:
            raise OptionError(f"precision must be positive: {self.precision}")
        if min(self.spots, self.passages, self.greedy) < 0:
            raise OptionError(
                "the numbers of spots, passages and continuations must not be negative"
            )
        if self.threads is not None and self.threads < 1:
            raise OptionError(f"threads must be at least 1, not {self.threads}")
