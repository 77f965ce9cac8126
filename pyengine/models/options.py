"""How a model is opened and how a session decodes."""

import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.run.record import Setting

# Types that an attention cache is kept in; those that are no whole blocks, as they are, first.
PLAIN_TYPES = ("f16", "bf16", "f32")
CACHE_TYPES = (*PLAIN_TYPES, "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
LARGEST = 2**31 - 1
MOST_THREADS = 512


class _Options:
    """Options whose whole numbers are those that llama.cpp can be given."""

    def __post_init__(self) -> None:
        """Raise OptionError for a number of more than 32 bits, or of too many threads."""
        for each in fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            if each.name == "threads":
                used_threads(value)
            elif isinstance(value, int) and abs(value) > LARGEST:
                raise OptionError(f"{each.name} must be at most {LARGEST}, not {value}")


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A LoRA adapter: a GGUF file of matrices that are added to a model's.

    Attributes:
        scale: of what it adds.
        sha256: of the file; it decides numbers, and the path does not.
    """

    path: str = field(repr=False)
    scale: float = 1.0
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelOptions(_Options):
    """How to open a model file.

    Attributes:
        n_gpu_layers: layers to put on the GPU; negative for all, 0 for none: then no GPU computes
            anything.
        use_mmap: map the file instead of reading it.
        use_extra_bufts: repack weights at load for faster matrix products. Off by default: it
            copies all weights, and on some virtual machines its kernels fault.
        vocabulary_only: read the tokenizer and no weights.
        skip_vocabulary: read the weights and no tokenizer; for sweeps over files that share one.
        lora: adapters that every session applies.
        rpc: addresses of RPC servers of llama.cpp, HOST:PORT, whose devices count as GPUs.
        sessions: fields of `SessionOptions`, with their values, in which every session on the model
            differs from what it was asked for.
    """

    n_gpu_layers: int = 0
    use_mmap: bool = True
    use_extra_bufts: bool = False
    vocabulary_only: bool = False
    skip_vocabulary: bool = False
    lora: tuple[Adapter, ...] = ()
    rpc: tuple[str, ...] = ()
    sessions: tuple[tuple[str, Any], ...] = ()

    def session(self, usual: "SessionOptions") -> "SessionOptions":
        """Return the options of a session that was asked for with the usual ones."""
        return replace(usual, **dict(self.sessions))

    def described(self) -> "dict[str, Setting]":
        """Return what a record says of it: beside GPU layers, what is not as usual."""
        found: dict[str, Setting] = {"n_gpu_layers": self.n_gpu_layers}
        if self.use_extra_bufts:
            found["use_extra_bufts"] = True
        if self.lora:
            found["lora"] = ", ".join(f"{each.path}:{each.scale:g}" for each in self.lora)
            found["lora_sha256"] = ", ".join(each.sha256 for each in self.lora)
        if self.rpc:
            found["rpc"] = ", ".join(self.rpc)
        return found | dict(self.sessions)


@dataclass(frozen=True, kw_only=True)
class SessionOptions(_Options):
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
        k_type, v_type: of the attention cache's keys and values, one of `CACHE_TYPES`; quantized
            ones need flash attention.
        rope_freq_base, rope_freq_scale: of rotary positions; 0 as the model says.
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
    k_type: str = "f16"
    v_type: str = "f16"
    rope_freq_base: float = 0.0
    rope_freq_scale: float = 0.0
    offload_kqv: bool = True
    kv_unified: bool = True

    @property
    def quantizes_cache(self) -> bool:
        """Whether the attention cache is quantized."""
        return not {self.k_type, self.v_type} <= set(PLAIN_TYPES)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_threads() -> int:
    """One less than the cores this process may use: OpenMP spins when a core is taken."""
    return max(1, usable_cores() - 1)


def used_threads(asked: int | None) -> int:
    """Return how many CPU threads to use: as many as asked, or the default where that is None.

    Raises OptionError for less than one or more than `MOST_THREADS`.
    """
    if asked is None:
        return default_threads()
    if not 1 <= asked <= MOST_THREADS:
        raise OptionError(f"threads must be from 1 to {MOST_THREADS}, not {asked}")
    return asked
