"""The map under the map: a gallery's own thumbnails, laid out on the ground in Web Mercator."""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np
from scipy.spatial import cKDTree

from georet.gallery.pictures.atlas import Atlas, side_for
from georet.gallery.pictures.projective import ImageMaps
from georet.geodesy import EARTH_RADIUS_M, arc_m, chord, vectors_of_angles
from georet.ground.wgs84 import HALF_WORLD_M, SEMI_MAJOR_M, mercator_y
from georet.tiles.table import TileTable
from georet.types import Bools, Doubles, Ints, Pixels

WEB_RADIUS_M: Final = SEMI_MAJOR_M
"""The sphere of EPSG:3857."""
EXTENT_M: Final = HALF_WORLD_M
"""Half the side of the square that Web Mercator maps the world to."""
MAX_TILES: Final = 6000
"""As many tiles make up one picture; of more, one in each cell of a grid is taken."""
_NEAREST: Final = 4

Bounds = tuple[float, float, float, float]


class Pictured(Protocol):
    """The part of a gallery that a map needs."""

    @property
    def tiles(self) -> TileTable:
        """Where the tiles are."""

    def thumbnail(self, row: int) -> bytes | None:
        """Return a tile's JPEG, or None."""


def mosaic(gallery: Pictured, bounds_m: Bounds, size: tuple[int, int]) -> Pixels:
    """Return a picture uint8[h, w, 4], RGBA; for several pictures keep a ``Mosaic``."""
    return Mosaic(gallery).render(bounds_m, size)


