"""Moving a belief over the map: shifts by any distance, spread by a normal distribution.

One step is a separable filter, so its cost is cells times taps, twice. OpenCV's filter engine does
it at the speed of memory; a plane goes in with a border of zeros as wide as the filter reaches, so
that nothing wraps round, what leaves the map is exactly what is missing of the sum, and the
transposed operator is the same filter with the opposite move.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from georet.types import Doubles

_REACH: Final = 4.0
"""Taps run so many deviations far; beyond lie 6e-5 of the mass, which scaling gives back."""
_MOST_TAPS: Final = 41
_SAMPLED: Final = 0.5
"""Below this variance, in cells squared, samples of a bell have another one: three taps are exact.
"""


def taps_of(distance: float, variance: float) -> tuple[int, Doubles]:
    """Return a shift in whole cells and an odd number of taps, which sum to 1, about it.

    Together their mean is ``distance`` and their variance ``variance``, both in cells, up to the
    cut-off. Splitting a shift between two cells has a variance of its own, f(1 - f); only where
    less is asked for than that, there is more.
    """
    whole = math.floor(distance)
    share = distance - whole
    bell = _bell(max(variance - share * (1 - share), 0.0))
    # One tap more on the left keeps the middle of the taps at `whole`.
    return whole, np.convolve(np.array([0.0, 1 - share, share]), bell)


def _bell(variance: float) -> Doubles:
    if variance <= _SAMPLED:
        return np.array([variance / 2, 1 - variance, variance / 2])
    reach = math.ceil(_REACH * math.sqrt(variance))
    values = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * variance))
    bell: Doubles = values / values.sum()
    return bell


def moved(plane: Doubles, cells: tuple[float, float], sigma: float) -> Doubles:
    """Return a plane float64[rows, columns] moved by cells (columns, rows), spread by ``sigma``.

    What leaves the plane is gone. The transposed operator is ``moved`` by the opposite cells.
    """
    across, x_taps = taps_of(cells[0], sigma**2)
    along, y_taps = taps_of(cells[1], sigma**2)
    rows, columns = plane.shape
    if abs(across) >= columns + len(x_taps) or abs(along) >= rows + len(y_taps):
        return np.zeros_like(plane)
    if max(len(x_taps), len(y_taps)) > _MOST_TAPS:
        # A matrix a side costs the same however wide the taps are.
        wide: Doubles = _matrix(along, y_taps, rows) @ plane @ _matrix(across, x_taps, columns).T
        return wide
    x_pad, y_pad = len(x_taps) // 2, len(y_taps) // 2
    framed = cv2.copyMakeBorder(
        plane, y_pad, y_pad, x_pad, x_pad, cv2.BORDER_CONSTANT, value=(0.0,)
    )
    # OpenCV correlates: turned round, taps add to the cell that they point to.
    full = np.asarray(
        cv2.sepFilter2D(framed, cv2.CV_64F, x_taps[::-1], y_taps[::-1], borderType=0), np.float64
    )
    out = np.zeros_like(plane)
    to_x, from_x = _overlap(across - x_pad, columns, full.shape[1])
    to_y, from_y = _overlap(along - y_pad, rows, full.shape[0])
    out[to_y, to_x] = full[from_y, from_x]
    return out


def _matrix(whole: int, taps: Doubles, size: int) -> Doubles:
    """Return float64[size, size] that moves a column of cells by taps about a shift."""
    away = np.arange(size)[:, None] - np.arange(size)[None] - whole + len(taps) // 2
    inside = (away >= 0) & (away < len(taps))
    found: Doubles = np.where(inside, taps[np.clip(away, 0, len(taps) - 1)], 0.0)
    return found


def blurred(plane: Doubles, sigma: float) -> Doubles:
    """Return a plane float64[rows, columns] spread by ``sigma`` cells."""
    return moved(plane, (0.0, 0.0), sigma)


def _overlap(start: int, size: int, framed: int) -> tuple[slice, slice]:
    """Return which cells of the plane get which of the framed one that begins at ``start``."""
    first, last = max(0, start), min(size, start + framed)
    last = max(first, last)
    return slice(first, last), slice(first - start, last - start)
