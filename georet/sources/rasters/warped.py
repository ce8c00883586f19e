"""GeoTIFFs as Web Mercator tiles, whatever their own projection is."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any, Final, NamedTuple

import numpy as np

from georet.errors import DataError, UsageError
from georet.extras import need
from georet.ground.wgs84 import HALF_WORLD_M, MAX_LATITUDE_LATLON, mercator_m, tile_bounds_m
from georet.sources.mercator import column_range, mercator_table
from georet.sources.rasters.bands import read_valid
from georet.sources.rasters.cut import STRIP
from georet.sources.rasters.geotiff import VOID_PROBES, RasterSurface
from georet.sources.rasters.raster import damaged, rasterio_errors
from georet.tiles.handles import Handle
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import Doubles, Ints, Pixels

TILE_PX: Final = 256
_MAX_TILES: Final = 5_000_000
_MAX_ZOOM: Final = 22
"""GDAL counts a map's pixels in 31 bits."""
_EDGE_PROBES: Final = 65


class _Warped(NamedTuple):
    """Columns first_x to end_x - 1 of tiles in Web Mercator, from row first_y on, as a raster."""

    first_x: int
    end_x: int
    first_y: int
    raster: Any


class WarpedSource:
    """The Web Mercator tiles of ``tiling.zoom`` that a raster covers, 256 x 256 pixels each.

    Warped by bilinear interpolation where grids differ (palettes: nearest). Ids are ``zoom/x/y``,
    the order that of tile archives.
    """

    def __init__(self, surface: RasterSurface, tiling: Tiling) -> None:
        if tiling.zoom is None:
            raise UsageError("zoom is missing", where=str(surface.path))
        if tiling.zoom > _MAX_ZOOM:
            hint = f"A raster can be warped to zoom {_MAX_ZOOM} at most; --side has no limit."
            raise UsageError(f"zoom is {tiling.zoom}", where=str(surface.path), hint=hint)
        self.surface, self.tiling, self.zoom = surface, tiling, tiling.zoom
        self._images: Handle[list[_Warped]] = Handle(partial(self._warp, TILE_PX))
        self._probes: Handle[list[_Warped]] = Handle(partial(self._warp, VOID_PROBES))

    def tiles(self) -> TileTable:
        """Return all tiles, from north to south, from west to east."""
        return self._table

    def read(self, row: int) -> Pixels:
        """Return one tile uint8[256, 256, 3]; what is without data is black."""
        bands, (x, y) = self.surface.bands, self._kept[row].tolist()
        tile = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
        try:
            for warped, window in self._windows(self._images.get(), x, y, TILE_PX):
                samples = warped.read(bands.indexes, window=window)
                size, alpha = (TILE_PX, TILE_PX), bands.alpha or warped.count
                valid = read_valid(warped, bands, size, window, alpha=alpha)
                tile[valid > 0] = bands.as_rgb(samples, valid)[valid > 0]
        except rasterio_errors() as error:
            raise damaged(self.surface.path, self._table.ids[row], error) from error
        return tile

    def lanes(self, rows: Ints) -> Ints:
        """Return the strip from north to south, int64[M], in which each tile lies."""
        return np.asarray(self._kept[rows, 0] // STRIP)

    def remarks(self) -> list[str]:
        """Return what a user should know of how the raster is read."""
        return self.surface.remarks()

    def describe(self) -> dict[str, Any]:
        """Return the raster's description, the level and the tiling."""
        tiling = self.tiling.as_json()
        return {**self.surface.describe(), "zoom": self.zoom, "tiling": tiling}

    @cached_property
    def _kept(self) -> Ints:
        covered = self._covered(self._candidates)
        least = 1 - self.tiling.max_nodata
        kept = self._candidates[(covered > 0) & (covered >= least - 1e-9)]
        if not len(kept):
            raise DataError(
                f"no tile of zoom {self.zoom} is left: each lacks more data than allowed",
                where=str(self.surface.path),
                hint="Choose a deeper --zoom, or allow more: --max-nodata 0.9.",
            )
        return kept

    @cached_property
    def _table(self) -> TileTable:
        return mercator_table(self.zoom, self._kept)

    @cached_property
    def _candidates(self) -> Ints:
        """Return x, y int64[R, 2] of all tiles that the raster may touch, by y, then by x."""
        steps = np.linspace(0, 1, _EDGE_PROBES)
        shares = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        latlon = self.surface.latlon_at(shares * [self.surface.width, self.surface.height])
        latlon = latlon[np.isfinite(latlon).all(axis=1)]
        latlon = latlon[np.abs(latlon[:, 0]) < 90]
        if not (np.abs(latlon[:, 0]) < MAX_LATITUDE_LATLON).any():
            raise DataError(
                "lies beyond 85.05 degrees, where Web Mercator ends",
                where=str(self.surface.path),
                hint="Give --side instead of --zoom, to cut it in its own projection.",
            )
        side, num = 2 * HALF_WORLD_M / 2**self.zoom, 2**self.zoom
        xy = mercator_m(latlon)
        y = np.clip(np.floor((HALF_WORLD_M - xy[:, 1]) / side), 0, num - 1).astype(np.int64)
        x = np.floor((xy[:, 0] + HALF_WORLD_M) / side).astype(np.int64) % num
        # Sides may bulge between the probes: a tile more all around.
        first, num_columns = column_range(x, num)
        if num - num_columns < num / 8:
            first, num_columns = 0, num
        columns = np.unique(np.arange(first - 1, first + num_columns + 1) % num)
        rows = np.arange(max(y.min() - 1, 0), min(y.max() + 1, num - 1) + 1)
        if len(columns) * len(rows) > _MAX_TILES:
            raise UsageError(
                f"zoom {self.zoom} would be more than {_MAX_TILES:,} tiles",
                where=str(self.surface.path),
                hint=f"Choose a lower zoom. {self.surface.size_in_words()}",
            )
        return np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2).astype(np.int64)

    def _covered(self, candidates: Ints) -> Doubles:
        """Return the share float64[R] of tiles x, y [R, 2] that has data."""
        side, bands = (VOID_PROBES, VOID_PROBES), self.surface.bands
        shares = []
        for x, y in candidates.tolist():
            try:
                parts = self._windows(self._probes.get(), x, y, VOID_PROBES)
                masks = [
                    read_valid(warped, bands, side, window, alpha=bands.alpha or warped.count)
                    for warped, window in parts
                ]
                shares.append(float((np.max(masks, axis=0) > 0).mean()))
            except rasterio_errors() as error:
                raise damaged(self.surface.path, f"{self.zoom}/{x}/{y}", error) from error
        return np.array(shares)

    def _windows(self, warped: list[_Warped], x: int, y: int, px: int) -> list[tuple[Any, Any]]:
        """Return the warped rasters that may hold a tile, each with the tile's window in it."""
        windows = need("rasterio.windows", extra="gallery")
        return [
            (part.raster, windows.Window((x - part.first_x) * px, (y - part.first_y) * px, px, px))
            for part in warped
            if part.first_x <= x < part.end_x
        ]

    def _warp(self, px: int) -> list[_Warped]:
        """Return the raster in Web Mercator, ``px`` pixels a tile, a part for each run of columns.

        There are two runs where the raster crosses the antimeridian, which is the map's edge; and
        parts for each turn of longitudes that brings some of the raster to -180..180.
        """
        candidates = self._candidates
        columns, rows = np.unique(candidates[:, 0]), np.unique(candidates[:, 1])
        runs = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
        first_y = int(rows[0])
        return [
            _Warped(int(run[0]), int(run[-1]) + 1, first_y, self._warped(run, rows, px, turn))
            for run in runs
            for turn in _turns(self.surface)
        ]

    def _warped(self, columns: Ints, rows: Ints, px: int, turn: int) -> Any:
        rasterio = need("rasterio", extra="gallery", what="reading a GeoTIFF")
        vrt, kinds = need("rasterio.vrt", extra="gallery"), rasterio.enums.Resampling
        ends = np.array([(columns[0], rows[0]), (columns[-1], rows[-1])])
        (west, _, _, north), (_, south, east, _) = tile_bounds_m(self.zoom, ends).tolist()
        width, height = len(columns) * px, len(rows) * px
        bands, raster, affine = self.surface.bands, self.surface.open(), self.surface.place.affine
        nodata = raster.nodata
        if nodata is None and bands.alpha is None:
            # Blocks that were never written read as 0.
            nodata = np.nan if bands.is_float else 0 if self.surface.is_sparse else None
        return vrt.WarpedVRT(
            raster,
            src_crs=self.surface.place.crs,
            src_transform=_turned(affine, turn),
            src_nodata=nodata,
            crs="EPSG:3857",
            transform=rasterio.transform.from_bounds(west, south, east, north, width, height),
            width=width,
            height=height,
            resampling=kinds.nearest if bands.palette is not None else kinds.bilinear,
            add_alpha=bands.alpha is None,
        )


def _turned(affine: Any, turn: int) -> Any:
    """Return an affine transform to longitudes, ``turn`` times 360 degrees further east."""
    return type(affine)(*affine[:2], affine[2] + 360.0 * turn, *affine[3:6])


def _turns(surface: RasterSurface) -> list[int]:
    """Return the turns of 360 degrees after which some of a geographic raster is in -180..180."""
    crs, affine = surface.place
    if not crs.is_geographic:
        return [0]
    x = affine.c + np.array([0, surface.width])[:, None] * affine.a
    x = x + np.array([0, surface.height]) * affine.b
    first, last = np.ceil((-180 - x.max()) / 360), np.floor((180 - x.min()) / 360)
    turns = np.arange(first, last + 1)
    shared = np.minimum(x.max() + 360 * turns, 180) - np.maximum(x.min() + 360 * turns, -180)
    return [int(turn) for turn in turns[shared > 1e-9]] or [0]
