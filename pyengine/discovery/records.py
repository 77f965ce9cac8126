"""The typed record of `pyengine models`."""

from __future__ import annotations

from pyengine.results import Record, Result


class LocalModel(Record):
    """One model file on this machine.

    Attributes:
        reference: what any command takes to use this file.
        store: embedded, ollama, lmstudio, llama.cpp, hugging face or folder.
        vocabulary_only: the file has a tokenizer and no weights.
        n_bytes: size on disk, all parts of a split model together.
        same_bytes: number of the group of files with equal content, from 1; None if unique.
        same_file: whether the group shares one file on disk (links), so that it costs once.
        problem: why the file cannot be used as it is, or None: damaged, cut off, or a part only of
            what the store's program runs.
    """

    reference: str
    store: str
    path: str
    name: str | None
    architecture: str | None
    file_type: str | None
    vocabulary_only: bool
    n_parts: int
    n_bytes: int
    same_bytes: int | None
    same_file: bool
    problem: str | None


class ModelsResult(Result):
    """What `pyengine models` found.

    Attributes:
        places: the folders that were looked at, by store.
        n_bytes: bytes on disk; files that are links to one another count once.
        n_bytes_saved: bytes that would be free if equal files were kept once.
    """

    kind: str = "models"
    places: dict[str, list[str]]
    models: list[LocalModel]
    n_bytes: int
    n_bytes_saved: int
