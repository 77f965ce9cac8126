"""A model file, opened: its tokenizer, its shape and what its metadata says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pyengine import _core
from pyengine.errors import ModelFileError, ModelKindError
from pyengine.models.devices import computing_devices
from pyengine.models.gguf import RECIPE_KEY, file_type_name, known_sha256, model_parts
from pyengine.models.options import ModelOptions
from pyengine.models.trial import open_core, try_where_needed
from pyengine.plain_text import usable_name

if TYPE_CHECKING:
    from typing_extensions import Self

Vocabulary: TypeAlias = _core.Vocabulary
LoadProgress: TypeAlias = Callable[[float], object]


def prompt_ids(
    vocabulary: Vocabulary, text: bytes | str, *, begun: bool = False, parse_special: bool = False
) -> list[int]:
    """Return the token ids of a text that goes on: with what its model begins one, without end.

    Some tokenizers add EOS after every text (add_eos_token). After it the model would begin
    another text, and as part of a measured text it would be no part of its bytes.

    Args:
        vocabulary: the tokenizer.
        text: the text.
        begun: the text says itself what comes first, such as BOS.
        parse_special: read control tokens in the text as such.

    Raises:
        TokenizerError: the tokenizer cannot do it.
    """
    special = not begun
    ids: list[int] = vocabulary.tokenize(
        text, add_special=special, parse_special=parse_special
    ).tolist()
    return ids[:-1] if special and vocabulary.add_eos else ids


def vocabulary_sha256(vocabulary: Vocabulary) -> str:
    """Return the SHA-256, in hexadecimal, over kind, pieces and token kinds in id order.

    Two models with the same hash give the same ids to the same text and the same text to the
    same ids, unless their pre-tokenizers differ: that name is part of the hash too.
    """
    pieces, offsets = vocabulary.piece_arrays()
    digest = hashlib.sha256()
    digest.update(f"{vocabulary.kind}\0{vocabulary.pre_tokenizer}\0".encode())
    for array in (pieces, offsets, vocabulary.kinds):
        digest.update(array.tobytes())
    return digest.hexdigest()


class Model:
    """A GGUF opened through llama.cpp. Use `open_model` to make one."""

    def __init__(self, core: _core.Model, path: Path, options: ModelOptions) -> None:
        self._core: _core.Model | None = core
        self.path = path
        self.options = options
        self._sha256: str | None = None
        # Up to where a trial reached; None where the architecture is reviewed and needs none.
        self.tried_positions: int | None = None

    @property
    def core(self) -> _core.Model:
        """The compiled model; raises ModelKindError once it is closed."""
        if self._core is None:
            raise ModelKindError(f"{self.path}: the model is closed; open it again")
        return self._core

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokenizer; of kind "none" when opened with skip_vocabulary."""
        return self.core.vocabulary

    @property
    def has_weights(self) -> bool:
        """False when only the vocabulary was read, or the file holds nothing else."""
        return self.core.has_weights

    @property
    def n_vocab(self) -> int:
        """Rows of the output layer: the length of a row of logits, padding included."""
        return self.core.n_vocab

    @property
    def n_embd(self) -> int:
        """Width of the hidden state."""
        return self.core.n_embd

    @property
    def n_layer(self) -> int:
        """Number of layers."""
        return self.core.n_layer

    @property
    def n_ctx_train(self) -> int:
        """Context length in tokens that the model was trained with."""
        return self.core.n_ctx_train

    @property
    def n_positions(self) -> int | None:
        """Rows of the table of learned positions; None where positions are computed."""
        return self.core.n_positions or None

    @property
    def longest_context(self) -> int:
        """Tokens of the longest context that its sessions decoded so far."""
        return self.core.longest_context

    @property
    def n_params(self) -> int:
        """Number of weights."""
        return self.core.n_params

    @property
    def n_bytes(self) -> int:
        """Bytes that all tensors take."""
        return self.core.n_bytes

    @property
    def bits_per_weight(self) -> float:
        """8 * n_bytes / n_params."""
        return 8 * self.n_bytes / self.n_params if self.n_params else float("nan")

    @property
    def file_type(self) -> str:
        """The file's type, such as "Q4_K_M"; llama.cpp's guess in its words where it has none."""
        number = self.metadata.get("general.file_type", "")
        recipe = self.metadata.get(RECIPE_KEY)
        known = file_type_name(int(number), recipe) if number.isdecimal() else None
        return known or self.core.file_type

    @property
    def architecture(self) -> str:
        """general.architecture, such as "llama" or "qwen2"."""
        return self.metadata.get("general.architecture", "")

    @property
    def name(self) -> str:
        """general.name as one safe line, or the file's name where it names nothing."""
        return usable_name(self.metadata.get("general.name", "")) or self.path.stem

    @property
    def is_recurrent(self) -> bool:
        """True for RWKV, Mamba and their hybrids: a state instead of an attention cache."""
        return self.core.is_recurrent or self.core.is_hybrid

    @property
    def chat_template(self) -> str | None:
        """The default chat template, as untrusted text."""
        return self.core.chat_template

    @property
    def devices(self) -> list[str]:
        """The devices that compute this model, such as ["CUDA0", "CPU"]; none without weights."""
        if not self.has_weights:
            return []
        return computing_devices(_core.offered_devices(), n_gpu_layers=self.options.n_gpu_layers)

    @cached_property
    def metadata(self) -> dict[str, str]:
        """The scalar metadata of the file, as text."""
        return {
            key.decode(errors="replace"): value.decode(errors="replace")
            for key, value in self.core.metadata()
        }

    @cached_property
    def parts(self) -> tuple[Path, ...]:
        """The file, or all parts of a split model in order."""
        is_split = int(self.metadata.get("split.count", "0")) > 1
        return model_parts(self.path) if is_split else (self.path,)

    @cached_property
    def file_bytes(self) -> int:
        """Size of the file, of all parts where the model is split."""
        return sum(part.stat().st_size for part in self.parts)

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, of all parts in order, in hexadecimal."""
        return self.hash_bytes()

    def hash_bytes(self, progress: LoadProgress | None = None) -> str:
        """Return `sha256`, telling the progress where it is not known yet: all is read once.

        Raises ModelFileError where the file was replaced or written to since it was opened.
        """
        self._require_unchanged()
        if self._sha256 is None:
            digest = known_sha256(self.parts, progress=progress)
            self._require_unchanged()  # what was hashed is what was opened
            self._sha256 = digest
        return self._sha256

    def _require_unchanged(self) -> None:
        if self._core is not None:
            self._core.require_unchanged()

    def close(self) -> None:
        """Drop this reference; the memory is freed when no session uses it any more."""
        self._core = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Model({str(self.path)!r})"


def open_model(
    path: str | Path, *, options: ModelOptions | None = None, progress: LoadProgress | None = None
) -> Model:
    """Open a GGUF file; of a split model, its first part.

    Args:
        path: the file.
        options: how to open it.
        progress: called with a fraction from 0 to 1 while the weights load.

    A file whose architecture was not reviewed is opened and decoded in a child process first, once:
    llama.cpp might end the process.

    Raises:
        ModelFileError: the file is missing, truncated, corrupt or not a usable GGUF.
        KeyboardInterrupt: Ctrl-C while loading.
    """
    options = options or ModelOptions()
    file = Path(path)
    if not file.exists():
        raise ModelFileError(f"{file}: no such file")
    if not file.is_file():
        raise ModelFileError(f"{file}: not a file")
    tried = try_where_needed(file, options=options)
    model = Model(open_core(file, options, progress), file, options)
    model.tried_positions = tried
    return model
