"""Candidates on the disk for as long as they are needed, and no longer where space is short."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from pyengine.errors import NoSpaceError
from pyengine.models.hub import RemoteFile
from pyengine.models.hub_cache import HubCache
from pyengine.models.offers import Offer

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
        progress: Callable[[Offer, int, int], object] | None = None,
    ) -> None:
        """Begin with nothing.

        Args:
            cache: of the hub.
            most_bytes: that this run may have on the disk at a time; None for what is free.
            progress: called with what is being downloaded, how many of its bytes are there, and of
                how many; None shows bars on stderr.
        """
        self._asked: list[Offer] = []  # for whatever came of it, in this order
        self._cache, self._most_bytes, self._progress = cache, most_bytes, progress

    @property
    def here(self) -> list[Offer]:
        """What was brought and was not removed, in the order in which it came."""
        return [offer for offer in self._asked if any(map(self._cache.brought, offer.remote))]

    def fetch(self, offer: Offer, *, beside: Collection[Offer] = ()) -> Path:
        """Return the file; download it where it is not here.

        Where space is short, what this run brought earlier is removed first, the oldest first.

        Args:
            offer: the file.
            beside: what has to stay, such as the reference.

        Raises:
            NoSpaceError: there is no room for it, whatever is removed.
            OfflineError: the connection fails; what came is kept, and the next call goes on.
            ModelFileError: what came is not what the hub promises.
        """
        if offer.path is not None:
            return offer.path
        if any(self._cache.cached(file) is None for file in offer.remote):
            self._make_room(offer, beside)
        if offer not in self._asked:
            self._asked.append(offer)
        done = 0
        paths = []
        for file in offer.remote:
            paths.append(self._cache.fetch(file, progress=self._shown(offer, done)))
            done += file.n_bytes
        return paths[0]

    def remove(self, offer: Offer) -> None:
        """Remove a file that this run brought; others stay."""
        self._asked.remove(offer)
        for file in offer.remote:
            self._cache.remove(file)

    def finish(self, keep: Keep, best: Offer | None) -> None:
        """Remove what shall not be kept of what this run brought.

        Args:
            keep: "best" keeps the best alone, "none" nothing, "all" everything.
            best: which is the best; None where none was found.
        """
        for offer in () if keep == "all" else self.here:
            if keep == "none" or offer != best:
                self.remove(offer)

    def _make_room(self, offer: Offer, beside: Collection[Offer]) -> None:
        """Remove what may be removed until there is room for the files of an offer."""
        cache = self._cache
        files = [f for f in offer.remote if cache.brought(f) or cache.cached(f) is None]
        missing = sum(cache.missing_bytes(file) for file in files)
        removable = [each for each in self.here if each not in (offer, *beside)]
        while (room := self._room(offer, files)) < missing:
            if not removable:
                raise NoSpaceError(
                    f"{offer.reference}: needs {missing} bytes on the disk of "
                    f"{cache.folder}, where {max(room, 0)} may be taken"
                )
            self.remove(removable.pop(0))

    def _room(self, offer: Offer, files: Sequence[RemoteFile]) -> int:
        """Return how many bytes may be written for an offer, some of which may be there already."""
        place = self._cache.folder
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free - SPARE_BYTES
        if self._most_bytes is None:
            return free
        others = [file for each in self._asked if each is not offer for file in each.remote]
        taken = sum(file.n_bytes for file in others if self._cache.brought(file))
        there = sum(file.n_bytes - self._cache.missing_bytes(file) for file in files)
        return min(free, self._most_bytes - taken - there)

    def _shown(self, offer: Offer, before: int) -> Callable[[int, int], object] | None:
        show = self._progress
        if show is None:
            return None
        return lambda done, _: show(offer, before + done, offer.n_bytes)
