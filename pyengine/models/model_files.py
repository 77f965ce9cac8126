"""The model files that names lead to, here and on the hub, known by their headers alone."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pyengine.errors import ModelFileError, failure_values
from pyengine.inputs import open_regular
from pyengine.models.gguf import (
    RECIPE_KEY,
    TensorEntry,
    bits_per_weight,
    check_gguf,
    file_type_name,
    read_head,
    read_tensor_table,
)
from pyengine.models.header import Header, Read, read_header
from pyengine.models.hub import Hub, RemoteFile
from pyengine.models.hub_cache import HubCache
from pyengine.models.inventory import parts_of
from pyengine.models.named_files import Named, find_named
from pyengine.models.places import Places

_LOCAL_BYTES = 1 << 22  # read at once of a file that is here
_LONGEST_VECTOR = 1 << 20
_BEST_VECTOR = "output_norm.weight"
_PART = re.compile(r"-\d{5}-of-\d{5}$")


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelFile:
    """One model file, here or to be downloaded; equal to itself alone.

    Attributes:
        reference: what any command takes to use it; of a file in llama.cpp's store, its path.
        name: of the file, without its ending and the number of its part.
        store: "hub" for what must be downloaded, else where it is: "folder", "ollama", "lmstudio",
            "llama.cpp", "hugging face" or "embedded".
        path: the file, of a split model the first part; None where it must be downloaded.
        remote: the files on the hub, of a split model in order; none where it is here.
        header_file: a file with header, tensor table and the length of the whole: the file itself
            where it is here, else a sparse one, whose weights are zeros.
        file_type: as the file says, such as "Q4_K_M"; "" where it says none.
        n_bytes: of all parts.
        imatrix: whether it was quantized with an importance matrix, as it says.
        sha256: of the one file, where a store or the hub says it.
        values: of its metadata, as bytes or their hash.
        vector: name and SHA-256 of one trained vector that quantization leaves as it is.
    """

    reference: str
    name: str
    store: str
    path: Path | None
    remote: tuple[RemoteFile, ...] = ()
    header_file: Path
    architecture: str
    file_type: str
    n_bytes: int
    n_parts: int
    bits_per_weight: float
    imatrix: bool
    sha256: str | None
    values: Mapping[str, bytes] = field(repr=False)
    tensors: Sequence[TensorEntry] = field(repr=False)
    vector: tuple[str, str]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is no candidate: what names it, and why, by a code of `STORE_PROBLEMS`."""

    reference: str
    problem: Mapping[str, Any]


@dataclass(slots=True)
class ModelFiles:
    """What was found.

    Attributes:
        found: the models, in the order of the names and of the files.
        left_out: the other files.
        offline: why the hub could not be asked, so that what its cache has was taken, for each
            repository of which that holds.
        n_header_bytes: that came over the network.
        cache: of the hub, for downloading.
    """

    found: list[ModelFile]
    left_out: list[LeftOut]
    offline: list[str]
    n_header_bytes: int
    cache: HubCache


class _Part(NamedTuple):
    """One file of a model: its name, and how to read it."""

    name: str
    n_bytes: int
    read: Read


def find_model_files(
    names: Iterable[str | Path],
    folder: Path,
    *,
    places: Places | None = None,
    offline: bool = False,
    progress: Callable[[int, int, str], object] | None = None,
) -> ModelFiles:
    """Find the model files that names lead to, and read their headers, and no more of them.

    Args:
        names: each `hf:OWNER/REPO[:FILE or type]`, `ollama:[NAME[:TAG]]`,
            `lmstudio:[PUBLISHER[/MODEL[/FILE]]]`, `llama.cpp:[a part of a file's name]`,
            `embedded:[NAME]`, a folder or a file. Where nothing follows the colon, all of a store.
        folder: where headers of files on the hub are kept; nothing else should be in it.
        places: where stores are.
        offline: do not ask the hub.
        progress: called with how many headers were read, how many there are, and the next.

    Raises:
        ModelFileError: a name leads to no model file.
        OfflineError: the hub cannot be asked, and its cache has nothing of what was named.
    """
    places = places or Places()
    hub = Hub(places, offline=offline)
    result = ModelFiles([], [], [], 0, HubCache(places.hub(), hub))
    named = [
        each
        for name in names
        for each in find_named(str(name), places, result.cache, on_offline=result.offline.append)
    ]
    seen: dict[object, Named] = {}
    reader = _Reader(folder, hub)
    for index, each in enumerate(named):
        if progress is not None:
            progress(index, len(named), each.reference)
        first = seen.setdefault(_identity(each), each)
        if first is each:
            looked = reader.look(each)
        else:
            looked = LeftOut(each.reference, {"code": "copy", "of": first.reference})
        if isinstance(looked, ModelFile):
            result.found.append(looked)
        else:
            result.left_out.append(looked)
    result.n_header_bytes = hub.n_bytes
    return result


