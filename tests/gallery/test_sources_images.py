"""Tiles that are files of their own: tiles.csv, VIGOR's names, and georet's data sets."""

import pickle

import cv2
import numpy as np
import pytest

from georet.errors import ComponentError, ConfigError, DataError, UsageError
from georet.ground.wgs84 import metres_a_pixel, span_m
from georet.plugins import Selection
from georet.sources.opening import open_source
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet.types import EvaluationSet, ImageTable


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
        ("file,lat,lon,side_m\na.png,47,8\n", "number of cells", "tiles.csv:2"),
        ("file,lat,lon,side_m\na.png,47,8,9,1\n", "number of cells", "tiles.csv:2"),
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
        ('file,lat,lon\n"a.png,47,8\n', "is no CSV", "tiles.csv:2"),
    ],
)
def test_a_bad_line_of_a_csv_is_named(tmp_path, text, said, where):
    with pytest.raises(DataError, match=said) as caught:
        open_source(folder(tmp_path, text), Tiling())
    assert f"{where}: " in str(caught.value)


def test_a_csv_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "tiles.csv").write_bytes(b"\xff\xfe\x00f")
    with pytest.raises(DataError, match="can't be read"):
        open_source(tmp_path, Tiling())


def test_a_missing_or_damaged_image_is_named_with_its_tile(tmp_path):
    text = "file,lat,lon,side_m\na.png,47,8,9\nsub/c.png,47,8,9\n"
    root = folder(tmp_path, text)
    source = open_source(root, Tiling())
    assert len(source.tiles()) == 2
    with pytest.raises(DataError, match=r"tile sub/c\.png: the image is missing") as caught:
        source.read(1)
    assert str(root / "sub/c.png") in str(caught.value)
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


def test_vigor_names_give_the_static_maps_of_zoom_20(tmp_path):
    names = ["satellite_40.6930_-73.9800.png", "Seattle/satellite_47.6_-122.33.png"]
    for name in names:
        write_image(tmp_path / name)
    source = open_source(tmp_path, Tiling())
    table = source.tiles()
    assert table.ids == sorted(names)
    row = table.ids.index(names[0])
    assert table.latlon[row].tolist() == [40.693, -73.98]
    wanted = 640 * metres_a_pixel(40.693, 20)
    assert wanted == pytest.approx(72.4, abs=0.1)
    assert table.side_m[row] == pytest.approx(float(wanted), rel=0.004)
    middle = table.corners_latlon[row].mean(axis=0)
    assert span_m(middle, table.latlon[row]) < 0.01
    assert source.read(row).shape == (32, 32, 3)


def test_vigor_names_take_another_size(tmp_path):
    write_image(tmp_path / "satellite_40.6930_-73.9800.png")
    table = open_source(tmp_path, Tiling(side_m=(100.0,))).tiles()
    assert table.side_m.tolist() == [100]


def test_swapped_coordinates_in_a_name_are_refused(tmp_path):
    write_image(tmp_path / "satellite_-122.33_47.6.png")
    with pytest.raises(DataError, match=r"latitude -122\.33") as caught:
        open_source(tmp_path, Tiling())
    assert "swapped" in str(caught.value)


def test_folders_that_are_no_source_say_what_would_be_one(tmp_path):
    with pytest.raises(DataError, match="the folder is empty") as caught:
        open_source(tmp_path, Tiling())
    assert "tiles.csv" in str(caught.value)
    write_image(tmp_path / "photo.png")
    write_image(tmp_path / "frame_0001_0020.png")
    with pytest.raises(DataError, match="no tiles whose place is told"):
        open_source(tmp_path, Tiling())
    (tmp_path / "sheet1.tif").write_bytes(b"II*\0")
    with pytest.raises(DataError) as caught:
        open_source(tmp_path, Tiling())
    assert "merge" in str(caught.value)


