"""Points that two pictures of one place have in common: RootSIFT, matched both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from georet.types import Doubles, Floats, Ints, Pixels

RATIO: Final = 0.85
"""A match must be this much nearer than the second best (Lowe 2004, section 7.1)."""
_SMALL_PX, _ENLARGED, _FAINT = 128, 3, 0.006
"""Smaller pictures are enlarged, and fainter features taken: else there are too few."""


@dataclass(frozen=True)
class Features:
    """Points float64[N, 2] (columns, rows; (0, 0) is a corner) and descriptors float32[N, 128]."""

    points: Doubles
    descriptors: Floats

    def __len__(self) -> int:
        return len(self.points)

    def as_type(self, dtype: type[np.floating]) -> Features:
        """Return the same with descriptors of another precision; half of it keeps them well."""
        return Features(self.points, self.descriptors.astype(dtype, copy=False))


def features_of(image: Pixels, *, most: int = 1500, contrast: float = 0.02) -> Features:
    """Return the RootSIFT features of uint8[H, W, 3] (Arandjelovic and Zisserman 2012, section 2).

    Descriptors have unit length, so that their products are cosines.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    enlarged = 1
    if max(image.shape[:2]) < _SMALL_PX:
        enlarged, contrast = _ENLARGED, _FAINT
        grey = cv2.resize(grey, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
    sift = cv2.SIFT.create(nfeatures=most, contrastThreshold=contrast)
    keys, found = sift.detectAndCompute(grey, None)
    if not len(keys):
        return Features(np.empty((0, 2)), np.empty((0, 128), np.float32))
    roots = np.sqrt(found / (found.sum(axis=1, keepdims=True) + 1e-7))
    # OpenCV counts from the first pixel's centre.
    points = (np.array([key.pt for key in keys], np.float64) + 0.5) / enlarged
    return Features(points, roots.astype(np.float32))


def matches_of(one: Features, other: Features, *, ratio: float = RATIO) -> Ints:
    """Return rows int64[M, 2] of features that are each other's nearest, and clearly so."""
    if len(one) < 2 or len(other) < 2:
        return np.empty((0, 2), np.int64)
    one, other = one.as_type(np.float32), other.as_type(np.float32)
    cosines = one.descriptors @ other.descriptors.T
    rows = np.arange(len(one))
    nearest = cosines.argmax(axis=1)
    best = cosines[rows, nearest]
    back = cosines.argmax(axis=0)
    cosines[rows, nearest] = -1
    second = cosines.max(axis=1)
    # Of unit vectors the squared distance is 2 - 2 cos.
    is_clear = (1 - best) <= ratio**2 * (1 - second)
    kept = is_clear & (back[nearest] == rows)
    return np.column_stack([rows[kept], nearest[kept]]).astype(np.int64)
