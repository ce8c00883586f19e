"""What two frames tell of the way between them."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.flights.odometry import Sketch, glance
from georet.photos.camera.facts import CameraFacts

FOV = 70.0


def photo(ground, place, heading_deg, tilt_deg=10.0, height_m=120.0):
    """Return a photo that looks at a place in metres (2 m a pixel, y south), and its facts."""
    pose = Pose.looking_at(
        (place[0], -place[1]), height_m, math.radians(heading_deg), math.radians(tilt_deg)
    )
    lens = Lens.of_fov(320, 240, math.radians(FOV))
    x, y = np.meshgrid(np.arange(320) + 0.5, np.arange(240) + 0.5)
    seen = Pinhole(lens, pose).ground(np.column_stack([x.ravel(), y.ravel()]))[:, :2]
    at = (seen * [1, -1] / 0.5 - 0.5).astype(np.float32).reshape(240, 320, 2)
    image = cv2.remap(ground, at[:, :, 0], at[:, :, 1], cv2.INTER_LINEAR)
    facts = CameraFacts().given("t", tilt_deg=tilt_deg, height_m=height_m, fov_deg=FOV)
    return image, facts


@pytest.mark.parametrize("heading", [0.0, 70.0, 215.0])
def test_a_step_is_told_in_metres_ahead_and_to_the_right(heading, painted):
    ground = painted(3)
    one, facts = photo(ground, (260.0, 270.0), heading)
    other, _ = photo(ground, (280.0, 255.0), heading + 25)
    found = glance(Sketch.of(one), Sketch.of(other), facts)
    assert found is not None
    h = math.radians(heading)
    east, north = 20.0, 15.0
    assert found.right_m == pytest.approx(east * math.cos(h) - north * math.sin(h), abs=1.0)
    assert found.ahead_m == pytest.approx(east * math.sin(h) + north * math.cos(h), abs=1.0)
    assert found.turn_deg == pytest.approx(25, abs=2)


def test_frames_without_overlap_tell_nothing(painted):
    one, facts = photo(painted(3), (260.0, 270.0), 0)
    other, _ = photo(painted(4), (260.0, 270.0), 0)
    assert glance(Sketch.of(one), Sketch.of(other), facts) is None


def test_without_a_height_nothing_is_told(painted):
    one, facts = photo(painted(3), (260.0, 270.0), 0)
    assert glance(Sketch.of(one), Sketch.of(one), CameraFacts(tilt_deg=facts.tilt_deg)) is None
