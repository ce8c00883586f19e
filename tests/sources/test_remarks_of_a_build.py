"""What a build says of its source, and that settings of reading are checked when it goes on."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from georet.errors import UsageError
from georet.gallery.making.build import build_gallery
from georet.gallery.stored import StoredGallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet.tiles.remarks import one_colour_remark, remarks_of
from georet.tiles.tiling import Tiling


def filled(path):
    """Write a raster whose western half has the value 45."""
    form = {"driver": "GTiff", "count": 3, "height": 100, "width": 200, "dtype": "uint8"}
    image = np.random.default_rng(0).integers(0, 255, (3, 100, 200), dtype=np.uint8)
    image[:, :, :100] = 45
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_200_000, 5, 5)}
    with rasterio.open(path, "w", **form, **place, photometric="RGB") as raster:
        raster.write(image)
    return path


def test_a_build_tells_the_remarks_of_its_source(tmp_path):
    said = []
    tiling = Tiling(side_m=(100.0,))
    build_gallery(
        filled(tmp_path / "a.tif"), PixelSpec(), tmp_path / "g", tiling=tiling, say=said.append
    )
    told = [line for line in said if line.startswith("warning: ")]
    assert "--nodata 45" in told[0]
    assert "one and the same colour" in told[1]


@pytest.mark.parametrize("changed", [{}, {"nodata": 46.0}, {"nodata": 45.0, "bands": (3, 2, 1)}])
def test_settings_of_reading_are_recorded_and_checked(tmp_path, changed):
    path, out = filled(tmp_path / "a.tif"), tmp_path / "g"
    build_gallery(path, PixelSpec(), out, tiling=Tiling(side_m=(100.0,), nodata=45.0))
    settings = StoredGallery.open(out).manifest["settings"]
    assert settings["source"]["tiling"]["nodata"] == 45.0
    with pytest.raises(UsageError, match=r"source\.tiling\.(nodata|bands)"):
        build_gallery(path, PixelSpec(), out, tiling=Tiling(side_m=(100.0,), **changed))


def test_sources_that_say_nothing_are_no_error():
    assert remarks_of(DrawnTiles(num=20)) == []
    assert one_colour_remark([], "drawn") is None
