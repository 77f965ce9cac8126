"""`pyengine compare`: what compression, distillation or fine-tuning did, and how sure we are."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pyengine.api.compare import compare, refuse_others
from pyengine.commands.options import (
    CHAT,
    DOCUMENT_TOKENS,
    GPU_LAYERS,
    MARGIN,
    ONE_AT_A_TIME,
    PRECISION,
    THREADS,
    Badge,
    Baseline,
    FailIf,
    Html,
    Json,
    Junit,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)
from pyengine.errors import OptionError

AXES = Literal["auto", "quantization", "fine-tuning", "scaling", "identical"]
MaxKl = Annotated[
    float | None,
    typer.Option(help="Exit with 1 unless every mean KL is below this, interval included."),
]


@command_of(
    compare,
    reference=argument(str, "The model that the others are held against."),
    variants=argument(
        list[str], "One or more variants of it; a file with settings (FILE?kv=q8_0) is one."
    ),
    corpus=option(
        list[Path] | None, "Files or folders of text; default: the shipped twelve languages."
    ),
    chat=CHAT,
    starts=option(bool, "Measure cold and warm starts."),
    text=option(bool, "Measure over the corpus."),
    document_tokens=DOCUMENT_TOKENS,
    context=option(int | None, "Tokens in a window; default: 512, with --chat 4,096."),
    stride=option(int | None, "Tokens from window to window; default: half of them."),
    windows=option(int | None, "Stop after so many windows."),
    by_position=option(
        bool, "Say how far variants are at every depth of --context.", "--by-position"
    ),
    tokens=option(int, "Scored tokens of a variant at most; 0 for no limit."),
    precision=PRECISION,
    margin=MARGIN,
    axis=option(AXES, "What separates the variants; auto reads it from the files."),
    positions=option(int, "Positions of largest divergence to show."),
    passages=option(int, "Most changed passages to show on pages."),
    continuations=option(int, "Documents to continue greedily."),
    memory_cap=option(int, "MiB for rows of logits.", min=1),
    one_at_a_time=ONE_AT_A_TIME,
    save_logits=option(
        Path | None, "A folder for all rows: 4 bytes times n_vocab for each token and model."
    ),
    emulate=option(
        Literal["llama-perplexity"] | None,
        "Repeat that program's windows, clipping, formulas and digits.",
    ),
    base_file=option(
        Path | None, "With --emulate: its base file; read when it exists, else written."
    ),
    threads=THREADS,
    gpu_layers=GPU_LAYERS,
    seed=option(int, "Seed of document order and resampling.", min=0),
)
def command(
    options: Options,
    *,
    max_kl: MaxKl = None,
    fail_if: FailIf = None,
    baseline: Baseline = None,
    junit: Junit = None,
    badge: Badge = None,
    json: Json = False,
    markdown: Markdown = False,
    html: Html = None,
) -> None:
    """Measure how far variants of a model are from a reference.

    KL divergence and its kin over whole next-token distributions, with intervals, by language,
    confidence and syntax, and of every file from itself; bits per byte where vocabularies differ.
    Models are paths or references (ollama:, hf:, …), with settings such as model.gguf?kv=q8_0
    where they are computed otherwise.
    """
    from pyengine.commands.gates import Gated
    from pyengine.commands.output import print_json, print_result, reporting
    from pyengine.plain_text import safe
    from pyengine.report.compare_view import compare_document
    from pyengine.report.emulation_view import emulation_text

    check_format(json=json, markdown=markdown, html=html)
    if max_kl is not None and not max_kl >= 0:
        raise OptionError(f"--max-kl must not be negative: {max_kl}")
    emulate = options["emulate"] is not None
    if emulate:
        told = {"fail_if": fail_if, "baseline": baseline, "junit": junit, "badge": badge}
        refuse_others({"max_kl": max_kl, "markdown": markdown, "html": html, **told})
    gated = Gated(fail_if, baseline, junit, badge, max_kl=max_kl)
    with reporting("compare") as display:
        run = compare(**options, progress=display, watch=display.watch)
    if emulate and json:
        print_json(run)
    elif emulate:
        sys.stdout.write(safe(emulation_text(run)))
    else:
        print_result(run, compare_document, json=json, markdown=markdown, html=html)
    if not emulate:
        gated.hold(run, json=json, markdown=markdown)
