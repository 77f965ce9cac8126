"""`gates`: whether every variant of a run keeps what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyengine.api.arguments import Named, Words, words
from pyengine.run.small_table import SmallTable

if TYPE_CHECKING:
    from pyengine.choose.gates import Check
    from pyengine.run.record import Run


@dataclass(frozen=True, repr=False)
class Gates(SmallTable):
    """What became of each gate for each variant, gate by gate; see `pyengine.choose.gates`."""

    rows: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every variant passes every gate."""
        return all(row.passed for row in self.rows)

    def columns_of_values(self) -> tuple[Sequence[str], Mapping[str, Sequence[Any]]]:
        """Return the variants, and the values of each column."""
        columns: dict[str, Sequence[Any]] = {
            "gate": [row.title for row in self.rows],
            "passed": [row.passed for row in self.rows],
            "code": [row.code for row in self.rows],
        }
        return [row.model for row in self.rows], columns

    def lines(self) -> list[list[str]]:
        """Return the texts of the head and of each row."""
        index, columns = self.columns_of_values()
        cells = zip(index, *columns.values(), strict=True)
        return [["model", *columns], *([str(value) for value in row] for row in cells)]


def gates(
    run: Run | Named,
    *,
    fail_if: Words = None,
    baseline: Run | Named | None = None,
    max_kl: float | None = None,
    fail_under: float | None = None,
    timings: Run | Named | None = None,
) -> Gates:
    """Judge whether every variant of a run keeps what is asked of it; nothing is measured again.

    Args:
        run: of `compare`, `sweep`, `evaluate`, or of `pick`, whose chosen file is judged; or the
            file that holds it.
        fail_if: one or several conditions on which a variant fails, such as "kl_high > 0.05"; as
            `recommend` takes them. What is not known fails.
        baseline: an earlier run, than which no metric may be worse beyond its interval: of the
            file of the same name, else of the same type.
        max_kl: nats per token that the mean KL divergence may be at most, with its interval.
        fail_under: the share of tasks from 0 to 1 that must be solved at least, with its interval.
        timings: of a sweep, whose speed and memory conditions may name.

    Returns:
        a table of variants and gates that prints itself, with `passed`, and `rows` that hold codes.

    Raises:
        ResultFileError: a file holds no run.
        InputError: the run holds nothing to judge, or the baseline is over other text or tasks.
        OptionError: a condition cannot be read.

    Examples:
        >>> pyengine.gates("result.json", fail_if="kl_high > 0.05").passed
    """
    from pyengine.api.recommend import loaded

    (result,) = loaded(run)
    limits = {"max_kl": max_kl, "fail_under": fail_under}
    found = checks_of(
        result,
        words(fail_if),
        earlier=None if baseline is None else loaded(baseline)[0],
        asked="the baseline" if isinstance(baseline, type(result)) else str(baseline),
        timings=None if timings is None else loaded(timings)[0],
        **limits,
    )
    return Gates(tuple(found))


def checks_of(
    run: Run,
    conditions: Sequence[str],
    *,
    earlier: Run | None,
    asked: str,
    timings: Run | None = None,
    max_kl: float | None = None,
    fail_under: float | None = None,
) -> list[Check]:
    """Judge a run by all that was asked, gate by gate; see `gates`.

    Args:
        earlier: the baseline.
        asked: what it is called.
    """
    from pyengine.choose.baseline import baseline_checks
    from pyengine.choose.candidates import judged_in
    from pyengine.choose.gates import check_conditions, condition_checks, level_checks, pass_checks

    check_conditions(conditions)
    found: list[Check] = []
    if max_kl is not None:
        found += level_checks(run, max_kl)
    if fail_under is not None:
        found += pass_checks(run, fail_under)
    candidates = judged_in(run, timings) if conditions or earlier is not None else []
    found += condition_checks(candidates, conditions)
    if earlier is not None:
        found += baseline_checks(run, earlier, candidates, asked)
    return found
