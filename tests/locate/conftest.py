"""A stretch of ground that a gallery covers, and photos of it with known places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.facade import Gallery
from georet.sources.images import square_table
from georet.testing.pixel_session import PixelSession
from georet.types import REFERENCE

M_PER_PX, SIDE_PX, STEP_PX = 10.0, 64, 32
DEGREE_M = 111_195.0


@dataclass
class Ground:
    """An image of ``texture`` whose top left corner lies at ``origin`` (latitude, longitude)."""

    texture: np.ndarray
    origin: tuple[float, float]

    def latlon(self, x_px, y_px):
        lat = self.origin[0] - np.asarray(y_px) * M_PER_PX / DEGREE_M
        east = np.asarray(x_px) * M_PER_PX / DEGREE_M / np.cos(np.radians(self.origin[0]))
        return np.stack([lat, (self.origin[1] + east + 180) % 360 - 180], axis=-1)

    def cut(self, x_px, y_px, seed=None, noise=0.0):
        """Return the tile whose middle is at x, y, as a camera with noise would see it."""
        half = SIDE_PX // 2
        image = self.texture[y_px - half : y_px + half, x_px - half : x_px + half]
        if seed is not None:
            grain = np.random.default_rng(seed).normal(0, noise, image.shape)
            image = np.clip(image + grain, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(image)


def ground_at(origin, seed=0, side_px=512):
    rng = np.random.default_rng(seed)
    total = np.zeros((side_px, side_px, 3), np.float32)
    for cells, weight in ((7, 90), (18, 40), (64, 10)):
        coarse = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        total += weight * cv2.resize(coarse, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return Ground(np.clip(128 + total, 0, 255).astype(np.uint8), origin)


def jpeg(image):
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", np.ascontiguousarray(small[:, :, ::-1]))[1].tobytes()


def make_gallery(path: Path, ground: Ground, *, thumbnails=True) -> Gallery:
    size = ground.texture.shape[0]
    middles = range(SIDE_PX // 2, size - SIDE_PX // 2 + 1, STEP_PX)
    places = [(x, y) for y in middles for x in middles]
    images = [cv2.resize(ground.cut(x, y), (48, 48)) for x, y in places]
    session = PixelSession(view=REFERENCE)
    xs, ys = np.array(places).T
    tiles = square_table(
        [f"t{x:03d}-{y:03d}" for x, y in places],
        ground.latlon(xs, ys),
        np.full(len(places), SIDE_PX * M_PER_PX),
    )
    pictures = [jpeg(ground.cut(x, y)) for x, y in places] if thumbnails else None
    return Gallery.from_arrays(
        path, tiles, session.embed(np.stack(images)), session.identity, pictures
    )


def photos_of(ground: Ground, num, seed=1, noise=25.0):
    """Return images and latlon of photos taken anywhere on the ground."""
    rng = np.random.default_rng(seed)
    half, size = SIDE_PX // 2, ground.texture.shape[0]
    places = rng.integers(half, size - half, size=(num, 2))
    images = [ground.cut(x, y, seed=[seed, n], noise=noise) for n, (x, y) in enumerate(places)]
    return images, ground.latlon(*places.T)


def save(folder: Path, images) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"photo-{n:03d}.png" for n in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(str(path), image[:, :, ::-1])
    return paths


@pytest.fixture(scope="session")
def ground():
    return ground_at((48.0, 16.0))


@pytest.fixture(scope="session")
def gallery(tmp_path_factory, ground):
    return make_gallery(tmp_path_factory.mktemp("plain") / "area.gallery", ground)


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory, ground):
    """The same gallery, calibrated on 80 photos."""
    from georet.gallery.files.additions import CALIBRATION
    from georet.locate.calibrating.calibrate import calibrate

    made = make_gallery(tmp_path_factory.mktemp("calibrated") / "area.gallery", ground)
    images, latlon = photos_of(ground, 80, seed=3, noise=150.0)
    session = PixelSession()
    embeddings = session.embed(np.stack([cv2.resize(i, (48, 48)) for i in images]))
    calibration, _ = calibrate(made, embeddings, latlon, about="80 photos", seeds=(0,))
    made.save_addition(CALIBRATION, calibration.as_bytes())
    return made


@pytest.fixture
def pixels():
    return PixelSession()


@pytest.fixture
def take(ground):
    """Take ``num`` photos of the ground: images and latlon."""

    def taken(num, seed=1, noise=25.0):
        return photos_of(ground, num, seed, noise)

    return taken


@pytest.fixture
def save_photos(tmp_path, take):
    """Write ``num`` photos into a folder and return their paths and places."""

    def saved(num, folder="photos", **how):
        images, latlon = take(num, **how)
        return save(tmp_path / folder, images), latlon

    return saved


@pytest.fixture
def gallery_across_180(tmp_path):
    """A gallery whose middle lies on the antimeridian, and its ground."""
    ground = ground_at((10.0, 180.0 - 256 * M_PER_PX / DEGREE_M / np.cos(np.radians(10.0))))
    return make_gallery(tmp_path / "across.gallery", ground), ground
