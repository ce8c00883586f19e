"""Ground whose every metre is known, tiles cut from it, and photos taken of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.contracts.refining import Patch, Tile
from georet.ground.tangent import Tangent

PIXEL_M = 0.25
SIZE = 1600
PLACE = (47.25, 8.75)


def texture(seed: int) -> np.ndarray:
    """Return ground uint8[SIZE, SIZE, 3] with structure at every scale, and edges."""
    rng = np.random.default_rng(seed)
    total = np.zeros((SIZE, SIZE, 3), np.float32)
    for cells, weight in ((8, 30), (40, 30), (160, 30), (500, 20)):
        coarse = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        total += weight * cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    for _ in range(400):
        at = rng.integers(0, SIZE, 2)
        size = rng.integers(8, 60, 2)
        box = cv2.boxPoints((tuple(map(float, at)), tuple(map(float, size)), rng.uniform(0, 90)))
        colour = rng.normal(0, 60, 3) + total[at[1], at[0]]
        cv2.fillPoly(total, [box.astype(np.int32)], colour.tolist())
    return np.clip(120 + total, 0, 255).astype(np.uint8)


@dataclass
class Site:
    """Ground whose middle lies at ``PLACE``; metres count from there, east and north."""

    image: np.ndarray
    tangent: Tangent

    def patch(self, centre_m: np.ndarray, side_m: float) -> Patch:
        half = side_m / PIXEL_M / 2
        column, row = SIZE / 2 + centre_m[0] / PIXEL_M, SIZE / 2 - centre_m[1] / PIXEL_M
        left, top = round(column - half), round(row - half)
        right, bottom = round(column + half), round(row + half)
        left, top = max(0, left), max(0, top)
        right, bottom = min(SIZE, right), min(SIZE, bottom)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
        metres = (corners - SIZE / 2) * [PIXEL_M, -PIXEL_M]
        image = np.ascontiguousarray(self.image[top:bottom, left:right])
        return Patch(image, self.tangent.latlon(metres))

    def tile(self, centre_m, side_m: float = 60.0, row: int = 0) -> Tile:
        centre = np.asarray(centre_m, float)
        (latlon,) = self.tangent.latlon(centre[None])
        whole = self.patch(centre, side_m)
        return Tile(
            id=f"t{row}-{centre_m[0]}-{centre_m[1]}",
            row=row,
            latlon=(float(latlon[0]), float(latlon[1])),
            corners_latlon=whole.corners_latlon,
            side_m=side_m,
            score=0.5,
            belief=0.5,
            read=lambda: whole,
            read_around=lambda side: self.patch(centre, side),
        )

    def photo(self, pose: Pose, fov_deg: float = 70.0, size=(480, 360), image=None) -> np.ndarray:
        """Return the photo uint8[H, W, 3], averaged over 2 x 2 rays a pixel."""
        width, height = 2 * size[0], 2 * size[1]
        lens = Lens.of_fov(width, height, math.radians(fov_deg))
        columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        seen = Pinhole(lens, pose).ground(np.column_stack([columns.ravel(), rows.ravel()]))
        at = (seen[:, :2] / [PIXEL_M, -PIXEL_M] + SIZE / 2 - 0.5).astype(np.float32)
        at = np.nan_to_num(at, nan=-1e4).reshape(height, width, 2)
        ground = self.image if image is None else image
        shown = cv2.remap(ground, at[:, :, 0], at[:, :, 1], cv2.INTER_LINEAR)
        return cv2.resize(shown, size, interpolation=cv2.INTER_AREA)

    def off_m(self, latlon, point_m) -> float:
        (metres,) = self.tangent.metres(np.array([latlon]))
        return float(np.linalg.norm(metres - np.asarray(point_m)))


@pytest.fixture(scope="session")
def site() -> Site:
    return Site(texture(0), Tangent(*PLACE))


@pytest.fixture(scope="session")
def elsewhere() -> Site:
    return Site(texture(1), Tangent(*PLACE))


@pytest.fixture(scope="session")
def another_light():
    """Return what makes other light, contrast, colours and noise of a photo."""

    def changed(photo: np.ndarray, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        found = (photo / 255.0) ** 1.5 * rng.uniform(0.7, 1.0, 3)
        ramp = np.linspace(0.8, 1.2, photo.shape[1])[None, :, None]
        noisy = found * ramp + rng.normal(0, 0.03, photo.shape)
        coded = cv2.imencode(".jpg", np.clip(255 * noisy, 0, 255).astype(np.uint8), [1, 60])[1]
        return cv2.imdecode(coded, cv2.IMREAD_COLOR)

    return changed
