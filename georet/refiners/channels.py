"""What two pictures of one place share when nothing else does: where their edges run, and how."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from georet.cameras.crops import crop_points
from georet.types import Bools, Doubles, Floats, Pixels

BINS: Final = 8
DARK: Final = 0.25
_BLACK: Final = 1
_EDGE: Final = np.ones((7, 7), np.uint8)
"""Features near a mask's edge see beyond it."""


def drawn(
    image: Pixels, to_pixels: Doubles, centre_m: Doubles, side_m: float, px: int
) -> tuple[Pixels, Bools]:
    """Return the ground around a place as an image shows it, north up: uint8[px, px, 3].

    ``to_pixels`` takes (east, north, 1) to the image's columns and rows, its third coordinate
    positive where the ground is seen. The image is averaged down first where the ground is drawn
    coarser. The mask bool[px, px] is where the image shows it.
    """
    ground = crop_points(side_m, px, centre_m)
    found = np.column_stack([ground, np.ones(len(ground))]) @ to_pixels.T
    is_seen = found[:, 2] > 1e-9
    at = found[:, :2] / np.where(is_seen, found[:, 2], 1.0)[:, None]
    height, width = image.shape[:2]
    is_seen &= (at > 1).all(axis=1) & (at < [width - 1, height - 1]).all(axis=1)
    grid = at.reshape(px, px, 2)
    inside = is_seen.reshape(px, px)
    steps = np.linalg.norm(np.diff(grid, axis=1), axis=2)[inside[:, 1:] & inside[:, :-1]]
    shrink = float(np.median(steps)) if len(steps) else 1.0
    if shrink > 1.3:
        size = max(1, round(width / shrink)), max(1, round(height / shrink))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        grid = grid * [size[0] / width, size[1] / height]
    where = (np.where(inside[:, :, None], grid, -10.0) - 0.5).astype(np.float32)
    shown = cv2.remap(image, where[:, :, 0], where[:, :, 1], cv2.INTER_LINEAR)
    return np.asarray(shown, np.uint8), inside


def channels_of(image: Pixels, mask: Bools) -> Floats:
    """Return how strongly edges run in each of 8 directions, float32[H, W, 8], 0 off the mask.

    After CFOG (Ye et al. 2019, section III): blind to the sign of contrast, so that another sensor
    or season looks alike. Each pixel is normalised, and the mean over the mask taken away.
    """
    grey = np.log1p(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32))
    grey = cv2.GaussianBlur(grey, (0, 0), 0.8)
    right, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    angles = np.arange(BINS) * np.pi / BINS
    found = (right[..., None] * np.cos(angles) + down[..., None] * np.sin(angles)) ** 2
    found = found / np.sqrt(found.sum(axis=2, keepdims=True) + 1e-6)
    found = np.dstack([cv2.GaussianBlur(found[..., at], (0, 0), 1.3) for at in range(BINS)])
    found = found / 2 + (np.roll(found, 1, axis=2) + np.roll(found, -1, axis=2)) / 4
    norm = np.sqrt((found**2).sum(axis=2, keepdims=True))
    found = found / (norm + np.median(norm) / 2 + 1e-6)
    inner = shrunk_mask(mask)[..., None]
    mean = (found * inner).sum(axis=(0, 1)) / max(1.0, float(inner.sum()))
    return np.ascontiguousarray((found - mean) * inner, np.float32)


def has_data(image: Pixels) -> Bools:
    """Return where a map uint8[H, W, 3] has data, bool[H, W]: not in black areas.

    The edge of an area without data is the clearest of all, and fits every straight edge.
    """
    black = (image.max(axis=2) <= _BLACK).astype(np.uint8)
    found: Bools = cv2.morphologyEx(black, cv2.MORPH_OPEN, _EDGE) == 0
    return found


def lit(image: Pixels, mask: Bools, within: Bools) -> Bools:
    """Return a mask bool[H, W] without what is dark: the darkest ``DARK`` of what lies ``within``.

    Shadows wander with the hour, all alike, and take their edges with them.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    seen = grey[mask & within]
    if not len(seen):
        return mask
    # ">=": of flat water many pixels are of one value, and more than a quarter would go.
    found: Bools = mask & (grey >= np.quantile(seen, DARK))
    return found


def shrunk_mask(mask: Bools) -> Floats:
    """Return a mask as float32[H, W] without the rim in which features see beyond it."""
    return cv2.erode(mask.astype(np.uint8), _EDGE, borderValue=0).astype(np.float32)
