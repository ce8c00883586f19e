"""The map as a grid of cells, and what scores of tiles say of each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

import numpy as np
from scipy.spatial import cKDTree

from georet.contracts.tracking import Ground
from georet.errors import DataError
from georet.ground.tangent import Tangent
from georet.tracks.motion import blurred
from georet.types import Doubles, Floats, Ints

MOST_CELLS: Final = 1_000_000
CELLS_A_STEP: Final = 4.0
"""So many cells lie between neighbouring tiles: 5 m of tiles that begin every 20 m."""
_KERNEL: Final = 0.5
"""Scores are smoothed by this share of the tiles' spacing: between neighbours they run evenly."""
_FARTHEST_M: Final = 4e6
_COVERED: Final = 0.02
_ALIKE: Final = 0.35
"""Sides whose logarithms differ by less are tiles of one scale."""


@dataclass(frozen=True)
class Layer:
    """Tiles of one scale: their rows int64[M], and the width of their kernel in cells."""

    rows: Ints
    sigma: float


@dataclass(frozen=True)
class Grid:
    """Cells of ``cell_m`` metres over the tiles, ``shape`` rows northward and columns eastward.

    ``corner_m`` [2] is the middle of cell (0, 0), metres east and north in ``plane``;
    ``centres`` float64[R, 2] are the tiles' places in cells, columns and rows. ``side_m`` and
    ``spacing_m`` are medians over the tiles.
    """

    plane: Tangent
    corner_m: Doubles
    cell_m: float
    shape: tuple[int, int]
    centres: Doubles
    layers: Sequence[Layer]
    side_m: float
    spacing_m: float
    _known: dict[float, tuple[Ints, Doubles]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, ground: Ground, *, most_cells: int = MOST_CELLS) -> Self:
        """Return the grid over a ground's tiles; DataError where they lie too far apart.

        Where cells would be more than ``most_cells``, they are larger.
        """
        latlon = np.asarray(ground.latlon, np.float64)
        if not len(latlon):
            raise DataError("there is no tile to fly over", where="track")
        plane = Tangent(*_middle(latlon))
        metres = plane.metres(latlon)
        if not np.abs(metres).max() < _FARTHEST_M:
            raise DataError(
                "the tiles lie across more of the Earth than one flight does",
                where="track",
                hint="--region names the part that is flown over: near:48.2,16.4,50km",
            )
        side_m = float(np.median(ground.side_m))
        spacing_m = _spacing_m(metres, side_m)
        first, last = metres.min(axis=0) - side_m / 2, metres.max(axis=0) + side_m / 2
        extent = last - first
        cell_m = max(spacing_m / CELLS_A_STEP, math.sqrt(float(extent.prod()) / most_cells))
        columns, rows = (math.ceil(float(length) / cell_m) for length in extent)
        corner = (first + last) / 2 - np.array([columns - 1, rows - 1]) / 2 * cell_m
        layers = _layers(np.asarray(ground.side_m, np.float64), side_m, spacing_m / cell_m)
        centres = (metres - corner) / cell_m
        return cls(plane, corner, cell_m, (rows, columns), centres, layers, side_m, spacing_m)

    @property
    def size(self) -> int:
        """The number of cells."""
        return self.shape[0] * self.shape[1]

    @cached_property
    def east_m(self) -> Doubles:
        """How far east in the plane the middle of each column lies, float64[columns]."""
        east: Doubles = self.corner_m[0] + self.cell_m * np.arange(self.shape[1])
        return east

    @cached_property
    def north_m(self) -> Doubles:
        """How far north in the plane the middle of each row lies, float64[rows]."""
        north: Doubles = self.corner_m[1] + self.cell_m * np.arange(self.shape[0])
        return north

    @cached_property
    def metres(self) -> Doubles:
        """The cells' middles, metres east and north in the plane, float64[rows, columns, 2]."""
        return np.stack(np.meshgrid(self.east_m, self.north_m), axis=-1)

    def ratio(self, rows: Ints, scores: Floats, sharpness: float) -> Doubles:
        """Return how much likelier each cell is by a photo's scores, float64[rows, columns].

        Of the tiles ``rows`` int64[M], best first, ``scores`` float32[M] are known; of others it is
        known that they are no better than the last one. The weights exp(sharpness * score) are a
        function on the tiles' centres; between them it is a kernel regression (Nadaraya 1964,
        Watson 1964), which knows no dense and no sparse tiles. The mean over all cells that tiles
        cover is 1, and cells without a tile nearby have 0.
        """
        if not len(rows):
            return np.where(self.is_covered, 1.0, 0.0)
        known = np.asarray(scores, np.float64)
        # Relative to the best, so that nothing overflows.
        weights = np.full(len(self.centres), math.exp(sharpness * float(known[-1] - known[0])))
        weights[rows] = np.exp(sharpness * (known - known[0]))
        top = sum(
            (self._spread(layer, weights[layer.rows]) for layer in self.layers),
            np.zeros(self.shape),
        )
        found = np.where(self.is_covered, top / np.maximum(self._density, 1e-300), 0.0)
        mean = float(found[self.is_covered].mean())
        scaled: Doubles = found / mean
        return scaled

    def normal(self, point_m: Doubles, covariance_m2: Doubles) -> Doubles:
        """Return a normal density about a point [2] as a ratio to evenness, float64[rows, columns].

        A cell stands for all of its ground, which adds a twelfth of its square to the variance.
        """
        wide = np.asarray(covariance_m2, np.float64) + np.eye(2) * self.cell_m**2 / 6
        (a, b), (_, d) = np.linalg.inv(wide).tolist()
        east, north = self.east_m - point_m[0], (self.north_m - point_m[1])[:, None]
        power = a * east**2 + 2 * b * east * north + d * north**2
        density = np.exp(-power / 2) / (2 * np.pi * math.sqrt(float(np.linalg.det(wide))))
        found: Doubles = density * self.cell_m**2 * self.size
        return found

    @cached_property
    def _density(self) -> Doubles:
        """How many tiles, smoothed, lie in each cell."""
        ones = np.ones(len(self.centres))
        parts = (self._spread(layer, ones[layer.rows]) for layer in self.layers)
        return sum(parts, np.zeros(self.shape))

    @cached_property
    def is_covered(self) -> Doubles:
        """Which cells lie at a tile: where density is more than a small part of the usual."""
        return np.asarray(self._density > _COVERED * np.median(self._density[self._density > 0]))

    def _spread(self, layer: Layer, weights: Doubles) -> Doubles:
        """Lay weights [M] of a layer's tiles onto the four cells around each, and smooth them."""
        cells, shares = self._laid(layer)
        # bincount adds in the order of its input: the same bits each time.
        total: Doubles = np.bincount(cells, shares * np.tile(weights, 4), self.size).astype(
            np.float64
        )
        return blurred(total.reshape(self.shape), layer.sigma)

    def _laid(self, layer: Layer) -> tuple[Ints, Doubles]:
        """Return the cells int64[4 M] around a layer's tiles and each one's share, kept."""
        known = self._known.get(layer.sigma)
        if known is not None:
            return known
        at = self.centres[layer.rows]
        low = np.floor(at).astype(np.int64)
        share = at - low
        num_rows, num_columns = self.shape
        cells, shares = [], []
        for right, up in ((0, 0), (1, 0), (0, 1), (1, 1)):
            column = np.clip(low[:, 0] + right, 0, num_columns - 1)
            row = np.clip(low[:, 1] + up, 0, num_rows - 1)
            cells.append(row * num_columns + column)
            shares.append(np.abs(1 - right - share[:, 0]) * np.abs(1 - up - share[:, 1]))
        self._known[layer.sigma] = np.concatenate(cells), np.concatenate(shares)
        return self._known[layer.sigma]


