from __future__ import annotations

import numpy as np
import pytest

from georet.geodesy import EARTH_RADIUS_M, destination, distance_m, unit_vectors
from georet.types import Doubles
from georet_orbitview.camera import (
    ALTITUDE_M,
    JITTER_M,
    SWATH,
    TILE_SIDE_M,
    TILT_RAD,
    Views,
    draw_views,
    photo_ground,
    tile_ground,
)

PLACES = np.array([[0.0, 0.0], [67.9, 179.95], [-55.9, -179.99], [40.0, 100.0], [-23.0, -60.0]])


def latlon_of(ground, lon: float) -> Doubles:
    """Ground pixels as float64[px, px, 2] in degrees."""
    lat, lon_rad = np.float64(ground.lat_rad), np.float64(ground.lon_rad)
    return np.stack([np.degrees(lat), np.degrees(lon_rad) + lon], axis=-1)


def test_the_middle_of_a_photo_shows_its_target_at_the_drawn_tilt() -> None:
    views = draw_views(PLACES, "hard", np.random.default_rng(0))
    for row, target in enumerate(views.target_latlon):
        ground = photo_ground(views, row, 31)
        assert distance_m(latlon_of(ground, target[1])[15, 15], target) < 10
        assert np.arccos(ground.cos_incidence[15, 15]) == pytest.approx(
            views.tilt_rad[row], abs=1e-4
        )


def test_ground_projects_back_to_the_pixel_grid_of_a_pinhole_at_the_drawn_altitude() -> None:
    views = draw_views(PLACES, "hard", np.random.default_rng(1))
    for row, target in enumerate(views.target_latlon):
        points = unit_vectors(latlon_of(photo_ground(views, row, 9), target[1]).reshape(-1, 2))
        camera, axes, half = pinhole(views, row)
        right, up, forward = ((points - camera) @ axis for axis in axes)
        centres = (2 * np.arange(9) + 1) / 9 - 1
        x, y = np.meshgrid(centres * half, -centres * half)
        np.testing.assert_allclose(right / forward, x.ravel(), atol=2e-5)
        np.testing.assert_allclose(up / forward, y.ravel(), atol=2e-5)


def pinhole(views: Views, row: int) -> tuple[Doubles, list[Doubles], float]:
    """Camera, axes and half width of its image, built from geodesics instead of local frames."""
    target = views.target_latlon[row]
    height = views.altitude_m[row] / EARTH_RADIUS_M
    # Triangle of Earth's centre, target and camera: the law of sines gives the angle at the camera.
    at_camera = np.arcsin(np.sin(views.tilt_rad[row]) / (1 + height))
    arc_m = (views.tilt_rad[row] - at_camera) * EARTH_RADIUS_M
    below = destination(target, views.heading_rad[row] + np.pi, arc_m)
    camera = unit_vectors(below[None])[0] * (1 + height)
    aim = unit_vectors(target[None])[0]
    distance = np.linalg.norm(aim - camera)
    forward = (aim - camera) / distance
    right = np.cross(forward, aim)
    right /= np.linalg.norm(right)
    half = views.swath_m[row] / EARTH_RADIUS_M / 2 / distance
    return camera, [right, np.cross(right, forward), forward], float(half)


def test_the_top_of_a_photo_lies_in_the_direction_of_its_heading() -> None:
    views = draw_views(PLACES, "normal", np.random.default_rng(2))
    for row, target in enumerate(views.target_latlon):
        above = latlon_of(photo_ground(views, row, 31), target[1])[14, 15]
        ahead = destination(target, views.heading_rad[row], distance_m(above, target))
        assert distance_m(above, ahead) < 50


@pytest.mark.parametrize("altitude_m", ALTITUDE_M)
@pytest.mark.parametrize("tilt_rad", TILT_RAD)
def test_every_ray_of_the_widest_photo_meets_the_earth(altitude_m: float, tilt_rad: float) -> None:
    widest = np.array([SWATH[1] * TILE_SIDE_M])
    views = Views(
        np.zeros((1, 2)), np.array([altitude_m]), np.array([tilt_rad]), np.zeros(1), widest
    )
    assert photo_ground(views, 0, 64).cos_incidence.min() > 0.05


@pytest.mark.parametrize("lat", [-55.9, 0.0, 67.9])
def test_a_tiles_corners_lie_half_a_diagonal_from_its_centre(lat: float) -> None:
    px = 96
    ground = latlon_of(tile_ground(float(np.radians(lat)), px), 179.0)
    half_diagonal = TILE_SIDE_M / np.sqrt(2) * (1 - 1 / px)
    arc_m = np.arctan(half_diagonal / EARTH_RADIUS_M) * EARTH_RADIUS_M
    for corner, quarter in ((ground[0, -1], 1), (ground[-1, -1], 3), (ground[-1, 0], 5)):
        wanted = destination([lat, 179.0], quarter * np.pi / 4, arc_m)
        assert distance_m(corner, wanted) < 10


def test_a_tile_is_north_up() -> None:
    ground = tile_ground(0.5, 8)
    assert np.all(np.diff(ground.lat_rad, axis=0) < 0)
    assert np.all(np.diff(ground.lon_rad, axis=1) > 0)


def test_targets_are_spread_evenly_over_the_disc_round_a_place() -> None:
    places = np.repeat(PLACES[1:2], 4000, axis=0)
    views = draw_views(places, "normal", np.random.default_rng(3))
    distance = distance_m(places, views.target_latlon)
    assert distance.max() <= JITTER_M * 1.000001
    assert np.mean(distance < JITTER_M / np.sqrt(2)) == pytest.approx(0.5, abs=0.03)
