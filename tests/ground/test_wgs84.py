import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from georet.ground.wgs84 import (
    HALF_WORLD_M,
    MAX_LATITUDE_LATLON,
    continued,
    latlon_of_mercator,
    latlon_under,
    mean_side_m,
    mercator_m,
    metres_a_pixel,
    span_m,
    square_corners,
    surface_points,
    tile_bounds_m,
    wrapped,
)

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
mercator_latitudes = st.floats(-85, 85)


@given(latitudes, longitudes)
def test_positions_come_back_from_space(lat, lon):
    back = latlon_under(surface_points([lat, lon]))
    assert span_m([lat, lon], back) < 1e-3


@given(mercator_latitudes, st.floats(-540, 540))
def test_positions_come_back_from_web_mercator(lat, lon):
    assert latlon_of_mercator(mercator_m([lat, lon])) == pytest.approx([lat, lon], abs=1e-9)


def test_web_mercator_agrees_with_proj():
    from rasterio.warp import transform

    rng = np.random.default_rng(0)
    latlon = np.stack([rng.uniform(-85, 85, 200), rng.uniform(-179.9, 179.9, 200)], axis=-1)
    x, y = transform("EPSG:4326", "EPSG:3857", latlon[:, 1], latlon[:, 0])
    assert np.abs(mercator_m(latlon) - np.stack([x, y], axis=-1)).max() < 1e-6


def test_web_mercator_ends_where_the_map_is_square():
    assert mercator_m([MAX_LATITUDE_LATLON, 180]) == pytest.approx([HALF_WORLD_M, HALF_WORLD_M])
    assert mercator_m([90, 0])[1] == pytest.approx(HALF_WORLD_M)


def test_tiles_have_the_bounds_that_morecantile_gives():
    import morecantile

    grid = morecantile.tms.get("WebMercatorQuad")
    rng = np.random.default_rng(1)
    for zoom in (0, 1, 7, 18):
        xy = rng.integers(0, 2**zoom, (20, 2))
        for (x, y), bounds in zip(xy.tolist(), tile_bounds_m(zoom, xy), strict=True):
            assert bounds == pytest.approx(list(grid.xy_bounds(x, y, zoom)), abs=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "wanted_m"),
    [
        ((0, 0), (0, 1), 111_319.491),
        ((0, 0), (1, 0), 110_574.389),
        ((89, 0), (90, 0), 111_693.865),
    ],
)
def test_short_distances_are_those_of_the_ellipsoid(a, b, wanted_m):
    assert float(span_m(a, b)) == pytest.approx(wanted_m, rel=2e-4)


@given(st.floats(-45, 45), longitudes, st.floats(-45, 45), st.floats(-60, 60))
def test_distances_are_near_those_on_the_sphere(lat_a, lon_a, lat_b, east):
    from georet.geodesy import distance_m

    a, b = (lat_a, lon_a), (lat_b, lon_a + east)
    assert float(span_m(a, b)) == pytest.approx(float(distance_m(a, b)), rel=0.008, abs=0.01)


@given(latitudes, longitudes, st.floats(1, 500_000))
def test_squares_have_their_side_anywhere_also_at_poles(lat, lon, side_m):
    centre = np.array([[lat, lon]])
    corners = square_corners(centre, np.array([side_m]))
    assert np.isfinite(corners).all()
    sides = span_m(corners, np.roll(corners, -1, axis=1))[0]
    assert sides == pytest.approx([side_m] * 4, rel=3e-3)
    assert mean_side_m(corners) == pytest.approx([side_m], rel=3e-3)
    diagonals = span_m(corners[0, [0, 1]], corners[0, [2, 3]])
    assert diagonals == pytest.approx([side_m * 2**0.5] * 2, rel=3e-3)


def test_squares_are_in_one_piece_over_the_antimeridian():
    corners = square_corners(np.array([[-17.0, 179.99]]), np.array([10_000.0]))[0]
    assert corners[1, 1] > 180 > corners[0, 1] > 179
    assert corners[0, 0] > corners[3, 0]


@given(st.floats(-1000, 1000))
def test_wrapped_longitudes_are_the_same_place(longitude):
    found = float(wrapped(longitude))
    assert -180 <= found <= 180
    assert np.cos(np.radians(found - longitude)) == pytest.approx(1)


@given(st.floats(-180, 180), st.floats(-720, 720))
def test_continued_longitudes_are_near_their_origin(origin, longitude):
    found = continued(np.array([0.0, origin]), np.array([1.0, longitude]))
    assert abs(found[1] - origin) <= 180 + 1e-9
    assert np.cos(np.radians(found[1] - longitude)) == pytest.approx(1)


def test_a_pixel_of_zoom_20_in_new_york_covers_what_vigor_says():
    # 0.113248 m: the value that VIGOR's users take for New York, at 40.7 N.
    assert float(metres_a_pixel(40.67, 20)) == pytest.approx(0.113248, rel=1e-3)
