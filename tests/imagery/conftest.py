"""A local host, and a small map to be served by it."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from georet.testing.local_host import LocalHost, serve_tiles


@pytest.fixture
def host(monkeypatch, tmp_path):
    """Return a host that serves tiles, with a cache of its own."""
    monkeypatch.setenv("GEORET_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = LocalHost(serve_tiles)
    yield found
    found.close()


@pytest.fixture
def raster(tmp_path):
    """Return a GeoTIFF of 240 m in UTM, in compressed blocks."""
    rng = np.random.default_rng(5)
    image = np.kron(rng.integers(0, 255, (3, 60, 60), np.uint8), np.ones((1, 20, 20), np.uint8))
    path = tmp_path / "map.tif"
    profile = {"driver": "GTiff", "width": 1200, "height": 1200, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5200100, 0.2, 0.2)}
    how = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}
    with rasterio.open(path, "w", **profile, **place, **how) as out:
        out.write(image)
    return path
