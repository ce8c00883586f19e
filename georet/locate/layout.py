"""Where a gallery's tiles lie relative to each other: points on the sphere, sizes, spacings."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from georet.geodesy import arc_m, unit_vectors
from georet.tiles.table import TileTable
from georet.types import Bools, Doubles, Ints

_NEIGHBOURS: Final = 4


class Layout:
    """The geometry of R tiles: points float64[R, 3] on the unit sphere, side_m float64[R]."""

    def __init__(self, latlon: Doubles, side_m: Doubles) -> None:
        self.points = unit_vectors(latlon)
        self.side_m = np.asarray(side_m, np.float64)
        self._spacing_m = np.full(len(self.points), np.nan)

    @classmethod
    def of(cls, tiles: TileTable) -> Layout:
        """Return the layout of a table."""
        return cls(tiles.latlon, tiles.side_m)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def reach_m(self) -> Doubles:
        """Half the diagonal of each tile, float64[R], in metres."""
        half: Doubles = self.side_m / np.sqrt(2)
        return half

    def distance_m(self, point: Doubles, rows: Ints) -> Doubles:
        """Return metres float64[M] along the sphere from a point float64[3] to tiles' centres."""
        return arc_m(np.linalg.norm(self.points[rows] - point, axis=1))

    def covers(self, latlon: Doubles) -> Bools:
        """Return bool[Q]: which positions float64[Q, 2] lie within reach of some tile's centre."""
        # Several: of tiles of several scales, one with a farther centre may be the one that covers.
        # Asked for as a list, the axis of neighbours stays even for a gallery of one tile.
        num = min(_NEIGHBOURS, len(self.points))
        chords, rows = self._tree.query(unit_vectors(latlon), k=list(range(1, num + 1)))
        covers: Bools = np.any(arc_m(np.asarray(chords)) <= self.reach_m[rows], axis=1)
        return covers

    def nearest(self, points: Doubles, among: Ints) -> tuple[Ints, Doubles]:
        """Return the tiles, of rows ``among``, nearest to points [N, 3], and how far, in metres."""
        chords, found = cKDTree(self.points[among]).query(points)
        rows: Ints = among[np.asarray(found)]
        return rows, arc_m(np.asarray(chords))

    def spacing_m(self, rows: Ints) -> Doubles:
        """Return metres float64[M] from tiles to their fourth nearest, at most the side.

        In a grid that is its step.
        """
        new = rows[np.isnan(self._spacing_m[rows])]
        if len(new):
            self._spacing_m[new] = self._measured_m(new)
        found: Doubles = self._spacing_m[rows]
        return found

    def _measured_m(self, rows: Ints) -> Doubles:
        num, side_m = min(_NEIGHBOURS, len(self.points) - 1), self.side_m[rows]
        if num < 1:
            return side_m
        # One more, since the nearest point to a centre is that centre. Chords sort as arcs do.
        chords = np.asarray(self._tree.query(self.points[rows], k=[num + 1])[0])
        # Tiles of several scales may share their centre; they still need some width.
        spacing: Doubles = np.minimum(np.maximum(arc_m(chords[:, 0]), side_m / 8), side_m)
        return spacing

    @cached_property
    def _tree(self) -> cKDTree:
        # Unbalanced, it is built four times as fast, and grids are even anyway.
        return cKDTree(self.points, balanced_tree=False, compact_nodes=False)


def latlon_of(point: Doubles) -> tuple[float, float]:
    """Return latitude and longitude in degrees of a point float64[3], of any length but 0."""
    x, y, z = (float(value) for value in point)
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))
