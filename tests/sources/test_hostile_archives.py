"""Archives and folders made to harm: refused in words, soon, and without reading elsewhere."""

import gzip
import os
import sqlite3
import time

import cv2
import numpy as np
import pytest
from pmtiles.tile import TileType, tileid_to_zxy
from pmtiles.writer import Writer

from georet.errors import DataError
from georet.sources.archives.hilbert import columns_and_rows, first_number
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

CPU_S = 60
"""Far above what any of these takes on a slow machine; what these files are made to cause takes
minutes, or never ends."""


@pytest.fixture(autouse=True)
def _soon():
    begin = time.process_time()
    yield
    assert time.process_time() - begin < CPU_S


def png():
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def use(source):
    """Do what a build does before it embeds."""
    opened = open_source(source, Tiling())
    opened.tiles()
    opened.describe()
    return opened.read(0)


def mbtiles(path, *queries):
    with sqlite3.connect(path) as database:
        for query in queries:
            database.execute(query, [png()] if "?" in query else [])
    database.close()
    return path


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c)"
FIELDS = "AS zoom_level, 0 AS tile_column, 0 AS tile_row"
VIEWS = {
    "rows without end": f"{ENDLESS} SELECT 1 {FIELDS}, x'00' AS tile_data FROM c",
    "a tile without end": f"SELECT 1 {FIELDS}, ({ENDLESS} SELECT max(x) FROM c) AS tile_data",
    "a product of tables": f"SELECT 1 {FIELDS}, x'00' AS tile_data FROM a, a b, a c, a d",
    "a gigabyte of zeros": f"SELECT 1 {FIELDS}, zeroblob(900000000) AS tile_data",
    "a gigabyte of text": f"SELECT 1 {FIELDS}, printf('%.*c', 900000000, 'x') AS tile_data",
    "much hexadecimal": f"SELECT length(hex(zeroblob(60000000))) {FIELDS}, x'' AS tile_data FROM a",
    "a file elsewhere": f"SELECT 1 {FIELDS}, readfile('/etc/passwd') AS tile_data",
    "code elsewhere": f"SELECT 1 {FIELDS}, load_extension('/nowhere/x') AS tile_data",
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_that_compute_are_refused_soon(tmp_path, name):
    rows = ", ".join("(1)" for _ in range(2000))
    table = ("CREATE TABLE a(x)", f"INSERT INTO a VALUES {rows}")
    path = mbtiles(tmp_path / "a.mbtiles", *table, f"CREATE VIEW tiles AS {VIEWS[name]}")
    with pytest.raises(DataError, match=r"a\.mbtiles") as caught:
        use(path)
    assert "root:" not in str(caught.value)


def test_a_view_over_a_table_of_pictures_is_read(tmp_path):
    path = mbtiles(
        tmp_path / "a.mbtiles",
        "CREATE TABLE map(zoom_level INT, tile_column INT, tile_row INT, tile_id TEXT)",
        "CREATE TABLE images(tile_data BLOB, tile_id TEXT)",
        "INSERT INTO map VALUES (3, 1, 2, 'a')",
        "INSERT INTO images VALUES (?, 'a')",
        "CREATE VIEW tiles AS SELECT map.zoom_level AS zoom_level, map.tile_column AS tile_column, "
        "map.tile_row AS tile_row, coalesce(images.tile_data, x'') AS tile_data FROM map "
        "JOIN images ON images.tile_id = map.tile_id",
    )
    assert use(path).shape == (32, 32, 3)


@pytest.mark.parametrize("text", ["1\x1b[31mred", "9" * 400, "a" * 5000])
def test_foreign_text_is_escaped_and_cut_in_messages(tmp_path, text):
    table = "CREATE TABLE tiles(zoom_level, tile_column, tile_row, tile_data)"
    row = f"INSERT INTO tiles VALUES (3, '{text}', 2, ?)"
    with pytest.raises(DataError, match="no number") as caught:
        use(mbtiles(tmp_path / "a.mbtiles", table, row))
    assert caught.value.what.isprintable()
    assert len(caught.value.what) < 200


def pmtiles(path, root, *, leaves=b"", data=b"x" * 64):
    """Write a file with a root directory of these bytes."""
    header = {"tile_type": TileType.PNG, "tile_compression": 1, "min_zoom": 0, "max_zoom": 1}
    zeros = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
    zeros += ("center_zoom", "center_lon_e7", "center_lat_e7")
    from pmtiles.tile import Compression

    with path.open("wb") as stream:
        writer = Writer(stream)
        writer.write_tile(0, data)
        writer.finalize(
            {**header, "tile_compression": Compression.NONE, **dict.fromkeys(zeros, 0)}, {}
        )
    content = bytearray(path.read_bytes())
    end = len(content)
    for at, value in ((8, end), (16, len(root)), (40, end + len(root)), (48, len(leaves))):
        content[at : at + 8] = value.to_bytes(8, "little")
    path.write_bytes(bytes(content) + root + leaves)
    return path


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def directory(*columns):
    """Return a directory with its columns of numbers one after the other."""
    numbers = [len(columns[0]), *(number for column in columns for number in column)]
    return gzip.compress(b"".join(map(varint, numbers)))


MANY = 40_000_000
ROOTS = {
    "one run of 5e7 tiles": directory([1], [49_999_999], [10], [1]),
    "many runs": directory([1] * 9, [49_999_999] * 9, [10] * 9, [1] * 9),
    "4e7 entries in a few kilobytes": gzip.compress(varint(MANY) + b"\1" * (20 << 20)),
    "300 MB of zeros": gzip.compress(b"\0" * (300 << 20), compresslevel=1),
    "2^40 entries said": gzip.compress(varint(2**40)),
    "a tile of 2^40 bytes": directory([0], [1], [2**40], [1]),
    "a tile at 2^62": directory([0], [1], [10], [2**62]),
    "a tile deeper than any": directory([2**62], [1], [10], [1]),
    "a number without end": gzip.compress(b"\xff" * 1000),
    "many pointers to one directory": directory([1] * 2000, [0] * 2000, [20] * 2000, [1] * 2000),
}


@pytest.mark.parametrize("name", ROOTS)
def test_directories_that_promise_more_than_the_file_holds_are_refused(tmp_path, name):
    leaf = directory([1], [0], [20], [1])
    with pytest.raises(DataError, match=r"a\.pmtiles"):
        use(pmtiles(tmp_path / "a.pmtiles", ROOTS[name], leaves=leaf))


@pytest.mark.parametrize("zoom", [0, 1, 2, 7, 14, 22, 29])
def test_numbers_of_tiles_are_those_of_the_format(zoom):
    ends = first_number(zoom), first_number(zoom + 1)
    numbers = np.random.default_rng(zoom).integers(*ends, 200)
    wanted = [tileid_to_zxy(number)[1:] for number in numbers.tolist()]
    assert [tuple(row) for row in columns_and_rows(zoom, numbers).tolist()] == wanted


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.mbtiles", "a.pmtiles", "d/tiles.csv"])
def test_pipes_are_never_waited_for(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    with pytest.raises(DataError, match="is a pipe, not a regular file"):
        open_source(path.parent if path.parent != tmp_path else path, Tiling(side_m=(9.0,)))


@pytest.mark.parametrize("beside", ["a.mbtiles-wal", "a.mbtiles-journal"])
def test_pipes_beside_a_database_are_refused(tmp_path, beside):
    path = mbtiles(
        tmp_path / "a.mbtiles", "CREATE TABLE tiles(zoom_level, tile_column, tile_row, tile_data)"
    )
    os.mkfifo(tmp_path / beside)
    with pytest.raises(DataError, match=f"{beside}: is a pipe"):
        use(path)


def tile_folder(root):
    folder = root / "tiles" / "3" / "1"
    folder.mkdir(parents=True)
    (folder / "2.png").write_bytes(png())
    return root / "tiles"


def listed_folder(root):
    folder = root / "tiles"
    folder.mkdir()
    (folder / "a.png").write_bytes(png())
    (folder / "tiles.csv").write_text("file,lat,lon,side_m\na.png,45,5,500\nb.png,46,5,500\n")
    return folder


def named_folder(root):
    folder = root / "tiles"
    folder.mkdir()
    (folder / "s_45.0_5.0.png").write_bytes(png())
    return folder


FOLDERS = {
    "3/1/3.png": tile_folder, "b.png": listed_folder, "s_46.0_5.0.png": named_folder,
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDERS)
def test_links_out_of_a_folder_are_followed_only_when_asked(tmp_path, name):
    root = FOLDERS[name](tmp_path)
    (tmp_path / "secret.png").write_bytes(png())
    (root / name).symlink_to(tmp_path / "secret.png")
    with pytest.raises(DataError, match="is a link out of the folder") as caught:
        open_source(root, Tiling())
    assert "?links=follow" in caught.value.hint
    opened = open_source(f"{root}?links=follow", Tiling())
    assert opened.read(len(opened.tiles()) - 1).shape == (32, 32, 3)


@pytest.mark.parametrize("name", FOLDERS)
def test_links_within_a_folder_are_files_like_others(tmp_path, name):
    root = FOLDERS[name](tmp_path)
    picture = next(root.rglob("*.png"))
    (root / name).symlink_to(picture)
    opened = open_source(root, Tiling())
    assert opened.read(len(opened.tiles()) - 1).shape == (32, 32, 3)


@pytest.mark.parametrize("name", FOLDERS)
def test_pipes_among_tiles_are_bad_tiles(tmp_path, name):
    root = FOLDERS[name](tmp_path)
    os.mkfifo(root / name)
    opened = open_source(root, Tiling(max_nodata=1.0))
    with pytest.raises(DataError, match="is a pipe, not a regular file"):
        opened.read(len(opened.tiles()) - 1)


@pytest.mark.parametrize("name", ["a\0b.png", "../a.png", "/etc/passwd", "a" * 5000, ""])
def test_names_in_tiles_csv_stay_in_the_folder(tmp_path, name):
    (tmp_path / "tiles.csv").write_text(f"file,lat,lon,side_m\n{name},45,5,500\n")
    with pytest.raises(DataError, match=r"is no file in the folder|holds a NUL byte") as caught:
        open_source(tmp_path, Tiling())
    assert len(caught.value.what) < 200


def test_200_000_lines_of_tiles_csv_are_listed_soon(tmp_path):
    lines = "".join(f"{number}.png,45,5,500\n" for number in range(200_000))
    (tmp_path / "tiles.csv").write_text("file,lat,lon,side_m\n" + lines)
    with pytest.raises(DataError, match=r"200,000 of the 200,000 files listed are not there"):
        open_source(tmp_path, Tiling())
