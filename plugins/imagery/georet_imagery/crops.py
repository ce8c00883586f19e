"""Cutting the area out of a raster that lies elsewhere, pixel by pixel, into a local GeoTIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.files import replaced_file
from georet.ground.region import Region
from georet.progress import say
from georet.sources.rasters.raster import rasterio_errors
from georet_imagery.fetching import Limits

_EDGE: Final = 21
_ROWS: Final = 512


class UnreadError(Exception):
    """A part of the raster could not be read; it is told from one that could not be written."""


def window_of(raster: Any, region: Region, where: str) -> Any:
    """Return the window, in whole pixels, that holds the region; DataError where they don't meet.

    The region's bounds are followed along their edges, since they may be bent in the raster.
    """
    from rasterio.warp import transform
    from rasterio.windows import Window

    if raster.crs is None:
        raise DataError("says no coordinate system", where=where)
    west, south, east, north = region.bounds()
    share = np.linspace(0, 1, _EDGE)
    lon, lat = west + share * (east - west), south + share * (north - south)
    grid_lon, grid_lat = (axis.ravel() for axis in np.meshgrid(lon, lat))
    try:
        x, y = transform("EPSG:4326", raster.crs, grid_lon, grid_lat)
    except rasterio_errors() as error:
        what = f"the area has no place in its coordinate system: {error}"
        raise DataError(what, where=where) from error
    columns, rows = ~raster.transform @ (np.asarray(x), np.asarray(y))
    hair = 1e-6
    low = np.floor(np.array([np.min(columns), np.min(rows)]) - hair).clip(0)
    high = np.ceil(np.array([np.max(columns), np.max(rows)]) + hair)
    high = high.clip(max=[raster.width, raster.height])
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (high > low).all()):
        raise DataError(
            f"doesn't show the area: it lies at {_place(raster)}, the area at "
            f"{south:.5f} to {north:.5f} north, {west:.5f} to {east:.5f} east",
            where=where,
            hint="Is --area LAT,LON and not LON,LAT? Is the raster's coordinate system right?",
        )
    return Window(int(low[0]), int(low[1]), *(int(v) for v in high - low))


def expected_bytes(raster: Any, window: Any) -> float:
    """Return the bytes of a window's pixels before compression: at most so much is fetched."""
    each = sum(np.dtype(kind).itemsize for kind in raster.dtypes)
    return float(window.width * window.height * each)


def crop(raster: Any, region: Region, path: Path, limits: Limits, where: str) -> None:
    """Write the part of a raster that holds the region as the GeoTIFF ``path``.

    Same pixels, bands, coordinate system and mask; the transform is the window's own.
    """
    import rasterio
    from rasterio.windows import Window
    from rasterio.windows import transform as transform_of

    window = window_of(raster, region, where)
    most = expected_bytes(raster, window)
    height, width = raster.block_shapes[0]
    num = (1 + window.width // width) * (1 + window.height // height)
    limits.check_requests(int(num), where)
    limits.check_bytes(most, where)
    say(f"{where}: at most {num:,} requests and {most / 1e6:,.1f} MB")
    masks = [raster.mask_flag_enums[band] for band in range(raster.count)]
    kinds = rasterio.enums.MaskFlags
    has_mask = all(kinds.per_dataset in one and kinds.alpha not in one for one in masks)
    profile = {
        "driver": "GTiff", "width": window.width, "height": window.height, "count": raster.count,
        "dtype": raster.dtypes[0], "crs": raster.crs, "nodata": raster.nodata, "tiled": True,
        "transform": transform_of(window, raster.transform), "compress": "deflate",
        "blockxsize": 256, "blockysize": 256, "bigtiff": "if_safer",
    }  # fmt: skip
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        replaced_file(path) as temporary,
        rasterio.open(temporary, "w", **profile) as out,
    ):
        out.colorinterp = raster.colorinterp
        for top in range(0, window.height, _ROWS):
            num_rows = min(_ROWS, window.height - top)
            here = Window(window.col_off, window.row_off + top, window.width, num_rows)
            there = Window(0, top, window.width, num_rows)
            try:
                pixels = raster.read(window=here)
                mask = raster.dataset_mask(window=here) if has_mask else None
            except rasterio_errors() as error:
                raise UnreadError(str(error.__cause__ or error)) from error
            out.write(pixels, window=there)
            if mask is not None:
                out.write_mask(mask, window=there)


def _place(raster: Any) -> str:
    from rasterio.warp import transform_bounds

    try:
        west, south, east, north = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
    except rasterio_errors():
        return f"an unknown place of {raster.crs.to_string()}"
    return f"{south:.5f} to {north:.5f} north, {west:.5f} to {east:.5f} east"
