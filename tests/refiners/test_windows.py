"""Pieces of the map that refiners look at: where their pixels lie on the ground."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from georet.contracts.refining import Patch
from georet.ground.tangent import Tangent
from georet.refiners.windows import Window, inverse, projected
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

NORTH_WEST = (60.0, 10.0)
DEGREES = (0.00027, 0.00054)
"""About 30 metres at 60 degrees north."""


@pytest.fixture(scope="module")
def wide_map(tmp_path_factory):
    """Return tiles of 6 km, of a map in degrees."""
    path = tmp_path_factory.mktemp("map") / "degrees.tif"
    pixels = np.random.default_rng(0).integers(1, 255, (3, 700, 800), dtype=np.uint8)
    corner = from_origin(NORTH_WEST[1], NORTH_WEST[0], DEGREES[1], DEGREES[0])
    size = {"height": 700, "width": 800, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:4326", transform=corner, **size) as out:
        out.write(pixels)
    return open_source(path, Tiling(side_m=(6000.0,)))


def test_pixels_of_a_wide_piece_of_a_map_lie_where_the_map_says(wide_map):
    table = wide_map.tiles()
    row = int(np.linalg.norm(table.latlon - table.latlon.mean(axis=0), axis=1).argmin())
    patch = Patch.of(*wide_map.read_around(row, 20_000))
    window = Window.of_patch(patch, Tangent(*table.latlon[row]))
    height, width = window.image.shape[:2]
    shares = np.random.default_rng(1).random((50, 2))
    top_left, bottom_right = patch.corners_latlon[0], patch.corners_latlon[2]
    # In a map in degrees, latitude and longitude run evenly.
    truth = window.tangent.metres(top_left + shares[:, ::-1] * (bottom_right - top_left))
    pixels = shares * [width, height]
    assert np.abs(window.ground_of(pixels) - truth).max() < 0.01
    plane = projected(inverse(window.to_pixels), pixels)
    assert np.abs(plane - truth).max() > 5, "the test's map must be wide enough to tell"
    np.testing.assert_allclose(window.exact(plane), truth, atol=0.01)


def test_a_piece_with_corners_alone_is_taken_for_a_plane(wide_map):
    table = wide_map.tiles()
    patch = Patch(wide_map.read(0), table.corners_latlon[0])
    window = Window.of_patch(patch, Tangent(*table.latlon[0]))
    found = window.ground_of(np.array([[0.0, 0.0]]))
    np.testing.assert_allclose(found, window.tangent.metres(table.corners_latlon[0, :1]), atol=0.01)
    np.testing.assert_array_equal(window.exact(found), found)
