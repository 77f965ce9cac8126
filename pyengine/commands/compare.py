"""`pyengine compare`: what compression, distillation or fine-tuning did, and how sure we are."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pyengine.api.compare import compare, refuse_others
from pyengine.commands.options import (
    GpuLayers,
    Html,
    Json,
    Margin,
    Markdown,
    OneAtATime,
    Threads,
    check_format,
    defaults_of,
)
from pyengine.errors import OptionError, ThresholdNotMet

if TYPE_CHECKING:
    from pyengine.run.record import Run

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


@defaults_of(compare)
def command(
    reference: Annotated[str, typer.Argument(help="The model that the others are held against.")],
    variants: Variants,
    *,
    corpus: Texts,
    starts: Annotated[bool, typer.Option(help="Measure cold and warm starts.")],
    text: Annotated[bool, typer.Option(help="Measure over the corpus.")],
    context: Annotated[int, typer.Option(help="Tokens in a window.")],
    stride: Stride,
    windows: Annotated[int | None, typer.Option(help="Stop after so many windows.")],
    tokens: Annotated[int, typer.Option(help="Scored tokens; 0 for the whole corpus.")],
    precision: Precision,
    margin: Margin,
    axis: Axis,
    positions: Annotated[int, typer.Option(help="Positions of largest divergence to show.")],
    passages: Annotated[int, typer.Option(help="Most changed passages to show on pages.")],
    continuations: Annotated[int, typer.Option(help="Documents to continue greedily.")],
    memory_cap: Annotated[int, typer.Option(min=1, help="MiB for rows of logits.")],
    one_at_a_time: OneAtATime,
    save_logits: SaveLogits,
    emulate: Emulate,
    base_file: BaseFile,
    threads: Threads,
    gpu_layers: GpuLayers,
    seed: Annotated[int, typer.Option(min=0, help="Of document order and resampling.")],
    max_kl: MaxKl = None,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Measure how far variants are from a reference, over whole next-token distributions.

    KL divergence with clustered errors, by language, confidence and syntax, with a null control;
    bits per byte where vocabularies differ. Models are paths or references (ollama:, hf:, …).
    """
    from pyengine.commands.output import print_json, print_result, reporting
    from pyengine.plain_text import safe
    from pyengine.report.compare_view import compare_document
    from pyengine.report.emulation_view import emulation_text

    check_format(json=json, markdown=markdown, html=html)
    if max_kl is not None and not max_kl >= 0:
        raise OptionError(f"--max-kl must not be negative: {max_kl}")
    if emulate is not None:
        refuse_others({"max_kl": max_kl, "markdown": markdown, "html": html})
    with reporting() as progress:
        run = compare(
            reference,
            variants,
            corpus=corpus,
            starts=starts,
            text=text,
            context=context,
            stride=stride,
            windows=windows,
            tokens=tokens,
            precision=precision,
            margin=margin,
            axis=axis,
            positions=positions,
            passages=passages,
            continuations=continuations,
            memory_cap=memory_cap,
            one_at_a_time=one_at_a_time,
            save_logits=save_logits,
            emulate=emulate,
            base_file=base_file,
            threads=threads,
            gpu_layers=gpu_layers,
            seed=seed,
            progress=progress,
        )
    if emulate is None:
        print_result(run, compare_document, json=json, markdown=markdown, html=html)
    elif json:
        print_json(run)
    else:
        sys.stdout.write(safe(emulation_text(run)))
    if max_kl is not None:
        check_threshold(run, max_kl)


def check_threshold(run: "Run", max_kl: float) -> None:
    """Raise ThresholdNotMet unless every mean KL divergence is surely no larger."""
    from pyengine.choose.verdicts import unmet
    from pyengine.report.sentences import unmet_sentence

    found = unmet(run, max_kl)
    if found:
        raise ThresholdNotMet("; ".join(unmet_sentence(one, max_kl) for one in found))
