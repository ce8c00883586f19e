"""Cameras over the ground, against cases worked out by hand."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose

QUARTER = math.pi / 2
LENS = Lens(640, 480, 500.0)


def shown(camera: Pinhole, *points) -> list[list[float]]:
    return camera.pixels(np.array(points, np.float64)).round(9).tolist()


def test_a_camera_straight_above_shows_north_up_and_east_right():
    camera = Pinhole(LENS, Pose(10, 20, 100))
    # 500 px focal length at 100 m: 5 pixels a metre.
    assert shown(camera, (10, 20), (20, 20), (10, 40)) == [[320, 240], [370, 240], [320, 140]]


def test_a_heading_of_east_turns_east_up():
    camera = Pinhole(LENS, Pose(0, 0, 100, heading_rad=QUARTER))
    assert shown(camera, (20, 0), (0, -10)) == [[320, 140], [370, 240]]


def test_tilt_looks_ahead_by_the_height_times_its_tangent():
    pose = Pose(0, 0, 100, heading_rad=0, tilt_rad=math.radians(45))
    camera = Pinhole(LENS, pose)
    assert camera.looked_at.round(9).tolist() == [0, 100]
    assert shown(camera, (0, 100)) == [[320, 240]]
    # Straight below the camera, 45 degrees off the axis: f tan 45 = 500 below the middle.
    assert shown(camera, (0, 0)) == [[320, 740]]
    again = Pose.looking_at((0, 100), 100, 0, math.radians(45))
    assert np.allclose(again.centre_m, pose.centre_m)


def test_roll_lowers_the_cameras_right_so_that_the_picture_turns_the_other_way():
    camera = Pinhole(LENS, Pose(0, 0, 100, roll_rad=QUARTER))
    # The camera's right now points to where its lower edge was: south.
    assert shown(camera, (0, -10), (10, 0)) == [[370, 240], [320, 190]]
    assert camera.pose.up_heading_rad == pytest.approx(QUARTER)


def test_a_building_leans_away_from_the_point_below_the_camera():
    camera = Pinhole(LENS, Pose(0, 0, 100))
    # Foot at 20 m east: 100 px. Roof 50 m up is twice as near: 200 px.
    assert shown(camera, (20, 0, 0), (20, 0, 50)) == [[420, 240], [520, 240]]


def test_what_is_behind_the_camera_or_above_the_horizon_is_nowhere():
    camera = Pinhole(LENS, Pose(0, 0, 100, tilt_rad=math.radians(80)))
    assert np.isnan(camera.pixels(np.array([[0.0, -1000.0]]))).all()
    # The horizon lies 10 degrees above the axis: 500 tan 10 = 88 pixels above the middle.
    horizon = 240 - 500 * math.tan(math.radians(10))
    found = camera.ground(np.array([[320, horizon - 1], [320, horizon + 1]]))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def poses() -> list[Pose]:
    rng = np.random.default_rng(0)
    low, high = [-50, -50, 5, -3.1, 0.01, -3.1], [50, 50, 200, 3.1, 1.3, 3.1]
    return [Pose(*row) for row in rng.uniform(low, high, (200, 6)).tolist()]


def test_rotations_are_proper_and_give_their_angles_back():
    for pose in poses():
        rotation = pose.rotation
        assert np.allclose(rotation @ rotation.T, np.eye(3))
        assert np.linalg.det(rotation) == pytest.approx(1)
        again = Pose.of_rotation(rotation, pose.centre_m)
        assert np.allclose(again.rotation, rotation)
        assert again.heading_rad == pytest.approx(pose.heading_rad, abs=1e-9)
        assert again.tilt_rad == pytest.approx(pose.tilt_rad, abs=1e-9)
        assert again.roll_rad == pytest.approx(pose.roll_rad, abs=1e-9)


def test_straight_down_heading_and_roll_become_one_heading():
    again = Pose.of_rotation(Pose(0, 0, 10, 0.3, 0.0, 0.2).rotation, np.array([0, 0, 10.0]))
    assert (again.roll_rad, again.heading_rad) == pytest.approx((0.0, 0.5))


def test_homography_and_rays_agree_with_the_projection():
    pixels = np.random.default_rng(1).uniform([0, 0], [640, 480], (50, 2))
    for pose in poses():
        camera = Pinhole(LENS, pose)
        ground = camera.ground(pixels)
        there = np.isfinite(ground).all(axis=1)
        assert np.allclose(camera.pixels(ground[there]), pixels[there], atol=1e-5)
        flat = np.column_stack([ground[there, :2], np.ones(there.sum())]) @ camera.homography.T
        assert (flat[:, 2] > 0).all()
        assert np.allclose(flat[:, :2] / flat[:, 2:], pixels[there], atol=1e-5)


def test_the_ground_of_a_pixel_is_what_its_four_corners_enclose():
    centre = np.array([[100.5, 400.5]])
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * 0.01
    for tilt in (0.0, 0.4, 0.9):
        camera = Pinhole(LENS, Pose(3, 4, 80, 0.7, tilt, 0.1))
        x, y = camera.ground(centre + square)[:, :2].T
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2 * 1e4
        assert camera.ground_px_m(centre)[0] == pytest.approx(math.sqrt(area), rel=1e-4)


BENT = Lens(640, 480, 500.0, (330.0, 235.0), (-0.21, 0.05, 0.001, -0.002, 0.01))


def test_bending_is_opencvs_and_goes_back():
    pixels = np.random.default_rng(2).uniform([0, 0], [640, 480], (400, 2))
    directions = BENT.directions(pixels)
    assert np.allclose(BENT.pixels(directions), pixels, atol=1e-6)
    none = np.zeros(3)
    theirs, _ = cv2.projectPoints(directions, none, none, BENT.matrix, np.array(BENT.distortion))
    assert np.allclose(theirs[:, 0], BENT.pixels(directions), atol=1e-9)


def test_barrel_distortion_draws_corners_inward():
    plain, bent = Lens(640, 480, 500.0), Lens(640, 480, 500.0, distortion=(-0.2,))
    direction = np.array([[0.5, 0.0, 1.0]])
    # 500 * 0.5 * (1 - 0.2 * 0.25) = 237.5 pixels from the middle instead of 250.
    assert plain.pixels(direction)[0, 0] == pytest.approx(570)
    assert bent.pixels(direction)[0, 0] == pytest.approx(557.5)


def test_beyond_the_angle_where_the_polynomial_turns_back_nothing_is_shown():
    bent = Lens(640, 480, 500.0, distortion=(-0.2,))
    # 1 - 0.6 r^2 = 0 at r = 1.29.
    assert np.isfinite(bent.pixels(np.array([[1.28, 0, 1.0]]))).all()
    assert np.isnan(bent.pixels(np.array([[1.30, 0, 1.0]]))).all()


def test_a_shrunk_photo_shows_the_same_directions():
    half = BENT.scaled(320, 240)
    directions = BENT.directions(BENT.corners)
    assert np.allclose(half.pixels(directions) * 2, BENT.corners, atol=1e-6)
    with pytest.raises(ValueError, match="is not the shape"):
        BENT.scaled(320, 300)


def test_field_of_view_and_focal_length_are_two_words_for_one_thing():
    lens = Lens.of_fov(1000, 500, math.radians(90))
    assert lens.focal_px == pytest.approx(500)
    assert math.degrees(lens.fov_rad) == pytest.approx(90)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"focal_px": -1.0}, {"distortion": (0.0,) * 6}])
def test_what_is_no_lens_is_refused(wrong):
    with pytest.raises(ValueError):
        Lens(**{"width": 10, "height": 10, "focal_px": 5.0, **wrong})


def test_the_footprint_straight_down_is_the_photos_rectangle():
    outline = Pinhole(LENS, Pose(0, 0, 100)).footprint(reach_m=1e4, per_side=1)
    assert outline.round(9).tolist() == [[-64, 48], [64, 48], [64, -48], [-64, -48]]


def test_a_footprint_with_the_horizon_ends_at_the_reach():
    outline = Pinhole(LENS, Pose(0, 0, 100, tilt_rad=math.radians(85))).footprint(reach_m=2000)
    distance = np.linalg.norm(outline, axis=1)
    assert np.isfinite(outline).all()
    assert distance.max() == pytest.approx(2000)
    assert (outline[distance > 1999, 1] > 0).all()
