"""Tiles in the resolution of the imagery, for as long as that is what the gallery was built of."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from georet.errors import DataError
from georet.gallery.making.build import build_gallery
from georet.gallery.making.merge import merge_galleries
from georet.gallery.pictures.originals import Originals
from georet.gallery.stored import StoredGallery
from georet.geodesy import distance_m
from georet.plugins import Selection
from georet.sources.opening import open_source
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet.tiles.tiling import Tiling

PX, SIDE_M = 0.5, 60.0


def write_raster(path: Path, *, west_m: float = 500_000.0, seed: int = 0, size: int = 480) -> Path:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    where = {"crs": "EPSG:32632", "transform": from_origin(west_m, 5_200_000, PX, PX)}
    shape = {"width": size, "height": size, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **where, **shape) as raster:
        raster.write(image.transpose(2, 0, 1))
    return path


def built(source, out: Path, tiling: Tiling | None = None, **options) -> StoredGallery:
    return StoredGallery.open(build_gallery(source, PixelSpec(), out, tiling=tiling, **options))


@pytest.fixture
def area(tmp_path: Path) -> StoredGallery:
    raster = write_raster(tmp_path / "area.tif")
    return built(str(raster), tmp_path / "g", Tiling(side_m=(SIDE_M,), overlap=0.5))


def test_a_tile_has_the_pixels_of_its_imagery(area, tmp_path):
    originals = Originals(area)
    source = open_source(tmp_path / "area.tif", Tiling(side_m=(SIDE_M,), overlap=0.5))
    assert originals.note == ""
    for row in (0, 7, len(area) - 1):
        patch = originals.tile(row)
        assert patch.is_full
        assert np.array_equal(patch.image, source.read(row))
        assert patch.image.shape == (120, 120, 3)


def test_what_lies_around_a_tile_is_the_same_ground_and_more(area):
    originals = Originals(area)
    row = int(np.argmin(distance_m(area.tiles.latlon.mean(axis=0), area.tiles.latlon)))
    tile, wide = originals.tile(row), originals.around(row, 2 * SIDE_M)
    assert wide.image.shape == (240, 240, 3)
    assert np.array_equal(wide.image[60:180, 60:180], tile.image)
    ends = np.array([[60.0, 60.0], [180.0, 180.0]])
    away_m = distance_m(wide.latlon_of(ends), tile.latlon_of(ends - 60))
    assert away_m.max() < 0.01
    assert np.array_equal(originals.around(row, 10.0).image, tile.image)


def test_at_the_edge_less_lies_around_a_tile(area):
    wide = Originals(area).around(0, 2 * SIDE_M)
    assert wide.image.shape == (180, 180, 3)
    assert np.allclose(wide.corners_latlon[0], area.tiles.corners_latlon[0, 0], atol=1e-9)


def test_of_imagery_that_changed_there_are_thumbnails_and_it_is_said(area, tmp_path):
    write_raster(tmp_path / "area.tif", seed=1)
    patch = Originals(area).tile(3)
    assert not patch.is_full
    assert "is not what the gallery was built from" in patch.note
    assert patch.image.shape == (96, 96, 3)


def test_of_imagery_that_is_gone_there_are_thumbnails_and_it_is_said(area, tmp_path):
    (tmp_path / "area.tif").unlink()
    originals = Originals(area)
    assert not originals.around(3, 500).is_full
    assert "no such file" in originals.note


def test_without_imagery_and_thumbnails_there_is_an_error(tmp_path):
    bare = built(DrawnTiles(6), tmp_path / "g", thumbnails=False)
    with pytest.raises(DataError, match="has no picture") as caught:
        Originals(bare).tile(0)
    assert "can't be opened again" in str(caught.value)


def test_a_merged_gallery_finds_each_tile_in_its_own_imagery(tmp_path):
    paths, tiling = [], Tiling(side_m=(SIDE_M,))
    for number in range(2):
        raster = write_raster(
            tmp_path / f"{number}.tif", west_m=500_000 + 9000 * number, seed=number
        )
        paths.append(
            build_gallery(str(raster), PixelSpec(), tmp_path / f"g{number}", tiling=tiling)
        )
    merged = StoredGallery.open(
        merge_galleries(paths, tmp_path / "m", duplicates="suffix", storage=None)
    )
    originals = Originals(merged)
    for row, number in ((0, 0), (len(merged) - 1, 1)):
        wanted = open_source(tmp_path / f"{number}.tif", tiling)
        assert np.array_equal(originals.tile(row).image, wanted.read((-row % 16 and 15) or 0))


def test_folders_of_tiles_and_of_images_are_opened_again(tmp_path):
    grid, named = tmp_path / "grid", tmp_path / "named"
    for number in range(4):
        image = np.random.default_rng(number).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        for path in (
            grid / "14" / "8580" / f"{5700 + number}.png",
            named / f"a_47.{number}0_8.50.png",
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)
    for number, folder in enumerate((grid, named)):
        gallery = built(f"{folder}", tmp_path / f"g{number}", Tiling())
        patch = Originals(gallery).tile(2)
        assert patch.is_full
        assert np.array_equal(patch.image, open_source(folder, Tiling()).read(2))


FLAT = """
import numpy as np
from georet import Component, hookimpl
from georet.sources.images import square_table


