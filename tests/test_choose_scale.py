"""Steps of damage, by the interval of a divergence, and what it is in daily life."""

import math

import pytest
from run_samples import control, estimate, info, made_run

from pyengine.choose.scale import LIMITS, STEPS, daily, damage_of, step_of
from pyengine.run import Measurement


@pytest.mark.parametrize(
    ("kl", "floor", "step"),
    [
        (0.0, None, "floor"),
        (1e-9, None, "hardly"),
        (0.001, 0.002, "floor"),
        (0.002, 0.002, "floor"),
        (0.0021, 0.002, "hardly"),
        (0.02, 0.002, "hardly"),
        (0.0201, 0.002, "little"),
        (0.1, None, "little"),
        (0.11, None, "clearly"),
        (0.5, None, "clearly"),
        (0.51, None, "badly"),
        (math.inf, None, "badly"),
        (0.03, 0.04, "floor"),  # a file whose arithmetic alone is above a limit
        (0.05, 0.04, "little"),
    ],
)
def test_a_limit_belongs_to_the_step_that_it_ends(
    kl: float, floor: float | None, step: str
) -> None:
    assert step_of(kl, floor) == step


def test_steps_and_limits_go_together() -> None:
    assert list(LIMITS) == sorted(LIMITS)
    assert len(STEPS) == len(LIMITS) + 2


@pytest.mark.parametrize(
    ("value", "error", "steps"),
    [
        (0.01, 0.001, ("hardly", "hardly")),
        (0.02, 0.001, ("hardly", "little")),
        (0.0025, 0.001, ("floor", "hardly")),
        (0.05, 0.03, ("floor", "clearly")),
    ],
)
def test_an_interval_may_reach_several_steps(
    value: float, error: float, steps: tuple[str, str]
) -> None:
    found = damage_of(estimate("kl", "a", value, error), 0.001)
    assert (found.least, found.most) == steps


def test_daily_life_is_read_from_the_first_choices() -> None:
    rows = [
        control("kl", 0.001, "m"),
        estimate("kl", "a", 0.01, reference="m"),
        estimate("same_first_choice", "a", 0.92, reference="m"),
        estimate("clear_change", "a", 0.01, reference="m"),
        Measurement("same_first_choice", "a", "a", "", 0.97, n=800),
    ]
    models = [info("m", 2), info("a", 1)]
    found = daily(made_run(models, rows), "a")
    assert found.changed == pytest.approx(0.08)
    assert found.clearly == 0.01
    assert found.itself == pytest.approx(0.03)
    assert found.n_itself == 800
    nothing = daily(made_run(models, rows[:2]), "a")
    assert (nothing.changed, nothing.clearly, nothing.itself) == (None, None, None)
