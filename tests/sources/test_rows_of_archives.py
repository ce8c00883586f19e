"""From which side rows of tiles count: the right hemisphere, or a refusal with what to type."""

import json
import sqlite3

import cv2
import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.sources.opening import open_source
from georet.tiles.remarks import remarks_of
from georet.tiles.tiling import Tiling

ZOOM, X, Y = 9, 268, 180
"""A tile in the Alps, north of 46.5 degrees."""

NORTH = "8.44,46.0,9.9,47.5"
SOUTH = "8.44,-47.5,9.9,-46.0"


def png(seed=0):
    image = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def mbtiles(path, row, metadata, types=("integer", "integer", "integer")):
    path.unlink(missing_ok=True)
    zoom, x, y = (f"{n} {t}" for n, t in zip(("zoom_level", "tile_column", "tile_row"), types))  # noqa: B905
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metadata (name text, value text)")
        database.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
        database.execute(f"CREATE TABLE tiles ({zoom}, {x}, {y}, tile_data blob)")
        database.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", [*row, png()])
    database.close()
    return path


def latitude(source):
    return float(open_source(source, Tiling()).tiles().latlon[0, 0])


def test_rows_that_metadata_contradicts_are_refused_with_what_to_type(tmp_path):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), {"bounds": NORTH})
    with pytest.raises(DataError, match=r"latitude 46 to 47\.5") as caught:
        open_source(path, Tiling())
    assert f"{path}?scheme=xyz" in str(caught.value)
    assert 46 < latitude(f"{path}?scheme=xyz") < 47.5
    assert -47.5 < latitude(f"{path}?scheme=tms") < -46


@pytest.mark.parametrize(
    ("metadata", "is_north"),
    [
        ({}, False),
        ({"bounds": SOUTH}, False),
        ({"bounds": "-180,-85,180,85"}, False),
        ({"bounds": "nonsense"}, False),
        ({"scheme": "tms"}, False),
        ({"scheme": "xyz"}, True),
        ({"scheme": "XYZ", "bounds": NORTH}, True),
        ({"scheme": " xyz "}, True),
    ],
)
def test_metadata_decide_from_which_side_rows_of_mbtiles_count(tmp_path, metadata, is_north):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), metadata)
    assert (latitude(path) > 0) == is_north


@pytest.mark.parametrize(
    "metadata",
    [
        {"center": "9.0,46.7,9"},
        {"center": "9.0, 46.7"},
        {"center": "9.0,46.7,9", "bounds": "-180,-85.05,180,85.05"},
        {"bounds": " 8.44 , 46.0 , 9.9 , 47.5 "},
    ],
)
def test_a_centre_or_bounds_with_blanks_contradict_too(tmp_path, metadata):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), metadata)
    with pytest.raises(DataError, match="counted from the south"):
        open_source(path, Tiling())


@pytest.mark.parametrize("metadata", [{}, {"bounds": "-180,-85.05,180,85.05"}, {"bounds": "no"}])
def test_where_nothing_confirms_the_side_it_is_said(tmp_path, metadata):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), metadata)
    (remark,) = remarks_of(open_source(path, Tiling()))
    assert "taken from the south (TMS), the tiles lie at latitude -" in remark
    assert not remarks_of(open_source(f"{path}?scheme=tms", Tiling()))
    told = mbtiles(tmp_path / "b.mbtiles", (ZOOM, X, Y), {"bounds": SOUTH})
    assert not remarks_of(open_source(told, Tiling()))


@pytest.mark.parametrize("axes", ["xy", "yx"])
def test_the_box_of_a_tms_folder_contradicts_rows_from_the_north(tmp_path, axes):
    root = folder(tmp_path)
    (west, south, east, north), (x, y) = NORTH.split(","), axes
    box = f'<BoundingBox min{x}="{west}" min{y}="{south}" max{x}="{east}" max{y}="{north}"/>'
    (root / "tilemapresource.xml").write_text(f"<TileMap>{box}</TileMap>")
    with pytest.raises(DataError, match="counted from the south"):
        open_source(root, Tiling())
    assert latitude(f"{root}?scheme=xyz") > 0


