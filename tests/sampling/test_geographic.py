from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georet.errors import ConfigError, DataError
from georet.geodesy import distance_m
from georet.sampling import geographic_neighbours
from georet.types import Doubles, Ints

TOLERANCE_M = 1e-3


def haversine_of(angles: Doubles) -> Doubles:
    """The textbook formula between all rows of (phi, lambda), in whatever unit they come."""
    half = np.sin((angles[:, None] - angles[None]) / 2) ** 2
    cosine = np.cos(angles[:, 0])
    return half[..., 0] + cosine[:, None] * cosine[None] * half[..., 1]


def assert_nearest(neighbours: Ints, distance: Doubles, k: int, tolerance: float) -> None:
    """The neighbours' distances [R, k] must be the k smallest of each row of [R, R]."""
    num = len(distance)
    distance = distance.copy()
    np.fill_diagonal(distance, np.inf)
    num_found = min(k, num - 1)
    assert neighbours.shape == (num, k)
    assert (neighbours[:, num_found:] == -1).all()
    found = neighbours[:, :num_found]
    assert (found >= 0).all()
    assert all(len(set(row)) == num_found for row in found.tolist())
    wanted = np.sort(distance, axis=1)[:, :num_found]
    got = np.take_along_axis(distance, found, axis=1)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance)


@st.composite
def places(draw: st.DrawFn) -> Doubles:
    """Positions over the globe, in a town, across the date line, round a pole, on a grid."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    num = draw(st.integers(1, 50))
    kind = draw(st.sampled_from(["globe", "town", "date line", "north", "south", "grid"]))
    noise = rng.normal(size=(num, 2))
    points = {
        "globe": np.stack([rng.uniform(-90, 90, num), rng.uniform(-180, 180, num)], axis=1),
        "town": np.array([48.1, 11.6]) + noise * 0.05,
        "date line": np.stack([noise[:, 0], (noise[:, 1] + 360) % 360 - 180], axis=1),
        "north": np.stack([90 - np.abs(noise[:, 0]) % 1, rng.uniform(-180, 180, num)], axis=1),
        "south": np.stack([np.abs(noise[:, 0]) % 1 - 90, rng.uniform(-180, 180, num)], axis=1),
        "grid": rng.integers(-3, 4, (num, 2)).astype(np.float64),
    }[kind]
    if draw(st.booleans()):
        points[rng.integers(0, num, num // 2)] = points[0]
    return points


@settings(deadline=None, max_examples=150)
@given(places(), st.integers(1, 60))
def test_neighbours_equal_brute_force_on_the_whole_globe(latlon: Doubles, k: int) -> None:
    neighbours = geographic_neighbours(latlon, k)
    assert_nearest(neighbours, distance_m(latlon[:, None], latlon[None]), k, TOLERANCE_M)


@settings(deadline=None, max_examples=60)
@given(places(), st.integers(1, 60))
def test_degrees_read_as_radians_equal_brute_force(latlon: Doubles, k: int) -> None:
    neighbours = geographic_neighbours(latlon, k, distance="sample4geo-degrees")
    distance = 2 * np.arcsin(np.sqrt(np.clip(haversine_of(latlon), 0, 1)))
    assert_nearest(neighbours, distance, k, 1e-6)


@settings(deadline=None, max_examples=100)
@given(places(), st.integers(1, 60))
def test_plane_neighbours_equal_brute_force_with_ties_by_row(latlon: Doubles, k: int) -> None:
    metres = np.round(latlon * 8)  # whole numbers, so that equal distances are equal
    neighbours = geographic_neighbours(metres, k, distance="euclidean")
    square = ((metres[:, None] - metres[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(square, np.inf)
    order = np.argsort(square, axis=1, kind="stable")[:, : min(k, len(metres) - 1)]
    np.testing.assert_array_equal(neighbours[:, : order.shape[1]], order)
    assert (neighbours[:, order.shape[1] :] == -1).all()


def test_degrees_read_as_radians_are_other_neighbours_over_a_country() -> None:
    rng = np.random.default_rng(0)
    latlon = np.stack([rng.uniform(30, 48, 3000), rng.uniform(-120, -75, 3000)], axis=1)
    right = geographic_neighbours(latlon, 16)
    wrong = geographic_neighbours(latlon, 16, distance="sample4geo-degrees")
    shared = np.mean([len(set(a) & set(b)) / 16 for a, b in zip(right, wrong, strict=True)])
    assert shared < 0.2


def test_neighbours_reach_over_the_date_line_and_the_pole() -> None:
    line = np.array([[0, 179.9], [0, -179.9], [0, 178.0], [0, -177.0]])
    assert geographic_neighbours(line, 1)[:2, 0].tolist() == [1, 0]
    pole = np.array([[89.9, 0], [89.9, 180], [88, 0], [85, 180]])
    assert geographic_neighbours(pole, 1)[:2, 0].tolist() == [1, 0]


def test_a_crowd_at_one_place_excludes_only_oneself() -> None:
    latlon = np.concatenate([np.tile([[10.0, 20.0]], (6, 1)), [[10.0, 20.1], [10.0, 20.3]]])
    neighbours = geographic_neighbours(latlon, 3)
    assert neighbours[:6].tolist() == [
        [1, 2, 3],
        [0, 2, 3],
        [0, 1, 3],
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
    ]
    assert neighbours[6:].tolist() == [[0, 1, 2], [6, 0, 1]]


def test_everything_at_one_place_takes_no_quadratic_time() -> None:
    neighbours = geographic_neighbours(np.zeros((200_000, 2)), 4)
    assert neighbours[0].tolist() == [1, 2, 3, 4]
    assert neighbours[199_999].tolist() == [0, 1, 2, 3]


def test_lists_are_padded_where_there_are_too_few_others() -> None:
    assert geographic_neighbours(np.array([[1.0, 2.0]]), 2).tolist() == [[-1, -1]]
    two = geographic_neighbours(np.array([[1.0, 2.0], [3.0, 4.0]]), 3)
    assert two.tolist() == [[1, -1, -1], [0, -1, -1]]
    assert geographic_neighbours(np.empty((0, 2)), 3).shape == (0, 3)


def test_positions_off_the_earth_are_refused() -> None:
    with pytest.raises(DataError, match=r"row 1 are \(91\.0, 0\.0\)"):
        geographic_neighbours(np.array([[0, 0], [91.0, 0]]), 1)
    with pytest.raises(DataError, match="row 0"):
        geographic_neighbours(np.array([[np.inf, 0]]), 1, distance="euclidean")
    with pytest.raises(DataError, match="shape"):
        geographic_neighbours(np.zeros((3, 3)), 1)


def test_senseless_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="k is 0"):
        geographic_neighbours(np.zeros((3, 2)), 0)
    with pytest.raises(ConfigError, match="unknown distance 'miles'") as caught:
        geographic_neighbours(np.zeros((3, 2)), 1, distance="miles")  # type: ignore[arg-type]
    assert "great_circle" in str(caught.value)
