"""Cutting: sizes on the ground, coverage, exact places, in all kinds of projection."""

import pickle

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from rasterio.warp import transform

from georet.errors import DataError, UsageError
from georet.ground.wgs84 import span_m
from georet.sources.opening import open_source
from georet.sources.rasters.grid import bands
from georet.tiles.tiling import Tiling

ROTATED = rasterio.Affine(0.433, 0.25, 5e5, 0.25, -0.433, 5.3e6)


UTM = ("EPSG:32632", from_origin(5e5, 5.3e6, 0.5, 0.5), 120.0)


CASES = {
    "utm": UTM,
    "geographic": ("EPSG:4326", from_origin(9, 69, 0.001, 0.001), 13_000.0),
    "mercator": ("EPSG:3857", from_origin(1e6, 9e6, 50, 50), 6_000.0),
    "laea": ("EPSG:3035", from_origin(3e6, 4e6, 1000, 1000), 150_000.0),
    "rotated": ("EPSG:32632", ROTATED, 60),
    "polar": ("EPSG:3413", from_origin(-75_000, 60_000, 200, 200), 25_000.0),
    "over the antimeridian": ("EPSG:32660", from_origin(6.3e5, 7e6, 50, 50), 7_000.0),
    "geographic, 0 to 360": ("EPSG:4326", from_origin(179.5, 10, 0.001, 0.001), 14_000.0),
}


def write_raster(path, crs, affine, height=900, width=1000, **more):
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 255, (3, height, width), dtype=np.uint8)
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs=crs, transform=affine, **profile, **more) as raster:
        raster.write(pixels)
    return pixels


def cut(path, *side_m, **more):
    return open_source(path, Tiling(side_m=side_m, **more))


def middle_lines_m(source, row):
    """Return how long the lines through a tile's centre are on the ground."""
    left, top, width, height = source._plan.windows[row]
    x, y = left + width / 2, top + height / 2
    ends = [(left, y), (left + width, y), (x, top), (x, top + height)]
    latlon = source.parts[0][1].latlon_at(np.array(ends))
    return float(span_m(latlon[0], latlon[1])), float(span_m(latlon[2], latlon[3]))


@pytest.mark.parametrize("name", CASES)
def test_tiles_have_the_asked_ground_size_within_one_percent(tmp_path, name):
    crs, affine, side_m = CASES[name]
    write_raster(tmp_path / "area.tif", crs, affine)
    source = cut(tmp_path / "area.tif", side_m, overlap=0.25)
    table = source.tiles()
    assert len(table) > 20
    for row in range(0, len(table), 7):
        assert middle_lines_m(source, row) == pytest.approx((side_m, side_m), rel=0.01)
    assert np.abs(table.side_m / side_m - 1).max() < 0.02


@pytest.mark.parametrize("name", CASES)
def test_centres_and_corners_are_where_rasterio_says(tmp_path, name):
    crs, affine, side_m = CASES[name]
    write_raster(tmp_path / "area.tif", crs, affine)
    source = cut(tmp_path / "area.tif", side_m)
    table = source.tiles()
    left, top, width, height = source._plan.windows.T
    with rasterio.open(tmp_path / "area.tif") as raster:
        shares = [(0.5, 0.5), (0, 0), (1, 0), (1, 1), (0, 1)]
        for place, (right, down) in enumerate(shares):
            rows, columns = top + down * height, left + right * width
            a, b, c, d, e, f = tuple(raster.transform)[:6]
            x, y = a * columns + b * rows + c, d * columns + e * rows + f
            lon, lat = transform(raster.crs, "EPSG:4326", x, y)
            found = table.latlon if place == 0 else table.corners_latlon[:, place - 1]
            assert span_m(found, np.stack([lat, lon], axis=-1)).max() < 1e-3
    assert (np.abs(table.latlon[:, 1]) <= 180).all()
    if name == "over the antimeridian":
        assert np.abs(table.corners_latlon[:, :, 1]).max() > 180
        assert table.latlon[:, 1].min() < 0 < table.latlon[:, 1].max()
    spread = np.abs(table.corners_latlon[:, :, 1] - table.latlon[:, None, 1])
    assert spread.max() <= 180


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("name", ["utm", "geographic", "mercator", "laea"])
def test_no_pixel_is_left_out_and_no_tile_leaves_the_raster(tmp_path, name, overlap):
    crs, affine, side_m = CASES[name]
    write_raster(tmp_path / "area.tif", crs, affine)
    source = cut(tmp_path / "area.tif", side_m, overlap=overlap)
    seen = np.zeros((900, 1000), bool)
    for left, top, width, height in source._plan.windows:
        assert left >= -1e-6
        assert top >= -1e-6
        assert left + width <= 1000 + 1e-6
        assert top + height <= 900 + 1e-6
        rows = slice(round(top), round(top + height))
        seen[rows, round(left) : round(left + width)] = True
    assert seen.all()


