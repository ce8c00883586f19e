"""Pieces of the map around a candidate tile, in metres east and north of its centre."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from georet.cameras.pinhole import Pinhole
from georet.contracts.refining import Camera, Patch, Tile
from georet.ground.tangent import Tangent
from georet.types import Doubles, Pixels

MOST_PX: Final = 700
"""Finer maps show no more that a photo of 512 pixels could be matched with."""

_LEAST_POINTS: Final = 4


@dataclass(frozen=True)
class Window:
    """A piece of the map: uint8[h, w, 3], and the plane in which its metres are counted.

    ``to_pixels`` float64[3, 3] takes (east, north, 1) to columns and rows; (0, 0) is the top left
    corner of the first pixel; of a wide piece of a map that is nearly so: maps are bent against the
    ground, and ``terms`` (of ``_powers`` of columns and rows, as shares) tell exactly. ``pixel_m``
    is the side of a pixel on the ground.
    """

    image: Pixels
    tangent: Tangent
    to_pixels: Doubles
    terms: Doubles | None = None

    def ground_of(self, pixels: Doubles) -> Doubles:
        """Return the metres float64[N, 2] of columns and rows [N, 2], exactly."""
        if self.terms is None:
            return projected(inverse(self.to_pixels), pixels)
        height, width = self.image.shape[:2]
        found: Doubles = _powers(pixels / [width, height]) @ self.terms
        return found

    def exact(self, ground: Doubles) -> Doubles:
        """Return the metres [N, 2] of what ``to_pixels`` takes to lie at [N, 2]."""
        return ground if self.terms is None else self.ground_of(projected(self.to_pixels, ground))

    @property
    def bare(self) -> Window:
        """The same without the pixels' values: uint8[h, w, 0]."""
        return replace(self, image=np.empty((*self.image.shape[:2], 0), np.uint8))

    @property
    def pixel_m(self) -> float:
        """How many metres of ground a pixel of the middle spans."""
        height, width = self.image.shape[:2]
        middle = np.array([[width / 2, height / 2], [width / 2 + 1, height / 2]])
        ground = projected(inverse(self.to_pixels), middle)
        return float(np.linalg.norm(ground[1] - ground[0]))

    @classmethod
    def of_tile(cls, tile: Tile, side_m: float) -> Window:
        """Return what lies ``side_m`` metres around a tile, at most ``MOST_PX`` pixels a side."""
        return cls.of_patch(tile.around(side_m), Tangent(*tile.latlon))

    @classmethod
    def of_patch(cls, patch: Patch, tangent: Tangent) -> Window:
        """Return a patch of the map, in the metres of a plane."""
        image = patch.image
        height, width = image.shape[:2]
        factor = MOST_PX / max(height, width)
        if factor < 1:
            size = max(1, round(width * factor)), max(1, round(height * factor))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            height, width = image.shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        ground = tangent.metres(patch.corners_latlon)
        # Around the middle, so that single precision keeps millimetres.
        middle = ground.mean(axis=0)
        shifted = cv2.getPerspectiveTransform((ground - middle).astype(np.float32), corners)
        to_pixels = shifted @ np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
        return cls(image, tangent, to_pixels, _terms(patch, tangent))


def _terms(patch: Patch, tangent: Tangent) -> Doubles | None:
    """Return the polynomials float64[10, 2] of a patch's points, in metres; None: only corners."""
    grid = patch.grid_latlon
    if grid is None or len(grid) < _LEAST_POINTS:
        return None
    share = np.linspace(0, 1, len(grid))
    powers = _powers(np.stack(np.meshgrid(share, share), axis=-1).reshape(-1, 2))
    return np.asarray(np.linalg.lstsq(powers, tangent.metres(grid.reshape(-1, 2)))[0], np.float64)


def _powers(shares: Doubles) -> Doubles:
    """Return the products float64[N, 10] of powers of [N, 2] up to the third."""
    x, y = shares.T
    one = np.ones_like(x)
    found = [one, x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3]
    return np.column_stack(found)


def projected(matrix: Doubles, points: Doubles) -> Doubles:
    """Return points float64[N, 2] as a matrix [3, 3] maps them."""
    found = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    flat: Doubles = found[:, :2] / found[:, 2:]
    return flat


def inverse(matrix: Doubles) -> Doubles:
    """Return the inverse of a matrix [3, 3]."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def shown_m(camera: Pinhole) -> float:
    """Return how wide the ground is that a photo shows across its middle."""
    lens, pose = camera.lens, camera.pose
    return float(lens.width / lens.focal_px * pose.height_m / np.cos(pose.tilt_rad))


def window_side_m(tile: Tile, camera: Camera) -> float:
    """Return how much of the map is looked at: twice the tile, more where the photo shows more."""
    side_m = 2 * tile.side_m
    if camera.height_m is None or camera.fov_deg is None:
        return side_m
    away_m = camera.height_m / max(0.5, math.cos(math.radians(camera.tilt_deg or 0.0)))
    shown_m = 2 * away_m * math.tan(math.radians(camera.fov_deg / 2))
    return max(side_m, tile.side_m + 1.6 * shown_m)
