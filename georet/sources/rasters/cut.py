"""The tile source that cuts a surface: a raster in its own projection, or a stitched archive."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import cv2
import numpy as np

from georet.errors import DataError
from georet.ground.wgs84 import continued
from georet.sources.rasters.grid import bands, covered_m
from georet.sources.rasters.surface import Surface, figure, table_of
from georet.tiles.remarks import remarks_of
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import Doubles, Ints, Pixels

MAX_SIDE_PX: Final = 1024
"""A tile is read at most so large; encoders see a fraction of it."""


_POINTS: Final = 5
"""So many points a side of a wide piece are told."""
STRIP: Final = 8
"""Strips that are read by one process are so many tiles wide."""


class _Cuts(NamedTuple):
    table: TileTable
    windows: Doubles
    part: Ints


class CutSource:
    """Tiles of the asked ground sizes, size by size, from the surface's top left to bottom right.

    ``parts`` are sizes in metres, each with the surface that tiles of this size are cut from. Ids
    are ``{side}m/{band}/{column}``. Carried to another process, the source knows its tiles.
    """

    def __init__(self, parts: Sequence[tuple[float, Surface]], tiling: Tiling) -> None:
        self.parts, self.tiling = list(parts), tiling

    def tiles(self) -> TileTable:
        """Return all tiles; of the raster only what tells of missing data is read."""
        return self._plan.table

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[h, w, 3] in the surface's resolution, at most 1024 pixels a side.

        What is without data, or outside the surface, is black.
        """
        plan = self._plan
        surface = self.parts[int(plan.part[row])][1]
        return read_window(surface, plan.windows[row], plan.table.ids[row])

    def lanes(self, rows: Ints) -> Ints:
        """Return the strip from top to bottom, int64[M], in which each tile lies.

        Bands one below the other show the same blocks: whoever reads a strip of all of them
        decodes each block once.
        """
        plan, widest = self._plan, self._widest
        middle = plan.windows[rows, 0] + plan.windows[rows, 2] / 2
        return np.asarray(np.floor(middle / (STRIP * widest[plan.part[rows]])), np.int64)

    def read_around(self, row: int, side_m: float) -> tuple[Pixels, Doubles]:
        """Return ``side_m`` metres around a tile's centre, less where the surface ends.

        uint8[h, w, 3], at most 1024 pixels a side, and where points of it lie float64[5, 5, 2].
        """
        plan = self._plan
        side, surface = self.parts[int(plan.part[row])]
        found = read_wider(surface, plan.windows[row], side_m / side, plan.table.ids[row])
        return found or (self.read(row), plan.table.corners_latlon[row])

    def describe(self) -> dict[str, Any]:
        """Return the surfaces' descriptions and the tiling."""
        first, *others = (surface.describe() for _, surface in self.parts)
        if any(other != first for other in others):
            first = {**first, "parts": others}
        return {**first, "tiling": self.tiling.as_json()}

    def remarks(self) -> list[str]:
        """Return what a user should know of the surfaces."""
        return [line for _, surface in self.parts for line in remarks_of(surface)]

    @cached_property
    def _plan(self) -> _Cuts:
        cut = [self._cut(float(side_m), surface) for side_m, surface in self.parts]
        tables, windows = zip(*cut, strict=True)
        if not sum(map(len, tables)):
            raise self._none_left()
        part = np.repeat(np.arange(len(tables)), list(map(len, tables)))
        return _Cuts(joined(tables), np.concatenate(windows), part)

    def _none_left(self) -> DataError:
        """Return why there is no tile: the map is smaller than one, or too much of it is void."""
        side_m, surface = min(self.parts, key=lambda part: part[0])
        where, (width_m, height_m) = str(surface.describe()["path"]), covered_m(surface)
        if side_m > min(width_m, height_m):
            return DataError(
                f"no tile is left: the map covers {figure(width_m)} x {figure(height_m)} m of "
                f"ground, and a tile of {figure(side_m)} m is larger",
                where=where,
                hint=f"Choose tiles of at most {figure(min(width_m, height_m))} m: --side.",
            )
        return DataError(
            "no tile is left: each lacks more data than allowed, or lies partly off the map",
            where=where,
            hint=f"At most a share of {self.tiling.max_nodata:g} may be without data; "
            "choose smaller tiles, or allow more: --max-nodata 0.9.",
        )

    @cached_property
    def _widest(self) -> Doubles:
        """The widest window of each part, float64[P] in pixels."""
        plan = self._plan
        inside = [plan.windows[plan.part == part, 2] for part in range(len(self.parts))]
        return np.array([widths.max(initial=1.0) for widths in inside])

    def _cut(self, side_m: float, surface: Surface) -> tuple[TileTable, Doubles]:
        tables, kept = [], []
        for band in bands(surface, side_m, self.tiling.overlap):
            ids = [f"{side_m:.10g}m/{band.number}/{column}" for column in range(len(band.windows))]
            table, there = table_of(surface, band.windows, ids)
            windows = band.windows[there]
            if len(windows) and self.tiling.max_nodata < 1:
                is_full = surface.void_shares(windows) <= self.tiling.max_nodata + 1e-9
                table, windows = table.take(np.flatnonzero(is_full)), windows[is_full]
            tables.append(table)
            kept.append(windows)
        return joined(tables), np.concatenate(kept)


