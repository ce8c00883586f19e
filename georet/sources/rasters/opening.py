"""Opens a raster as a source of tiles: cut in its own projection, or warped."""

from __future__ import annotations

from pathlib import Path

from georet.errors import UsageError
from georet.sources.rasters.cut import CutSource
from georet.sources.rasters.geotiff import RasterSurface
from georet.sources.rasters.warped import WarpedSource
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling


def open_raster_source(path: Path, tiling: Tiling) -> TileSource:
    """Open a GeoTIFF or a picture; UsageError unless it is told into which tiles to cut it."""
    surface = RasterSurface(path, tiling)
    if tiling.side_m and tiling.zoom is not None:
        raise UsageError(
            "a raster is cut either by --side or by --zoom",
            where=str(path),
            hint="--side cuts it in its own projection, --zoom into Web Mercator tiles.",
        )
    if tiling.zoom is not None:
        if tiling.overlap:
            raise UsageError(
                "tiles overlap only where they are cut to a size",
                where=str(path),
                hint="Give --side instead of --zoom, or leave --overlap out.",
            )
        return WarpedSource(surface, tiling)
    if not tiling.side_m:
        raise UsageError(
            "how large shall the tiles be?",
            where=str(path),
            hint=f"For instance --side {surface.likely_side()}. {surface.size_in_words()}",
        )
    return CutSource([(side, surface) for side in tiling.side_m], tiling)
