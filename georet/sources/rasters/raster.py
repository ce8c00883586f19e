"""Opens GeoTIFFs and COGs, and says where on the ground their pixels lie."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.data.images import MAX_PIXELS
from georet.errors import DataError
from georet.extras import need
from georet.types import Doubles

WGS84: Final = "EPSG:4326"


def rasterio_errors() -> tuple[type[Exception], ...]:
    """Return what rasterio and GDAL raise for files and coordinates that they can't handle."""
    errors = need("rasterio.errors", extra="gallery", what="reading a GeoTIFF")
    internal = need("rasterio._err", extra="gallery", what="reading a GeoTIFF")
    return errors.RasterioError, errors.CRSError, internal.CPLE_BaseError


def open_raster(path: Path) -> Any:
    """Open a GeoTIFF for reading; DataError unless it is one that lies on the ground."""
    rasterio = need("rasterio", extra="gallery", what="reading a GeoTIFF")
    if not path.is_file():
        raise DataError("there is no such file", where=str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            # One driver: others (VRT) would let a file name further files and addresses.
            raster = rasterio.open(path, driver="GTiff")
    except rasterio_errors() as error:
        raise DataError(
            f"is no GeoTIFF that can be read: {_first_line(error)}",
            where=str(path),
            hint=f"gdalinfo {path} shows what it is; gdal_translate converts other rasters.",
        ) from error
    _check_on_ground(raster, path)
    _check_blocks(raster, path)
    return raster


def latlon_at(raster: Any, positions: Doubles) -> Doubles:
    """Return the positions float64[N, 2] of pixels (column, row) [N, 2]; NaN where there is none.

    Through the affine transform, then by PROJ (``rasterio.warp.transform``).
    """
    affine = raster.transform
    x = affine.a * positions[:, 0] + affine.b * positions[:, 1] + affine.c
    y = affine.d * positions[:, 0] + affine.e * positions[:, 1] + affine.f
    latlon = _projected(raster.crs, x, y)
    off_earth = ~np.isfinite(latlon).all(axis=1) | (np.abs(latlon[:, 0]) > 90 + 1e-9)
    latlon[off_earth] = np.nan
    latlon[:, 0] = np.clip(latlon[:, 0], -90, 90)
    return latlon


def damaged(path: Path, name: str, error: Exception) -> DataError:
    """Return the error for a tile that can't be read from the raster."""
    return DataError(
        f"tile {name}: the raster is truncated or damaged there: {_first_line(error)}",
        where=str(path),
        hint="Fetch the file again; gdalinfo -checksum reads all of it.",
    )


def _projected(crs: Any, x: Doubles, y: Doubles) -> Doubles:
    """Return latitude and longitude [N, 2] of coordinates; points beyond the map become NaN."""
    from rasterio.warp import transform

    if not len(x):
        return np.empty((0, 2))
    try:
        longitude, latitude = transform(crs, WGS84, x, y)
    except rasterio_errors():
        # One point without ground fails the call: halve until it stands alone.
        if len(x) == 1:
            return np.full((1, 2), np.nan)
        half = len(x) // 2
        parts = _projected(crs, x[:half], y[:half]), _projected(crs, x[half:], y[half:])
        return np.concatenate(parts)
    return np.stack([np.asarray(latitude, np.float64), np.asarray(longitude, np.float64)], axis=-1)


def _check_on_ground(raster: Any, path: Path) -> None:
    if raster.count == 0:
        raise DataError("holds several images, none of them first", where=str(path))
    if raster.gcps[0] and raster.transform.is_identity:
        hint = f"gdalwarp {path} rectified.tif makes a raster with a transform of them."
        raise DataError("has control points instead of a transform", where=str(path), hint=hint)
    if raster.crs is None:
        raise DataError(
            "does not say in which coordinate system it lies",
            where=str(path),
            hint=f"If you know it: gdal_translate -a_srs EPSG:25832 {path} placed.tif\n"
            "  For images without any, put them into a folder with a tiles.csv.",
        )
    if raster.transform.is_identity or raster.transform.is_degenerate:
        raise DataError(
            "does not say where its pixels lie (no geotransform)",
            where=str(path),
            hint="If you know the bounds: gdal_translate -a_ullr WEST NORTH EAST SOUTH "
            f"{path} placed.tif\n  For images without any, put them into a folder with tiles.csv.",
        )
    if not (raster.crs.is_projected or raster.crs.is_geographic):
        raise DataError(
            "its coordinate system is neither projected nor geographic",
            where=str(path),
            hint=f"gdal_translate -a_srs EPSG:... {path} placed.tif names another one.",
        )


def _check_blocks(raster: Any, path: Path) -> None:
    """Refuse what would decode into too much memory when a single pixel is read."""
    height, width = max(raster.block_shapes, key=lambda shape: shape[0] * shape[1])
    if min(height, raster.height) * min(width, raster.width) > MAX_PIXELS:
        raise DataError(
            f"its blocks have {width} x {height} pixels, the cap is {MAX_PIXELS:,}",
            where=str(path),
            hint=f"gdal_translate -of COG {path} tiled.tif cuts it into small blocks.",
        )


def _first_line(error: Exception) -> str:
    cause: BaseException = error.__cause__ or error
    return str(cause).partition("\n")[0]
