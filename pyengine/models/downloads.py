"""Candidates on the disk for as long as they are needed, and no longer where space is short."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from pyengine.errors import NoSpaceError
from pyengine.models.hub import RemoteFile
from pyengine.models.hub_cache import HubCache
from pyengine.models.model_files import ModelFile

Keep: TypeAlias = Literal["best", "all", "none"]

# What is left free of a disk, for what other programs write meanwhile.
SPARE_BYTES = 1 << 28


class Downloads:
    """What one run brings into the hub's cache. What was there before, and what others make, stays.

    A download that ended early stays too, under a name of ours, to be taken up by a later run.
    """

    def __init__(
        self,
        cache: HubCache,
        *,
        most_bytes: int | None = None,
        progress: Callable[[ModelFile, int, int], object] | None = None,
    ) -> None:
        """Begin with nothing.

        Args:
            cache: of the hub.
            most_bytes: that this run may have on the disk at a time; None for what is free.
            progress: called with what is being downloaded, how many of its bytes are there, and of
                how many; None shows bars on stderr.
        """
        self._asked: list[ModelFile] = []  # for whatever came of it, in this order
        self._cache, self._most_bytes, self._progress = cache, most_bytes, progress

    @property
    def here(self) -> list[ModelFile]:
        """What was brought and was not removed, in the order in which it came."""
        return [model for model in self._asked if any(map(self._cache.brought, model.remote))]

    def fetch(self, model: ModelFile, *, beside: Collection[ModelFile] = ()) -> Path:
        """Return the file; download it where it is not here.

        Where space is short, what this run brought earlier is removed first, the oldest first.

        Args:
            model: the file.
            beside: what has to stay, such as the reference.

        Raises:
            NoSpaceError: there is no room for it, whatever is removed.
            OfflineError: the connection fails; what came is kept, and the next call goes on.
            ModelFileError: what came is not what the hub promises.
        """
        if model.path is not None:
            return model.path
        if any(self._cache.cached(file) is None for file in model.remote):
            self._make_room(model, beside)
        if model not in self._asked:
            self._asked.append(model)
        done = 0
        paths = []
        for file in model.remote:
            paths.append(self._cache.fetch(file, progress=self._shown(model, done)))
            done += file.n_bytes
        return paths[0]

    def remove(self, model: ModelFile) -> None:
        """Remove a file that this run brought; others stay."""
        self._asked.remove(model)
        for file in model.remote:
            self._cache.remove(file)

    def finish(self, keep: Keep, best: ModelFile | None) -> None:
        """Remove what shall not be kept of what this run brought.

        Args:
            keep: "best" keeps the best alone, "none" nothing, "all" everything.
            best: which is the best; None where none was found.
        """
        for model in () if keep == "all" else self.here:
            if keep == "none" or model != best:
                self.remove(model)

    def _make_room(self, model: ModelFile, beside: Collection[ModelFile]) -> None:
        """Remove what may be removed until there is room for the files of a model."""
        cache = self._cache
        files = [f for f in model.remote if cache.brought(f) or cache.cached(f) is None]
        missing = sum(cache.missing_bytes(file) for file in files)
        removable = [each for each in self.here if each not in (model, *beside)]
        while (room := self._room(model, files)) < missing:
            if not removable:
                raise NoSpaceError(
                    f"{model.reference}: needs {missing} bytes on the disk of "
                    f"{cache.folder}, where {max(room, 0)} may be taken"
                )
            self.remove(removable.pop(0))

    def _room(self, model: ModelFile, files: Sequence[RemoteFile]) -> int:
        """Return how many bytes may be written for a model, some of which may be there already."""
        place = self._cache.folder
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free - SPARE_BYTES
        if self._most_bytes is None:
            return free
        others = [file for each in self._asked if each is not model for file in each.remote]
        taken = sum(file.n_bytes for file in others if self._cache.brought(file))
        there = sum(file.n_bytes - self._cache.missing_bytes(file) for file in files)
        return min(free, self._most_bytes - taken - there)

    def _shown(self, model: ModelFile, before: int) -> Callable[[int, int], object] | None:
        show = self._progress
        if show is None:
            return None
        return lambda done, _: show(model, before + done, model.n_bytes)