def _identity(named: Named) -> object:
    """Return what two files with the same bytes have in common, as far as it costs nothing."""
    if named.sha256 is not None:
        return named.sha256
    if named.path is not None:
        status = named.path.stat()
        return status.st_dev, status.st_ino
    return tuple(file.blob for file in named.remote) or named.reference


class _Reader:
    """Reads headers, and keeps those of files that are not here."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder, self.hub = folder, hub
        self.kept = 0
        self.last: dict[str, Header] = {}  # of each repository

    def look(self, named: Named) -> ModelFile | LeftOut:
        """Read a file's header and describe it, or say why it is no candidate."""
        if named.problem is not None:
            return LeftOut(named.reference, named.problem)
        local = named.path is not None
        parts = _local_parts(named.path) if named.path is not None else self._remote_parts(named)
        known = [part.name for part in parts]
        try:
            headers = self._headers(named, parts)
            if headers[0].kind:
                return LeftOut(named.reference, {"code": headers[0].kind})
            file = named.path or self._keep(parts, headers)
            known.append(str(file))
            summary = check_gguf(file, vocabulary=False)
        except ModelFileError as error:
            place = next((name for name in known if str(error).startswith(f"{name}: ")), "")
            values = failure_values(error, place)
            return LeftOut(named.reference, {"code": "unreadable", **values})
        if summary.n_tensors == 0:
            return LeftOut(named.reference, {"code": "vocabulary-only"})
        vector = _read_vector(parts, headers, None if local else file)
        return _described(named, file, headers[0], vector)

    def _headers(self, named: Named, parts: Sequence[_Part]) -> list[Header]:
        repository = named.remote[0].repository if named.remote else ""
        first = read_header(*parts[0], like=self.last.get(repository))
        if not first.kind:
            self.last[repository] = first
        return [first, *(read_header(*part) for part in parts[1:] if not first.kind)]

    def _remote_parts(self, named: Named) -> list[_Part]:
        return [
            _Part(file.reference, file.n_bytes, partial(self.hub.read, file))
            for file in named.remote
        ]

    def _keep(self, parts: Sequence[_Part], headers: Sequence[Header]) -> Path:
        """Write what was read of each part to a file as long as the part; return the first."""
        folder = self.folder / str(self.kept)
        self.kept += 1
        folder.mkdir(parents=True)
        files = [folder / PurePosixPath(part.name.rpartition(":")[2]).name for part in parts]
        for file, part, header in zip(files, parts, headers, strict=True):
            file.write_bytes(header.start)
            os.truncate(file, part.n_bytes)
        return files[0]


def _local_parts(path: Path) -> list[_Part]:
    return [_local_part(part) for part in parts_of(path)]


def _local_part(path: Path) -> _Part:
    def read(begin: int, end: int) -> bytes:
        with open_regular(path, error=ModelFileError) as file:
            file.seek(begin)
            return file.read(max(end, begin + _LOCAL_BYTES) - begin) or b""

    return _Part(str(path), path.stat().st_size, read)


def _read_vector(
    parts: Sequence[_Part], headers: Sequence[Header], kept: Path | None
) -> tuple[str, str]:
    """Return name and SHA-256 of one vector, which is added to what is kept of the file."""
    found = [
        (vector, part, header)
        for part, header in zip(parts, headers, strict=True)
        for vector in header.vectors
        if vector.end - vector.begin <= _LONGEST_VECTOR
    ]
    if not found:
        return "", ""
    vector, part, header = min(found, key=lambda each: (each[0].name != _BEST_VECTOR, each[0].name))
    content = header.start[vector.begin : vector.end]
    if len(content) < vector.end - vector.begin:
        content = part.read(vector.begin, vector.end)[: vector.end - vector.begin]
        if kept is not None:
            place = kept.with_name(PurePosixPath(part.name.rpartition(":")[2]).name)
            with place.open("r+b") as file:
                file.seek(vector.begin)
                file.write(content)
    return vector.name, hashlib.sha256(content).hexdigest()


def _described(named: Named, file: Path, header: Header, vector: tuple[str, str]) -> ModelFile:
    _, said = read_head(file)
    tensors = read_tensor_table(file)
    files = parts_of(file)
    return ModelFile(
        reference=named.reference,
        name=_name(named),
        store=named.store,
        path=named.path,
        remote=named.remote,
        header_file=file,
        architecture=str(said["general.architecture"]),
        file_type=file_type_name(said.get("general.file_type"), said.get(RECIPE_KEY)) or "",
        n_bytes=sum(part.stat().st_size for part in files),
        n_parts=len(files),
        bits_per_weight=bits_per_weight(tensors),
        imatrix=any(key.startswith("quantize.imatrix.") for key in header.values),
        sha256=named.sha256,
        values=header.values,
        tensors=tensors,
        vector=vector,
    )


def _name(named: Named) -> str:
    scheme, _, rest = named.reference.partition(":")
    if scheme == "ollama":
        return rest
    path = named.path or PurePosixPath(named.remote[0].path)
    return _PART.sub("", path.stem)
