from __future__ import annotations

import numpy as np
import pytest

from georet.geodesy import distance_m
from georet_peng.city.plane import Plane, along_segment, bearing_of, crossing, wrapped
from georet_peng.posing.pose import Sights, landmarks_of, pose_of


def test_two_bearings_cross_where_they_should():
    # From (0, 0) to the north-east and from (10, 0) to the north-west: they meet at (5, 5).
    east, west = np.radians([45.0]), np.radians([-45.0])
    near, far = crossing(np.zeros(2), east, np.array([10.0, 0.0]), west)
    assert near == pytest.approx(np.sqrt(50))
    assert far == pytest.approx(np.sqrt(50))
    # To the south-west they meet behind both.
    near, far = crossing(np.zeros(2), east + np.pi, np.array([10.0, 0.0]), west + np.pi)
    assert near[0] < 0
    assert far[0] < 0


def test_a_landmark_is_where_two_street_images_see_it():
    # (6, 8) is 10 m from (0, 0), at atan2(6, 8); from (6, 0) it lies 8 m to the north; 3 m up.
    one = np.array([[np.arctan2(6, 8), np.arctan2(3, 10)]])
    other = np.array([[0.0, np.arctan2(3, 8)]])
    points, can_be = landmarks_of(np.zeros(2), one, np.array([6.0, 0.0]), other)
    assert can_be.tolist() == [True]
    assert points[0] == pytest.approx([6, 8, 3])
    # Another height as seen from there is another thing.
    _, can_be = landmarks_of(np.zeros(2), one, np.array([6.0, 0.0]), -other)
    assert can_be.tolist() == [False]
    # And where bearings part, there is nothing.
    _, can_be = landmarks_of(np.zeros(2), one, np.array([-6.0, 0.0]), other)
    assert can_be.tolist() == [False]


@pytest.mark.filterwarnings("error")
def test_parallel_directions_show_no_landmark_and_give_no_warning():
    # To the north from both, up from the one and down from the other: infinity against infinity.
    one, other = np.array([[0.0, 0.3]]), np.array([[0.0, -0.3]])
    _, can_be = landmarks_of(np.zeros(2), one, np.array([6.0, 0.0]), other)
    assert can_be.tolist() == [False]


@pytest.mark.parametrize("heading_deg", [0, 130, -60])
def test_place_and_heading_follow_from_landmarks_and_pairs_in_spite_of_mistakes(heading_deg):
    rng, true = np.random.default_rng(4), np.array([3.0, -2.0, np.radians(heading_deg)])
    things = np.column_stack([rng.uniform(-30, 30, (40, 2)), rng.uniform(-2, 8, 40)])
    street_m = np.array([0.0, 0.0])

    def seen(from_m, turn):
        offset = things[:, :2] - from_m
        up = np.arctan2(things[:, 2], np.hypot(*offset.T))
        return np.column_stack([wrapped(bearing_of(offset) - turn), up])

    photo, street = seen(true[:2], true[2]), seen(street_m, 0.0)
    photo[:5, 0] += 0.5
    landmarks, pairs = slice(0, 20), slice(20, 40)
    sights = Sights(
        things[landmarks],
        photo[landmarks],
        np.zeros((20, 2)),
        photo[pairs],
        street[pairs],
        np.zeros((20, 2), int),
        np.zeros(20, int),
    )
    assert sights.errors(true)[5:].max() < 1e-9
    starts = np.array([[1.0, 1.0, true[2] + 0.1], [-4.0, 0.0, true[2] - 0.1]])
    pose = pose_of(sights, starts)
    assert pose is not None
    assert pose.xy_m == pytest.approx(true[:2], abs=1e-3)
    assert abs(wrapped(pose.heading_rad - true[2])) < 1e-4
    assert pose.landmarks.tolist() == [False] * 5 + [True] * 15
    assert pose.pairs.all()
    assert 0 < np.sqrt(np.linalg.eigvalsh(pose.covariance)[-1]) < 0.5


def test_one_pair_decides_nothing():
    one = np.zeros((1, 2))
    none = np.empty((0, 2))
    sights = Sights(
        np.empty((0, 3)), none, one, one + 0.1, one, np.empty((0, 2), int), np.zeros(1, int)
    )
    assert pose_of(sights, np.array([[1.0, 1.0, 0.0]])) is None


def test_the_plane_measures_as_georet_does():
    plane = Plane(48.2, 16.37)
    metres = np.array([[400.0, -300.0], [0.0, 0.0]])
    latlon = plane.latlon(metres)
    assert plane.metres(latlon) == pytest.approx(metres)
    assert distance_m(latlon[0], latlon[1]) == pytest.approx(500, rel=1e-4)
    across = Plane(10.0, 179.999)
    assert across.metres(across.latlon([[1000.0, 0.0]])) == pytest.approx(np.array([[1000.0, 0.0]]))


def test_a_point_beyond_an_end_is_as_far_as_the_end():
    start, end = np.array([0.0, 0.0]), np.array([10.0, 0.0])
    away, share = along_segment(np.array([[4.0, 3.0], [13.0, 4.0]]), start, end)
    assert away.tolist() == [3.0, 5.0]
    assert share.tolist() == [0.4, 1.0]
