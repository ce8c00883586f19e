"""A small map of random fields and roads, as a GeoTIFF in UTM."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio")
GSD, SIDE_M = 0.5, 40.0
ENCODER = "timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=64"


def painted(width: int, height: int, seed: int) -> np.ndarray:
    """Return uint8[height, width, 3]: fields of one colour each, roads, and fine texture."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform([0, 0], [width, height], (150, 2)).astype(np.float32)
    colours = rng.uniform(40, 200, (150, 3))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    nearest = np.full((height, width), np.inf)
    image = np.zeros((height, width, 3))
    for (cx, cy), colour in zip(centres, colours, strict=True):
        away = (x - cx) ** 2 + (y - cy) ** 2
        image[away < nearest] = colour
        nearest = np.minimum(nearest, away)
    for _ in range(25):
        a, b = rng.uniform([0, 0], [width, height], (2, 2)).astype(int)
        cv2.line(image, a.tolist(), b.tolist(), rng.uniform(120, 255, 3).tolist(), 6)
    return np.uint8(np.clip(image + rng.normal(0, 8, image.shape), 0, 255))


def written(path: Path, image: np.ndarray, *, crs: str = "EPSG:32632", gsd: float = GSD) -> Path:
    """Write a picture as a GeoTIFF whose top left corner lies at 500 km east, 5,200 km north."""
    top = rasterio.transform.from_origin(500_000, 5_200_000, gsd, gsd)
    planes = np.moveaxis(image, -1, 0)
    size = {"width": image.shape[1], "height": image.shape[0], "count": len(planes)}
    with rasterio.open(
        path, "w", driver="GTiff", dtype=image.dtype, crs=crs, transform=top, **size
    ) as f:
        f.write(planes)
    return path


@pytest.fixture(scope="session")
def area_tif(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("area") / "area.tif", painted(720, 640, 0))