def joined(tables: Sequence[TileTable]) -> TileTable:
    """Return the tiles of several tables, in order."""
    return TileTable(
        [name for table in tables for name in table.ids],
        np.concatenate([table.latlon for table in tables]),
        np.concatenate([table.corners_latlon for table in tables]),
        np.concatenate([table.side_m for table in tables]),
    )


def read_wider(
    surface: Surface, window: Doubles, factor: float, name: str
) -> tuple[Pixels, Doubles] | None:
    """Return what lies in ``factor`` times a window, as far as the surface goes, and where that is.

    uint8[h, w, 3], and 5 x 5 evenly spaced points of it, float64[5, 5, 2]; None where a part of
    that is no ground, at the rim of a map.
    """
    extent = np.array([surface.width, surface.height], np.float64)
    half, centre = window[2:] / 2 * max(1.0, factor), window[:2] + window[2:] / 2
    first = np.clip(np.floor(centre - half), 0, extent - 1)
    last = np.clip(np.ceil(centre + half), first + 1, extent)
    wide = np.concatenate([first, last - first])
    table, there = table_of(surface, wide[None], [name])
    if not there.all():
        return None
    share = np.linspace(0, 1, _POINTS)
    points = np.stack(np.meshgrid(share, share), axis=-1) * wide[2:] + wide[:2]
    latlon = surface.latlon_at(points.reshape(-1, 2)).reshape(points.shape)
    if not np.isfinite(latlon).all():
        return None
    return read_window(surface, wide, name), continued(table.latlon[0], latlon)


def read_window(surface: Surface, window: Doubles, name: str) -> Pixels:
    """Return uint8[h, w, 3] in a window float64[4] (left, top, width, height) of any pixels.

    DataError, with the tile's ``name``, where the surface can't be read.
    """
    extent = np.array([surface.width, surface.height])
    first = np.clip(np.floor(window[:2]), 0, extent - 1).astype(int)
    last = np.clip(np.ceil(window[:2] + window[2:]), first + 1, extent).astype(int)
    shape = last - first
    size = np.minimum(shape, MAX_SIDE_PX)
    box = (int(first[0]), int(first[1]), int(shape[0]), int(shape[1]))
    pixels = surface.block(box, (int(size[1]), int(size[0])), name)
    if np.array_equal(np.concatenate([first, shape]), window):
        return pixels
    scale = size / shape
    wanted = np.maximum(np.floor(np.minimum(window[2:], MAX_SIDE_PX)), 1)
    step = window[2:] / wanted * scale
    # Pixel centres lie at halves; the block's first pixel stands for `first`.
    begin = (window[:2] - first) * scale + step / 2 - 0.5
    matrix = np.array([[step[0], 0, begin[0]], [0, step[1], begin[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    target = (int(wanted[0]), int(wanted[1]))
    return np.asarray(cv2.warpAffine(pixels, matrix, target, flags=flags), np.uint8)
