"""Photos over hills whose heights are known: placed by them, not by a plane."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.cameras.relief import HeightGrid
from georet.contracts.refining import Camera
from georet.refiners.sift import Sift

SIZE_PX, FOV_DEG = (480, 360), 70.0


@pytest.fixture(scope="module")
def hills():
    """Return smooth hills of 8 metres, 0 in the middle."""
    steps = np.arange(-200, 200, 2.0) + 1
    x, y = np.meshgrid(steps, -steps)
    heights = 8 * (np.sin(x / 17) + np.cos(y / 13) - 1)
    return HeightGrid.north_up(heights.astype(np.float32), 2.0, (-200, 200))


def photo_over(site, hills, pose: Pose) -> np.ndarray:
    """Return the photo of hills that the site's map lies on."""
    camera = Pinhole(Lens.of_fov(*SIZE_PX, math.radians(FOV_DEG)), pose)
    columns, rows = np.meshgrid(np.arange(SIZE_PX[0]) + 0.5, np.arange(SIZE_PX[1]) + 0.5)
    seen = camera.ground(np.column_stack([columns.ravel(), rows.ravel()]), hills)
    at = (seen[:, :2] * [4, -4] + len(site.image) / 2 - 0.5).astype(np.float32)
    at = np.nan_to_num(at, nan=-1e4).reshape(SIZE_PX[1], SIZE_PX[0], 2)
    return cv2.remap(site.image, at[:, :, 0], at[:, :, 1], cv2.INTER_LINEAR)


@pytest.mark.parametrize("tilt_deg", [8, 35])
def test_with_the_heights_of_the_ground_camera_and_place_are_right(site, hills, tilt_deg):
    pose = Pose.looking_at((14.0, -9.0), 70.0, math.radians(40), math.radians(tilt_deg))
    photo = photo_over(site, hills, pose)
    middle = np.array([[SIZE_PX[0] / 2, SIZE_PX[1] / 2]])
    camera = Pinhole(Lens.of_fov(*SIZE_PX, math.radians(FOV_DEG)), pose)
    truth = camera.ground(middle, hills)[0]
    known = Camera(fov_deg=FOV_DEG, tilt_deg=float(tilt_deg), height_m=pose.height_m)
    flat, tile = Sift(dense=False), site.tile((0, 0))
    with_heights = replace(tile, read_relief=lambda _: hills)
    found = flat(photo, [with_heights], known)
    assert found.is_accepted, found.reason
    assert site.off_m(found.latlon, truth[:2]) < 0.3
    assert site.off_m(found.camera_latlon, pose.centre_m[:2]) < 0.5
    assert found.height_m == pytest.approx(pose.height_m - truth[2], abs=0.5)
    plane = flat(photo, [tile], known)
    if plane.is_accepted and plane.camera_latlon is not None:
        worse = site.off_m(plane.camera_latlon, pose.centre_m[:2])
        assert worse > 4 * site.off_m(found.camera_latlon, pose.centre_m[:2])
