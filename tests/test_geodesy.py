from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from georet.errors import DataError
from georet.geodesy import (
    EARTH_RADIUS_M,
    checked_latlon,
    chord,
    destination,
    distance_m,
    latlon_of_plane,
    unit_vectors,
)

latlons = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def test_known_distances_come_out() -> None:
    paris, london = (48.8566, 2.3522), (51.5074, -0.1278)
    assert distance_m(paris, london) == pytest.approx(343_556, rel=1e-4)
    quarter = np.pi / 2 * EARTH_RADIUS_M
    assert distance_m([0, 0], [[90, 0], [0, 90], [0, -90]]) == pytest.approx([quarter] * 3)
    assert distance_m([89, 0], [89, 180]) == pytest.approx(2 * np.radians(1) * EARTH_RADIUS_M)


def test_the_date_line_is_no_border() -> None:
    assert distance_m([10, 179.999], [10, -179.999]) < 220
    assert distance_m([10, 180], [10, -180]) == pytest.approx(0, abs=1e-6)


def test_a_metre_is_still_a_metre() -> None:
    there = destination([48, 11], 1.2, 1.0)
    assert distance_m([48, 11], there) == pytest.approx(1.0, abs=1e-6)


@given(latlons, latlons)
def test_distance_is_the_arc_over_the_chord(a: tuple[float, float], b: tuple[float, float]) -> None:
    distance = float(distance_m(a, b))
    assert 0 <= distance <= np.pi * EARTH_RADIUS_M + 1e-6
    assert distance == pytest.approx(float(distance_m(b, a)), abs=1e-6)
    straight = np.linalg.norm(unit_vectors(a) - unit_vectors(b))
    assert chord(distance) == pytest.approx(straight, abs=1e-12)


@given(latlons, st.floats(0, 2 * np.pi), st.floats(0, 1.9e7))
def test_one_arrives_as_far_away_as_one_walked(
    start: tuple[float, float], bearing_rad: float, walked_m: float
) -> None:
    end = destination(start, bearing_rad, walked_m)
    assert np.abs(end[0]) <= 90
    assert -180 <= end[1] <= 180
    assert distance_m(start, end) == pytest.approx(walked_m, abs=0.5, rel=1e-6)


def test_bearings_run_clockwise_from_north() -> None:
    ends = destination([[0, 0]] * 4, np.radians([0, 90, 180, 270]), 1000.0)
    degree = np.degrees(1000 / EARTH_RADIUS_M)
    wanted = [[degree, 0], [0, degree], [-degree, 0], [0, -degree]]
    assert ends == pytest.approx(np.array(wanted), abs=1e-12)


def test_a_latitude_of_91_is_named_with_its_row() -> None:
    with pytest.raises(DataError, match=r"row 1 are \(91\.0, 8\.0\)"):
        checked_latlon([[48, 11], [91, 8]])
    with pytest.raises(DataError, match="row 0"):
        checked_latlon([[np.nan, 11]])
    with pytest.raises(DataError, match="wanted"):
        checked_latlon([[1, 2, 3]])


def test_distances_in_a_plane_stay_what_they_are_by_its_stand_in_positions():
    rng = np.random.default_rng(3)
    plane_m = rng.uniform(-7000, 7000, (500, 2))
    found = distance_m(latlon_of_plane(plane_m[:-1]), latlon_of_plane(plane_m[1:]))
    wanted = np.linalg.norm(plane_m[1:] - plane_m[:-1], axis=1)
    assert found == pytest.approx(wanted, rel=2e-6)
    north = latlon_of_plane([[0.0, 1000.0]])[0]
    assert north[0] > 0
    assert north[1] == 0


def test_a_plane_whose_origin_is_far_away_is_refused():
    with pytest.raises(DataError, match="690000 m lie too far"):
        latlon_of_plane([[690_000.0, 6_090_000.0]])
    with pytest.raises(DataError, match="wanted"):
        latlon_of_plane([1.0, 2.0, 3.0])
