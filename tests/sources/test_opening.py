"""What is no source says what would be one."""

import cv2
import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling


def write_image(path, value=90, size=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size, size, 3), value, np.uint8))


def folder(root, text, files=("a.bmp", "b.png")):
    for number, name in enumerate(files):
        write_image(root / name, 50 + number)
    (root / "tiles.csv").write_text(text)
    return root


def test_folders_that_are_no_source_say_what_would_be_one(tmp_path):
    with pytest.raises(DataError, match="the folder is empty") as caught:
        open_source(tmp_path, Tiling())
    assert "tiles.csv" in str(caught.value)
    write_image(tmp_path / "photo.png")
    write_image(tmp_path / "frame_0001_0020.png")
    with pytest.raises(DataError, match="no tiles whose place is told"):
        open_source(tmp_path, Tiling())
    (tmp_path / "sheet1.tif").write_bytes(b"II*\0")
    with pytest.raises(DataError, match=r"sheet1\.tif: is no GeoTIFF"):
        open_source(tmp_path, Tiling())


def test_other_files_are_no_source(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        open_source(tmp_path / "nothing", Tiling())
    write_image(tmp_path / "a.bmp")
    with pytest.raises(UsageError, match=r"'\.bmp' is no source of tiles") as caught:
        open_source(tmp_path / "a.bmp", Tiling())
    assert "gdal_translate" in str(caught.value)
