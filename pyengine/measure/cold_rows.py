"""What a probe decodes of one model: the rows after its starts, and its words of several tokens.

Kept in a file, they give every metric without the model.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from pyengine.errors import ModelKindError, ResultFileError
from pyengine.files import replacing, temporary_folder
from pyengine.inputs import check_regular
from pyengine.measure import decode
from pyengine.measure.contexts import after, cold_chunk
from pyengine.measure.engine import Processes, Progress
from pyengine.measure.models import spec_name
from pyengine.measure.observers import Logits
from pyengine.measure.provenance import provenance
from pyengine.measure.start_tokens import Start, default_starts, resolve_start
from pyengine.measure.strings import string_log_probabilities
from pyengine.measure.subjects import Subject, identify, open_subject
from pyengine.measure.variants import Variant
from pyengine.models.model import Model, open_model
from pyengine.models.options import ModelOptions, used_threads
from pyengine.models.settings import Given, ModelSpec
from pyengine.run.record import ModelInfo, Provenance
from pyengine.vocabulary.coverage import exact_split
from pyengine.vocabulary.keywords import KeywordTable, load_tables
from pyengine.vocabulary.tokens import Pieces, VocabularyLike

# Padding is part of every probability of a probe.
NO_PADDING: npt.NDArray[np.int32] = np.empty(0, dtype=np.int32)
FORMAT = 3
# What NumPy, zip and JSON raise on files that are damaged or something else.
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
    ValidationError,
)


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """What is probed.

    Attributes:
        tables: keyword tables by language.
        paper_tables: the paper's own lists.
        starts: names of starts; none for all that a model supports.
        split: measure words of several tokens too.
        top: tokens listed for each start.
        draws: random word sets for each language.
        seed: of the random sets and the English control.
        threads: CPU threads; None for one less than the cores this process may use.
        n_gpu_layers: layers on the GPU; negative for all.
    """

    tables: Mapping[str, KeywordTable] = field(default_factory=lambda: load_tables("reference"))
    paper_tables: Mapping[str, KeywordTable] = field(default_factory=lambda: load_tables("paper"))
    starts: Sequence[str] = ()
    split: bool = True
    top: int = 20
    draws: int = 1000
    seed: int = 0
    threads: int | None = None
    n_gpu_layers: int = 0

    def words(self) -> set[str]:
        """Return the words of all tables."""
        return {word for table in self.tables.values() for word in table.words()}


@dataclass(frozen=True, eq=False)
class ColdRows:
    """All that a probe reads from a model; every metric is computed from this alone.

    Attributes:
        starts: the contexts; the first is the one that keywords are measured at.
        rows: float32 (len(starts), n_vocab), the logits after each start.
        strings: ln p of words of several tokens after the first start, by the chain rule.
        unspellable: words for which the tokenizer has no sequence of tokens. A word that is
            neither one token nor in these two was not measured.
        longest: tokens of the longest context that was decoded.
    """

    info: ModelInfo
    provenance: Provenance
    vocabulary: VocabularyLike
    starts: tuple[Start, ...]
    rows: Logits
    strings: Mapping[str, float]
    unspellable: frozenset[str] = frozenset()
    longest: int = 0


def decode_cold(given: Given, options: ProbeOptions, progress: Progress | None = None) -> ColdRows:
    """Decode a model's starts, and its words that are not one token, in a process of its own.

    The words follow the first start.

    Args:
        progress: called with what is being done and the part that is done.

    Raises:
        ModelFileError: the file cannot be opened.
        NumbersError: a logit is NaN or infinite.
        ModelKindError: the model has no vocabulary, no weights or no next-token distribution.
        OptionError: a start that the model does not support.
        WorkerError: llama.cpp ended the model's process.
    """
    threads = used_threads(options.threads)
    spec = ModelSpec.of(given)
    if progress is not None:
        progress(f"open {spec.path.name}", 0.0)
    opening = ModelOptions(n_gpu_layers=options.n_gpu_layers)
    variant = identify(spec_name(spec), spec, opening)
    with Processes() as processes:
        subject = open_subject(variant, processes)
        with open_model(spec.path, options=ModelOptions(vocabulary_only=True)) as model:
            return _decode(processes, subject, model, options, threads, progress)


def _decode(
    processes: Processes,
    subject: Subject,
    model: Model,
    options: ProbeOptions,
    threads: int,
    progress: Progress | None,
) -> ColdRows:
    vocabulary, variant = model.vocabulary, subject.variant
    if vocabulary.kind == "none":
        raise ModelKindError(f"{model.path}: has no vocabulary: nothing can be said about words")
    chosen = [resolve_start(name, model) for name in options.starts] or default_starts(model)
    rows = decode_starts(
        processes, variant, [start.ids for start in chosen], subject.info.n_vocab, threads
    )
    words = sorted(options.words()) if options.split else []
    several = [word for word in words if vocabulary.token(word.encode()) is None]
    spellings = {w: ids for w in several if (ids := exact_split(vocabulary, w))}
    strings = string_log_probabilities(
        processes,
        variant,
        chosen[0].ids,
        rows[0],
        spellings,
        padding=NO_PADDING,
        threads=threads,
        progress=progress,
    )
    return ColdRows(
        info=subject.info,
        provenance=provenance(threads=threads, devices=subject.devices),
        vocabulary=vocabulary,
        starts=tuple(chosen),
        rows=rows,
        strings=strings,
        unspellable=frozenset(several) - strings.keys(),
        longest=_longest(chosen, spellings.values()),
    )


def _longest(starts: Sequence[Start], spellings: Iterable[Sequence[int]]) -> int:
    """Count the tokens of the longest context; the last token of a spelling is never fed."""
    strings = [len(starts[0].ids) + len(ids) - 1 for ids in spellings]
    return max(*(len(start.ids) for start in starts), *strings, 0)


def decode_starts(
    processes: Processes,
    variant: Variant,
    starts: Sequence[Sequence[int]],
    n_vocab: int,
    threads: int | None,
) -> Logits:
    """Return the logits after each start, decoded alone: float32, (len(starts), n_vocab).

    Raises:
        NumbersError: a logit is NaN or infinite.
        OptionError: a start is too long.
    """
    chunk = cold_chunk([after(ids) for ids in starts], threads=threads)
    with temporary_folder() as folder:
        path = str(folder / "rows")
        processes.call(variant, decode.write_rows, variant, chunk, path)
        rows = np.fromfile(path, dtype=np.float32)
    return rows.reshape(len(starts), n_vocab)


def save_rows(path: str | Path, decoded: ColdRows) -> None:
    """Write what was decoded to a NumPy .npz file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    data, offsets = decoded.vocabulary.piece_arrays()
    header = {
        "format": FORMAT,
        "model": decoded.info.model_dump(mode="json"),
        "provenance": decoded.provenance.model_dump(mode="json"),
        "starts": [asdict(start) for start in decoded.starts],
        "strings": dict(decoded.strings),
        "unspellable": sorted(decoded.unspellable),
        "longest": decoded.longest,
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
            logits=decoded.rows,
            piece_bytes=data,
            piece_offsets=offsets,
            kinds=decoded.vocabulary.kinds,
        )


