import numpy as np
import pytest

from georet.gallery.pictures.projective import ImageMaps
from georet.geodesy import EARTH_RADIUS_M, destination
from georet.ground.wgs84 import mercator_y
from georet.tiles.table import TileTable


def nadir_tile(latlon, side_m):
    """Return a tile that is square in the plane touching the Earth, and points with their x, y."""
    xy = np.array([(0.0, 0.0), (1, 0), (1, 1), (0, 1), (0.5, 0.5), (0.2, 0.7), (0.9, 0.4)])
    east, north = (xy[:, 0] - 0.5) * side_m, (0.5 - xy[:, 1]) * side_m
    far = EARTH_RADIUS_M * np.arctan(np.hypot(east, north) / EARTH_RADIUS_M)
    points = destination(latlon, np.arctan2(east, north), far)
    points[:, 1] = latlon[1] + (points[:, 1] - latlon[1] + 180) % 360 - 180
    return TileTable(["t"], np.array([latlon]), points[None, :4], np.array([side_m])), points, xy


def mercator_tile(west, east, south, north):
    """Return a tile cut from a Mercator map, and points with their x, y."""
    xy = np.array([(0.0, 0.0), (1, 0), (1, 1), (0, 1), (0.5, 0.5), (0.25, 0.8)])
    low, high = mercator_y(np.radians(np.array([south, north])))
    y = high - xy[:, 1] * (high - low)
    points = np.stack([np.degrees(np.arctan(np.sinh(y))), west + xy[:, 0] * (east - west)], axis=1)
    table = TileTable(["t"], points[4:5], points[None, :4], np.array([1e5]))
    return table, points, xy


@pytest.mark.parametrize("latlon", [(0.0, 0.0), (68.0, 179.5), (-56.0, -179.9), (89.0, 30.0)])
@pytest.mark.parametrize("side_m", [100.0, 420_000.0])
def test_a_tile_seen_from_above_is_mapped_exactly(latlon, side_m):
    table, points, xy = nadir_tile(latlon, side_m)
    rows = np.zeros(len(points), np.int64)
    found = ImageMaps(table).image_xy(rows, np.radians(points))
    assert found == pytest.approx(xy, abs=1e-5)


@pytest.mark.parametrize("east", [10.0, 190.0])
def test_a_tile_cut_from_a_mercator_map_is_mapped_exactly(east):
    table, points, xy = mercator_tile(east - 20, east, 40.0, 60.0)
    rows = np.zeros(len(points), np.int64)
    assert ImageMaps(table).image_xy(rows, np.radians(points)) == pytest.approx(xy, abs=1e-9)


def test_longitudes_a_turn_away_are_the_same_place():
    table, points, xy = mercator_tile(175.0, 185.0, -10.0, 5.0)
    moved = points - [0, 360]
    rows = np.zeros(len(points), np.int64)
    assert ImageMaps(table).image_xy(rows, np.radians(moved)) == pytest.approx(xy, abs=1e-9)


def test_the_far_side_of_the_earth_is_in_no_image():
    table, _, _ = nadir_tile((10.0, 20.0), 400_000.0)
    far = ImageMaps(table).image_xy(np.zeros(1, np.int64), np.radians([[-10.0, -160.0]]))
    assert np.isnan(far).all()


def test_a_footprint_without_area_shows_nothing():
    flat = TileTable(["t"], np.zeros((1, 2)), np.zeros((1, 4, 2)), np.ones(1))
    assert np.isnan(ImageMaps(flat).image_xy(np.zeros(1, np.int64), np.zeros((1, 2)))).all()
