"""How a model is opened and how a session decodes."""

import os
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How to open a model file.

    Attributes:
        n_gpu_layers: layers to put on the GPU; negative for all, 0 for none: then no GPU computes
            anything.
        use_mmap: map the file instead of reading it.
        use_extra_bufts: repack weights at load for faster matrix products. Off by default: it
            copies all weights, and on some virtual machines its kernels fault.
        vocabulary_only: read the tokenizer and no weights.
        skip_vocabulary: read the weights and no tokenizer; for sweeps over files that share one.
    """

    n_gpu_layers: int = 0
    use_mmap: bool = True
    use_extra_bufts: bool = False
    vocabulary_only: bool = False
    skip_vocabulary: bool = False


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """How a session decodes.

    Attributes:
        n_ctx: tokens that the session holds at once, over all its sequences.
        n_batch: tokens handed to llama.cpp in one call.
        n_ubatch: tokens computed at once inside that call.
        n_seq_max: sequences held at once, 1 to 256.
        max_rows: rows of logits that one call may return; the memory cap is
            ``max_rows * n_vocab * 4`` bytes.
        threads: CPU threads; None for one less than the cores this process may use.
        flash_attention: "auto" as llama.cpp decides, "on" or "off".
        offload_kqv: keep the attention cache on the GPU, where there is one.
        kv_unified: one memory for all sequences, in which they share prefixes; False for one of
            equal length for each, which is faster for many sequences that share little.
    """

    n_ctx: int = 512
    n_batch: int = 512
    n_ubatch: int = 512
    n_seq_max: int = 1
    max_rows: int = 512
    threads: int | None = None
    flash_attention: Literal["auto", "on", "off"] = "auto"
    offload_kqv: bool = True
    kv_unified: bool = True


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """One less than the cores this process may use: OpenMP spins when a core is taken."""
    return max(1, usable_cores() - 1)
