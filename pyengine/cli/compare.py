"""`pyengine compare`: what compression, distillation or fine-tuning did, and how sure we are."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pyengine.cli.options import GpuLayers, Html, Json, Margin, Markdown, Threads, check_format
from pyengine.errors import OptionError, ThresholdNotMet

if TYPE_CHECKING:
    from pyengine.measure.options import CompareOptions
    from pyengine.run.record import Run

MIB = 1 << 20
# What --emulate knows; whatever else is asked for with it would be ignored.
EMULATION = {
    *("reference", "variants", "corpus", "emulate", "base_file"),
    *("context", "windows", "threads", "gpu_layers", "json"),
}

Variants = Annotated[list[str], typer.Argument(help="One or more variants of it.")]
Texts = Annotated[
    list[Path] | None,
    typer.Option(help="Files or folders of text; default: the shipped twelve languages."),
]
Stride = Annotated[
    int | None, typer.Option(help="Tokens from window to window; default: half of them.")
]
Precision = Annotated[
    float | None,
    typer.Option(help="Stop when every mean KL divergence is known to ± this, in nats."),
]
Axis = Annotated[
    Literal["auto", "quantization", "fine-tuning", "scaling", "identical"],
    typer.Option(help="What separates the variants; auto reads it from the files."),
]
SaveLogits = Annotated[
    Path | None,
    typer.Option(help="A folder for all rows: 4 bytes times n_vocab for each token and model."),
]
Emulate = Annotated[
    Literal["llama-perplexity"] | None,
    typer.Option(help="Repeat that program's windows, clipping, formulas and digits."),
]
BaseFile = Annotated[
    Path | None,
    typer.Option(help="With --emulate: its base file; read when it exists, else written."),
]
MaxKl = Annotated[
    float | None,
    typer.Option(help="Exit with 1 unless every mean KL is below this, interval included."),
]


def command(
    call: typer.Context,
    reference: Annotated[str, typer.Argument(help="The model that the others are held against.")],
    variants: Variants,
    *,
    corpus: Texts = None,
    starts: Annotated[bool, typer.Option(help="Measure cold and warm starts.")] = True,
    text: Annotated[bool, typer.Option(help="Measure over the corpus.")] = True,
    context: Annotated[int, typer.Option(help="Tokens in a window.")] = 512,
    stride: Stride = None,
    windows: Annotated[int | None, typer.Option(help="Stop after so many windows.")] = None,
    tokens: Annotated[int, typer.Option(help="Scored tokens; 0 for the whole corpus.")] = 20_000,
    precision: Precision = None,
    margin: Margin = 0.005,
    axis: Axis = "auto",
    positions: Annotated[int, typer.Option(help="Positions of largest divergence to show.")] = 10,
    passages: Annotated[int, typer.Option(help="Most changed passages to show on pages.")] = 3,
    continuations: Annotated[int, typer.Option(help="Documents to continue greedily.")] = 12,
    memory_cap: Annotated[int, typer.Option(min=1, help="MiB for rows of logits.")] = 512,
    save_logits: SaveLogits = None,
    emulate: Emulate = None,
    base_file: BaseFile = None,
    threads: Threads = None,
    gpu_layers: GpuLayers = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of document order and resampling.")] = 20260102,
    max_kl: MaxKl = None,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Measure how far variants are from a reference, over whole next-token distributions.

    KL divergence with clustered errors, by language, confidence and syntax, with a null control;
    bits per byte where vocabularies differ. Models are paths or references (ollama:, hf:, …).
    """
    from pyengine.cli.output import print_result
    from pyengine.measure.options import CompareOptions
    from pyengine.reports.compare_view import compare_document
    from pyengine.text.windows import WindowOptions

    check_format(json=json, markdown=markdown)
    if max_kl is not None and not max_kl >= 0:
        raise OptionError(f"--max-kl must not be negative: {max_kl}")
    if emulate is not None:
        _refuse_others(call)
        _emulate(
            reference,
            variants,
            corpus or [],
            context=context,
            windows=windows,
            base_file=base_file,
            threads=threads,
            gpu_layers=gpu_layers,
            json=json,
        )
        return
    if base_file is not None:
        raise OptionError("--base-file belongs to --emulate llama-perplexity")
    options = CompareOptions(
        windows=WindowOptions(
            n_ctx=context, stride=stride, max_windows=windows, max_tokens=tokens or None
        ),
        cap_bytes=memory_cap * MIB,
        threads=threads,
        n_gpu_layers=gpu_layers,
        corpus=text,
        starts=starts,
        positions=positions,
        passages=passages,
        continuations=continuations,
        margin=margin,
        precision=precision,
        axis=axis,
        seed=seed,
    )
    result = _run(reference, variants, corpus or [], options, save_logits)
    print_result(result, compare_document, json=json, markdown=markdown, html=html)
    if max_kl is not None:
        check_threshold(result, max_kl)


def _run(
    reference: str,
    variants: list[str],
    corpus: list[Path],
    options: "CompareOptions",
    save_logits: Path | None,
) -> "Run":
    from pyengine.cli.model_argument import usable_model
    from pyengine.cli.output import reporting
    from pyengine.corpus import load_corpus
    from pyengine.measure.compare import compare

    options.check()
    texts = load_corpus(corpus)
    with reporting() as progress:
        return compare(
            usable_model(reference),
            [usable_model(variant) for variant in variants],
            corpus=texts,
            options=options,
            save_logits=save_logits,
            progress=progress,
        )


def check_threshold(run: "Run", max_kl: float) -> None:
    """Raise ThresholdNotMet unless every mean KL divergence is surely no larger."""
    from pyengine.choose.verdicts import unmet
    from pyengine.reports.sentences import unmet_sentence

    found = unmet(run, max_kl)
    if found:
        raise ThresholdNotMet("; ".join(unmet_sentence(one, max_kl) for one in found))


def _refuse_others(call: typer.Context) -> None:
    """Raise OptionError where an option was given that the emulation does not have."""
    for name in call.params:
        source = call.get_parameter_source(name)
        if name not in EMULATION and source is not None and source.name == "COMMANDLINE":
            option = name.replace("_", "-")
            raise OptionError(f"--{option} does not go with --emulate, which repeats one program")


def _emulate(
    reference: str,
    variants: list[str],
    corpus: list[Path],
    *,
    context: int,
    windows: int | None,
    base_file: Path | None,
    threads: int | None,
    gpu_layers: int,
    json: bool,
) -> None:
    from pyengine.cli.model_argument import usable_model
    from pyengine.cli.output import print_json, reporting
    from pyengine.corpus import load_corpus
    from pyengine.measure.llama_perplexity.run import emulate
    from pyengine.plain_text import safe
    from pyengine.reports.emulation_view import emulation_text

    with reporting() as progress:
        result = emulate(
            usable_model(reference),
            [usable_model(variant) for variant in variants],
            load_corpus(corpus),
            n_ctx=context,
            max_chunks=windows,
            base_file=base_file,
            threads=threads,
            n_gpu_layers=gpu_layers,
            progress=progress,
        )
    if json:
        print_json(result)
    else:
        sys.stdout.write(safe(emulation_text(result)))
