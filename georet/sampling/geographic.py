"""Nearest references by position: exact, in memory that grows with R times K and no faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from scipy.spatial import cKDTree

from georet.errors import ConfigError, DataError
from georet.geodesy import checked_latlon, unit_vectors, vectors_of_angles
from georet.types import Bools, Doubles, Ints

Distance = Literal["great_circle", "sample4geo-degrees", "euclidean"]

_CELLS_AT_ONCE: Final = 1 << 20
_FARTHEST: Final = 1e100


def geographic_neighbours(latlon: Doubles, k: int, *, distance: Distance = "great_circle") -> Ints:
    """Return the rows int64[R, k] of the k nearest other positions of each of float64[R, 2].

    Nearest first, equal distances by row, a position never its own neighbour even where others
    coincide with it. With fewer than k others the row ends in -1.

    ``great_circle`` takes latitude and longitude in degrees. ``euclidean`` takes any plane
    coordinates of one unit, such as UTM metres. ``sample4geo-degrees`` takes degrees and reads them
    as radians, as the scripts published with Sample4Geo (arXiv 2303.11851) do; it is there to
    compare with their tables and wrong for all else.

    Raises DataError for positions that are not on Earth or not finite, ConfigError for k < 1.
    """
    points = _points(latlon, distance)
    if k < 1:
        raise ConfigError(f"k is {k}, at least one neighbour must be asked for")
    neighbours = np.full((len(points), k), -1, dtype=np.int64)
    num_found = min(k, len(points) - 1)
    if num_found > 0:
        _fill(points, neighbours[:, :num_found])
    return neighbours


def _points(latlon: Doubles, distance: Distance) -> Doubles:
    """Return coordinates float64[R, 2 or 3] in which the straight line orders as the distance.

    The haversine formula is a quarter of the squared chord between unit vectors whatever angles
    it is given; degrees read as radians therefore have a k-d tree of their own.
    """
    positions = np.asarray(latlon, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise DataError(f"positions have shape {positions.shape}, wanted [R, 2]")
    if distance == "euclidean":
        # Squares must stay finite too: the tree drops what is infinitely far away.
        is_finite = (np.abs(positions) < _FARTHEST).all(axis=1)
        if not is_finite.all():
            row = int(np.flatnonzero(~is_finite)[0])
            raise DataError(f"position of row {row} is {tuple(positions[row].tolist())}")
        return positions
    checked_latlon(positions)
    if distance == "great_circle":
        return unit_vectors(positions)
    if distance == "sample4geo-degrees":
        return vectors_of_angles(positions)
    raise ConfigError(
        f"unknown distance {distance!r}", hint=f"choose one of {', '.join(get_args(Distance))}"
    )


@dataclass(frozen=True)
class _Places:
    """Rows grouped by exactly coinciding position."""

    order: Ints
    """int64[R]: rows sorted by position, then by row."""
    first: Ints
    """int64[R]: where in ``order`` the group of a row begins."""
    place: Ints
    """int64[R]: the how-manieth of its group a row is."""
    size: Ints
    """int64[R]: how many coincide with a row, itself included."""


def _places(points: Doubles) -> _Places:
    order = np.lexsort(points.T)
    begins = np.ones(len(points), dtype=np.bool_)
    begins[1:] = (points[order[1:]] != points[order[:-1]]).any(axis=1)
    starts = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    first, place, size = np.empty_like(order), np.empty_like(order), np.empty_like(order)
    first[order] = starts[group]
    place[order] = np.arange(len(points)) - starts[group]
    size[order] = np.diff(np.append(starts, len(points)))[group]
    return _Places(order, first, place, size)


def _fill(points: Doubles, neighbours: Ints) -> None:
    """Write the nearest others of all rows; every column has one.

    Where more than k + 1 rows coincide they are each other's neighbours, and nobody else can want
    more than the first k + 1 of them: the tree holds no others, so crowds cost nothing.
    """
    k = neighbours.shape[1]
    places = _places(points)
    crowded = places.size > k + 1
    _fill_crowded(places, np.flatnonzero(crowded), neighbours)
    kept = np.flatnonzero(places.place <= k)
    search = _Search(points, kept, cKDTree(points[kept]), neighbours)
    rows = kept[search.tree.indices]
    search.fill(rows[~crowded[rows]], k + 2)


def _fill_crowded(places: _Places, rows: Ints, neighbours: Ints) -> None:
    k = neighbours.shape[1]
    step = max(1, _CELLS_AT_ONCE // k)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        columns = _all_but(places.place[some], k)
        neighbours[some] = places.order[places.first[some, None] + columns]


def _all_but(column: Ints, num: int) -> Ints:
    """Return int64[M, num]: the numbers from 0 upward without the row's own ``column``."""
    columns = np.arange(num)
    return columns + (columns >= column[:, None])


@dataclass(frozen=True)
class _Search:
    """Fills neighbour lists from a tree over the rows ``kept`` (ascending) of ``points``."""

    points: Doubles
    kept: Ints
    tree: cKDTree[None]
    neighbours: Ints

    def fill(self, rows: Ints, num_asked: int) -> None:
        """Fill ``rows``; those whose list ends within a tie ask again for twice as many."""
        num_asked = min(num_asked, len(self.kept))
        step = max(1, _CELLS_AT_ONCE // num_asked)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            is_cut_in_tie = self._fill_once(some, num_asked)
            if is_cut_in_tie.any():
                self.fill(some[is_cut_in_tie], 2 * num_asked)

    def _fill_once(self, rows: Ints, num_asked: int) -> Bools:
        k = self.neighbours.shape[1]
        answer = self.tree.query(self.points[rows], k=num_asked, workers=-1)
        distance, found = np.asarray(answer[0]), self.kept[answer[1]]
        # Equal distances are ordered by row; only lists that have some are touched.
        tied = np.flatnonzero((distance[:, 1:] == distance[:, :-1]).any(axis=1))
        order = np.lexsort((found[tied], distance[tied]), axis=-1)
        found[tied] = np.take_along_axis(found[tied], order, axis=1)
        own = found == rows[:, None]
        self_column = np.where(own.any(axis=1), own.argmax(axis=1), num_asked - 1)
        columns = _all_but(self_column, k)
        self.neighbours[rows] = np.take_along_axis(found, columns, axis=1)
        last = np.take_along_axis(distance, columns[:, -1:], axis=1)[:, 0]
        is_cut: Bools = (last >= distance[:, -1]) & (num_asked < len(self.kept))
        return is_cut