def test_neighbours_share_the_overlap(tmp_path):
    write_raster(tmp_path / "area.tif", *UTM[:2])
    left = cut(tmp_path / "area.tif", 120.0, overlap=0.5)._plan.windows[:4, 0]
    assert np.diff(left).tolist() == [120, 120, 120]


def test_tiles_of_whole_pixels_are_the_raster_as_it_is(tmp_path):
    pixels = write_raster(tmp_path / "area.tif", *UTM[:2])
    source = cut(tmp_path / "area.tif", 120.0)
    left, top, width, height = source._plan.windows[5].astype(int)
    assert width == height == 240
    wanted = np.moveaxis(pixels[:, top : top + height, left : left + width], 0, -1)
    assert np.array_equal(source.read(5), wanted)


def test_several_sizes_follow_one_another(tmp_path):
    write_raster(tmp_path / "area.tif", *UTM[:2])
    source = cut(tmp_path / "area.tif", 120.0, 240.0)
    ids = source.tiles().ids
    assert ids[0] == "120m/0/0"
    assert cut(tmp_path / "area.tif", 120.12345).tiles().ids[0] == "120.12345m/0/0"
    assert ids[-1].startswith("240m/")
    single = cut(tmp_path / "area.tif", 240.0)
    first = next(row for row, name in enumerate(ids) if name.startswith("240m/"))
    assert np.array_equal(source.read(first), single.read(0))


def test_a_raster_smaller_than_a_tile_lies_in_its_middle(tmp_path):
    write_raster(tmp_path / "area.tif", *UTM[:2], height=100, width=300)
    source = cut(tmp_path / "area.tif", 120.0, max_nodata=0.6)
    assert len(source.tiles()) == 2
    tile = source.read(0)
    assert tile.shape == (240, 240, 3)
    assert not tile[:69].any()
    assert tile[71:169].any()
    assert not tile[171:].any()
    with pytest.raises(Exception, match="no tile is left"):
        cut(tmp_path / "area.tif", 120.0, max_nodata=0.5).tiles()


def test_of_a_map_smaller_than_a_tile_it_is_said_how_much_ground_it_covers(tmp_path):
    write_raster(tmp_path / "area.tif", *UTM[:2], height=600, width=700)
    wanted = r"covers 350 x 300 m of ground, and a tile of 60,000 m is larger"
    with pytest.raises(DataError, match=wanted) as caught:
        cut(tmp_path / "area.tif", 60_000.0).tiles()
    assert caught.value.hint == "Choose tiles of at most 300 m: --side."


