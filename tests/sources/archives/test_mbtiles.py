"""MBTiles: files that are none, and none that is changed."""

import sqlite3

import pytest

from georet.errors import DataError
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling


def test_an_mbtiles_file_must_be_one(tmp_path):
    path = tmp_path / "a.mbtiles"
    path.write_bytes(b"not a database, by far" * 100)
    with pytest.raises(DataError, match="no MBTiles"):
        open_source(path, Tiling())
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE places (a TEXT)")
    database.close()
    with pytest.raises(DataError, match="without the table `tiles`") as caught:
        open_source(path, Tiling())
    assert "It has: places" in str(caught.value)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE tiles (zoom INTEGER, x INTEGER)")
    database.close()
    with pytest.raises(DataError, match="no such column") as caught:
        open_source(path, Tiling())
    assert "zoom_level" in str(caught.value)


def test_an_mbtiles_file_is_opened_for_reading_only(make, tmp_path):
    path = make.write_mbtiles(tmp_path / "a.mbtiles", make.area()[1])
    before = path.read_bytes()
    source = open_source(path, Tiling())
    source.tiles()
    with pytest.raises(sqlite3.DatabaseError, match=r"readonly|not authorized"):
        source.archive._handle.get()._connection.execute("DELETE FROM tiles")
    assert path.read_bytes() == before