def load_rows(path: str | Path) -> ColdRows:
    """Read a file that `save_rows` wrote.

    Raises:
        ResultFileError: the file is missing, damaged, or of another format.
    """
    check_regular(path, error=ResultFileError)
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            if header["format"] != FORMAT:
                raise ResultFileError(
                    f"{path}: saved logits of format {header['format']}, "
                    f"this version reads format {FORMAT}; save them again"
                )
            decoded = _read(header, arrays)
            fits = _fits(decoded)
    except _DAMAGE as error:
        raise ResultFileError(f"{path}: not a file of saved logits ({error})") from error
    if not fits:
        raise ResultFileError(f"{path}: its arrays do not fit together; save the logits again")
    return decoded


def _read(header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> ColdRows:
    return ColdRows(
        info=ModelInfo.model_validate(header["model"]),
        provenance=Provenance.model_validate(header["provenance"]),
        vocabulary=Pieces(arrays["piece_bytes"], arrays["piece_offsets"], arrays["kinds"]),
        starts=tuple(Start(s["name"], tuple(s["ids"]), s["reason"]) for s in header["starts"]),
        rows=arrays["logits"],
        strings={str(word): float(log_p) for word, log_p in header["strings"].items()},
        unspellable=frozenset(header["unspellable"]),
        longest=int(header["longest"]),
    )


def _fits(decoded: ColdRows) -> bool:
    """Return whether the arrays describe one vocabulary, and every number is in its range."""
    n, (data, offsets) = decoded.vocabulary.size, decoded.vocabulary.piece_arrays()
    ids = [i for start in decoded.starts for i in start.ids]
    return (
        decoded.rows.dtype == np.float32
        and decoded.rows.shape == (len(decoded.starts), n)
        and len(decoded.starts) > 0
        and data.dtype == np.uint8
        and offsets.dtype == np.int64
        and offsets.shape == (n + 1,)
        and offsets[0] == 0
        and offsets[-1] == len(data)
        and bool(np.all(np.diff(offsets) >= 0))
        and all(start.ids for start in decoded.starts)
        and all(0 <= i < n for i in ids)
        and all(log_p <= 0 and not math.isnan(log_p) for log_p in decoded.strings.values())
    )