@pytest.mark.parametrize("zoom", ["012", "9 ", "deep"])
def test_a_level_that_is_no_number_is_named(tmp_path, zoom):
    path = mbtiles(tmp_path / "a.mbtiles", (zoom, X, Y), {}, ("text",) * 3)
    with pytest.raises(DataError, match=f"zoom_level is '{zoom}', no zoom"):
        open_source(path, Tiling())


def test_an_option_that_stands_twice_is_refused(tmp_path):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), {})
    with pytest.raises(UsageError, match="'scheme' stands twice"):
        open_source(f"{path}?scheme=xyz&scheme=tms", Tiling())


@pytest.mark.parametrize("name", ["a.mbtiles", "a.pmtiles", "a.tif", "a.png"])
def test_an_empty_file_and_a_git_lfs_pointer_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        open_source(tmp_path / name, Tiling(side_m=(9.0,)))
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(DataError, match="Git LFS pointer"):
        open_source(tmp_path / name, Tiling(side_m=(9.0,)))


def test_a_scheme_of_mbtiles_that_the_bounds_contradict_is_refused(tmp_path):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), {"bounds": SOUTH, "scheme": "xyz"})
    with pytest.raises(DataError, match="counted from the north"):
        open_source(path, Tiling())


def test_bounds_that_fit_neither_side_are_told(tmp_path):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), {"bounds": "1,10,2,11"})
    assert "its metadata says latitude 10 to 11" in remarks_of(open_source(path, Tiling()))[0]


def test_the_scheme_stands_in_the_description_only_where_it_is_unusual(tmp_path):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), {})
    assert "scheme" not in open_source(path, Tiling()).describe()
    assert open_source(f"{path}?scheme=xyz", Tiling()).describe()["scheme"] == "xyz"


@pytest.mark.parametrize("option", ["shceme=xyz", "scheme_=tms", "nodata=0", "links=follow"])
def test_unknown_options_of_an_archive_name_the_known_one(tmp_path, option):
    path = mbtiles(tmp_path / "a.mbtiles", (ZOOM, X, Y), {})
    with pytest.raises(UsageError, match="there is no option") as caught:
        open_source(f"{path}?{option}", Tiling())
    assert "scheme" in caught.value.hint


@pytest.mark.parametrize("types", [("text",) * 3, ("", "", ""), ("real",) * 3, ("text", "int", "")])
@pytest.mark.parametrize("kind", [str, int, float])
def test_columns_of_any_type_hold_numbers(tmp_path, types, kind):
    row = tuple(kind(value) for value in (ZOOM, X, 2**ZOOM - 1 - Y))
    if kind is float and "text" in types:
        pytest.skip("SQLite stores such a number as the text 9.0")
    source = open_source(mbtiles(tmp_path / "a.mbtiles", row, {}, types), Tiling())
    assert source.tiles().ids == [f"{ZOOM}/{X}/{Y}"]
    assert source.read(0).shape == (32, 32, 3)


def folder(root, **metadata):
    path = root / "tiles" / str(ZOOM) / str(X) / f"{Y}.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(png())
    if metadata:
        (root / "tiles/metadata.json").write_text(json.dumps(metadata))
    return root / "tiles"


def test_a_folder_without_metadata_says_which_side_was_assumed(tmp_path):
    root = folder(tmp_path)
    (remark,) = remarks_of(open_source(root, Tiling()))
    assert "taken from the north" in remark
    assert "?scheme=tms" in remark
    for scheme in ("xyz", "tms"):
        assert not remarks_of(open_source(f"{root}?scheme={scheme}", Tiling()))


@pytest.mark.parametrize(
    ("metadata", "is_north"), [({"scheme": "tms"}, False), ({"scheme": "xyz"}, True)]
)
def test_metadata_of_a_folder_decide(tmp_path, metadata, is_north):
    source = open_source(folder(tmp_path, **metadata), Tiling())
    assert (source.tiles().latlon[0, 0] > 0) == is_north
    assert not remarks_of(source)


def test_bounds_of_a_folder_that_contradict_are_refused(tmp_path):
    with pytest.raises(DataError, match="counted from the north") as caught:
        open_source(folder(tmp_path, bounds=SOUTH), Tiling())
    assert "?scheme=tms" in caught.value.hint


def test_bounds_of_a_folder_that_agree_say_enough(tmp_path):
    assert not remarks_of(open_source(folder(tmp_path, bounds=NORTH), Tiling()))
