"""Headings of photos by local matching with their own tiles: what pseudo-labels are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from georet.types import Doubles, Pixels
from georet_orientation.labels import Label

_BINS: Final = 180
"""Directions around a place; each is 2 degrees wide."""
_NEAREST_M, _SHARE, _RINGS = 2.5, 0.44, 16
_APART_DEG: Final = 25
"""Peaks of the correlation that are so far apart are two answers."""


@dataclass(frozen=True)
class Panorama:
    """Matches a level panorama (360 by 180 degrees) with a tile, as rings on flat ground.

    Both images are sampled on circles about the tile's middle, the panorama by the depression at
    which a camera ``height_m`` above the ground sees them. Turning is a shift along the circles, so
    all headings are compared by one correlation of brightness and of colourfulness. The score is
    by how much the best answer is better than the second, in standard deviations of all; with
    ``certain`` of them the weight is 1, with half of them or less it is 0.
    """

    height_m: float = 2.2
    certain: float = 1.0

    def __call__(self, panorama: Pixels, tile: Pixels, side_m: float) -> Label:
        """Return the heading of the panorama's middle, clockwise from the tile's upper edge."""
        radii = np.geomspace(_NEAREST_M, _SHARE * side_m, _RINGS)
        ours = _features(_rings_of_panorama(panorama, radii, self.height_m))
        theirs = _features(_rings_of_tile(tile, radii / side_m))
        spectrum = np.conj(np.fft.rfft(ours, axis=1)) * np.fft.rfft(theirs, axis=1)
        fit = np.fft.irfft(spectrum.sum(axis=(0, 2)), n=_BINS)
        best = int(fit.argmax())
        away = np.abs((np.arange(_BINS) - best + _BINS // 2) % _BINS - _BINS // 2) * 360 / _BINS
        second = float(fit[away >= _APART_DEG].max())
        score = (float(fit[best]) - second) / max(float(fit.std()), 1e-12)
        weight = min(1.0, max(0.0, 2 * score / self.certain - 1))
        return Label(_finely(fit, best) * 2 * math.pi / _BINS, weight, score)


def _features(rings: Doubles) -> Doubles:
    """Return [R, A, 2] of colours [R, A, 3]: brightness and colourfulness, each ring about zero."""
    bright = rings.mean(axis=2)
    colourful = (rings.max(axis=2) - rings.min(axis=2)) / (bright + 20)
    found = np.stack([bright, colourful], axis=2)
    found = found - found.mean(axis=1, keepdims=True)
    scaled: Doubles = found / (found.std(axis=(0, 1), keepdims=True) + 1e-9)
    return np.clip(scaled, -2.5, 2.5)


def _rings_of_panorama(image: Pixels, radii_m: Doubles, height_m: float) -> Doubles:
    """Return [R, A, 3]; direction 0 is the middle column, further ones lie to the right."""
    height, width = image.shape[:2]
    down = np.arctan2(height_m, radii_m) / math.pi
    rows = height * (0.5 + down) - 0.5
    columns = width * (0.5 + np.arange(_BINS) / _BINS) - 0.5
    # Two columns more at each side, so that what is interpolated goes round.
    wrapped = np.concatenate([image, image, image[:, :2]], axis=1)
    return _sampled(wrapped, columns[None].repeat(len(rows), 0), rows[:, None].repeat(_BINS, 1))


def _rings_of_tile(image: Pixels, radii: Doubles) -> Doubles:
    """Return [R, A, 3]; direction 0 is the upper edge, further ones lie clockwise."""
    side, angles = image.shape[0], np.arange(_BINS) * 2 * math.pi / _BINS
    east, north = np.sin(angles) * radii[:, None], np.cos(angles) * radii[:, None]
    return _sampled(image, side * (0.5 + east) - 0.5, side * (0.5 - north) - 0.5)


def _sampled(image: Pixels, columns: Doubles, rows: Doubles) -> Doubles:
    maps = columns.astype(np.float32), rows.astype(np.float32)
    found = cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float64)


def _finely(fit: Doubles, best: int) -> float:
    """Return the place of a peak between the bins, by a parabola through three of them."""
    before, top, after = fit[best - 1], fit[best], fit[(best + 1) % len(fit)]
    bend = before - 2 * top + after
    return best + (0.5 * (before - after) / bend if bend < 0 else 0.0)
