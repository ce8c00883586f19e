"""Rays that meet ground that is not flat."""

from __future__ import annotations

import math

import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.cameras.relief import HeightGrid, first_met

LENS = Lens(640, 480, 500.0)
LEVEL = HeightGrid.north_up(np.full((10, 10), 30.0), 20.0, (-100.0, 100.0))


def test_a_level_relief_is_a_plane_at_its_height():
    camera = Pinhole(LENS, Pose(0, 0, 130, 0.4, math.radians(30), 0.1))
    pixels = np.random.default_rng(0).uniform([0, 0], [640, 480], (100, 2))
    lower = Pinhole(LENS, Pose(0, 0, 100, 0.4, math.radians(30), 0.1))
    found = camera.ground(pixels, LEVEL)
    assert np.allclose(found[:, :2], lower.ground(pixels)[:, :2], atol=1e-6)
    assert np.allclose(found[:, 2], 30)


def test_heights_are_bilinear_between_cell_centres():
    grid = HeightGrid.north_up(np.array([[0.0, 10.0], [20.0, 30.0]]), 2.0, (0.0, 4.0))
    points = np.array([[1, 3], [3, 3], [1, 1], [2, 2], [-50, 99]], np.float64)
    assert grid.heights(points).tolist() == [0, 10, 20, 15, 0]


def ramp() -> HeightGrid:
    """Ground that rises northward by half a metre a metre."""
    rows = np.arange(100)[::-1] + 0.5
    return HeightGrid.north_up(np.tile(rows[:, None] * 0.5, (1, 4)), 1.0, (-2.0, 100.0))


def test_a_ray_meets_a_ramp_where_the_lines_cross():
    # z = 100 - s, y = s at 45 degrees; the ramp z = y / 2: s = 200 / 3.
    centre, ray = np.array([0, 0, 100.0]), np.array([[0, 1.0, -1.0]])
    assert first_met(centre, ray, ramp())[0] == pytest.approx([0, 200 / 3, 100 / 3], abs=1e-4)


def test_the_first_hill_hides_what_is_behind_it():
    grid = np.zeros((200, 4), np.float32)
    grid[120:130] = 40  # rows from the north: a wall 70 to 80 m north of the south rim
    wall = HeightGrid.north_up(grid, 1.0, (-2.0, 200.0))
    centre, ray = np.array([0, 0, 50.0]), np.array([[0, 1.0, -0.4]])
    met = first_met(centre, ray, wall)[0]
    assert met[1] == pytest.approx(70, abs=0.6)
    assert 0 < met[2] < 40


def test_rays_into_the_sky_meet_nothing():
    rays = np.array([[0, 1.0, 0.0], [0, 1.0, 0.2]])
    assert np.isnan(first_met(np.array([0, 0, 50.0]), rays, LEVEL)).all()


def test_a_camera_below_the_hilltops_still_sees():
    camera = Pinhole(LENS, Pose(0, 10, 20))
    found = camera.ground(np.array([[320.0, 240.0]]), ramp())[0]
    assert found == pytest.approx([0, 10, 5], abs=1e-3)


def test_projection_of_what_a_ray_met_is_the_rays_pixel():
    camera = Pinhole(LENS, Pose(0, 40, 90, 0.3, 0.4, 0.05))
    pixels = np.random.default_rng(3).uniform([200, 150], [440, 330], (50, 2))
    assert np.allclose(camera.pixels(camera.ground(pixels, ramp())), pixels, atol=1e-3)


def test_a_shrunk_grid_lies_where_the_fine_one_does():
    fine = ramp()
    coarse = fine.shrunk(2)
    points = np.array([[0.0, 20.0], [0.5, 55.3]])
    assert np.allclose(coarse.heights(points), fine.heights(points), atol=1e-5)