def test_other_files_are_no_source(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        open_source(tmp_path / "nothing", Tiling())
    write_image(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"\.png is no source of tiles") as caught:
        open_source(tmp_path / "a.png", Tiling())
    assert "gdal_translate" in str(caught.value)


TINY = ["georet.testing.plugin"]


def test_the_gallery_of_a_data_set_is_a_source(tmp_path):
    text = f"dataset:tiny?root={tmp_path}&num_places=6&num_held_out=3&size=40"
    source = open_source(text, Tiling(side_m=(900.0,)), selection=Selection.of(TINY))
    table = source.tiles()
    assert len(table) == 9
    assert set(table.side_m) == {900.0}
    assert source.read(0).shape == (40, 40, 3)
    about = source.describe()
    assert about["set"] == "held-out"
    assert about["dataset"]["num_places"] == 6
    named = f"dataset:tiny:held-out?root={tmp_path}&num_places=6&num_held_out=3&size=40"
    assert (
        open_source(named, Tiling(side_m=(900.0,)), selection=Selection.of(TINY)).tiles().ids
        == table.ids
    )


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("dataset:tiny:held-in?root=ROOT", UsageError, "no set 'held-in'"),
        ("dataset:tine?root=ROOT", ComponentError, "no 'tine' among the datasets"),
        ("dataset:tiny?rot=ROOT", ConfigError, "rot"),
        ("dataset:tiny?root", UsageError, "'root' is not key=value"),
        ("dataset:tiny?root=ROOT&size={", UsageError, "no YAML"),
        ("dataset:tiny?root=ROOT", UsageError, "how large its tiles are"),
        ("run:ROOT", DataError, "no run here"),
        ("run:ROOT/none:set", DataError, "no run here"),
    ],
)
def test_a_data_set_that_is_not_there_says_what_there_is(tmp_path, text, error, said):
    with pytest.raises(error, match=said):
        open_source(text.replace("ROOT", str(tmp_path)), Tiling(), selection=Selection.of(TINY))


def gallery_of(images):
    from georet.config import ComponentSpec
    from georet.sources.datasets import _gallery

    found = EvaluationSet(images, images, np.zeros((len(images), 1), np.int64), "recall")
    return _gallery(ComponentSpec(name="tiny"), "only", found, Tiling(), where="here")


def test_a_data_set_may_tell_the_size_of_its_tiles(tmp_path):
    latlon = np.array([[10.0, 20.0], [11.0, 200.0]])
    sides = {"side_m": np.array([300.0, 500.0])}
    table = gallery_of(ImageTable(["a", "b"], [tmp_path, tmp_path], latlon, sides)).tiles()
    assert table.side_m.tolist() == [300, 500]
    assert table.latlon[1].tolist() == [11, -160]
    with pytest.raises(DataError, match="no positions"):
        gallery_of(ImageTable(["a"], [tmp_path]))


def test_the_gallery_of_a_run_is_that_of_its_data_set(tmp_path):
    run, images = tmp_path / "run", tmp_path / "images"
    run.mkdir()
    (run / "config.yaml").write_text(
        "plugins: [georet.testing.plugin]\nrecipe: none\n"
        f"dataset: {{name: tiny, root: {images}, num_places: 4, num_held_out: 2}}\n"
        "data: {size: {query: [32, 32], reference: [32, 32]}}\n"
        'encoder: {backbone: "georet.testing.plugin:tiny"}\n'
        'losses: ["sample4geo:info_nce"]\nsampler: random\ntrain: {epochs: 1, batch_size: 4}\n'
    )
    plugins = ["sample4geo", *TINY]
    for text in (f"run:{run}", f"run:{run}:held-out"):
        source = open_source(text, Tiling(side_m=(800.0,)), selection=Selection.of(plugins))
        assert len(source.tiles()) == 6
        assert source.describe()["dataset"]["num_places"] == 4
    with pytest.raises(UsageError, match="no set 'x'"):
        open_source(f"run:{run}:x", Tiling(side_m=(800.0,)), selection=Selection.of(plugins))


def test_orbitview_tells_that_its_tiles_have_420_km(tmp_path):
    source = open_source(f"dataset:orbitview?size=mini&px=16&cache_dir={tmp_path}", Tiling())
    table = source.tiles()
    assert set(table.side_m) == {420_000.0}
    across = span_m(table.corners_latlon[:, 0], table.corners_latlon[:, 2])
    assert across == pytest.approx(np.full(len(table), 420_000 * 2**0.5), rel=0.005)
