"""A build takes no more memory than it says, whatever its decoders could keep of the imagery."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from georet.feeding.decoder import DECODER_BYTES, GDAL_CACHE, decoder_bytes
from georet.gallery.making.build import build_gallery
from georet.plugins import UNSAID
from georet.sources.opening import open_source
from georet.testing.drawn_tiles import PixelSpec
from georet.testing.footprint import Footprint
from georet.tiles.tiling import Tiling

BLOCK, ACROSS = 512, 24
DECODERS, CACHE_MB = 2, 24


@pytest.fixture(scope="module")
def raster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a raster of 450 MB of pixels, each block another part of the same noise."""
    rasterio = pytest.importorskip("rasterio")
    from rasterio.transform import from_origin
    from rasterio.windows import Window

    path = tmp_path_factory.mktemp("raster") / "area.tif"
    noise = np.random.default_rng(0).integers(0, 256, (3, BLOCK, 2 * BLOCK), np.uint8)
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": "EPSG:32632"}
    packed = {"compress": "JPEG", "photometric": "YCBCR", "jpeg_quality": 50, "tiled": True}
    shape = {"height": ACROSS * BLOCK, "width": ACROSS * BLOCK}
    blocks = {"blockxsize": BLOCK, "blockysize": BLOCK}
    place = from_origin(5e5, 5.3e6, 0.5, 0.5)
    with rasterio.open(path, "w", transform=place, **profile, **packed, **shape, **blocks) as out:
        for number in range(ACROSS * ACROSS):
            row, column = divmod(number, ACROSS)
            at = Window(column * BLOCK, row * BLOCK, BLOCK, BLOCK)
            out.write(noise[:, :, number % BLOCK :][:, :, :BLOCK], window=at)
    return path


def test_a_build_keeps_to_the_memory_that_it_tells(
    raster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GDAL_CACHE, str(CACHE_MB))
    source = open_source(str(raster), Tiling(side_m=(256.0,)), selection=UNSAID)
    said: list[str] = []
    with Footprint() as footprint:
        build_gallery(
            source,
            PixelSpec(),
            tmp_path / "g",
            workers=DECODERS,
            shard_size=200,
            say=said.append,
        )
    told = next(line for line in said if "read ahead" in line)
    most_gb = float(re.search(r"at most ([\d.]+) GB", told)[1])  # type: ignore[index]
    took = footprint.most_bytes - footprint.before_bytes
    assert DECODERS * (60 << 20) < took < most_gb * 1e9
    assert most_gb * 1e9 < DECODERS * (DECODER_BYTES + (CACHE_MB << 20)) + (200 << 20)


@pytest.mark.parametrize(
    ("said", "megabytes"), [("64", 64), (str(64 << 20), 64), ("what?", 256), (None, 256)]
)
def test_the_users_word_on_gdals_cache_counts(
    said: str | None, megabytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(GDAL_CACHE, raising=False)
    if said is not None:
        monkeypatch.setenv(GDAL_CACHE, said)
    assert decoder_bytes() == DECODER_BYTES + (megabytes << 20)