def _middle(latlon: Doubles) -> tuple[float, float]:
    """Return the middle of places [N, 2], across the antimeridian too."""
    first = float(latlon[0, 1])
    around = (latlon[:, 1] - first + 180.0) % 360.0 - 180.0
    longitude = first + (float(around.min()) + float(around.max())) / 2
    latitude = (float(latlon[:, 0].min()) + float(latlon[:, 0].max())) / 2
    return latitude, (longitude + 180.0) % 360.0 - 180.0


def _spacing_m(metres: Doubles, side_m: float) -> float:
    """Return the median distance to the fourth nearest tile, which in a grid is its step."""
    num = min(4, len(metres) - 1)
    if num < 1:
        return side_m
    near = np.asarray(cKDTree(metres).query(metres, k=[num + 1])[0])[:, 0]
    return float(np.clip(np.median(near), side_m / 16, side_m))


def _layers(side_m: Doubles, usual_m: float, spacing: float) -> list[Layer]:
    """Return the tiles by scale; a larger scale has a kernel as much wider, in cells."""
    scale = np.round(np.log(side_m / usual_m) / _ALIKE).astype(np.int64)
    return [
        Layer(
            np.flatnonzero(scale == one).astype(np.int64),
            _KERNEL * spacing * math.exp(_ALIKE * int(one)),
        )
        for one in np.unique(scale)
    ]
