"""From a belief over cells to a point, and to the ellipse that holds it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.tracks.grid import Grid
from georet.tracks.motion import blurred
from georet.types import Doubles

_AROUND: Final = 0.625
"""The point is the mean within so many tile sides of the mode: 25 m of tiles of 40 m."""
_SMOOTHING: Final = 2.0
_SHARE: Final = 0.95
_BINS: Final = 4096
_SQUARE_95: Final = -2 * math.log(1 - _SHARE)


@dataclass(frozen=True)
class Spot:
    """A point [2], metres east and north in the grid's plane, and its covariance [2, 2]."""

    point_m: Doubles
    covariance_m2: Doubles

    @property
    def reach_m(self) -> float:
        """The longer half axis of the ellipse that holds the place in 95 % of the cases."""
        return math.sqrt(_SQUARE_95 * float(np.linalg.eigvalsh(self.covariance_m2)[1]))


def spot_of(grid: Grid, belief: Doubles) -> Spot:
    """Return the place that a belief float64[rows, columns] speaks for.

    The mean around the mode, since the mean of all would lie between two places that are both
    possible. The covariance has the shape of the belief around the mode and is scaled until its
    ellipse holds 95 % of all of the belief, wherever that lies; never less than a cell's own.
    """
    mode = np.unravel_index(int(blurred(belief, _SMOOTHING).argmax()), belief.shape)
    centre = grid.metres[mode]
    east, north = grid.east_m - centre[0], grid.north_m - centre[1]
    near = belief * (_square(east, north, np.eye(2)) < (_AROUND * grid.side_m) ** 2)
    near /= near.sum()
    across, along = near.sum(axis=0), near.sum(axis=1)
    off = np.array([across @ east, along @ north])
    east, north = east - off[0], north - off[1]
    both = float(along @ (near / np.maximum(along, 1e-300)[:, None] @ east * north))
    shape = np.array([[across @ east**2, both], [both, along @ north**2]])
    shape += np.eye(2) * grid.cell_m**2 / 12
    away = np.sqrt(_square(east, north, np.linalg.inv(shape)))
    # A histogram in place of a sort: cells are many, and a bin is a small part of a deviation.
    share, ends = np.histogram(away, bins=_BINS, range=(0, float(away.max())), weights=belief)
    last = min(int(np.searchsorted(np.cumsum(share), _SHARE)), _BINS - 1)
    return Spot(centre + off, shape * max(1.0, float(ends[last + 1]) ** 2 / _SQUARE_95))


def _square(east: Doubles, north: Doubles, matrix: Doubles) -> Doubles:
    """Return the quadratic form of a matrix [2, 2] at columns [C] and rows [R], float64[R, C]."""
    (a, b), (_, d) = matrix.tolist()
    # The root is taken of it: rounding may not leave it below 0.
    found: Doubles = np.maximum(
        a * east**2 + (d * north**2)[:, None] + 2 * b * north[:, None] * east, 0.0
    )
    return found


def mass_within(grid: Grid, belief: Doubles, point_m: Doubles, reach_m: float) -> float:
    """Return the share of a belief float64[rows, columns] up to ``reach_m`` metres from a point."""
    east, north = grid.east_m - point_m[0], grid.north_m - point_m[1]
    return float(belief[_square(east, north, np.eye(2)) <= reach_m**2].sum())
