from __future__ import annotations

import pytest

from georet.page.readable import (
    count,
    degree_digits,
    metres,
    metric_label,
    metric_order,
    metric_value,
    percent,
    position,
    seconds,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 m"),
        (3.42, "3.4 m"),
        (9.96, "10 m"),
        (999.4, "999 m"),
        (999.6, "1.0 km"),
        (34_200, "34.2 km"),
        (99_960, "100 km"),
        (1_234_567, "1,235 km"),
        (None, "\N{EN DASH}"),
        (float("nan"), "\N{EN DASH}"),
    ],
)
def test_metres_read_with_about_three_digits(value: float | None, text: str) -> None:
    assert metres(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.25, "7.2 s"), (247, "4 min 07 s"), (3599.6, "1 h 00 min"), (7384, "2 h 03 min")],
)
def test_durations_read_in_their_own_unit(value: float, text: str) -> None:
    assert seconds(value) == text


def test_shares_keep_two_digits_when_they_are_tiny() -> None:
    assert [percent(v) for v in (0, 0.0652, 4.17, 60.04)] == ["0.0 %", "0.065 %", "4.2 %", "60.0 %"]


def test_positions_name_their_hemisphere_and_wrap_longitudes() -> None:
    assert position((-12.5, 190)) == "12.500° S, 170.000° W"
    assert position((1, 2)) == "1.000° N, 2.000° E"


@pytest.mark.parametrize(
    ("accuracy_m", "written"),
    [
        (0.01, "44.9534567° N, 110.6440000° W"),
        (9.3, "44.95346° N, 110.64400° W"),
        (25.6, "44.95346° N, 110.64400° W"),
        (400, "44.9535° N, 110.6440° W"),
        (34_200, "44.95° N, 110.64° W"),
        (5e6, "45.0° N, 110.6° W"),
        (None, "44.953° N, 110.644° W"),
    ],
)
def test_positions_have_the_decimals_that_their_accuracy_deserves(accuracy_m, written):
    assert position((44.95345670, -110.644), accuracy_m) == written
    last_m = 111_195 * 10.0 ** -degree_digits(accuracy_m)
    if accuracy_m and 1 < accuracy_m < 1e5:
        assert accuracy_m / 50 < last_m <= accuracy_m / 5


def test_counts_have_separators() -> None:
    assert count(15_144) == "15,144"


def test_metrics_are_named_and_written_by_their_key() -> None:
    keys = ("recall@1%", "within_200km", "within_25m", "ap", "median_error_m", "sdm@3")
    labels = ["R@1%", "Within 200 km", "Within 25 m", "AP", "Median error", "sdm@3"]
    assert [metric_label(key) for key in keys] == labels
    assert metric_value("median_error_m", 70_200.0) == "70.2 km"
    assert metric_value("recall@1", 55.02) == "55.0"


def test_main_metrics_come_first_and_others_by_name() -> None:
    keys = ["zeta", "recall@10", "alpha", "recall@1", "zeta"]
    assert metric_order(keys) == ["recall@1", "recall@10", "alpha", "zeta"]
