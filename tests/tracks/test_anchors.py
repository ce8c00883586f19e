"""Frames between refined ones: how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from georet.tracks.anchors import Moved, anchored
from georet.tracks.places import Spot


def test_a_hundred_refined_frames_are_no_surer_than_one_of_them():
    covariance = np.diag([0.25, 0.36])
    places = np.column_stack([10.0 * np.arange(100), np.zeros(100)])
    steps = [None, *[Moved(10.0, 0.0, 0.05)] * 99]
    spots = [Spot(place, covariance) for place in places]
    found = anchored(steps, spots)
    for spot in found:
        assert np.linalg.eigvalsh(spot.covariance_m2)[0] >= 0.25 - 1e-9
    assert np.linalg.norm(found[50].point_m - places[50]) < 0.01


def test_far_from_refined_frames_a_place_is_less_sure():
    steps = [None, *[Moved(10.0, 0.0, 1.0)] * 20]
    spots = [Spot(np.zeros(2), 0.25 * np.eye(2)), *[None] * 20]
    found = anchored(steps, spots)
    spread = [np.sqrt(np.linalg.eigvalsh(spot.covariance_m2)[1]) for spot in found]
    assert spread[0] == pytest.approx(0.5)
    assert spread[20] > 4
    assert np.all(np.diff(spread) > 0)