class Mosaic:
    """Composes pictures of a gallery's ground; of the tiles that show a point the nearest wins.

    Galleries of several scales show the coarsest that is sharp enough, and elsewhere the others.
    Safe to use from several threads.
    """

    def __init__(self, gallery: Pictured) -> None:
        self.tiles = gallery.tiles
        self._atlas = Atlas(gallery.thumbnail)
        self._maps = ImageMaps(self.tiles)
        latlon_rad = np.radians(self.tiles.latlon)
        self._points = vectors_of_angles(latlon_rad)
        self._x_m = WEB_RADIUS_M * latlon_rad[:, 1]
        self._y_m = WEB_RADIUS_M * mercator_y(latlon_rad[:, 0])
        self._reach_m = _reach_m(self.tiles)
        self._scales = _scales(self.tiles.side_m)
        self._fade_from = np.full(len(self.tiles), 0.5)
        for rows in self._scales:
            self._fade_from[rows] = self._inner(rows)

    def render(self, bounds_m: Bounds, size: tuple[int, int]) -> Pixels:
        """Return the picture uint8[h, w, 4] of (west, south, east, north) in EPSG:3857 metres.

        ``east`` may lie beyond the antimeridian. Where no tile is known, or beyond the Mercator
        map's poles, alpha is 0.
        """
        latlon_rad, on_map = _pixel_centres(bounds_m, size)
        canvas = np.zeros((*size, 4), np.uint8)
        flat, empty = canvas.reshape(-1, 4), np.flatnonzero(on_map)
        m_per_px = self._ground_m_per_px(bounds_m, size)
        for rows in self._by_preference(m_per_px):
            if not len(empty):
                break
            drawn, colours = self._paint(rows, latlon_rad[empty], bounds_m, m_per_px)
            flat[empty[drawn]] = colours
            empty = empty[~drawn]
        return canvas

    def _paint(
        self, rows: Ints, latlon_rad: Doubles, bounds_m: Bounds, m_per_px: float
    ) -> tuple[Bools, Pixels]:
        """Return which of the points [M, 2] the tiles show, and the colours of those."""
        drawn = np.zeros(len(latlon_rad), np.bool_)
        rows, cell_m = self._thinned(self._in_view(rows, bounds_m), bounds_m)
        if not len(rows):
            return drawn, np.empty((0, 4), np.uint8)
        side_m = float(self.tiles.side_m[rows].mean())
        grow = max(1.0, 1.5 * cell_m / side_m)
        chosen, xy = self._nearest(rows, latlon_rad, grow)
        drawn = chosen >= 0
        unique, which = np.unique(chosen[drawn], return_inverse=True)
        squares, has_picture = self._atlas.squares(unique, side_for(side_m / m_per_px))
        colours = _sampled(squares, which, xy[drawn])
        if grow == 1.0:
            colours[:, 3] = _opacity(xy[drawn], self._fade_from[chosen[drawn]])
        is_seen = has_picture[which]
        drawn[np.flatnonzero(drawn)[~is_seen]] = False
        return drawn, colours[is_seen]

    def _inner(self, rows: Ints) -> float:
        """Return how far from a tile's middle, as a share of its side, no other tile is nearer.

        Beyond that an overlapping tiling shows a tile only at the rim of what is known.
        """
        if len(rows) < 2:
            return 0.5
        spacing = np.median(cKDTree(self._points[rows]).query(self._points[rows], k=[2])[0])
        side = float(self.tiles.side_m[rows].mean()) / EARTH_RADIUS_M
        return float(min(0.5, 1.05 * spacing / side / np.sqrt(2)))

    def _nearest(self, rows: Ints, latlon_rad: Doubles, grow: float) -> tuple[Ints, Doubles]:
        """Return for each point the nearest tile that shows it, or -1, and where in its image."""
        points = vectors_of_angles(latlon_rad)
        tree = cKDTree(self._points[rows])
        limit = chord(grow * float(self._reach_m[rows].max()))
        chosen = np.full(len(points), -1, np.int64)
        xy = np.zeros((len(points), 2))
        left = np.arange(len(points))
        for rank in range(1, min(_NEAREST, len(rows)) + 1):
            # scipy's stubs can't tell that a list of ranks gives arrays.
            result: Any = tree.query(points[left], k=[rank], distance_upper_bound=limit)
            is_near = np.isfinite(result[0][:, 0])
            left, candidates = left[is_near], rows[result[1][is_near, 0]]
            inside = self._maps.image_xy(candidates, latlon_rad[left])
            is_shown = (np.abs(inside - 0.5) <= 0.5 * grow).all(axis=1)
            chosen[left[is_shown]], xy[left[is_shown]] = candidates[is_shown], inside[is_shown]
            left = left[~is_shown]
        return chosen, xy

    def _in_view(self, rows: Ints, bounds_m: Bounds) -> Ints:
        """Return the rows whose footprint may reach into the bounds."""
        west, south, east, north = bounds_m
        latitude = np.clip(np.abs(self.tiles.latlon[rows, 0]), 0, 89.0)
        margin_m = 1.5 * self._reach_m[rows] / np.cos(np.radians(latitude))
        y_m = self._y_m[rows]
        away_m = (self._x_m[rows] - west + margin_m) % (2 * EXTENT_M)
        is_near = (y_m + margin_m >= south) & (y_m - margin_m <= north)
        near: Ints = rows[is_near & (away_m <= east - west + 2 * margin_m)]
        return near

    def _thinned(self, rows: Ints, bounds_m: Bounds) -> tuple[Ints, float]:
        """Return at most about MAX_TILES of the rows, spread evenly, and their spacing in metres.

        The grid depends on the picture's size only, so that neighbouring pictures fit together.
        """
        if len(rows) <= MAX_TILES:
            return rows, 0.0
        west, south, east, north = bounds_m
        cell_m = np.sqrt((east - west) * (north - south) / MAX_TILES)
        cells = np.stack([self._x_m[rows], self._y_m[rows]], axis=1) / cell_m
        off_centre = np.abs(cells - np.floor(cells) - 0.5).max(axis=1)
        rows, cells = rows[np.argsort(off_centre)], cells[np.argsort(off_centre)]
        first = np.unique(np.floor(cells), axis=0, return_index=True)[1]
        nearest_latitude = np.clip(
            np.arctan(np.sinh((south + north) / 2 / WEB_RADIUS_M)), -1.4, 1.4
        )
        return np.sort(rows[first]), float(cell_m * np.cos(nearest_latitude))

    def _by_preference(self, m_per_px: float) -> list[Ints]:
        """Return the rows of each scale: sharp ones from coarse to fine, then the coarser ones."""
        sides = [float(self.tiles.side_m[rows].mean()) for rows in self._scales]
        is_sharp = [side / 96 <= m_per_px for side in sides]
        sharp = [rows for rows, good in zip(self._scales, is_sharp, strict=True) if good]
        blurred = [rows for rows, good in zip(self._scales, is_sharp, strict=True) if not good]
        return sharp + blurred[::-1]

    @staticmethod
    def _ground_m_per_px(bounds_m: Bounds, size: tuple[int, int]) -> float:
        west, south, east, north = bounds_m
        shrink = np.cos(_latitude_rad((south + north) / 2))
        return float((east - west) / size[1] * shrink)


