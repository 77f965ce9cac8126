"""`pyengine recommend`: which file to use, and a gate for continuous integration."""

from pathlib import Path

from pyengine.api.recommend import loaded, recommend
from pyengine.commands.options import (
    CONDITION_WORDS,
    CONTEXT,
    MAX_FLIPS,
    MAX_KL,
    MAX_SIZE,
    SPEED,
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
        list[Path],
        "Records of compare or sweep, or folders of them; a sweep's timings add measured memory.",
    ),
    max_kl=MAX_KL,
    max_flips=MAX_FLIPS,
    memory=option(
        str | None,
        "Memory that the model may need, such as 6GiB; a plain number counts GiB. Default: what is "
        "free now, where the files are here.",
        show_default=False,
    ),
    context=CONTEXT,
    max_size=MAX_SIZE,
    speed=SPEED,
    variant=option(str | None, "Judge only this variant, by name or type.", show_default=False),
    fail_if=option(
        str | None,
        f"Exit with 1 where this holds for the chosen one, {CONDITION_WORDS}",
        metavar="CONDITION",
        show_default=False,
    ),
)
def command(options: Options, *, json: Json = False, markdown: Markdown = False) -> None:
    """Choose the file to run from saved results.

    That is the smallest that is hardly changed, or the best that fits. Exits with 1 where none is
    surely within --max-kl, or where --fail-if holds or cannot be judged.
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
