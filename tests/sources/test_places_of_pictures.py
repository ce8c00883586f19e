"""Where rasters and pictures lie that don't say so in the usual way."""

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.rpc import RPC
from rasterio.transform import from_origin

from georet.errors import DataError, UsageError
from georet.ground.wgs84 import span_m
from georet.sources.opening import open_source
from georet.tiles.remarks import remarks_of
from georet.tiles.tiling import Tiling

TOP_LEFT = (47.0, 8.0)


def picture(height=200, width=300):
    """Return an image that tells its columns by red and its rows by green."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = np.linspace(0, 255, width)
    image[:, :, 1] = np.linspace(0, 255, height)[:, None]
    image[:, :, 2] = 90
    return image


def write_picture(path, image=None):
    bgr = cv2.cvtColor(picture() if image is None else image, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), bgr)
    return path


def write_tif(path, **profile):
    samples = np.moveaxis(picture(), -1, 0)
    form = {"driver": "GTiff", "count": 3, "height": 200, "width": 300, "dtype": "uint8"}
    with rasterio.open(path, "w", **{**form, "photometric": "RGB", **profile}) as raster:
        raster.write(samples)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_picture_is_placed_by_its_corner_and_resolution(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path = write_tif(path) if suffix == ".tif" else write_picture(path)
    tiling = Tiling(side_m=(50.0,), origin_latlon=TOP_LEFT, resolution_m=0.5)
    source = open_source(path, tiling)
    table = source.tiles()
    assert len(table) == 6
    assert span_m(table.corners_latlon[0, 0], TOP_LEFT) < 0.01
    bottom_right = table.corners_latlon[-1, 2]
    assert span_m((bottom_right[0], TOP_LEFT[1]), TOP_LEFT) == pytest.approx(100, rel=0.002)
    assert span_m((TOP_LEFT[0], bottom_right[1]), TOP_LEFT) == pytest.approx(150, rel=0.002)
    assert table.side_m == pytest.approx(np.full(6, 50.0), rel=0.002)
    assert np.abs(source.read(0).astype(int) - picture()[:100, :100]).max() < 12
    assert remarks_of(source) == []


def test_a_screenshot_is_placed_by_two_corners(tmp_path):
    path = write_picture(tmp_path / "a.png")
    corners = (47.001, 8.0, 47.0, 8.0022)
    table = open_source(path, Tiling(side_m=(50.0,), corners_latlon=corners)).tiles()
    assert table.corners_latlon[0, 0] == pytest.approx([47.001, 8.0], abs=1e-9)
    assert table.corners_latlon[-1, 2] == pytest.approx([47.0, 8.0022], abs=1e-6)


def test_four_corners_turn_a_picture(tmp_path):
    path = write_picture(tmp_path / "a.png", picture(200, 200))
    # Turned by a quarter: what is right in the picture is south on the ground.
    corners = (47.001, 8.001466, 47.0, 8.001466, 47.0, 8.0, 47.001, 8.0)
    source = open_source(path, Tiling(side_m=(50.0,), corners_latlon=corners))
    first = source.tiles().corners_latlon[0]
    assert first[0] == pytest.approx([47.001, 8.001466], abs=1e-6)
    assert first[1][0] < first[0][0]
    assert first[1][1] == pytest.approx(first[0][1], abs=1e-9)


def test_a_placed_picture_is_warped_like_a_raster(tmp_path):
    path = write_picture(tmp_path / "a.png")
    corners = (47.001, 8.0, 47.0, 8.0022)
    source = open_source(path, Tiling(zoom=18, max_nodata=0.9, corners_latlon=corners))
    table = source.tiles()
    assert len(table) > 2
    assert np.abs(table.latlon - [47.0005, 8.0011]).max() < 0.003


@pytest.mark.parametrize(
    ("tiling", "said"),
    [
        ({"corners_latlon": (47.0, 8.0, 47.001, 8.002)}, "mirror"),
        ({"corners_latlon": (47.001, 8, 47.0, 8, 47.0, 8.002, 47.001, 8.002)}, "mirror"),
        ({"corners_latlon": (47.001, 8, 47.001, 8.002, 47.0, 8.004, 47.0, 8.0)}, "parallelogram"),
        ({"corners_latlon": (47.0, 8.0, 47.0, 8.0)}, "no area"),
    ],
)
def test_corners_that_make_no_picture_are_refused(tmp_path, tiling, said):
    with pytest.raises(UsageError, match=said):
        open_source(write_picture(tmp_path / "a.png"), Tiling(side_m=(50.0,), **tiling))


@pytest.mark.parametrize(
    "tiling",
    [
        {"origin_latlon": TOP_LEFT},
        {"resolution_m": 1.0},
        {"origin_latlon": (120.0, 8.0), "resolution_m": 1.0},
        {"origin_latlon": TOP_LEFT, "resolution_m": 0.0},
        {"corners_latlon": (47.0, 8.0, 46.0)},
    ],
)
def test_places_that_are_told_by_halves_are_refused(tiling):
    with pytest.raises(UsageError):
        Tiling(**tiling)


def test_a_picture_without_a_place_says_how_to_give_one(tmp_path):
    with pytest.raises(DataError, match="coordinate system") as caught:
        open_source(write_picture(tmp_path / "a.png"), Tiling(side_m=(50.0,)))
    assert "--origin LAT,LON --resolution" in caught.value.hint


def test_a_raster_that_says_where_it_lies_takes_no_other_place(tmp_path):
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_200_000, 1, 1)}
    tiling = Tiling(side_m=(50.0,), origin_latlon=TOP_LEFT, resolution_m=1.0)
    with pytest.raises(UsageError, match="says itself where it lies"):
        open_source(write_tif(tmp_path / "a.tif", **place), tiling)


@pytest.mark.parametrize(
    ("name", "world"), [("a.tif", "a.tfw"), ("a.png", "a.pgw"), ("a.jpg", "a.jgw")]
)
@pytest.mark.parametrize("prj", ["wkt", "esri", "number"])
def test_a_world_file_and_a_projection_file_beside_it_are_read(tmp_path, name, world, prj):
    path = tmp_path / name
    path = write_tif(path) if name == "a.tif" else write_picture(path)
    (tmp_path / world).write_text("0.5\n0\n0\n-0.5\n500000.25\n5199999.75\n")
    crs = rasterio.crs.CRS.from_epsg(32632)
    texts = {"wkt": crs.to_wkt(), "esri": crs.to_wkt(morph_to_esri_dialect=True)}
    (tmp_path / "a.prj").write_text(texts.get(prj, "EPSG:32632"))
    table = open_source(path, Tiling(side_m=(50.0,))).tiles()
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_200_000, 0.5, 0.5)}
    wanted = open_source(write_tif(tmp_path / "w.tif", **place), Tiling(side_m=(50.0,))).tiles()
    assert span_m(table.corners_latlon, wanted.corners_latlon).max() < 0.01


def test_a_world_file_alone_is_not_enough(tmp_path):
    (tmp_path / "a.tfw").write_text("0.5\n0\n0\n-0.5\n500000.25\n5199999.75\n")
    with pytest.raises(DataError, match="coordinate system") as caught:
        open_source(write_tif(tmp_path / "a.tif"), Tiling(side_m=(50.0,)))
    assert "a.prj" in caught.value.hint


@pytest.mark.parametrize("text", ["", "nonsense", "/etc/passwd", "http://127.0.0.1/x"])
def test_a_projection_file_that_is_none_is_named(tmp_path, text):
    (tmp_path / "a.prj").write_text(text)
    with pytest.raises(DataError, match="no coordinate system in WKT") as caught:
        open_source(write_tif(tmp_path / "a.tif"), Tiling(side_m=(50.0,)))
    assert caught.value.where.endswith("a.prj")


def test_a_scene_with_rational_polynomials_names_the_command_that_places_it(tmp_path):
    coefficients = [1.0] + [0.0] * 19
    rpc = RPC(
        height_off=0, height_scale=1, lat_off=47, lat_scale=1, line_den_coeff=coefficients,
        line_num_coeff=coefficients, line_off=100, line_scale=100, long_off=8, long_scale=1,
        samp_den_coeff=coefficients, samp_num_coeff=coefficients, samp_off=150, samp_scale=150,
    )  # fmt: skip
    with pytest.raises(DataError, match="RPC") as caught:
        open_source(write_tif(tmp_path / "a.tif", rpcs=rpc), Tiling(side_m=(50.0,)))
    assert "gdalwarp -rpc" in caught.value.hint


@pytest.mark.parametrize("left", [265.0, 170.0, 350.0, -190.0, 0.0, 530.0])
def test_longitudes_beyond_180_are_warped_whole(tmp_path, left):
    width, step = (720, 0.5) if left == 0 else (200, 0.1)
    path = tmp_path / "a.tif"
    longitudes = (left + (np.arange(width) + 0.5) * step) % 360
    samples = np.broadcast_to(longitudes / 360 * 250 + 2, (100, width)).astype(np.uint8)
    form = {"driver": "GTiff", "count": 1, "height": 100, "width": width, "dtype": "uint8"}
    place = {"crs": "EPSG:4326", "transform": from_origin(left, 40, step, step)}
    with rasterio.open(path, "w", **form, **place) as raster:
        raster.write(samples, 1)
    source = open_source(path, Tiling(zoom=6, max_nodata=0.3))
    table = source.tiles()
    covered = len({name.split("/")[1] for name in table.ids})
    assert covered >= int(width * step / 5.625) - 1
    for row in range(0, len(table), 5):
        tile = source.read(row)
        wanted = table.latlon[row, 1] % 360 / 360 * 250 + 2
        if 8 < wanted < 246:
            assert float(np.median(tile[tile > 0])) == pytest.approx(wanted, abs=3)
