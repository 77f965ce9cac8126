"""`probe`: what a model wants to write when nothing was asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.api.arguments import (
    Named,
    Names,
    Progress,
    Words,
    choose_languages,
    model_names,
    names,
    optional_path,
    silent,
    usable_spec,
    words,
)
from pyengine.errors import OptionError

if TYPE_CHECKING:
    from pyengine.measure.cold_rows import ColdRows, ProbeOptions
    from pyengine.run.record import Run


def probe(
    models: Names = None,
    *,
    start: Words = None,
    keywords: Names = None,
    language: Words = None,
    split: bool = True,
    top: int = 20,
    draws: int = 1000,
    seed: int = 0,
    threads: int | None = None,
    gpu_layers: int = 0,
    save_logits: Named | None = None,
    progress: Progress = silent,
) -> Run:
    """Measure each model's next-token distribution after starts that ask for nothing.

    The full distribution, seen through the keywords of twelve languages, with controls.

    Args:
        models: one or several models, or .npz files of saved logits; none: the embedded model.
            The others are set beside the first.
        start: natural, bos, eos, newline, fim, chat, fence:LANGUAGE or text:TEXT; keywords are
            measured at the first. None: the natural start and every other that a model supports.
        keywords: keyword tables (TOML) that extend or replace shipped ones.
        language: only these languages, by table name.
        split: measure keywords of several tokens by the chain rule.
        top: tokens listed for each start.
        draws: random word sets for each language.
        seed: of the random sets and controls.
        threads: CPU threads; None for the cores less one.
        gpu_layers: layers on the GPU; -1 for all.
        save_logits: a .npz file for the rows, float32 (starts, n_vocab), of a single model.
        progress: called with what is being done and the part that is done.

    Returns:
        a run of one measurement for each number: masses are probabilities from 0 to 1,
        entropies and divergences nats, ranks count from 1.

    Raises:
        ModelFileError, ModelKindError: a model cannot be used.
        NumbersError: a logit is NaN or infinite.
        OptionError: an option is impossible, or a start that a model does not support.
        WorkerError: llama.cpp ended a model's process.

    Examples:
        >>> pyengine.probe("embedded:base").table("form_mass", rows="language", columns="form")
    """
    from pyengine.measure.cold_rows import ProbeOptions, save_rows
    from pyengine.measure.probe import probe_run
    from pyengine.vocabulary.keywords import load_tables

    sources: Sequence[Named | None] = model_names(models) or [None]
    target = optional_path(save_logits)
    if target is not None:
        _check_target(target, sources)
    tables = load_tables("reference", extra=names(keywords))
    options = ProbeOptions(
        tables=choose_languages(tables, words(language)),
        starts=tuple(words(start)),
        split=split,
        top=top,
        draws=draws,
        seed=seed,
        threads=threads,
        n_gpu_layers=gpu_layers,
    )
    decoded = [_decoded(source, options, progress) for source in sources]
    if target is not None:
        save_rows(target, decoded[0])
    return probe_run(decoded, options)


def _check_target(save_logits: Path, sources: Sequence[Named | None]) -> None:
    if len(sources) > 1:
        raise OptionError("--save-logits takes one model at a time")
    if save_logits.suffix != ".npz":
        raise OptionError(f"--save-logits {save_logits}: the name must end in .npz")


def _decoded(source: Named | None, options: ProbeOptions, progress: Progress) -> ColdRows:
    from pyengine.measure.cold_rows import decode_cold, load_rows

    if source is not None and str(source).endswith(".npz"):
        if options.starts:
            raise OptionError(f"{source}: saved logits have their starts; drop --start")
        return load_rows(source)
    spec = usable_spec(
        source, progress=lambda fraction: progress("try in a child process", fraction)
    )
    return decode_cold(spec, options, progress)
