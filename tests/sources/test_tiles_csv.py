"""Tiles that are files of their own: tiles.csv, VIGOR's names, and georet's data sets."""

import pickle

import cv2
import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.ground.wgs84 import span_m
from georet.sources.opening import open_source
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling


def write_image(path, value=90, size=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size, size, 3), value, np.uint8))


def folder(root, text, files=("a.png", "b.png")):
    for number, name in enumerate(files):
        write_image(root / name, 50 + number)
    (root / "tiles.csv").write_text(text)
    return root


def test_a_csv_of_centres_and_sides_gives_squares(tmp_path):
    root = folder(tmp_path, "file,lat,lon,side_m\na.png,47.5,8.5,200\nb.png,-17,180.0,5000\n")
    source = open_source(root, Tiling())
    assert isinstance(source, TileSource)
    table = source.tiles()
    assert table.ids == ["a.png", "b.png"]
    assert table.side_m.tolist() == [200, 5000]
    assert table.latlon.tolist() == [[47.5, 8.5], [-17, 180]]
    assert span_m(table.corners_latlon[0, 0], table.corners_latlon[0, 1]) == pytest.approx(200)
    assert table.corners_latlon[1, :, 1].min() < 180 < table.corners_latlon[1, :, 1].max()
    assert source.read(1)[0, 0].tolist() == [51, 51, 51]
    assert pickle.loads(pickle.dumps(source)).read(0)[0, 0, 0] == 50


def test_one_size_may_be_given_for_all_tiles_of_a_csv(tmp_path):
    root = folder(tmp_path, "lon,lat,file\n8.5,47.5,a.png\n")
    assert open_source(root, Tiling(side_m=(120.0,))).tiles().side_m.tolist() == [120]
    with pytest.raises(DataError, match="the tile's size") as caught:
        open_source(root, Tiling())
    assert "tiles.csv:2" in str(caught.value)
    assert "--side" in str(caught.value)
    with pytest.raises(UsageError, match="cut already"):
        open_source(root, Tiling(side_m=(120.0, 240.0)))
    with pytest.raises(UsageError, match="cut already"):
        open_source(root, Tiling(side_m=(120.0,), overlap=0.5))


def test_a_csv_of_bounds_gives_boxes_also_over_the_antimeridian(tmp_path):
    text = "file,west,south,east,north\na.png,8,47,8.1,47.1\nb.png,179.9,-17,-179.9,-16.9\n"
    table = open_source(folder(tmp_path, text), Tiling()).tiles()
    assert table.corners_latlon[0].tolist() == [[47.1, 8], [47.1, 8.1], [47, 8.1], [47, 8]]
    assert table.latlon[0] == pytest.approx([47.05, 8.05])
    assert table.latlon[1] == pytest.approx([-16.95, 180])
    assert np.ptp(table.corners_latlon[1, :, 1]) == pytest.approx(0.2)
    assert 7000 < table.side_m[0] < 11_200


def test_a_csv_of_corners_keeps_turned_tiles(tmp_path):
    header = "file,lat,lon,tl_lat,tl_lon,tr_lat,tr_lon,br_lat,br_lon,bl_lat,bl_lon"
    line = "a.png,10.001,20.001,10,19.99,10.01,20,10,20.01,9.99,20"
    table = open_source(folder(tmp_path, f"{header}\n{line}\n"), Tiling()).tiles()
    assert table.latlon.tolist() == [[10.001, 20.001]]
    assert table.corners_latlon[0, 1].tolist() == [10.01, 20]
    assert table.side_m[0] == pytest.approx(1556, rel=0.01)