def _latitude_rad(y_m: float) -> float:
    return float(np.arctan(np.sinh(y_m / WEB_RADIUS_M)))


def _pixel_centres(bounds_m: Bounds, size: tuple[int, int]) -> tuple[Doubles, Bools]:
    """Return latitudes and longitudes float64[h * w, 2] in radians, and which are on the map."""
    west, south, east, north = bounds_m
    height, width = size
    x = (west + (np.arange(width) + 0.5) * (east - west) / width) / WEB_RADIUS_M
    y = (north - (np.arange(height) + 0.5) * (north - south) / height) / WEB_RADIUS_M
    latitude = np.arctan(np.sinh(y))
    grid = np.stack(np.broadcast_arrays(latitude[:, None], x[None, :]), axis=-1)
    on_map = np.broadcast_to((np.abs(y) <= np.pi)[:, None], size)
    return grid.reshape(-1, 2), on_map.reshape(-1)


def _sampled(squares: Pixels, which: Ints, xy: Doubles) -> Pixels:
    """Return colours uint8[M, 4] at ``xy`` of the squares uint8[U, s, s, 3], bilinear, opaque."""
    side = squares.shape[1]
    place = np.clip(xy * side - 0.5, 0, side - 1).astype(np.float32)
    low = np.minimum(place.astype(np.int32), max(side - 2, 0))
    right, down = np.hsplit(place - low, 2)
    x, y = low.T
    top = squares[which, y, x] * (1 - right) + squares[which, y, x + 1] * right
    bottom = squares[which, y + 1, x] * (1 - right) + squares[which, y + 1, x + 1] * right
    colours = np.full((len(xy), 4), 255, np.uint8)
    colours[:, :3] = top * (1 - down) + bottom * down + 0.5
    return colours


def _opacity(xy: Doubles, fade_from: Doubles) -> Pixels:
    """Return alpha uint8[M]: 255 up to ``fade_from`` from a tile's middle, 0 at its edge."""
    out = np.abs(xy - 0.5).max(axis=1)
    inside = np.clip((0.5 - out) / np.maximum(0.5 - fade_from, 1e-9), 0, 1)
    share = np.where(fade_from < 0.5, inside * inside * (3 - 2 * inside), 1.0)
    return (255 * share + 0.5).astype(np.uint8)


def _reach_m(tiles: TileTable) -> Doubles:
    """Return how far the farthest corner of each tile is from its centre, float64[R]."""
    corners = vectors_of_angles(np.radians(tiles.corners_latlon))
    centres = vectors_of_angles(np.radians(tiles.latlon))[:, None]
    return arc_m(np.linalg.norm(corners - centres, axis=2).max(axis=1, initial=0))


def _scales(side_m: Doubles) -> list[Ints]:
    """Return the rows of each scale, coarse to fine; sides within a factor of 1.4 are one scale."""
    order = np.argsort(-side_m, kind="stable")
    logs: Any = np.log(np.maximum(side_m[order], 1e-3))
    cuts = np.flatnonzero(-np.diff(logs) > np.log(1.4)) + 1
    return [np.sort(rows) for rows in np.split(order, cuts) if len(rows)]
