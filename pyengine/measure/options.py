"""What a comparison measures, and with what means."""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pyengine.errors import OptionError
from pyengine.models.options import used_threads
from pyengine.text.windows import WindowOptions

Axis: TypeAlias = Literal["auto", "quantization", "fine-tuning", "scaling", "identical"]
MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What is compared.

    Attributes:
        windows: how the corpus is cut.
        cap_bytes: memory for the reference's rows of one chunk.
        workers: variants that decode at the same time.
        keep_open: models stay open from chunk to chunk; else one at a time is in memory.
        threads: CPU threads of each; None for one less than the cores this process may use.
        n_gpu_layers: layers on the GPU; negative for all.
        use_extra_bufts: let llama.cpp repack weights.
        corpus: measure over the corpus.
        starts: measure cold and warm starts.
        positions: how many positions of largest divergence to show.
        passages: how many stretches of text of largest mean divergence to keep token by token.
        continuations: how many documents to continue greedily; 0 for none.
        margin: part by which the divergences of two variants may differ and be alike.
        precision: stop measuring a variant when its mean KL is known to this part of it, and
            it is told apart from its neighbours in size or shown to be within the margin of them;
            0 to measure all of the text.
        max_kl, max_flips: where one is given, nothing more is asked of a variant than whether its
            mean KL divergence, and its share of other first choices, is surely no larger.
        axis: what separates the variants from the reference; "auto" reads it from the files.
        seed: of the order of documents and of every resampling.
        n_positions: positions that every model has learned, which no context may exceed; None
            where positions are computed. Found when the models are opened.
    """

    windows: WindowOptions = field(default_factory=WindowOptions)
    cap_bytes: int = 512 * MIB
    workers: int = 1
    keep_open: bool = True
    threads: int | None = None
    n_gpu_layers: int = 0
    use_extra_bufts: bool = False
    corpus: bool = True
    starts: bool = True
    positions: int = 10
    passages: int = 3
    continuations: int = 12
    margin: float = 0.1
    precision: float = 0.2
    max_kl: float | None = None
    max_flips: float | None = None
    axis: Axis = "auto"
    seed: int = 20260102
    n_positions: int | None = None

    def check(self) -> None:
        """Raise OptionError for an impossible value."""
        self.windows.check()
        if not self.margin >= 0:
            raise OptionError(f"margin must not be negative: {self.margin}")
        if not 0 <= self.precision < math.inf:
            raise OptionError(f"precision must not be negative or infinite: {self.precision}")
        if min(self.positions, self.passages, self.continuations) < 0:
            raise OptionError(
                "the numbers of positions, passages and continuations must not be negative"
            )
        if self.workers is not None and self.workers < 1:
            raise OptionError(f"workers must be at least 1, not {self.workers}")
        used_threads(self.threads)
