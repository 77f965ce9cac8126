"""`pyengine recommend`: which file to use, and a gate for continuous integration."""

from pathlib import Path

from pyengine.api.recommend import loaded, recommend
from pyengine.commands.options import (
    Json,
    Markdown,
    Options,
    argument,
    check_format,
    command_of,
    option,
)
from pyengine.errors import ThresholdNotMet


@command_of(
    recommend,
    results=argument(
        list[Path], "Records of compare or sweep; a sweep's timings add measured memory."
    ),
    max_kl=option(
        float | None,
        "Mean KL divergence, in nats per token, that is accepted, with its whole interval. "
        "Default: 0.02, the end of what is hardly changed.",
        show_default=False,
    ),
    memory=option(
        str | None,
        "Memory that the model may need, such as 6GiB; a plain number counts GiB. Default: what is "
        "free now, where the files are here.",
        show_default=False,
    ),
    context=option(int, "Tokens of context for which memory is forecast.", min=1),
    max_size=option(str | None, "Size that the file may have; as --memory.", show_default=False),
    variant=option(str | None, "Judge only this variant, by name or type.", show_default=False),
    fail_if=option(
        str | None,
        "Exit with 1 where this holds for the chosen one, such as 'kl_high > 0.02 or "
        "same_first_choice < 95%'. Names: metrics such as kl, with kl_low, kl_high, kl_99, and "
        "size, memory, bits_per_weight.",
        metavar="CONDITION",
        show_default=False,
    ),
)
def command(options: Options, *, json: Json = False, markdown: Markdown = False) -> None:
    """Choose the smallest file that is hardly changed, or the best that fits.

    Exits with 1 where none is surely within --max-kl, or where --fail-if holds or cannot be judged.
    """
    from pyengine.commands.output import print_result
    from pyengine.report.recommend_view import recommend_document
    from pyengine.report.sentences.choice import unmet_choice_sentence
    from pyengine.run.storage import values_that_fit

    check_format(json=json, markdown=markdown)
    results = options["results"]
    records = loaded(results)
    with values_that_fit(results):
        result = recommend(**{**options, "results": records})
        print_result(result, recommend_document, json=json, markdown=markdown)
    if told := unmet_choice_sentence(result):
        raise ThresholdNotMet(told)
