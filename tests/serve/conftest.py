"""A gallery of a made-up land, a server of it in a process of its own, and a browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from georet.facade import Gallery
from georet.locate import Locator
from georet.refiners.sift import Sift
from georet.serve.site import Sample, Site
from georet.testing.pixel_session import PixelSession
from georet.tiles.table import TileTable
from georet.types import Doubles, Pixels

WEST, NORTH, STEP, SIDE, PX = 8.0, 50.0, 0.1, 0.2, 96
NUM_X, NUM_Y = 14, 12


@dataclass(frozen=True)
class Land:
    """The gallery, and how to photograph the land that it shows."""

    gallery: Gallery
    texture: Pixels
    folder: Path

    def photo(self, latlon: tuple[float, float]) -> Pixels:
        """Return what a camera over a place sees: slightly darker than the tile there."""
        crop = _crop(self.texture, np.array([latlon]))[0]
        return np.clip(crop * 0.9 + 8, 0, 255).astype(np.uint8)

    def photo_file(self, latlon: tuple[float, float], name: str = "photo.jpg") -> Path:
        """Write such a photo as JPEG."""
        path = self.folder / name
        path.write_bytes(simplejpeg.encode_jpeg(self.photo(latlon), quality=92))
        return path

    def place(self, row: int) -> tuple[float, float]:
        """Return a tile's centre."""
        latitude, longitude = self.gallery.tiles.latlon[row].tolist()
        return latitude, longitude

    def site(self, refine: bool = False) -> Site:
        """Return the site that the tests serve, with a refiner if wanted."""
        # Thumbnails of 96 pixels have few features.
        refiner = Sift(inliers=8, dense=False) if refine else None
        locator = Locator(self.gallery, PixelSession(), refiner=refiner)
        place = self.place(20)
        sample = Sample(self.photo_file(place, "sample.jpg"), "Sample photo 1", place)
        return Site(self.gallery, locator, name="land.gallery", samples=[sample])


def make_land(folder: Path) -> Land:
    """Write the gallery into a folder, or open the one that is there."""
    texture = _texture()
    path = folder / "land.gallery"
    if path.exists():
        return Land(Gallery.open(path), texture, folder)
    latlon = np.array(
        [(NORTH - SIDE / 2 - STEP * y, WEST + SIDE / 2 + STEP * x)
         for y in range(NUM_Y) for x in range(NUM_X)]
    )  # fmt: skip
    half = SIDE / 2
    offsets = np.array([(half, -half), (half, half), (-half, half), (-half, -half)])
    tiles = TileTable(
        [f"t{row:03d}" for row in range(len(latlon))],
        latlon,
        latlon[:, None] + offsets,
        np.full(len(latlon), 18_000.0),
    )
    pictures = _crop(texture, latlon)
    session = PixelSession(view="reference")
    small = np.stack([cv2.resize(p, session.identity.size) for p in pictures])
    jpegs = [simplejpeg.encode_jpeg(picture, quality=85) for picture in pictures]
    gallery = Gallery.from_arrays(path, tiles, session.embed(small), session.identity, jpegs)
    return Land(gallery, texture, folder)


def _texture() -> Pixels:
    """Return hills, woods and water, 480 pixels a degree; no two places look the same."""
    rng = np.random.default_rng(7)
    height, width = 700, 780
    total = np.zeros((height, width, 3), np.float32)
    for cells in (6, 14, 40, 110):
        noise = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    total = (total - total.min()) / (total.max() - total.min())
    return (total * [190, 230, 170] + [20, 20, 10]).clip(0, 255).astype(np.uint8)


def _crop(texture: Pixels, latlon: Doubles) -> Pixels:
    crops = []
    for latitude, longitude in latlon:
        y, x = (NORTH - latitude - SIDE / 2) * 480, (longitude - WEST - SIDE / 2) * 480
        shift = np.array([[1.0, 0, -x], [0, 1.0, -y]])
        crops.append(cv2.warpAffine(texture, shift, (PX, PX), borderMode=cv2.BORDER_REFLECT))
    return np.stack(crops)


@pytest.fixture(scope="session")
def land(tmp_path_factory: pytest.TempPathFactory) -> Land:
    """Return the land and its gallery."""
    return make_land(tmp_path_factory.mktemp("land"))


@dataclass(frozen=True)
class Server:
    """A running server."""

    address: str
    port: int
    process: subprocess.Popen[str]
    folder: Path

    def resident_mb(self) -> float:
        """Return the memory that its process holds, in megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def serve(land: Land, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return what starts a server of the land, with further options, in its own process."""
    processes = []

    def start(**options: object) -> Server:
        folder = tmp_path_factory.mktemp("served")
        command = [sys.executable, str(Path(__file__).with_name("serve_land.py"))]
        process = subprocess.Popen(
            [*command, str(land.folder), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("w"),
            text=True,
            env={**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
        )
        processes.append(process)
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, (folder / "stderr").read_text()
        return Server(address, int(address.split(":")[2].split("/")[0]), process, folder)

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    """Return a server on this machine without a token."""
    return serve()
