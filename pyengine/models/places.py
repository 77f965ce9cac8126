"""Where programs keep their GGUF files on this machine."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyengine.errors import InputError
from pyengine.inputs import expand_user, home_folder, read_bytes

# The models that the package ships.
MODELS = Path(__file__).resolve().parent.parent / "data" / "models"


@dataclass(frozen=True, slots=True)
class Places:
    """Hold the home folder and environment from which every location follows."""

    home: Path = field(default_factory=home_folder)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    platform: str = sys.platform
    embedded: Path = MODELS
    system: Path = Path("/")

    def ollama(self) -> list[Path]:
        """Return Ollama's stores: the one configured, the user's, the system service's."""
        named = self.environment.get("OLLAMA_MODELS")
        if named:
            return _existing([Path(named)])
        service = ("usr/share/ollama/.ollama/models", "var/lib/ollama/.ollama/models")
        return _existing(
            [self.home / ".ollama" / "models", *(self.system / part for part in service)]
        )

    def lmstudio(self) -> list[Path]:
        """Return LM Studio's model folders, old and new, and the one its settings name."""
        home = self._lmstudio_home()
        folders = [home / "models", self.home / ".cache" / "lm-studio" / "models"]
        named = _json_field(home / "settings.json", "downloadsFolder")
        return _existing([Path(named)] if named else []) + _existing(folders)

    def llama_cpp(self) -> list[Path]:
        """Return llama.cpp's download cache."""
        named = self.environment.get("LLAMA_CACHE")
        if named:
            return _existing([Path(named)])
        if self.platform == "darwin":
            return _existing([self.home / "Library" / "Caches" / "llama.cpp"])
        if self.platform == "win32" and "LOCALAPPDATA" in self.environment:
            return _existing([Path(self.environment["LOCALAPPDATA"]) / "llama.cpp"])
        return _existing([self._cache() / "llama.cpp"])

    def hub(self) -> Path:
        """Return the cache of Hugging Face's hub, whether it exists or not."""
        for name, below in (
            ("HF_HUB_CACHE", ""),
            ("HUGGINGFACE_HUB_CACHE", ""),
            ("HF_HOME", "hub"),
        ):
            if self.environment.get(name):
                return expand_user(self.environment[name]) / below
        return self._cache() / "huggingface" / "hub"

    def _cache(self) -> Path:
        return Path(self.environment.get("XDG_CACHE_HOME") or self.home / ".cache")

    def _lmstudio_home(self) -> Path:
        pointer = self.home / ".lmstudio-home-pointer"
        if os.path.isfile(pointer):  # noqa: PTH113  # Path.is_file raises where it may not look
            named = read_bytes(pointer).decode("utf-8", errors="replace").strip()
            if named:
                return Path(named)
        return self.home / ".lmstudio"


def _existing(folders: list[Path]) -> list[Path]:
    """Return the folders that are there, or that this user may not look for."""
    return [folder for folder in dict.fromkeys(folders) if _may_exist(folder)]


def _may_exist(folder: Path) -> bool:
    try:
        return stat.S_ISDIR(folder.stat().st_mode)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def _json_field(path: Path, name: str) -> str | None:
    try:
        value = json.loads(read_bytes(path))[name]
    except (InputError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) and value else None
