from __future__ import annotations

import numpy as np
import pytest

from georet.page.plot import Series, chart, count_axis, linear_axis, log_axis, path_of, thinned
from georet.page.projection import crosses, dots, frame_of


@pytest.mark.parametrize(("low", "high"), [(0, 4.1), (0, 0.00098), (-3, 7), (5, 5), (0, 0)])
def test_a_linear_axis_covers_its_range_with_few_round_ticks(low: float, high: float) -> None:
    axis = linear_axis(low, high, "loss", "{:g}".format)
    assert axis.low <= low
    assert axis.high >= high
    assert 2 <= len(axis.ticks) <= 8
    assert len(set(axis.labels)) == len(axis.ticks)


@pytest.mark.parametrize("high", [0, 1, 5, 12, 40, 970, 123_456])
def test_a_count_axis_has_whole_ticks_within_its_range(high: int) -> None:
    axis = count_axis(high, "epochs")
    assert axis.high == max(high, 1)
    assert all(tick == int(tick) and tick <= axis.high for tick in axis.ticks)
    assert len(axis.ticks) <= 8


def test_a_log_axis_spaces_powers_of_ten_evenly() -> None:
    axis = log_axis(12, 9e5, "error", "{:g}".format)
    assert axis.ticks == (10, 100, 1000, 10_000, 100_000)
    steps = np.diff(axis.share(np.array(axis.ticks)))
    np.testing.assert_allclose(steps, steps[0])
    assert axis.share(np.array([0.0, 9e5])).tolist() == [0, 1]


def test_a_line_is_broken_where_a_value_is_missing() -> None:
    points = np.array([[0, 0], [1, 1], [2, np.nan], [3, 3], [4, 4]])
    assert path_of(points) == "M0.0 0.0L1.0 1.0M3.0 3.0L4.0 4.0"


def test_thinning_keeps_every_extreme_and_the_order() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=50_000)
    y[12_345], y[40_001] = 99, -99
    x, kept = thinned(np.arange(50_000.0), y)
    assert len(x) <= 700
    assert (np.diff(x) > 0).all()
    assert (kept.max(), kept.min()) == (99, -99)


def test_labels_at_line_ends_are_pushed_apart() -> None:
    x = np.array([0.0, 1])
    series = [Series(x, np.full(2, v), "first", f"R@{v}") for v in (50, 51, 52)]
    axes = count_axis(1, "epochs"), linear_axis(0, 100, "percent", "{:g}".format)
    page = chart(series, *axes, "three lines")
    ends = [part.split('y="')[1] for part in page.split("<text") if "name first" in part]
    places = sorted(float(end.split('"')[0]) for end in ends)
    assert len(places) == 3
    assert min(np.diff(places)) >= 13


def test_a_map_across_the_date_line_shows_its_short_side() -> None:
    latlon = np.array([[-18.0, 178.0], [-17.0, -179.0], [-16.5, 179.5]])
    frame = frame_of(latlon, width=1000, aspect=(1.7, 2.6))
    assert abs(abs(frame.centre_latlon[1]) - 179.5) < 1e-6
    x = frame.xy(latlon)[:, 0]
    assert x[0] < x[2] < x[1]
    assert x[0] >= 0
    assert x[1] <= 1000


@pytest.mark.parametrize("spread", [1e-9, 0.02, 60.0])
def test_a_map_fits_its_points_and_its_shape(spread: float) -> None:
    rng = np.random.default_rng(1)
    latlon = rng.uniform(-spread, spread, (50, 2)) + np.array([5.0, 7.0])
    frame = frame_of(latlon, width=1000, aspect=(1.7, 2.6))
    xy = frame.xy(latlon)
    assert 1.69 <= frame.width / frame.height <= 2.61
    assert (xy >= 0).all()
    assert (xy <= (frame.width, frame.height)).all()


def test_the_whole_world_is_drawn_round_greenwich_and_no_wider_than_it_is() -> None:
    grid = np.stack(np.meshgrid(np.arange(-56, 69, 4), np.arange(-180, 180, 4)), -1)
    frame = frame_of(grid.reshape(-1, 2).astype(float), width=1000, aspect=(1.7, 2.6))
    assert frame.centre_latlon[1] == 0
    assert frame.xy(np.array([[0.0, -180.0]]))[0, 0] == pytest.approx(0)


def test_positions_in_one_cell_are_drawn_once_and_those_outside_not_at_all() -> None:
    frame = frame_of(np.array([[0.0, 0.0], [1.0, 1.0]]), width=100, aspect=(1.0, 2.0))
    latlon = np.array([[0.5, 0.5], [0.5, 0.5], [0.0, 0.0], [40.0, 40.0]])
    assert dots(frame, latlon).count("M") == 2
    assert crosses(frame, latlon, size=4).count("l4 4") == 3
