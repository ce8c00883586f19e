"""Ground, a gallery of it, and flights over it: photos straight down, with all that goes wrong."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.facade import Gallery
from georet.sources.images import square_table
from georet.testing.pixel_session import PixelSession
from georet.types import REFERENCE

M_PER_PX, TILE_PX, STEP_PX, SIZE_PX = 2.0, 160, 80, 1120
ORIGIN, DEGREE_M = (48.0, 16.0), 111_195.0
FRAME_PX, HEIGHT_M = 160, TILE_PX * M_PER_PX / 2
"""With a field of view of 90 degrees a frame shows as much as a tile."""


def texture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    total = np.zeros((SIZE_PX, SIZE_PX, 3), np.float32)
    for cells, weight in ((9, 70), (30, 45), (100, 20), (400, 14)):
        coarse = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        total += weight * cv2.resize(coarse, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + total, 0, 255).astype(np.uint8)


def latlon(xy_px) -> np.ndarray:
    x, y = np.asarray(xy_px, float).T
    lat = ORIGIN[0] - y * M_PER_PX / DEGREE_M
    lon = ORIGIN[1] + x * M_PER_PX / DEGREE_M / np.cos(np.radians(ORIGIN[0]))
    return np.stack([lat, lon], axis=-1)


@dataclass
class Flown:
    """A folder of frames with telemetry.csv and truth.csv; ``truth`` latlon, ``junk`` frames."""

    folder: Path
    truth: np.ndarray
    junk: list[int]
    pixels: np.ndarray

    @property
    def telemetry(self) -> Path:
        return self.folder / "telemetry.csv"


def flown_over(folder: Path, ground: np.ndarray, *, num=36, seed=0, junk=0.2, north=True) -> Flown:
    """Fly ``num`` frames: a fifth useless, odometry 5 % too long and noisy."""
    rng = np.random.default_rng(seed)
    low, high = TILE_PX / 2, SIZE_PX - TILE_PX / 2
    at, ahead, places = rng.uniform(low, high, 2), rng.uniform(0, 6), []
    for _ in range(num):
        places.append(at)
        for _ in range(100):
            turn = ahead + rng.normal(0, 0.3)
            step = at + 22 * np.array([np.sin(turn), np.cos(turn)])
            if (step > low).all() and (step < high).all():
                break
            ahead += 0.4
        at, ahead = step, turn
    places = np.array(places)
    bad = sorted(rng.choice(np.arange(2, num), round(junk * num), replace=False).tolist())
    folder.mkdir(parents=True, exist_ok=True)
    for number, (x, y) in enumerate(places):
        frame = frame_of(ground, x, y)
        if number in bad:
            frame = [np.zeros_like(frame), frame_of(texture(9), y, x)][number % 2]
        grain = rng.normal(0, 12, frame.shape)
        image = np.clip(frame + grain * (frame.max() > 0), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:03d}.png"), image[:, :, ::-1])
    truth = latlon(places)
    metres = np.diff(places, axis=0, prepend=places[:1]) * [M_PER_PX, -M_PER_PX]
    odometry = np.cumsum(1.05 * metres + rng.normal(0, 1.0, metres.shape), axis=0)
    head = ["photo", "time_s", "tilt_deg", "height_m", "fov_deg"]
    rows = [[f"{n:03d}.png", 2.0 * n, 0, HEIGHT_M, 90] for n in range(num)]
    if north:
        head += ["heading_deg", "east_m", "north_m"]
        rows = [[*row, 0, *xy] for row, xy in zip(rows, odometry.round(3).tolist(), strict=True)]
    write(folder / "telemetry.csv", head, rows)
    known = [[f"{n:03d}.png", *place] for n, place in enumerate(truth.tolist())]
    write(folder / "truth.csv", ["photo", "lat", "lon"], known)
    return Flown(folder, truth, bad, places)


def frame_of(ground, x, y):
    size = (FRAME_PX, FRAME_PX)
    return cv2.getRectSubPix(ground, size, (float(x) - 0.5, float(y) - 0.5))


def write(path: Path, head, rows):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])


@pytest.fixture(scope="session")
def ground():
    return texture(0)


@pytest.fixture(scope="session", name="fly")
def _fly():
    return flown_over


@pytest.fixture(scope="session")
def painted():
    return texture


@pytest.fixture(scope="session")
def gallery(tmp_path_factory, ground):
    middles = range(TILE_PX // 2, SIZE_PX - TILE_PX // 2 + 1, STEP_PX)
    places = np.array([(x, y) for y in middles for x in middles])
    images = np.stack([cv2.resize(frame_of(ground, x, y), (48, 48)) for x, y in places])
    session = PixelSession(view=REFERENCE)
    side_m = np.full(len(places), TILE_PX * M_PER_PX)
    tiles = square_table([f"t{x}-{y}" for x, y in places], latlon(places), side_m)
    pictures = [
        cv2.imencode(".jpg", frame_of(ground, x, y)[:, :, ::-1])[1].tobytes() for x, y in places
    ]
    path = tmp_path_factory.mktemp("flown") / "area.gallery"
    return Gallery.from_arrays(path, tiles, session.embed(images), session.identity, pictures)


@pytest.fixture(autouse=True)
def _pixels(monkeypatch):
    """No trained encoder is needed."""
    for module in ("georet.commands.locating", "georet.facade"):
        monkeypatch.setattr(f"{module}.open_encoder", lambda gallery, view, **_: PixelSession())


@pytest.fixture(scope="session")
def flight(tmp_path_factory, ground):
    return flown_over(tmp_path_factory.mktemp("flight") / "photos", ground)


@pytest.fixture
def video(tmp_path, ground):
    """A video of 24 frames a second, 3 s, that flies straight; its frames' places latlon."""
    path = tmp_path / "flight.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 24.0, (FRAME_PX, FRAME_PX))
    if not writer.isOpened():
        pytest.skip("OpenCV writes no video here")
    places = np.array([300.0, 400.0]) + np.arange(72)[:, None] * [3.0, 2.0]
    for x, y in places:
        writer.write(frame_of(ground, x, y)[:, :, ::-1])
    writer.release()
    return path, latlon(places)
