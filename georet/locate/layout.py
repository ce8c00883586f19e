"""Where a gallery's tiles lie relative to each other: points on the sphere, sizes, spacings."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from georet.geodesy import arc_m, unit_vectors
from georet.tiles.table import TileTable
from georet.types import Bools, Doubles, Ints

_NEIGHBOURS: Final = 4


class Layout:
    """The geometry of R tiles: points float64[R, 3] on the unit sphere, side_m, spacing_m [R].

    ``spacing_m`` is the distance in metres to the fourth nearest centre, at most the side: in a
    grid, its step.
    """

    def __init__(self, tiles: TileTable) -> None:
        self.points = unit_vectors(tiles.latlon)
        self.side_m = np.asarray(tiles.side_m, np.float64)
        self.spacing_m = np.minimum(self._neighbour_m(), self.side_m)

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
        chords, rows = cKDTree(self.points).query(unit_vectors(latlon), k=list(range(1, num + 1)))
        covers: Bools = np.any(arc_m(np.asarray(chords)) <= self.reach_m[rows], axis=1)
        return covers

    def _neighbour_m(self) -> Doubles:
        num = min(_NEIGHBOURS, len(self.points) - 1)
        if num < 1:
            return self.side_m
        # One more, since the nearest point to a centre is that centre. Chords sort as arcs do.
        chords = np.asarray(cKDTree(self.points).query(self.points, k=[num + 1])[0])
        # Tiles of several scales may share their centre; they still need some width.
        return np.maximum(arc_m(chords[:, 0]), self.side_m / 8)


def latlon_of(point: Doubles) -> tuple[float, float]:
    """Return latitude and longitude in degrees of a point float64[3], of any length but 0."""
    x, y, z = (float(value) for value in point)
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))
