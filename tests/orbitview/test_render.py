from __future__ import annotations

import numpy as np
import pytest

from georet.geodesy import distance_m
from georet.types import Doubles, Floats, Pixels
from georet_orbitview.camera import draw_views, photo_ground
from georet_orbitview.render import ground_colours, render_photo, render_tile
from georet_orbitview.weather import photographed

HEIGHT = 900
WORLD_PX_M = 20_015_000 / HEIGHT


def coordinate_map() -> Floats:
    """A map whose three channels are latitude, and cosine and sine of longitude."""
    lat = 90 - (np.arange(HEIGHT) + 0.5) * 180 / HEIGHT
    lon = np.radians((np.arange(2 * HEIGHT) + 0.5) * 180 / HEIGHT - 180)
    grid = np.broadcast_arrays(lat[:, None], np.cos(lon)[None], np.sin(lon)[None])
    return np.stack(grid, axis=2).astype(np.float32)


def read_latlon(colours: Floats) -> Doubles:
    lat, cosine, sine = np.moveaxis(np.float64(colours), -1, 0)
    return np.stack([lat, np.degrees(np.arctan2(sine, cosine))], axis=-1)


def noise_map() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (360, 720, 3), dtype=np.uint8)


@pytest.mark.parametrize("latlon", [(0, 0), (67.9, 179.9), (-55.9, -179.9), (35, 139), (60, -100)])
def test_a_tile_shows_the_coordinates_that_it_should(latlon: tuple[float, float]) -> None:
    px = 32
    shown = read_latlon(render_tile(coordinate_map(), np.array(latlon, float), px))
    middle = shown[px // 2 - 1 : px // 2 + 1, px // 2 - 1 : px // 2 + 1]
    assert distance_m(middle, latlon).max() < 420_000 / px
    corner_m = distance_m(shown[[0, 0, -1, -1], [0, -1, -1, 0]], latlon)
    np.testing.assert_allclose(corner_m, 287_600, atol=WORLD_PX_M / 4)


@pytest.mark.parametrize("place", [(0, 0), (67.9, 179.9), (-55.9, -179.9), (35, 139)])
def test_the_middle_of_a_photo_shows_its_targets_coordinates(place: tuple[float, float]) -> None:
    views = draw_views(np.array([place], float), "hard", np.random.default_rng(4))
    ground = photo_ground(views, 0, 33)
    colours = ground_colours(coordinate_map(), ground, float(views.target_latlon[0, 1]))
    assert distance_m(read_latlon(colours)[16, 16], views.target_latlon[0]) < WORLD_PX_M / 10


@pytest.mark.parametrize("lat", [-55.0, 3.0, 67.0])
def test_a_tile_on_the_date_line_has_no_seam(lat: float) -> None:
    world = noise_map()
    elsewhere = np.roll(world, 360, axis=1)
    across = render_tile(world, np.array([lat, 180.0]), 48)
    inland = render_tile(elsewhere, np.array([lat, 0.0]), 48)
    assert np.abs(across.astype(int) - inland).max() <= 2


def test_tiles_on_either_side_of_the_date_line_agree() -> None:
    world = noise_map()
    east = render_tile(world, np.array([20.0, -180.0]), 48)
    west = render_tile(world, np.array([20.0, 180.0]), 48)
    assert np.abs(east.astype(int) - west).max() <= 2


def test_a_photo_across_the_date_line_has_no_seam() -> None:
    world = noise_map()
    views = draw_views(np.array([[60.0, 180.0], [60.0, 0.0]]), "normal", np.random.default_rng(5))
    views.target_latlon[:] = [[60.0, 180.0], [60.0, 0.0]]
    for values in (views.tilt_rad, views.heading_rad, views.altitude_m, views.swath_m):
        values[1] = values[0]
    across = render_photo(world, views, 0, 48, np.random.default_rng(6))
    elsewhere = np.roll(world, 360, axis=1)
    inland = render_photo(elsewhere, views, 1, 48, np.random.default_rng(6))
    assert np.abs(across.astype(int) - inland).mean() < 0.5


def test_neighbouring_tiles_show_the_same_ground_where_they_overlap() -> None:
    world = coordinate_map()
    left = read_latlon(render_tile(world, np.array([0.0, 179.0]), 42))
    right = read_latlon(render_tile(world, np.array([0.0, -180.0]), 42))
    shift = round(np.radians(1) * 6_371_009 / 10_000)
    assert distance_m(left[:, shift:], right[:, :-shift]).max() < 8_000


def test_the_same_generator_gives_the_same_photo() -> None:
    ground, straight = np.full((32, 32, 3), 90, np.uint8), np.ones((32, 32), np.float32)
    first, again, other = (
        photographed(ground, straight, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_weather_tints_a_grey_world_only_a_little() -> None:
    ground, straight = np.full((32, 32, 3), 120, np.uint8), np.ones((32, 32), np.float32)
    for seed in range(60):
        photo = photographed(ground, straight, np.random.default_rng(seed))
        red, green, blue = photo.reshape(-1, 3).mean(axis=0)
        assert abs(red - blue) / green < 0.25
        # Pink and green are what no haze or lamp does to a landscape.
        assert abs((red + blue) / 2 - green) / green < 0.06


def test_a_bright_desert_is_not_blown_out() -> None:
    rng = np.random.default_rng(7)
    desert = (np.array([235, 205, 160]) + rng.normal(0, 8, (32, 32, 1))).clip(0, 255)
    straight = np.ones((32, 32), np.float32)
    for seed in range(60):
        photo = photographed(desert.astype(np.uint8), straight, np.random.default_rng(seed))
        assert np.mean(photo >= 252) < 0.02


def test_oblique_ground_is_hazier() -> None:
    rng = np.random.default_rng(8)
    ground = rng.integers(20, 200, (64, 64, 1), dtype=np.uint8).repeat(3, axis=2)
    cosine = np.ones((64, 64), np.float32)
    cosine[:32] = 0.2
    contrast = [0.0, 0.0]
    for seed in range(20):
        photo = photographed(ground, cosine, np.random.default_rng(seed)).astype(float)
        contrast[0] += photo[:32].std()
        contrast[1] += photo[32:].std()
    assert contrast[0] < 0.85 * contrast[1]
