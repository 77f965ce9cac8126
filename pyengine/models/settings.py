"""Settings that a model string carries: `model.gguf?kv=q8_0&fa=on` is a variant of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, unquote

from pyengine.errors import ModelFileError, OptionError
from pyengine.inputs import check_regular, expand_user
from pyengine.models.gguf import known_sha256
from pyengine.models.options import CACHE_TYPES, PLAIN_TYPES, Adapter, ModelOptions

Given: TypeAlias = "str | Path | ModelSpec"
# What a keyword argument may give to a setting.
Keyword: TypeAlias = str | int | float | bool | list[str] | None


@dataclass(frozen=True)
class Settings:
    """How a model is computed, where that is other than a command says for all of them.

    Attributes:
        options: fields of `ModelOptions` with their values.
        text: what they add to the model's string, such as "?kv=q8_0"; empty where there is none.
        name: what they add to its name, where files go by their names alone.
    """

    options: tuple[tuple[str, Any], ...] = ()
    text: str = ""
    name: str = ""


@dataclass(frozen=True)
class ModelSpec:
    """A model file, and the settings that it is computed with."""

    path: Path
    settings: Settings = field(default_factory=Settings)

    @classmethod
    def of(cls, given: Given) -> ModelSpec:
        """Return what is given; a path has no settings."""
        return given if isinstance(given, ModelSpec) else cls(Path(given))

    def opening(self, usual: ModelOptions) -> ModelOptions:
        """Return how this model is opened where others are opened as usual."""
        return replace(usual, **dict(self.settings.options))

    def is_like(self, other: ModelSpec) -> bool:
        """Tell whether the other is the same file with the same settings."""
        same = self.path.resolve() == other.path.resolve()
        return same and self.settings == other.settings

    def __str__(self) -> str:
        return f"{self.path}{self.settings.text}"


class _Kind(NamedTuple):
    """A setting: what it sets, of a model or of its sessions, and how its text is read."""

    fields: tuple[str, ...]
    read: Callable[[str], Any]
    of_model: bool = False


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise OptionError(f"must be {', '.join(words[:-1])} or {words[-1]}, not {text!r}")
        return text

    return read


def _number(kind: type[int | float], least: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(least - 1)
        if not least <= value <= 1e12:
            what = "a whole number" if kind is int else "a number"
            raise OptionError(f"must be {what} of at least {least:g}, not {text!r}")
        return value

    return read


def _adapter(text: str) -> Adapter:
    path, colon, scale = text.rpartition(":")
    if not (path or scale):
        raise OptionError(f"must be FILE or FILE:SCALE, not {text!r}")
    try:
        number = float(scale) if colon else 1.0
    except ValueError:  # the colon is part of the name
        path, number = text, 1.0
    file = expand_user(path if colon and path else text)
    check_regular(file, error=ModelFileError)
    return Adapter(path=str(file), scale=number, sha256=known_sha256([file]))


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise OptionError(f"must be HOST:PORT, not {text!r}")
    return text


_cache, _switch = _one_of(*CACHE_TYPES), _one_of("on", "off")
SETTINGS: Mapping[str, _Kind] = {
    "kv": _Kind(("k_type", "v_type"), _cache),
    "k": _Kind(("k_type",), _cache),
    "v": _Kind(("v_type",), _cache),
    "fa": _Kind(("flash_attention",), _one_of("on", "off", "auto")),
    "ubatch": _Kind(("n_ubatch",), _number(int, 1)),
    "rope-base": _Kind(("rope_freq_base",), _number(float, 1)),
    "rope-scale": _Kind(("rope_freq_scale",), _number(float, 1e-4)),
    "lora": _Kind(("lora",), _adapter, of_model=True),
    "ngl": _Kind(("n_gpu_layers",), _number(int, -1), of_model=True),
    "repack": _Kind(("use_extra_bufts",), lambda text: _switch(text) == "on", of_model=True),
    "rpc": _Kind(("rpc",), _address, of_model=True),
}
SEVERAL = ("lora", "rpc")  # may be given again


def split_settings(reference: str) -> tuple[str, str]:
    """Return what names the model, and the settings behind its "?"; "" where there are none.

    A file whose own name has a "?" is that file.
    """
    if "?" not in reference or os.path.exists(expand_user(reference)):  # noqa: PTH110  # may raise
        return reference, ""
    cuts = [i for i, letter in enumerate(reference) if letter == "?"]
    there = [i for i in cuts if os.path.exists(expand_user(reference[:i]))]  # noqa: PTH110
    cut = max(there, default=cuts[0])
    return reference[:cut], reference[cut + 1 :]


def named_settings(reference: str) -> tuple[str, Settings]:
    """Return what names the model, and its settings, see `split_settings` and `read_settings`."""
    name, text = split_settings(reference)
    return name, read_settings(reference, text) if text else Settings()


def read_settings(reference: str, text: str) -> Settings:
    """Read settings such as "kv=q8_0&fa=on", in which "%26" stands for a "&".

    Raises:
        OptionError: there is no such setting, or its value is impossible.
        ModelFileError: an adapter is not there.
    """
    try:
        return _settings(_pairs(text))
    except (OptionError, ModelFileError) as error:
        raise type(error)(f"{reference}: {error}") from error


def with_settings(model: str | Path, **settings: Keyword) -> str:
    """Return the string of a model with settings, which every function takes for a model.

    Args:
        model: a path or a reference.
        settings: by their names, "_" for "-": kv, k, v, fa, ubatch, rope_base, rope_scale, lora
            (one adapter or a list, each FILE or FILE:SCALE), ngl, repack, rpc. None leaves one out.

    Raises:
        OptionError: there is no such setting, or its value is impossible.
        ModelFileError: an adapter is not there.

    Examples:
        >>> pyengine.with_settings("Q4_K_M.gguf", kv="q8_0", fa=True)
    """
    pairs = [
        f"{name.replace('_', '-')}={quote(_word(each), safe='/:~')}"
        for name, value in settings.items()
        if value is not None
        for each in _listed(value)
    ]
    if not pairs:
        return str(model)
    name, given = split_settings(str(model))
    text = "&".join([given, *pairs] if given else pairs)
    read_settings(str(model), text)
    return f"{name}?{text}"


def _listed(value: Keyword) -> list[Any]:
    return [*value] if isinstance(value, list) else [value]


def _word(value: str | float) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _pairs(text: str) -> list[tuple[str, str, Any]]:
    """Return each setting once: its name, text and value.

    They are in the order of the table and numbers are written in one way, so that equal ones are
    equal.
    """
    found = {}
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if name not in SETTINGS:
            raise OptionError(f"there is no setting {name!r}; there are {', '.join(SETTINGS)}")
        try:
            read = SETTINGS[name].read(unquote(value))
        except OptionError as error:
            raise OptionError(f"{name} {error}") from error
        found[name, _written(unquote(value), read)] = read
    pairs = [(name, text, read) for (name, text), read in found.items()]
    return sorted(pairs, key=lambda pair: list(SETTINGS).index(pair[0]))


def _written(text: str, value: object) -> str:
    """Return the text of a setting: "64" for "064", "0.5" for ".50"."""
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text


def _settings(pairs: list[tuple[str, str, Any]]) -> Settings:
    model: dict[str, Any] = {}
    session: dict[str, Any] = {}
    for name, text, value in pairs:
        kind = SETTINGS[name]
        target = model if kind.of_model else session
        for each in kind.fields:
            if name in SEVERAL:
                target[each] = (*target.get(each, ()), value)
            elif target.setdefault(each, value) != value:
                raise OptionError(f"{name}={text} contradicts another setting")
    _check(model, session)
    options = {**model, **({"sessions": tuple(session.items())} if session else {})}
    text = "&".join(f"{name}={quote(text, safe='/:~')}" for name, text, _ in pairs)
    files = [(name, Path(text).name if name == "lora" else text) for name, text, _ in pairs]
    shown = "&".join(f"{name}={text}" for name, text in files)
    return Settings(tuple(options.items()), f"?{text}", f"?{shown}")


def _check(model: Mapping[str, Any], session: Mapping[str, Any]) -> None:
    quantized = {session.get("k_type", "f16"), session.get("v_type", "f16")} - set(PLAIN_TYPES)
    if quantized and session.get("flash_attention") == "off":
        raise OptionError("a quantized cache needs flash attention; leave out fa=off")
    if "rpc" in model and not model.get("n_gpu_layers"):
        raise OptionError("rpc puts layers on another machine; say with ngl how many, -1 for all")
