"""The homography between the ground and a photo: found robustly, and judged by its shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from georet.refiners.windows import projected
from georet.types import Bools, Doubles

FEWEST: Final = 8
_SPREAD: Final = 200.0
_ROUNDS, _SURE = 5000, 0.9999


@dataclass(frozen=True)
class Plane:
    """``matrix`` float64[3, 3] from (east, north, 1) in metres to pixels; ``agrees`` bool[M]."""

    matrix: Doubles
    agrees: Bools

    @property
    def num_inliers(self) -> int:
        """How many matches agree."""
        return int(self.agrees.sum())


def plane_of(ground: Doubles, pixels: Doubles, *, within_px: float) -> Plane | None:
    """Return the homography on which most of the matches [M, 2] agree within so many pixels.

    MAGSAC++ (Barath et al. 2020) by OpenCV. None where there is none.
    """
    if len(ground) < FEWEST:
        return None
    # OpenCV's USAC takes no sample of a mirrored plane, and metres north up against rows down are
    # one: without turning the second axis 500 perfect matches give nothing.
    centre, spread = ground.mean(axis=0), (float(ground.std()) + 1e-9) / _SPREAD
    scaled = np.array(
        [
            [1 / spread, 0, -centre[0] / spread],
            [0, -1 / spread, centre[1] / spread],
            [0, 0, 1],
        ]
    )
    found, mask = cv2.findHomography(
        projected(scaled, ground).reshape(-1, 1, 2),
        pixels.reshape(-1, 1, 2),
        cv2.USAC_MAGSAC,
        within_px,
        maxIters=_ROUNDS,
        confidence=_SURE,
    )
    matrix = np.asarray(found, np.float64)
    if not np.isfinite(matrix).all():
        return None
    return Plane(matrix @ scaled, mask.ravel().astype(bool))


def is_seen_from_above(matrix: Doubles, width: int, height: int) -> bool:
    """Return whether a photo's frame on the ground is convex, unmirrored, and before the horizon.

    ``matrix`` takes metres to pixels of a photo of that size.
    """
    if abs(np.linalg.det(matrix)) < 1e-30:
        return False
    frame = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    seen = frame @ np.linalg.inv(matrix).T
    if not (np.sign(seen[:, 2]) == np.sign(seen[0, 2])).all():
        return False
    corners = seen[:, :2] / seen[:, 2:]
    edges = np.roll(corners, -1, axis=0) - corners
    following = np.roll(edges, -1, axis=0)
    # Clockwise as the photo runs, seen from above, where north is up.
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    return bool((turns < 0).all())
