"""The pictures of an evaluation: what is solved, what parses, how likely the right code is."""

from __future__ import annotations

from pyengine.report.charts import Chart, Series
from pyengine.report.document import Picture
from pyengine.report.evaluate_view import languages_of
from pyengine.report.sentences import code
from pyengine.report.words import member_name, picture
from pyengine.run.measurement import Measurement
from pyengine.run.record import Run


def evaluate_pictures(run: Run) -> tuple[Picture, ...]:
    """Return the pictures of one model by language, or of several models side by side."""
    languages: list[str] = []
    if len(run.models) > 1:
        names = tuple(model.id for model in run.models)
    else:
        languages = languages_of(run, run.models[0].id)
        names = ("all", *(member_name("language", name) for name in languages))

    def rows(metric: str) -> list[Measurement | None]:
        if len(run.models) > 1:
            return [run.find(metric, model.id) for model in run.models]
        only = run.models[0].id
        parts = [run.find(metric, only, language=name) for name in languages]
        return [run.find(metric, only), *parts]

    what = code.compared_words(run)
    shares = (
        Series.of("tasks solved (pass@1)", rows("pass_at_1")),
        Series.of("answers that parse", rows("parse_share")),
        Series.of("keywords first", rows("keyword_first")),
    )
    likelihood = (Series.of("reference solutions", rows("reference_bits_per_byte")),)
    made = (("code-shares", "share", shares), ("code-likelihood", "bits per byte", likelihood))
    return tuple(
        picture(
            name,
            Chart(kind="dots", x_label=label, categories=names, series=series),
            what=what,
        )
        for name, label, series in made
    )
