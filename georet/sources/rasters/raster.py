"""Opens GeoTIFFs, COGs and pictures, and says where on the ground their pixels lie."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from georet.data.decoding import WHOLE_PIXELS as MAX_PIXELS
from georet.errors import DataError
from georet.extras import need
from georet.sources.archives.encoded import decode_with_alpha
from georet.sources.rasters.place import Place
from georet.sources.untrusted import check_companions
from georet.types import Doubles

WGS84: Final = "EPSG:4326"
OTHERS: Final = {".vrt": "VRT", ".gpkg": "GPKG"}
"""Opened by sources that have looked into them before: a .vrt names further files."""
PICTURES: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Files that hold one picture, and may say beside them (world file, .aux.xml) where it lies."""


class Opened(NamedTuple):
    """A rasterio dataset, and what must live as long as it does."""

    raster: Any
    kept: tuple[Any, ...] = ()


def rasterio_errors() -> tuple[type[Exception], ...]:
    """Return what rasterio and GDAL raise for files and coordinates that they can't handle."""
    errors = need("rasterio.errors", extra="gallery", what="reading a GeoTIFF")
    internal = need("rasterio._err", extra="gallery", what="reading a GeoTIFF")
    return errors.RasterioError, errors.CRSError, internal.CPLE_BaseError


def open_raster(path: Path) -> Opened:
    """Open a GeoTIFF or a picture for reading; DataError unless it is one that can be read."""
    check_companions(path)
    suffix = path.suffix.lower()
    driver = PICTURES.get(suffix) or OTHERS.get(suffix, "GTiff")
    raster = _opened(path, driver)
    if raster.count == 0:
        raise DataError("holds several images, none of them first", where=str(path))
    if suffix in PICTURES:
        return _unpacked(raster, path)
    _check_blocks(raster, path)
    return Opened(raster)


def latlon_at(place: Place, positions: Doubles) -> Doubles:
    """Return the positions float64[N, 2] of pixels (column, row) [N, 2]; NaN where there is none.

    Through the affine transform, then by PROJ (``rasterio.warp.transform``).
    """
    crs, affine = place
    x = affine.a * positions[:, 0] + affine.b * positions[:, 1] + affine.c
    y = affine.d * positions[:, 0] + affine.e * positions[:, 1] + affine.f
    latlon = _projected(crs, x, y)
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


def _opened(path: Path, driver: str) -> Any:
    rasterio = need("rasterio", extra="gallery", what="reading a GeoTIFF")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            # One driver: others (VRT) would let a file name further files and addresses.
            return rasterio.open(path, driver=driver)
    except rasterio_errors() as error:
        what = "GeoTIFF" if driver == "GTiff" else f"{driver} picture"
        raise DataError(
            f"is no {what} that can be read: {_first_line(error)}",
            where=str(path),
            hint=f"gdalinfo {path} shows what it is; gdal_translate converts other rasters.",
        ) from error


def _unpacked(raster: Any, path: Path) -> Opened:
    """Return a picture as a raster in memory: its file can be decoded only as a whole."""
    rasterio = need("rasterio", extra="gallery", what="reading a GeoTIFF")
    if raster.height * raster.width > MAX_PIXELS:
        raise DataError(
            f"has {raster.width} x {raster.height} pixels, the cap for a picture is {MAX_PIXELS:,}",
            where=str(path),
            hint=f"gdal_translate -of COG {path} {path.stem}.tif makes a raster, read in parts.",
        )
    image, alpha = decode_with_alpha(path.read_bytes(), path)
    if image.shape[:2] != (raster.height, raster.width):
        raise DataError(
            "is stored on its side (EXIF orientation), so that its place is not sure",
            where=str(path),
            hint="Turn it upright and save it without EXIF first.",
        )
    planes = [*np.moveaxis(image, -1, 0), *([] if alpha is None else [alpha])]
    kinds = rasterio.enums.ColorInterp
    profile = {"driver": "GTiff", "count": len(planes), "dtype": "uint8"}
    memory = rasterio.MemoryFile()
    size = {"width": raster.width, "height": raster.height}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with memory.open(**profile, **size, crs=raster.crs, transform=raster.transform) as written:
            written.write(np.stack(planes))
            written.colorinterp = (kinds.red, kinds.green, kinds.blue, kinds.alpha)[: len(planes)]
        return Opened(memory.open(), (memory,))


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
