"""Photos as a map would show them."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from georet.cameras.crops import crop_points, rectified, shrunk_to, turned
from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose


def ground_colour(points: np.ndarray) -> np.ndarray:
    """Red grows eastward, green northward, blue is a stripe."""
    x, y = points[..., 0], points[..., 1]
    return np.stack([128 + x, 128 + y, 128 + 100 * np.sin(x / 9)], axis=-1).clip(0, 255)


def photo_of(camera: Pinhole) -> np.ndarray:
    x, y = np.meshgrid(np.arange(camera.lens.width) + 0.5, np.arange(camera.lens.height) + 0.5)
    ground = camera.ground(np.column_stack([x.ravel(), y.ravel()]))
    return np.uint8(ground_colour(ground[:, :2]).reshape(*x.shape, 3) + 0.5)


@pytest.mark.parametrize("distortion", [(), (-0.15, 0.03)])
def test_a_rectified_photo_is_the_map(distortion):
    lens = Lens(640, 480, 500.0, distortion=distortion)
    camera = Pinhole(lens, Pose.looking_at((5, -3), 90, 2.2, math.radians(30), 0.1))
    crop = rectified(photo_of(camera), camera, 40.0, 64)
    wanted = ground_colour(crop_points(40.0, 64, np.array([5.0, -3.0]))).reshape(64, 64, 3)
    middle = camera.ground(np.array([[320.0, 240.0]]))[0, :2]
    assert middle == pytest.approx([5, -3], abs=1e-6)
    assert np.abs(crop - wanted).mean() < 0.6
    assert np.abs(crop - wanted).max() < 4


def test_a_turned_photo_has_north_up():
    camera = Pinhole(Lens(640, 480, 500.0), Pose(0, 0, 90, 0.9))
    crop = turned(photo_of(camera), 0.9, 64)
    side = 480 / (math.sin(0.9) + math.cos(0.9)) * 90 / 500
    wanted = ground_colour(crop_points(side, 64, np.zeros(2))).reshape(64, 64, 3)
    assert np.abs(crop - wanted).max() < 4


def test_shrinking_averages_what_a_pixel_covers():
    fine = np.zeros((480, 480, 3), np.uint8)
    fine[:, ::2] = 200
    camera = Pinhole(Lens(480, 480, 500.0), Pose(0, 0, 100))
    for crop in (rectified(fine, camera, 80.0, 48), turned(fine, 0.0, 48)):
        # Taken as they fall, stripes would be 0 or 200.
        assert np.abs(crop.astype(int) - 100).max() <= 5


def test_beyond_the_photos_edge_it_is_mirrored():
    photo = np.full((100, 100, 3), 90, np.uint8)
    camera = Pinhole(Lens(100, 100, 100.0), Pose(0, 0, 10))
    assert (rectified(photo, camera, 18.0, 32) == 90).all()


def test_a_photo_of_the_sky_is_refused():
    camera = Pinhole(Lens(100, 100, 100.0), Pose(0, 0, 10, tilt_rad=2.0))
    with pytest.raises(ValueError, match="shows no ground"):
        rectified(np.zeros((100, 100, 3), np.uint8), camera, 5.0, 16)
    with pytest.raises(ValueError, match="another size"):
        rectified(np.zeros((50, 100, 3), np.uint8), camera, 5.0, 16)


def test_a_lens_is_shrunk_only_if_it_must():
    assert shrunk_to(Lens(6000, 4000, 5000.0), 600) == Lens(600, 400, 500.0)
    assert shrunk_to(Lens(60, 40, 50.0), 600) == Lens(60, 40, 50.0)


def test_a_photo_rectified_by_a_homography_is_the_same():
    """OpenCV warps by the plane's homography; positions there count from pixel centres."""
    camera = Pinhole(Lens(320, 240, 250.0), Pose.looking_at((0, 0), 50, 1.0, 0.3))
    photo = photo_of(camera)
    px, side = 60, 45.0
    to_ground = np.array([[side / px, 0, -side / 2], [0, -side / px, side / 2], [0, 0, 1]])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    warp = np.linalg.inv(half) @ camera.homography @ to_ground @ half
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    theirs = cv2.warpPerspective(photo, warp, (px, px), flags=flags)
    ours = rectified(photo, camera, side, px)
    inner = slice(10, 50)
    assert np.abs(theirs[inner, inner].astype(int) - ours[inner, inner]).mean() < 4
