"""`pyengine recommend`: which file to use, and a gate for continuous integration."""

from pathlib import Path
from typing import Annotated

import typer

from pyengine.api.recommend import loaded, recommend
from pyengine.commands.options import Json, Markdown, check_format, defaults_of
from pyengine.errors import ThresholdNotMet

Records = Annotated[
    list[Path],
    typer.Argument(help="Records of compare or sweep; a sweep's timings add measured memory."),
]
MaxKl = Annotated[
    float | None,
    typer.Option(
        help="Margin: the mean KL divergence, in nats per token, that is of no interest. "
        "Default: the margin of the measurement.",
        show_default=False,
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        help="Memory that the model may need, such as 6GiB; a plain number counts GiB.",
        show_default=False,
    ),
]
MaxSize = Annotated[
    str | None, typer.Option(help="Size that the file may have; as --memory.", show_default=False)
]
Variant = Annotated[
    str | None, typer.Option(help="Judge only this variant, by name or type.", show_default=False)
]
FailIf = Annotated[
    str | None,
    typer.Option(
        help="Exit with 1 where this holds for the chosen one, such as 'kl_high > 0.02 or "
        "same_first_choice < 95%'. Names: metrics such as kl, with kl_low, kl_high, kl_99, and "
        "size, memory, bits_per_weight.",
        metavar="CONDITION",
        show_default=False,
    ),
]


@defaults_of(recommend)
def command(
    results: Records,
    *,
    max_kl: MaxKl,
    memory: Memory,
    max_size: MaxSize,
    variant: Variant,
    fail_if: FailIf,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """Choose the smallest file that cannot be told from the reference, or the best that fits.

    Exits with 1 where none is within the margin, or where --fail-if holds.
    """
    from pyengine.commands.output import print_result
    from pyengine.report.recommend_view import recommend_document
    from pyengine.run.storage import values_that_fit

    check_format(json=json, markdown=markdown)
    records = loaded(results)
    with values_that_fit(results):
        result = recommend(
            records,
            max_kl=max_kl,
            memory=memory,
            max_size=max_size,
            variant=variant,
            fail_if=fail_if,
        )
        print_result(result, recommend_document, json=json, markdown=markdown)
    (choice,) = result.shown("choice")
    if choice["chosen"] is None:
        raise ThresholdNotMet("no variant fits")
    if choice["failed"]:
        raise ThresholdNotMet(f"{fail_if!r} holds for {choice['chosen']}")
    if not (choice["qualified"] or fail_if):
        raise ThresholdNotMet("no variant qualifies")
