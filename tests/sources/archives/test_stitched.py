"""Archives cut into tiles of another size than their own."""

import pickle

import cv2
import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

PX = 64


def test_an_area_over_the_antimeridian_is_cut_in_one_piece(make, tmp_path):
    last = 2**6 - 1
    image = make.picture(4 * PX, PX)
    columns = [last - 1, last, 0, 1]
    tiles = {
        (6, x, 30): make.encoded(image[:, i * PX : (i + 1) * PX]) for i, x in enumerate(columns)
    }  # fmt: skip
    path = make.write_mbtiles(tmp_path / "fiji.mbtiles", tiles)
    source = open_source(path, Tiling(side_m=(600_000.0,)))
    table = source.tiles()
    assert np.abs(table.latlon[:, 1]).min() > 165
    assert (np.abs(table.latlon[:, 1]) <= 180).all()
    assert np.ptp(table.corners_latlon[:, :, 1], axis=1).max() < 6
    crossing = np.abs(table.corners_latlon[:, :, 1]).max(axis=1) > 180
    assert crossing.any()
    left, _, width, _ = source._plan.windows[int(np.flatnonzero(crossing)[0])]
    assert left < 2 * PX < left + width


def test_cutting_uses_the_shallowest_level_that_shows_enough(make, tmp_path):
    tiles = {}
    for zoom in (6, 7, 8):
        num = 2 ** (zoom - 5)
        for x in range(num):
            for y in range(num):
                tiles[zoom, num * 9 + x, num * 10 + y] = make.encoded(make.picture(256, 256, x + y))
    path = make.write_pmtiles(tmp_path / "a.pmtiles", tiles)
    zooms = {
        side: open_source(path, Tiling(side_m=(side * 1000.0,))).describe()["zoom"]
        for side in (50, 250, 400)
    }
    assert zooms == {50: 8, 250: 8, 400: 7}
    both = open_source(path, Tiling(side_m=(250_000.0, 400_000.0))).describe()
    assert (both["zoom"], both["parts"][0]["zoom"]) == (8, 7)
    assert open_source(path, Tiling(side_m=(4e5,), zoom=8)).describe()["zoom"] == 8


def test_levels_far_apart_are_not_cut_as_one_surface(make, tmp_path):
    tiles = {
        (18, 0, 0): make.encoded(make.picture(PX, PX)),
        (18, 2**17, 2**17): make.encoded(make.picture(PX, PX)),
    }
    path = make.write_mbtiles(tmp_path / "a.mbtiles", tiles)
    assert len(open_source(path, Tiling()).tiles()) == 2
    with pytest.raises(UsageError, match="too far apart"):
        open_source(path, Tiling(side_m=(100.0,)))


def test_a_tile_that_covers_too_many_pixels_is_refused(make, tmp_path, monkeypatch):
    monkeypatch.setattr("georet.sources.archives.stitched.MAX_PIXELS", 100)
    path = make.write_mbtiles(
        tmp_path / "a.mbtiles", {(8, 1, 90): make.encoded(make.picture(PX, PX))}
    )
    with pytest.raises(DataError, match="the cap is 100"):
        open_source(path, Tiling(side_m=(50_000.0,))).read(0)


def test_tiles_of_different_sizes_are_not_stitched(make, tmp_path):
    tiles = {
        (6, 3, 9): make.encoded(make.picture(PX, PX)),
        (6, 4, 9): make.encoded(make.picture(32, 32)),
    }
    source = open_source(make.write_xyz(tmp_path, tiles), Tiling(side_m=(60_000.0,)))
    last = len(source.tiles()) - 1
    assert source.read(0).any()
    with pytest.raises(DataError, match="has 32 x 32 pixels") as caught:
        source.read(last)
    assert "first tile has 64 pixels" in str(caught.value)
    flat = make.write_xyz(tmp_path / "flat", {(6, 3, 9): make.encoded(make.picture(64, 32))})
    with pytest.raises(DataError, match="not a square"):
        open_source(flat, Tiling(side_m=(300_000.0,)))


def test_large_tiles_of_a_deep_level_are_read_at_1024_pixels(make, tmp_path):
    image = make.picture(5 * 256, 5 * 256)
    tiles = {
        (10, 500 + x, 500 + y): make.encoded(image[y * 256 :, x * 256 :][:256, :256])
        for x in range(5)
        for y in range(5)
    }
    path = make.write_mbtiles(tmp_path / "a.mbtiles", tiles)
    source = open_source(path, Tiling(side_m=(190_000.0,), zoom=10))
    tile = source.read(0)
    assert tile.shape == (1024, 1024, 3)
    _, _, width, height = source._plan.windows[0].astype(int)
    left, top = source._plan.windows[0, :2].astype(int)
    part = image[top : top + height, left : left + width]
    wanted = cv2.resize(part, (1024, 1024), interpolation=cv2.INTER_AREA)
    assert width > 1200
    assert np.array_equal(tile, wanted)


def test_each_tile_of_the_archive_is_decoded_once_however_much_windows_overlap(
    make, tmp_path, monkeypatch
):
    from georet.sources.archives import stitched

    image = make.picture(12 * PX, 12 * PX)
    cells = [(x, y) for y in range(12) for x in range(12)]
    tiles = {
        (9, 200 + x, 170 + y): make.encoded(
            image[y * PX : (y + 1) * PX, x * PX : (x + 1) * PX], ".jpg"
        )
        for x, y in cells
    }
    path = make.write_mbtiles(tmp_path / "a.mbtiles", tiles)
    source = open_source(path, Tiling(side_m=(60_000.0,), overlap=0.5, max_nodata=1.0))
    seen = []

    def counted(data, where, **more):
        seen.append(where)
        return decode(data, where, **more)

    decode = stitched.decode
    monkeypatch.setattr(stitched, "decode", counted)
    rows = range(len(source.tiles()))
    assert len(rows) > 144
    for row in rows:
        source.read(row)
    assert len(seen) == len(set(seen)) <= 144
    carried = pickle.loads(pickle.dumps(source))
    assert np.array_equal(carried.read(5), source.read(5))
    assert len(pickle.dumps(source.parts[0][1])) < 20_000
