"""PMTiles: truncated, damaged, compressed, and with directories below the root."""

import re

import numpy as np
import pytest
from pmtiles.tile import Compression

from georet.errors import DataError, GeoretError
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

PX = 64


def test_a_pmtiles_file_must_be_one(tmp_path):
    path = tmp_path / "a.pmtiles"
    path.write_bytes(b"nonsense" * 40)
    with pytest.raises(DataError, match="is no PMTiles file"):
        open_source(path, Tiling())
    path.write_bytes(b"PMTiles\x02" + bytes(200))
    with pytest.raises(DataError, match="version 2, not 3") as caught:
        open_source(path, Tiling())
    assert "pmtiles convert" in str(caught.value)
    path.write_bytes(b"PMT")
    with pytest.raises(DataError, match="cut short"):
        open_source(path, Tiling())
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        open_source(path, Tiling())


def read_all(path):
    source = open_source(path, Tiling())
    for row in range(len(source.tiles())):
        source.read(row)


def fault_of(path):
    """Return georet's error on reading an archive, or None; any other error is the test's."""
    try:
        read_all(path)
    except GeoretError as error:
        return error
    return None


def test_every_truncation_of_a_pmtiles_file_is_noticed(make, tmp_path):
    whole = make.write_pmtiles(tmp_path / "a.pmtiles", make.area()[1]).read_bytes()
    path = tmp_path / "b.pmtiles"
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_all(path)


def test_damaged_pmtiles_directories_are_errors_that_name_the_file(make, tmp_path):
    whole = bytearray(make.write_pmtiles(tmp_path / "a.pmtiles", make.area()[1]).read_bytes())
    path, rng, num_found = tmp_path / "b.pmtiles", np.random.default_rng(0), 0
    for position in rng.integers(0, 200, 150):
        broken = whole.copy()
        broken[position] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        error = fault_of(path)
        assert error is None or str(path) in str(error)
        num_found += error is not None
    assert num_found > 20


def test_compressed_tiles_of_a_pmtiles_file_are_unpacked(make, tmp_path):
    import gzip

    data = make.encoded(make.picture(PX, PX))
    tiles = {(2, 1, 1): gzip.compress(data), (2, 2, 1): gzip.compress(data)[:-9]}
    path = make.write_pmtiles(tmp_path / "a.pmtiles", tiles, packed=Compression.GZIP)
    source = open_source(path, Tiling(max_nodata=1.0))
    assert np.array_equal(source.read(0), make.picture(PX, PX))
    with pytest.raises(DataError, match="tile 2/2/1 is cut short"):
        source.read(1)


def test_pmtiles_with_directories_below_the_root_are_read(make, tmp_path):
    rng = np.random.default_rng(0)
    tiles = {
        (9, x, y): bytes(rng.integers(0, 256, int(rng.integers(20, 400)), dtype=np.uint8))
        for x in range(100, 260)
        for y in range(200, 360)
    }
    archive = open_source(make.write_pmtiles(tmp_path / "a.pmtiles", tiles), Tiling()).archive
    assert archive._header["leaf_directory_length"] > 0
    listed = archive.listing(9)
    assert len(listed) == len(tiles)
    assert [tuple(xy) for xy in listed[:2].tolist()] == [(100, 200), (101, 200)]
    for x, y in listed[::97].tolist():
        assert archive.encoded(9, x, y) == tiles[9, x, y]


def test_a_pmtiles_file_that_promises_endless_tiles_is_refused(make, tmp_path, monkeypatch):
    monkeypatch.setattr("georet.sources.archives.pmtiles._BASE_TILES", 5)
    monkeypatch.setattr("georet.sources.archives.pmtiles._BYTES_A_TILE", 10**9)
    path = make.write_pmtiles(tmp_path / "a.pmtiles", make.area()[1])
    with pytest.raises(DataError, match=r"lists more than 5 tiles|has 11 entries"):
        open_source(path, Tiling())
