"""What is shown while something is measured: bars that end, and a line for each model."""

import math

from pyengine.commands.output import Display, known_words
from pyengine.measure.racing import Known


def test_a_bar_ends_at_all_of_it_when_the_next_begins() -> None:
    shown: list[tuple[object, ...]] = []
    display = Display(lambda *told: shown.append(told))
    display("open", 0.25)
    display("measure", 0.0)
    display("measure", 0.5)
    assert [told[2] for told in shown if told[0] == "open"] == [0.25, 1.0]
    assert [told[2] for told in shown if told[0] == "measure"] == [0.0, 0.5]


def test_a_model_has_one_line_that_says_what_is_known() -> None:
    shown: list[tuple[object, ...]] = []
    display = Display(lambda *told: shown.append(told))
    display.watch("Q4_0", Known(0, math.nan, math.nan, math.nan))
    display.watch("Q4_0", Known(12, 0.0312, 0.021, 0.0456, leads=True))
    assert shown == [
        ("Q4_0:", "  Q4_0", 0.0, None),
        ("Q4_0:", "→ Q4_0: KL 0.0312 (0.0210 to 0.0456), 12 documents", 0.0, None),
    ]
    assert known_words("a", Known(1, 0.02, 1e-9, 1e9)) == "  a: KL 0.0200, 1 document"
    assert known_words("a", Known(12, 0.0, -1e-9, 0.0)) == "  a: KL 0 (0 to 0), 12 documents"


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    display = Display(None)
    display("open", 0.5)
    display.watch("a", Known(1, 0.1, 0.1, 0.1))
