"""Ground whose every pixel is another, as maps and as photos of it."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def ground():
    """Return a picture uint8[900, 1200, 3]."""
    coarse = np.random.default_rng(3).integers(0, 255, (90, 120, 3), np.uint8)
    return cv2.resize(coarse, (1200, 900), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def put_map():
    """Return what writes a picture as a TIFF without a place."""
    rasterio = pytest.importorskip("rasterio")

    def put(path, image):
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = image.shape[:2]
        shape = {"width": width, "height": height, "count": 3, "dtype": "uint8"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path, "w", driver="GTiff", **shape) as raster:
                raster.write(image.transpose(2, 0, 1))

    return put


@pytest.fixture
def put_photo(ground):
    """Return what writes the ground around a column and row as a photo."""

    def put(path, column, row, half=50):
        path.parent.mkdir(parents=True, exist_ok=True)
        cut = ground[row - half : row + half, column - half : column + half]
        assert cv2.imwrite(str(path), cut[:, :, ::-1])

    return put


@pytest.fixture
def looks_like():
    """Return how alike a picture and a part of another one are, as their correlation.

    The part is left, top, width, height as shares of the other picture.
    """

    def alike(one, other, box):
        photo, tile = (cv2.imread(str(path)) for path in (one, other))
        height, width = tile.shape[:2]
        left, top, wide, tall = box
        columns = slice(round(left * width), round((left + wide) * width))
        part = tile[round(top * height) : round((top + tall) * height), columns]
        small = [cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).ravel().astype(float)
                 for image in (photo, part)]  # fmt: skip
        return float(np.corrcoef(*small)[0, 1])

    return alike
