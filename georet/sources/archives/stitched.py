"""A level of a tile archive as one surface, so that it can be cut like a raster."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import cv2
import numpy as np

from georet.data.decoding import WHOLE_PIXELS as MAX_PIXELS
from georet.errors import DataError, UsageError
from georet.ground.wgs84 import HALF_WORLD_M, latlon_of_mercator, metres_a_pixel
from georet.sources.archives.archive import Archive, chosen_zoom, tile_path, void_shares
from georet.sources.archives.encoded import decode
from georet.sources.mercator import column_range
from georet.tiles.remarks import remarks_of
from georet.types import Doubles, Ints, Pixels

ENOUGH_PX: Final = 512
"""Without a ``zoom`` the shallowest level is taken on which a tile has so many pixels a side."""

_CACHE_BYTES: Final = 128 << 20
"""Decoded tiles that each process keeps: several rows of an area some hundred tiles wide."""
_MAX_CELLS: Final = 100_000_000


class StitchedSurface:
    """The tiles of one level side by side; where the archive has none there is no data.

    ``side_m``: what tiles of that ground size will be cut. x runs on over the antimeridian where
    the area does.
    """

    def __init__(
        self, archive: Archive, zoom: int | None, side_m: float, *, check_void: bool = True
    ) -> None:
        self.archive = archive
        self._cache: OrderedDict[tuple[int, int], Pixels] = OrderedDict()
        self.zoom = chosen_zoom(archive, zoom)
        listed = archive.listing(self.zoom)
        self.tile_px = self._tile_px(listed)
        if zoom is None:
            self.zoom = self._shallowest(side_m, listed)
            listed = archive.listing(self.zoom)
        first_x, num_x = column_range(listed[:, 0], 2**self.zoom)
        self._first = first_x, int(listed[:, 1].min())
        num_y = int(listed[:, 1].max()) - self._first[1] + 1
        self._check_cells(num_x, num_y)
        self._filled = self._fill(listed, num_x, num_y, check_void=check_void)
        self._sums = np.pad(self._filled.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        self.width, self.height = num_x * self.tile_px, num_y * self.tile_px

    def latlon_at(self, positions: Doubles) -> Doubles:
        """Return where columns and rows float64[N, 2] lie, as [N, 2]."""
        pixel_m = 2 * HALF_WORLD_M / (2**self.zoom * self.tile_px)
        x = (positions[:, 0] + self._first[0] * self.tile_px) * pixel_m - HALF_WORLD_M
        y = HALF_WORLD_M - (positions[:, 1] + self._first[1] * self.tile_px) * pixel_m
        return latlon_of_mercator(np.stack([x, y], axis=-1))

    def window_of(self, x: int, y: int) -> Doubles:
        """Return left, top, width, height float64[4] of the archive's tile x, y."""
        column, row = (x - self._first[0]) % 2**self.zoom, y - self._first[1]
        return np.array([column, row, 1.0, 1.0]) * self.tile_px

    def void_shares(self, windows: Doubles) -> Doubles:
        """Return the share float64[R] without data of the windows [R, 4]."""
        cells = windows / self.tile_px
        low, high = cells[:, :2], cells[:, :2] + cells[:, 2:]
        inside = self._sum(high[:, 0], high[:, 1]) - self._sum(low[:, 0], high[:, 1])
        inside += self._sum(low[:, 0], low[:, 1]) - self._sum(high[:, 0], low[:, 1])
        return np.asarray(1 - inside / cells[:, 2:].prod(axis=1))

    def block(self, box: tuple[int, int, int, int], size: tuple[int, int], name: str) -> Pixels:
        """Return left, top, width, height reduced to ``size`` (height, width), uint8[*size, 3].

        DataError, with the tile's ``name``, where the pixels can't be read.
        """
        left, top, width, height = box
        if width * height > MAX_PIXELS:
            raise DataError(
                f"tile {name} covers {width} x {height} pixels, the cap is {MAX_PIXELS:,}",
                where=str(self.archive.path),
                hint="Choose a lower --zoom.",
            )
        canvas = np.zeros((height, width, 3), np.uint8)
        px = self.tile_px
        for row in range(top // px, -(-(top + height) // px)):
            for column in range(left // px, -(-(left + width) // px)):
                if self._filled[row, column] > 0:
                    self._paste(canvas, column * px - left, row * px - top, column, row)
        if size == (height, width):
            return canvas
        return np.asarray(cv2.resize(canvas, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)

    def remarks(self) -> list[str]:
        """Return what a user should know of the archive."""
        return remarks_of(self.archive)

    def describe(self) -> dict[str, Any]:
        """Return the archive's description and the level."""
        return {**self.archive.describe(), "zoom": self.zoom}

    def _paste(self, canvas: Pixels, left: int, top: int, column: int, row: int) -> None:
        tile = self._decoded(column, row)
        begin_y, begin_x = max(top, 0), max(left, 0)
        part = tile[begin_y - top : len(canvas) - top, begin_x - left : canvas.shape[1] - left]
        canvas[begin_y : begin_y + part.shape[0], begin_x : begin_x + part.shape[1]] = part

    def _decoded(self, column: int, row: int) -> Pixels:
        """Return a tile uint8[px, px, 3]; neighbouring windows show the same ones."""
        cache, key = self._cache, (column, row)
        if key in cache:
            cache.move_to_end(key)
            return cache[key]
        x, y = (self._first[0] + column) % 2**self.zoom, self._first[1] + row
        where = tile_path(self.archive, self.zoom, x, y)
        tile = decode(self.archive.encoded(self.zoom, x, y), where)
        if tile.shape[:2] != (self.tile_px, self.tile_px):
            height, width = tile.shape[:2]
            hint = f"The archive's first tile has {self.tile_px} pixels a side."
            raise DataError(f"has {width} x {height} pixels", where=str(where), hint=hint)
        cache[key] = tile
        if len(cache) * tile.nbytes > _CACHE_BYTES:
            cache.popitem(last=False)
        return tile

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": OrderedDict()}

    def _tile_px(self, listed: Ints) -> int:
        x, y = listed[0].tolist()
        path = tile_path(self.archive, self.zoom, x, y)
        height, width = decode(self.archive.encoded(self.zoom, x, y), path).shape[:2]
        if height != width:
            raise DataError(f"has {width} x {height} pixels, not a square", where=str(path))
        return int(width)

    def _shallowest(self, side_m: float, listed: Ints) -> int:
        """Return the shallowest level that shows a tile in enough pixels, else the deepest."""
        middle_m = HALF_WORLD_M - (listed[:, 1].mean() + 0.5) * 2 * HALF_WORLD_M / 2**self.zoom
        latitude = float(latlon_of_mercator(np.array([0.0, middle_m]))[0])
        for zoom in self.archive.zooms():
            if side_m / float(metres_a_pixel(latitude, zoom, self.tile_px)) >= ENOUGH_PX:
                return zoom
        return self.zoom

    def _check_cells(self, num_x: int, num_y: int) -> None:
        if num_x * num_y > _MAX_CELLS:
            raise UsageError(
                f"the tiles of zoom {self.zoom} lie too far apart to be cut as one surface",
                where=str(self.archive.path),
                hint="Choose a lower --zoom, or leave --side out to use the archive's own tiles.",
            )

    def _fill(self, listed: Ints, num_x: int, num_y: int, *, check_void: bool) -> Doubles:
        """Return the share with data of each cell, float64[num_y, num_x]."""
        filled = np.zeros((num_y, num_x))
        column = (listed[:, 0] - self._first[0]) % 2**self.zoom
        row = listed[:, 1] - self._first[1]
        void = void_shares(self.archive, self.zoom, listed) if check_void else 0.0
        filled[row, column] = 1 - np.asarray(void)
        return filled

    def _sum(self, x: Doubles, y: Doubles) -> Doubles:
        """Return the filled area float64[R] left of and above x, y [R], in cells."""
        sums, (num_y, num_x) = self._sums, self._filled.shape
        x, y = np.clip(x, 0, num_x), np.clip(y, 0, num_y)
        column, row = (np.minimum(v.astype(int), n - 1) for v, n in ((x, num_x), (y, num_y)))
        right, down = x - column, y - row
        upper = sums[row, column] * (1 - right) + sums[row, column + 1] * right
        lower = sums[row + 1, column] * (1 - right) + sums[row + 1, column + 1] * right
        return np.asarray(upper * (1 - down) + lower * down)
