"""Archives with tiles that are damaged, lacking, doubled or no pictures."""

import json
import sqlite3

import numpy as np
import pytest
from pmtiles.tile import TileType

from georet.errors import DataError
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

PX = 64


KINDS = ("xyz", "area.mbtiles", "area.pmtiles", "area.tif")


BROKEN = {
    "truncated": (lambda data: data[: len(data) // 2], "truncated or damaged"),
    "empty": (lambda data: b"", "empty"),
    "not an image": (lambda data: b"<html>404</html>", "not a JPEG"),
}


# PMTiles can't hold an empty tile.
FAULTS = [(kind, fault) for kind in KINDS[:3] for fault in BROKEN]


FAULTS.remove(("area.pmtiles", "empty"))


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
def test_a_damaged_tile_is_named_with_its_archive(make, tmp_path, kind, fault):
    breaking, said = BROKEN[fault]
    good = make.encoded(make.picture(PX, PX))
    tiles = {(5, 3, 9): good, (5, 4, 9): breaking(good)}
    path = tmp_path / kind
    {"xyz": make.write_xyz, "area.mbtiles": make.write_mbtiles, "area.pmtiles": make.write_pmtiles}[
        kind
    ](path, tiles)
    source = open_source(path, Tiling())
    assert len(source.tiles()) == 2
    assert source.read(0).shape == (PX, PX, 3)
    with pytest.raises(DataError, match=said) as caught:
        source.read(1)
    assert str(path / "5/4/9") in str(caught.value)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(make, tmp_path):
    bomb = make.encoded(np.zeros((8000, 8000, 1), np.uint8).repeat(3, axis=2))
    source = open_source(make.write_xyz(tmp_path, {(2, 1, 1): bomb}), Tiling())
    with pytest.raises(DataError, match="8000 x 8000 = 64,000,000 pixels"):
        source.read(0)


def test_tiles_off_the_map_and_twice_in_an_archive_are_refused(make, tmp_path):
    data = make.encoded(make.picture(PX, PX))
    with pytest.raises(DataError, match="zoom 2 can't have a tile x=7, y=1"):
        open_source(make.write_xyz(tmp_path / "x", {(2, 7, 1): data}), Tiling())
    path = make.write_mbtiles(tmp_path / "a.mbtiles", {(2, 1, 1): data})
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO tiles SELECT * FROM tiles")
    database.close()
    with pytest.raises(DataError, match="twice"):
        open_source(path, Tiling()).tiles()


def test_vector_tiles_are_refused(make, tmp_path):
    tiles = {(2, 1, 1): b"\x1a\x02"}
    with pytest.raises(DataError, match="vector tiles"):
        open_source(make.write_mbtiles(tmp_path / "a.mbtiles", tiles, image_format="pbf"), Tiling())
    path = make.write_pmtiles(tmp_path / "a.pmtiles", tiles, kind=TileType.MVT)
    with pytest.raises(DataError, match="vector tiles"):
        open_source(path, Tiling())


def test_a_damaged_transparent_tile_is_left_for_the_reader_to_report(make, tmp_path):
    image = np.concatenate([make.picture(PX, PX), np.full((PX, PX, 1), 255, np.uint8)], axis=2)
    data = make.encoded(image)[:-200]
    source = open_source(make.write_xyz(tmp_path, {(4, 3, 5): data}), Tiling())
    assert len(source.tiles()) == 1
    with pytest.raises(DataError, match="truncated or damaged"):
        source.read(0)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_tile_that_vanishes_is_named(make, tmp_path, kind):
    writers = {
        "xyz": make.write_xyz,
        "area.mbtiles": make.write_mbtiles,
        "area.pmtiles": make.write_pmtiles,
    }
    tiles = {(5, 3, 9): make.encoded(make.picture(PX, PX))}
    archive = open_source(writers[kind](tmp_path / kind, tiles), Tiling()).archive
    with pytest.raises(DataError, match="there is no such tile") as caught:
        archive.encoded(5, 4, 9)
    assert str(tmp_path / kind / "5/4/9") in str(caught.value)
    json.dumps(archive.describe())
