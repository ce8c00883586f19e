from __future__ import annotations

import pytest

from georet.errors import ComponentError, ConfigError
from georet.train.optimising.rate import Rate
from georet.train.optimising.schedules import (
    Constant,
    Cosine,
    Exponential,
    Plateau,
    Polynomial,
    Step,
)

LR = 1e-3


def factors(schedule, positions, total, warmup=0.0):
    rate = Rate(schedule, lr=LR, warmup=warmup)
    return [rate.factor(position, total) for position in positions]


def test_the_rate_rises_linearly_and_falls_along_a_cosine_to_zero():
    found = factors(Cosine(), (0, 0.25, 1, 20.5, 40), 40, warmup=1)
    assert found[:3] == [0, 0.25, 1]
    assert found[3:] == pytest.approx([0.5, 0])


def test_a_cosine_may_end_at_a_last_rate():
    assert factors(Cosine(lr_end=1e-4), (0, 10), 10) == pytest.approx([1, 0.1])


def test_a_warm_up_of_a_tenth_of_an_epoch_reaches_the_full_rate_at_its_end():
    half, full = factors(Cosine(), (0.05, 0.1), 1, warmup=0.1)
    assert half == pytest.approx(0.5)
    assert full == 1


def test_the_polynomial_ends_at_its_last_rate():
    half, end = factors(Polynomial(lr_end=1e-4, power=1.5), (5, 10), 10)
    assert half == pytest.approx(0.9 * 0.5**1.5 + 0.1)
    assert end == pytest.approx(0.1)


def test_the_constant_schedule_stays_after_its_warm_up():
    assert factors(Constant(), (1, 2, 3, 4), 4, warmup=2) == [0.5, 1, 1, 1]


def test_the_exponential_falls_after_each_whole_epoch_behind_the_warm_up_or_all_along():
    positions = (1, 1.5, 2, 3.25)
    assert factors(Exponential(gamma=0.5), positions, 4, 1) == [1, 1, 0.5, 0.25]
    smooth = factors(Exponential(gamma=0.5, smooth=True), positions, 4, 1)
    assert smooth == pytest.approx([1, 0.5**0.5, 0.5, 0.5**2.25])


def test_steps_fall_at_their_epochs_or_every_so_many():
    at = factors(Step(epochs=(2, 3), gamma=0.1), (0, 1.9, 2, 2.5, 3, 9), 10)
    assert at == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    assert factors(Step(every=2, gamma=0.5), (0, 1.9, 2, 4), 10) == [1, 1, 0.5, 0.25]


@pytest.mark.parametrize("options", [{}, {"epochs": (1,), "every": 2}])
def test_steps_need_one_way_to_say_when(options):
    with pytest.raises(ConfigError, match="`epochs` or `every`"):
        Step(**options)


def evaluated(schedule, values):
    rate, found = Rate(schedule, lr=LR, warmup=0), []
    for value in values:
        rate.evaluated({"cross": {"recall@1": value}})
        found.append(rate.factor(1, 10))
    return found


def test_a_plateau_lowers_the_rate_after_evaluations_that_brought_nothing_better():
    schedule = Plateau(metric="cross/recall@1", gamma=0.5, patience=1, least=0.3)
    values = [10, 11, 11, 10, 9, 9, 12, 1, 1, 1, 1]
    expected = [1, 1, 1, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
    assert evaluated(schedule, values) == expected


def test_a_plateau_of_what_should_fall_and_of_too_small_gains():
    falling = Plateau(metric="cross/recall@1", larger=False, gamma=0.5, patience=0)
    assert evaluated(falling, [5, 4, 6]) == [1, 1, 0.5]
    slow = Plateau(metric="cross/recall@1", threshold=2, gamma=0.5, patience=0)
    assert evaluated(slow, [5, 6, 8]) == [1, 0.5, 0.5]


def test_a_metric_that_is_no_number_is_never_better():
    schedule = Plateau(metric="cross/recall@1", gamma=0.5, patience=0)
    assert evaluated(schedule, [5, float("nan"), 6]) == [1, 0.5, 0.5]


def test_a_plateau_goes_on_from_its_state():
    first = Plateau(metric="cross/recall@1", gamma=0.5, patience=1)
    evaluated(first, [3, 2])
    second = Plateau(metric="cross/recall@1", gamma=0.5, patience=1)
    Rate(second, lr=LR, warmup=0).restore(Rate(first, lr=LR, warmup=0).as_json())
    assert evaluated(second, [2]) == evaluated(first, [2]) == [0.5]


def test_a_metric_that_is_not_there_is_an_error_that_lists_those_there_are():
    with pytest.raises(ConfigError, match="cross/recall@1") as caught:
        evaluated(Plateau(metric="cross/rcall@1"), [3])
    assert caught.value.where == "train.schedule.metric"


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "half", None])
def test_a_schedule_that_gives_no_factor_is_told(value):
    with pytest.raises(ComponentError, match="the schedule gave"):
        factors(lambda moment: value, (1,), 2)
