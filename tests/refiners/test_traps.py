"""What goes wrong in placing photos unless it is thought of: a test for each."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import Camera
from georet.refiners import patches, poses
from georet.refiners.answers import HEIGHT_FACTOR, MOST_ROLL_DEG, MOST_TILT_DEG
from georet.refiners.channels import channels_of, drawn, has_data
from georet.refiners.planes import is_seen_from_above, plane_of
from georet.refiners.poses import fitted, pose_of_plane
from georet.refiners.windows import MOST_PX, Window, projected, window_side_m

LENS = Lens.of_fov(640, 480, math.radians(70))


def seen(pose: Pose, num: int = 400, seed: int = 0, noise_px: float = 0.0, relief=None):
    """Return ground [N, 2], the plane's points, and pixels in which a camera sees the relief."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform([0, 0], [640, 480], (num, 2))
    camera = Pinhole(LENS, pose)
    ground = camera.ground(pixels)[:, :2]
    if relief is not None:
        points = np.column_stack([ground, relief(ground)])
        pixels = camera.pixels(points)
    return ground, pixels + noise_px * rng.standard_normal(pixels.shape)


def test_metres_north_up_are_no_mirrored_plane_to_the_estimator():
    pose = Pose.looking_at((5.0, 9.0), 60.0, 1.0, 0.3)
    ground, pixels = seen(pose, noise_px=0.3)
    plane = plane_of(ground, pixels, within_px=3.0)
    assert plane is not None
    assert plane.num_inliers > 390
    assert is_seen_from_above(plane.matrix, 640, 480)
    # Without turning the axis OpenCV finds next to nothing in the same matches.
    raw, mask = cv2.findHomography(ground, pixels, cv2.USAC_MAGSAC, 3.0)
    assert raw is None or int(mask.sum()) < 100


@pytest.mark.parametrize("ahead_m", [-400.0, 0.0, 400.0])
def test_the_ground_lies_in_front_wherever_its_origin_does(ahead_m):
    pose = Pose.looking_at((0.0, ahead_m), 60.0, 0.0, math.radians(40))
    ground, _ = seen(pose)
    matrix = Pinhole(LENS, pose).homography
    for sign in (1, -1):
        rotation, centre = pose_of_plane(sign * matrix, LENS, ground)
        assert np.allclose(rotation, pose.rotation, atol=1e-6)
        assert np.allclose(centre, pose.centre_m, atol=1e-4)


def test_looking_down_the_heading_is_that_of_the_upper_edge():
    pose = Pose.looking_at((0.0, 0.0), 60.0, math.radians(75), math.radians(1.0))
    off_up, off_axis = [], []
    for seed in range(8):
        ground, pixels = seen(pose, 60, seed, noise_px=2.0)
        found = fitted(pose.rotation, pose.centre_m, LENS, ground, pixels, camera=Camera())
        assert found is not None
        for rad, off in ((found.heading_rad, off_up), (found.pose.heading_rad, off_axis)):
            off.append(abs((math.degrees(rad) - 75 + 180) % 360 - 180))
    assert max(off_up) < 0.5
    assert max(off_axis) > 5 * max(off_up)


def test_hundreds_of_matches_on_relief_count_as_few(monkeypatch):
    pose = Pose.looking_at((0.0, 0.0), 60.0, 0.7, math.radians(3))
    told = Camera(
        heading_deg=math.degrees(0.7), tilt_deg=3.0, roll_deg=0.0, tilt_sigma_deg=1.0,
        roll_sigma_deg=1.0, height_m=60.0,
    )  # fmt: skip

    def off_m(effective: float) -> float:
        monkeypatch.setattr(poses, "EFFECTIVE", effective)
        found = []
        for seed in range(6):
            phase = np.random.default_rng(seed).uniform(0, 6, 2)
            ground, pixels = seen(
                pose, 500, seed, relief=lambda at, p=phase: 4 * np.sin(at / 13 + p).sum(axis=1)
            )
            fit = fitted(pose.rotation, pose.centre_m, LENS, ground, pixels, camera=told)
            assert fit is not None
            found.append(float(np.linalg.norm(fit.pose.centre_m[:2] - pose.centre_m[:2])))
        return float(np.median(found))

    few, all_of_them = off_m(8.0), off_m(1e9)
    assert few < 0.5 * all_of_them


def test_the_gates_are_those_that_kept_wrong_places_out():
    assert (HEIGHT_FACTOR, MOST_ROLL_DEG, MOST_TILT_DEG) == (1.67, 25.0, 65.0)


def test_channels_are_what_opencv_can_match():
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    found = channels_of(image, np.ones((64, 64), bool))
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    cv2.matchTemplate(found[:, :, :4].copy(), found[8:24, 8:24, :4].copy(), cv2.TM_CCORR)


def test_of_an_oblique_photo_nothing_beyond_the_horizon_is_drawn():
    pose = Pose.looking_at((0.0, 0.0), 30.0, 0.0, math.radians(75))
    photo = np.full((480, 640, 3), 200, np.uint8)
    camera = Pinhole(LENS, pose)
    _, mask = drawn(photo, camera.homography, np.array([0.0, -200.0]), 100.0, 64)
    assert not mask.any()
    _, mask = drawn(photo, camera.homography, np.zeros(2), 40.0, 64)
    assert mask[32, 32]


def test_a_window_is_twice_the_tile_and_more_where_the_photo_shows_more(site):
    tile = site.tile((0, 0))
    assert window_side_m(tile, Camera()) == 2 * tile.side_m
    told = Camera(height_m=150.0, fov_deg=70.0, tilt_deg=0.0)
    shown_m = 2 * 150 * math.tan(math.radians(35))
    assert window_side_m(tile, told) >= 1.6 * shown_m
    fine = Window.of_tile(site.tile((0, 0), 240.0), 400.0)
    assert max(fine.image.shape) <= MOST_PX
    (middle,) = projected(fine.to_pixels, np.zeros((1, 2)))
    assert np.allclose(middle, np.array(fine.image.shape[1::-1]) / 2, atol=1.0)


def test_an_area_without_data_is_no_edge():
    image = np.full((120, 120, 3), 90, np.uint8)
    image[:50] = 0
    image[100:103, 60:62] = 0
    found = has_data(image)
    assert not found[:50].any()
    # A few black pixels are a shadow.
    assert found[50:].all()


def test_patches_that_overlap_do_not_count_twice(site, monkeypatch):
    pose = Pose.looking_at((11.0, -7.0), 50.0, 1.3, 0.1)
    photo = site.photo(pose)
    told = Camera(heading_deg=75, tilt_deg=6, height_m=50, fov_deg=70)
    window = Window.of_tile(site.tile((0, 0)), 160.0)
    lens = Lens.of_fov(480, 360, math.radians(70))

    def score(grid: int) -> float:
        monkeypatch.setattr(patches, "GRID", grid)
        found = patches.fitted_patches(photo, window, Pinhole(lens, pose), told)
        assert found is not None
        return found.score

    # Eight times as many patches, were each counted, would score 2.9 times as much.
    assert score(40) < 1.7 * score(14)