@pytest.mark.parametrize(
    ("text", "said", "where"),
    [
        ("", "column file is missing", "tiles.csv:1"),
        ("name,lat,lon\n", "column file is missing", "tiles.csv:1"),
        ("file,latitude,lon\n", "column lat, lon is missing", "tiles.csv:1"),
        ("file,lat,lon,side_m\n", "lists no tile", "tiles.csv"),
        ("file,lat,lon,side_m\na.png,47,8,9\nb.png,x,8,9\n", "'x' is no number", "tiles.csv:3:lat"),
        ("file,lat,lon,side_m\na.png,47,8,nan\n", "'nan' is no number", "tiles.csv:2:side_m"),
        ("file,lat,lon,side_m\na.png,97,8,9\n", "97 is out of range", "tiles.csv:2:lat"),
        ("file,lat,lon,side_m\na.png,47,8,0\n", "0 is out of range", "tiles.csv:2:side_m"),
        ("file,lat,lon,side_m\na.png,,8,9\n", "the tile's place", "tiles.csv:2"),
        ("file,lat,lon,side_m\na.png,47,8\n", "has 3 cells", "tiles.csv:2"),
        ("file,lat,lon,side_m\na.png,47,8,9,1\n", "has 5 cells", "tiles.csv:2"),
        ("file,lat,lon,side_m\n../a.png,47,8,9\n", "no file in the folder", "tiles.csv:2:file"),
        ("file,lat,lon,side_m\n/etc/a.png,47,8,9\n", "no file in the folder", "tiles.csv:2:file"),
        ("file,lat,lon,side_m\n,47,8,9\n", "no file in the folder", "tiles.csv:2:file"),
        (
            "file,lat,lon,side_m\na.png,47,8,9\na.png,47,8,9\n",
            "stands in line 2 already",
            "tiles.csv:3:file",
        ),
        ("file,west,south,east,north\na.png,8,48,9,47\n", "bounds are empty", "tiles.csv:2"),
        (
            "file,lat,lon,west,south,east,north\na.png,8,47,8,47,8.1,47.1\n",
            "lie outside the tile",
            "tiles.csv:2",
        ),
        ('file,lat,lon\n"a.png,47,8\n', "never closed", "tiles.csv:2"),
        ("file,west,south,east,north\na.png,9,47,8,48\n", "359 degrees wide", "tiles.csv:2"),
        ("file,lat,lon\na.png,47,8\n./a.png,47,8\n", "in line 2 already", "tiles.csv:3:file"),
    ],
)
def test_a_bad_line_of_a_csv_is_named(tmp_path, text, said, where):
    with pytest.raises(DataError, match=said) as caught:
        open_source(folder(tmp_path, text), Tiling())
    assert f"{where}: " in str(caught.value)


def test_a_csv_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "tiles.csv").write_bytes(b"file,lat\x00")
    with pytest.raises(DataError, match="NUL"):
        open_source(tmp_path, Tiling())


def test_a_missing_or_damaged_image_is_named_with_its_tile(tmp_path):
    text = "file,lat,lon,side_m\na.png,47,8,9\nsub/c.png,47,8,9\n"
    root = folder(tmp_path, text)
    source = open_source(root, Tiling())
    assert len(source.tiles()) == 2
    with pytest.raises(DataError, match=r"tile sub/c\.png: the image is missing") as caught:
        source.read(1)
    assert str(root / "sub/c.png") in str(caught.value)
    assert f"listed in {root / 'tiles.csv'}:3" in str(caught.value)
    (root / "a.png").write_bytes((root / "a.png").read_bytes()[:40])
    with pytest.raises(DataError, match=r"tile a\.png: .*truncated or damaged"):
        source.read(0)


def test_the_fingerprint_of_a_folder_changes_with_any_file(tmp_path):
    root = folder(tmp_path, "file,lat,lon,side_m\na.png,47,8,9\nb.png,47,8,9\n")
    before = open_source(root, Tiling()).describe()
    write_image(root / "b.png", 7, size=40)
    after = open_source(root, Tiling()).describe()
    assert before["fingerprint"] != after["fingerprint"]
    assert before["path"] == after["path"] == str(root)