def test_a_world_map_is_cut_up_to_the_poles(tmp_path):
    write_raster(tmp_path / "w.tif", "EPSG:4326", from_origin(-180, 90, 1, 1), 180, 360)
    table = cut(tmp_path / "w.tif", 2_000_000.0).tiles()
    for values in (table.latlon, table.corners_latlon, table.side_m):
        assert np.isfinite(values).all()
    assert table.corners_latlon[:, :, 0].max() == pytest.approx(90)
    assert table.corners_latlon[:, :, 0].min() == pytest.approx(-90)
    by_band = [name.split("/")[1] for name in table.ids]
    assert by_band.count("0") < 5 < 15 < by_band.count("5")


def test_a_tile_around_the_pole_has_finite_corners_all_around(tmp_path):
    affine = from_origin(-50_000, 50_000, 100, 100)
    write_raster(tmp_path / "p.tif", "EPSG:3413", affine, 1000, 1000)
    table = cut(tmp_path / "p.tif", 110_000.0).tiles()
    assert len(table) == 1
    assert table.latlon[0, 0] == pytest.approx(90, abs=1e-3)
    around = np.sort(table.corners_latlon[0, :, 1])
    assert np.diff(around) == pytest.approx([90, 90, 90], abs=1)
    assert table.side_m[0] == pytest.approx(110_000, rel=0.05)


def test_what_lies_off_the_globe_is_no_tile(tmp_path):
    # A map of a hemisphere: its corners show no ground.
    affine = from_origin(-7e6, 7e6, 14_000, 14_000)
    write_raster(tmp_path / "h.tif", "+proj=ortho +lat_0=45 +lon_0=10", affine, 1000, 1000)
    table = cut(tmp_path / "h.tif", 1_500_000.0).tiles()
    assert len(table) > 30
    assert span_m(table.latlon, (45, 10)).max() < 10_100_000


class FlatSurface:
    """A geographic plane without a file."""

    def __init__(self, north, west, step):
        self.width = self.height = 400
        self._north, self._west, self._step = north, west, step

    def latlon_at(self, positions):
        lat = self._north - self._step * positions[:, 1]
        return np.stack([lat, self._west + self._step * positions[:, 0]], axis=-1)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    north=st.floats(-50, 80),
    west=st.floats(-180, 180),
    step=st.floats(0.0005, 0.01),
    pixels=st.integers(8, 300),
    overlap=st.floats(0, 0.8),
)
def test_any_place_is_cut_into_squares_on_the_ground(north, west, step, pixels, overlap):
    surface = FlatSurface(north, west, step)
    side_m = pixels * step * 111_000
    for band in bands(surface, side_m, overlap):
        left, top, width, height = band.windows.T
        middle = np.stack([left + width / 2, top + height / 2], axis=-1)
        reach = np.stack([width / 2, height / 2], axis=-1)
        for axis in (0, 1):
            shift = reach * np.eye(2)[axis]
            ends = surface.latlon_at(middle - shift), surface.latlon_at(middle + shift)
            assert span_m(*ends) == pytest.approx(np.full(len(left), side_m), rel=0.012)
        assert np.diff(np.sort(left)).max(initial=0) <= width.min() * (1 - overlap) + 1


def test_a_source_travels_to_another_process_with_its_plan(tmp_path):
    write_raster(tmp_path / "area.tif", *UTM[:2])
    source = cut(tmp_path / "area.tif", 120.0)
    source.tiles()
    copy = pickle.loads(pickle.dumps(source))
    assert "_plan" in vars(copy)
    assert np.array_equal(copy.read(3), source.read(3))


def test_tiles_of_fewer_than_four_pixels_are_refused(tmp_path):
    write_raster(tmp_path / "area.tif", *UTM[:2])
    with pytest.raises(UsageError, match=r"2\.0 x 2\.0 pixels") as caught:
        cut(tmp_path / "area.tif", 1.0).tiles()
    assert "at least 2 m" in str(caught.value)


def test_a_cut_of_too_many_tiles_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr("georet.sources.rasters.grid.MAX_WINDOWS", 50)
    with pytest.raises(UsageError, match="more than 50"):
        list(bands(FlatSurface(10, 10, 0.001), 2000.0, 0.0))
