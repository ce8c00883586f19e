"""The ground in a photo's corners, as far as its camera is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from georet.ground.tangent import Tangent
from georet.photos.camera.facts import CameraFacts
from georet.photos.outline import ground_corners

WHOLE = replace(
    CameraFacts(size=(400, 300)).given(
        "given", heading_deg=0.0, tilt_deg=0.0, height_m=100.0, fov_deg=90.0
    )
)
PLACE = (47.0, 179.9999)


def metres(facts):
    return Tangent(*PLACE).metres(ground_corners(facts, PLACE))


def test_looking_down_the_corners_lie_as_far_as_lens_and_height_say():
    expected = [[-100, 75], [100, 75], [100, -75], [-100, -75]]
    assert metres(WHOLE) == pytest.approx(np.array(expected), abs=0.01)


def test_a_photo_that_looks_east_has_its_upper_edge_in_the_east():
    turned = WHOLE.given("given", heading_deg=90.0)
    expected = [[75, 100], [75, -100], [-75, -100], [-75, 100]]
    assert metres(turned) == pytest.approx(np.array(expected), abs=0.01)


def test_a_tilted_photo_sees_farther_and_wider_above_than_below():
    tilted = metres(WHOLE.given("given", tilt_deg=30.0))
    assert tilted[0, 1] > -tilted[3, 1]
    assert tilted[1, 0] - tilted[0, 0] > tilted[2, 0] - tilted[3, 0]


@pytest.mark.parametrize("missing", ["heading_deg", "tilt_deg", "height_m", "fov_deg", "size"])
def test_what_is_not_known_gives_no_outline(missing):
    assert ground_corners(replace(WHOLE, **{missing: None}), PLACE) is None


@pytest.mark.parametrize("tilt", [55.0, 80.0, 90.0, 120.0])
def test_the_sky_and_what_is_far_away_give_no_outline(tilt):
    assert ground_corners(WHOLE.given("given", tilt_deg=tilt), PLACE) is None
