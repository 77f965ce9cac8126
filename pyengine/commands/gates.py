"""What commands do with gates: check them before anything is measured, and hold runs by them."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from pyengine.errors import OptionError, ThresholdNotMet

if TYPE_CHECKING:
    from pyengine.run.record import Run


class Gated:
    """The gates that a command was given, and where it tells what became of them.

    Args:
        limits: gates of one command, by the names of `pyengine.gates`.
    """

    def __init__(
        self,
        fail_if: Sequence[str] | None = None,
        baseline: Path | None = None,
        junit: Path | None = None,
        badge: Path | None = None,
        **limits: float | None,
    ) -> None:
        """Refuse a condition that cannot be read, and read the baseline.

        Raises:
            OptionError: there is such a condition, a file of JUnit's without a gate, or one to
                write that is the baseline.
            ResultFileError: the baseline is no record.
        """
        from pyengine.choose.gates import check_conditions
        from pyengine.files import check_outputs
        from pyengine.run.storage import load

        self.conditions, self.limits = list(fail_if or ()), limits
        self.baseline = baseline
        self.junit, self.badge = junit, badge
        check_outputs([junit, badge], [baseline])
        check_conditions(self.conditions)
        limited = any(limit is not None for limit in limits.values())
        self.asked = bool(self.conditions or baseline is not None or limited or badge is not None)
        if junit is not None and not (self.conditions or baseline is not None or limited):
            raise OptionError("--junit tells of gates; name one, such as --fail-if 'kl > 0.05'")
        self.earlier = None if baseline is None else load(baseline)

    def hold(
        self,
        run: "Run",
        *,
        json: bool = False,
        markdown: bool = False,
        timings: "Run | None" = None,
        unmet: str = "",
    ) -> None:
        """Judge a run, write what was asked for, and print what became of each gate.

        With --json stdout stays the record's. The limits of one command are told where they fail.

        Args:
            timings: of a sweep.
            unmet: what else is not as it was asked for.

        Raises:
            ThresholdNotMet: a gate fails.
            InputError: the baseline does not fit the run, or a file cannot be written.
        """
        from pyengine.api.gates import checks_of
        from pyengine.commands.output import print_document, write_text
        from pyengine.report.gate_files import badge_json, junit_xml
        from pyengine.report.gates_view import gates_document
        from pyengine.report.sentences.gates import unmet_gates_sentence
        from pyengine.run.storage import values_that_fit

        with nullcontext() if self.baseline is None else values_that_fit([self.baseline]):
            found = checks_of(
                run,
                self.conditions,
                earlier=self.earlier,
                asked=str(self.baseline),
                timings=timings,
                **self.limits,
            )
        if self.junit is not None:
            write_text(self.junit, junit_xml(run, found))
        if self.badge is not None:
            write_text(self.badge, badge_json(run, found))
        if not json and (self.conditions or self.earlier):
            print_document(gates_document(found), markdown=markdown)
        if told := "; ".join(filter(None, (unmet, unmet_gates_sentence(found)))):
            raise ThresholdNotMet(told)
