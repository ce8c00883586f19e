"""Tiles whose file names tell their places, as VIGOR's do."""

import cv2
import numpy as np
import pytest

from georet.errors import DataError
from georet.ground.wgs84 import metres_a_pixel, span_m
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling


def write_image(path, value=90, size=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size, size, 3), value, np.uint8))


def folder(root, text, files=("a.png", "b.png")):
    for number, name in enumerate(files):
        write_image(root / name, 50 + number)
    (root / "tiles.csv").write_text(text)
    return root


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
