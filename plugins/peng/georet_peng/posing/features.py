"""Local features of street images as directions, and which of two images' features agree.

A canvas is an equirectangular image, 360 by 180 degrees, H x 2H pixels, of a level camera; black is
what the camera did not see. Column ``u`` looks ``(u - H) 180/H`` degrees to the right of the
middle, row ``v`` looks ``90 - v 180/H`` degrees above the horizon; (0, 0) is a corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from georet.types import Bools, Doubles, Floats, Ints, Pixels

_SEAM: Final = 24
"""Columns repeated on either side, so that features are found where a panorama closes."""
_DARK: Final = 8
_FAINT: Final = 0.008
"""The contrast from which on features count: small panoramas have too few strong ones."""
LEAST_COSINE: Final = 0.75
_NEAR_EDGE_PX: Final = 9


@dataclass(frozen=True)
class Rays:
    """N features of a canvas: azimuths to the right of its middle, elevations, descriptors.

    Angles float64[N] in radians, ``descriptors`` float32[N, 128] of unit length.
    """

    azimuth_rad: Doubles
    elevation_rad: Doubles
    descriptors: Floats

    def __len__(self) -> int:
        return len(self.azimuth_rad)


def rays_of(canvas: Pixels, *, most: int = 800) -> Rays:
    """Return the RootSIFT features of a canvas uint8[H, 2H, 3] as directions, strongest first.

    Cameras are level, so descriptors stand upright: what lies on its side is another thing.
    """
    height, width = canvas.shape[:2]
    seam = min(_SEAM, width // 4)
    wide = np.concatenate([canvas[:, -seam:], canvas, canvas[:, :seam]], axis=1)
    points, descriptors = _upright(wide, most)
    column, row = points[:, 0] - seam, points[:, 1]
    kept = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    inside = _away_from_black(wide)
    at = np.clip(points.astype(int), 0, np.array([wide.shape[1] - 1, height - 1]))
    kept &= inside[at[:, 1], at[:, 0]]
    return Rays(
        (column[kept] - width / 2) * (2 * np.pi / width),
        np.pi / 2 - row[kept] * (np.pi / height),
        descriptors[kept],
    )


def _upright(image: Pixels, most: int) -> tuple[Doubles, Floats]:
    """Return points float64[N, 2] (columns, rows; (0, 0) is a corner) and RootSIFT [N, 128]."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(nfeatures=most, contrastThreshold=_FAINT)
    # Where a place has several orientations, OpenCV finds it as often.
    once = {(key.pt, key.size): key for key in sift.detect(grey, None)}
    keys = sorted(once.values(), key=lambda key: (-key.response, key.pt, key.size))
    for key in keys:
        key.angle = 0.0
    kept, found = sift.compute(grey, keys)
    if not len(kept):
        return np.empty((0, 2)), np.empty((0, 128), np.float32)
    roots = np.sqrt(found / (found.sum(axis=1, keepdims=True) + 1e-7))
    # OpenCV counts from the first pixel's centre.
    return np.array([key.pt for key in kept], np.float64) + 0.5, roots.astype(np.float32)


def seen_columns(canvas: Pixels) -> Bools:
    """Return bool[W]: the columns of a canvas that show anything but black."""
    found: Bools = canvas.max(axis=(0, 2)) > 4 * _DARK
    return found


def _away_from_black(canvas: Pixels) -> Bools:
    """Return bool[H, W]: pixels that are not at the border of what was seen."""
    seen = (np.repeat(seen_columns(canvas)[None], len(canvas), axis=0)).astype(np.uint8)
    near = cv2.erode(seen, np.ones((1, 2 * _NEAR_EDGE_PX + 1), np.uint8), borderValue=1)
    return near > 0


def matched_between(
    one: Rays, other: Rays, allowed: Bools, *, ratio: float = 0.9
) -> tuple[Ints, Ints]:
    """Return rows int64[M] of the one and the other, of features that are each other's nearest.

    Only pairs that are ``allowed`` bool[N, M] count, so that fewer are mistaken for each other.
    """
    if len(one) < 2 or len(other) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cosines = np.where(allowed, one.descriptors @ other.descriptors.T, -1.0)
    nearest, back, rows = cosines.argmax(axis=1), cosines.argmax(axis=0), np.arange(len(one))
    best = cosines[rows, nearest]
    cosines[rows, nearest] = -1
    # Of unit vectors the squared distance is 2 - 2 cos.
    kept = (1 - best) <= ratio**2 * (1 - cosines.max(axis=1))
    kept &= (back[nearest] == rows) & (best > LEAST_COSINE)
    return rows[kept], nearest[kept]
