"""What is shown while something is measured: bars that end, and a line for each model."""

import io
import math

import pytest
from rich.console import Console
from rich.progress import Progress

from pyengine.asked import asked
from pyengine.commands.output import AtMost, Display, evaluation_progress, known_words, reporting
from pyengine.errors import OptionError, PickInterrupted
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


def measure(command: str, error: BaseException) -> None:
    """Measure a variant for a while, until something ends it."""
    with reporting(command) as display:
        display.watch("Q4_0", Known(6, 0.05, 0.01, 0.09))
        display.watch("Q4_0", Known(12, 0.0312, 0.021, 0.0456))
        raise error


def evaluate() -> None:
    """Open a model, and be interrupted."""
    with evaluation_progress() as progress:
        progress("open the models", 0, 1, [])
        raise KeyboardInterrupt


def test_ctrl_c_says_what_is_known_and_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        measure("sweep", KeyboardInterrupt())
    assert capsys.readouterr().err == (
        "  Q4_0: KL 0.0312 (0.0210 to 0.0456), 12 documents\n"
        "What was finished is kept: the same command with --resume goes on.\n"
    )
    for error in (PickInterrupted(None), OptionError("another end")):
        with pytest.raises(type(error)):
            measure("", error)
    before = asked.set(("evaluate", "--fresh"))
    with pytest.raises(KeyboardInterrupt):
        evaluate()
    asked.reset(before)
    assert capsys.readouterr().err == (
        "Answers to finished tasks are kept: the same command without --fresh goes on.\n"
    )


def test_the_time_left_is_guessed_after_the_first_step() -> None:
    now = [0.0]
    bars = Progress(get_time=lambda: now[0], console=Console(file=io.StringIO()))
    bars.add_task("measure", total=1.0)
    (task,) = bars.tasks
    left = AtMost()
    assert left.render(task).plain == ""
    now[0] = 20.0
    assert left.render(task).plain == ""  # nothing is done
    bars.update(task.id, completed=0.25)
    assert left.render(task).plain == "about 0:01:00"
    now[0] = 30.0
    bars.update(task.id, completed=1.0)
    assert left.render(task).plain == ""