class Tiles:
    def __init__(self, value):
        self.value = value

    def tiles(self):
        return square_table(["a", "b"], np.array([[47.0, 8.0], [47.1, 8.0]]), np.full(2, 200.0))

    def read(self, row):
        return np.full((8, 8, 3), self.value + row, np.uint8)

    def describe(self):
        return {"kind": "flat"}


class Flat:
    def __init__(self, value: int = 0) -> None:
        self.value = value

    @staticmethod
    def matches(text):
        return text.endswith(".flat")

    def open(self, text, tiling):
        return Tiles(self.value)


@hookimpl
def georet_sources():
    yield Component("flat", Flat, summary="Two flat tiles")
"""


def test_imagery_of_a_plugin_is_opened_only_where_the_user_names_the_plugin(tmp_path):
    (tmp_path / "flat.py").write_text(FLAT)
    selection = Selection.of([str(tmp_path / "flat.py")])
    gallery = built(open_source("x.flat?value=40", Tiling(), selection=selection), tmp_path / "g")
    assert Originals(gallery, selection).tile(1).image[0, 0, 0] == 41
    assert "flat:flat" in Originals(gallery).tile(1).note


def test_around_a_tile_of_an_archive_lie_its_neighbours(tmp_path):
    images = {}
    for x in range(8580, 8583):
        for y in range(5700, 5703):
            rng = np.random.default_rng([x, y])
            images[x, y] = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            path = tmp_path / "grid" / "14" / str(x) / f"{y}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), images[x, y][:, :, ::-1])
    gallery = built(str(tmp_path / "grid"), tmp_path / "g", Tiling())
    row = gallery.tiles.ids.index("14/8581/5701")
    wide = Originals(gallery).around(row, 2 * float(gallery.tiles.side_m[row]))
    assert wide.image.shape == (128, 128, 3)
    assert np.array_equal(wide.image[32:96, 32:96], images[8581, 5701])
    assert np.array_equal(wide.image[:32, :32], images[8580, 5700][32:, 32:])
    places = wide.latlon_of(np.array([[32.0, 32.0], [96.0, 96.0]]))
    assert distance_m(places, gallery.tiles.corners_latlon[row][[0, 2]]).max() < 1


def test_a_gallery_cannot_make_georet_load_an_installed_plugin(tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "flat-1.dist-info").mkdir(parents=True)
    (site / "flat-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: flat\nVersion: 1\n"
    )
    (site / "flat-1.dist-info" / "entry_points.txt").write_text("[georet]\nflat = flat_plugin\n")
    (site / "flat_plugin.py").write_text(FLAT)
    monkeypatch.syspath_prepend(str(site))
    source = open_source("x.flat", Tiling(), selection=Selection.of(["flat"]))
    gallery = built(source, tmp_path / "g")
    sys.modules.pop("flat_plugin")
    assert "needs the plugin 'flat'" in Originals(gallery).tile(0).note
    assert "flat_plugin" not in sys.modules
    assert Originals(gallery, Selection.of(["flat"])).tile(0).is_full
