"""Where the pixels of a raster lie: as it says, as files beside it say, or as the user says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from georet.errors import DataError, UsageError
from georet.extras import need
from georet.ground.wgs84 import mercator_m, wrapped
from georet.sources.untrusted import shown
from georet.tiles.tiling import Tiling

_MERCATOR: Final = "EPSG:3857"
_MAX_BYTES: Final = 1 << 16
_MOST_SKEW: Final = 0.01
"""Share of a picture's size by which its four corners may miss a parallelogram."""


class Place(NamedTuple):
    """Coordinate system and affine transform of pixels (``rasterio.crs.CRS``, ``Affine``)."""

    crs: Any
    affine: Any


def place_of(raster: Any, path: Path, tiling: Tiling) -> Place:
    """Return where a raster's pixels lie; DataError or UsageError where nothing tells."""
    told = _told(raster, tiling)
    if told is not None:
        if raster.crs is not None and not raster.transform.is_identity:
            raise UsageError(
                "says itself where it lies: a place can't be given",
                where=str(path),
                hint="Leave --origin, --resolution and --corners out.",
            )
        return told
    _refuse_models(raster, path)
    crs, affine = raster.crs or _projection_file(path), raster.transform
    if crs is None:
        raise DataError(
            "does not say in which coordinate system it lies",
            where=str(path),
            hint=f"If you know it: gdal_translate -a_srs EPSG:25832 {path} placed.tif\n"
            f"  or write it beside the file, as {path.stem}.prj. {_BY_HAND}",
        )
    if affine.is_identity or affine.is_degenerate or not np.isfinite(list(affine)[:6]).all():
        raise DataError(
            "does not say where its pixels lie (no geotransform, and no world file beside it)",
            where=str(path),
            hint="If you know the bounds: gdal_translate -a_ullr WEST NORTH EAST SOUTH "
            f"{path} placed.tif\n  {_BY_HAND}",
        )
    if not (crs.is_projected or crs.is_geographic):
        raise DataError(
            "its coordinate system is neither projected nor geographic",
            where=str(path),
            hint=f"gdal_translate -a_srs EPSG:... {path} placed.tif names another one.",
        )
    return Place(crs, affine)


_BY_HAND: Final = (
    "A picture with north up: --origin LAT,LON --resolution METRES, or --corners "
    "LAT,LON,LAT,LON of its top left and bottom right.\n"
    "  Many images of a place each belong into a folder with a tiles.csv."
)


def _told(raster: Any, tiling: Tiling) -> Place | None:
    """Return the place that the user tells, or None."""
    crs_of, affine_of = need("rasterio.crs", extra="gallery").CRS, type(raster.transform)
    if tiling.origin_latlon is not None and tiling.resolution_m is not None:
        lat, lon = tiling.origin_latlon
        # Metres east and north of the corner; distances from it are true to the ellipsoid.
        crs = crs_of.from_proj4(f"+proj=aeqd +lat_0={lat!r} +lon_0={float(wrapped(lon))!r} "
                                "+datum=WGS84 +units=m")  # fmt: skip
        return Place(crs, affine_of(tiling.resolution_m, 0.0, 0.0, 0.0, -tiling.resolution_m, 0.0))
    if not tiling.corners_latlon:
        return None
    latlon = np.array(tiling.corners_latlon).reshape(-1, 2)
    latlon[:, 1] = latlon[0, 1] + wrapped(latlon[:, 1] - latlon[0, 1])
    points = mercator_m(latlon)
    if len(points) == 2:
        (west, north), (east, south) = points
        points = np.array([(west, north), (east, north), (east, south), (west, south)])
    top_left, top_right, bottom_right, bottom_left = points
    right = (top_right - top_left + bottom_right - bottom_left) / 2
    down = (bottom_left - top_left + bottom_right - top_right) / 2
    origin = points.mean(axis=0) - (right + down) / 2
    skew = np.abs(top_left - top_right + bottom_right - bottom_left).max() / 2
    if skew > _MOST_SKEW * max(np.linalg.norm(right), np.linalg.norm(down)):
        raise UsageError(
            "the four corners are no parallelogram: a picture seen aslant can't be cut",
            where="--corners",
            hint="gdal_translate -gcp PIXEL LINE LON LAT (four times) -a_srs EPSG:4326 and then "
            "gdalwarp straighten it.",
        )
    if abs(right[0] * down[1] - right[1] * down[0]) == 0:
        raise UsageError("the corners hold no area", where="--corners", hint=_BY_HAND)
    if right[0] * down[1] - right[1] * down[0] > 0:
        raise UsageError(
            "the corners mirror the picture: top left, top right, bottom right, bottom left",
            where="--corners",
            hint="Top left comes first, then clockwise as seen in the picture; latitude first.",
        )
    right, down = right / raster.width, down / raster.height
    affine = affine_of(right[0], down[0], origin[0], right[1], down[1], origin[1])
    return Place(crs_of.from_string(_MERCATOR), affine)


def _refuse_models(raster: Any, path: Path) -> None:
    if not raster.transform.is_identity:
        return
    if raster.gcps[0]:
        hint = f"gdalwarp -t_srs EPSG:3857 {path} rectified.tif makes a raster with a transform."
        raise DataError("has control points instead of a transform", where=str(path), hint=hint)
    if raster.rpcs is not None or raster.tags(ns="RPC"):
        raise DataError(
            "is a scene with rational polynomials (RPC), not yet a map",
            where=str(path),
            hint=f"gdalwarp -rpc -to RPC_DEM=heights.tif -t_srs EPSG:3857 {path} rectified.tif "
            "puts it on the ground; without heights, -to RPC_HEIGHT=METRES.",
        )


def _projection_file(path: Path) -> Any:
    """Return the coordinate system in ``area.prj`` beside ``area.tif``, or None."""
    rasterio = need("rasterio", extra="gallery", what="reading a GeoTIFF")
    beside = next((p for p in (path.with_suffix(s) for s in (".prj", ".PRJ")) if p.is_file()), None)
    if beside is None:
        return None
    try:
        with beside.open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"can't be read: {error}", where=str(beside)) from error
    # No name of a file or address, which PROJ would look up: WKT, or an authority's number.
    try:
        if re.fullmatch(r"EPSG:\d{1,6}", text):
            return rasterio.crs.CRS.from_string(text)
        return rasterio.crs.CRS.from_wkt(text, morph_from_esri_dialect=True)
    except rasterio.errors.CRSError as error:
        raise DataError(
            f"is no coordinate system in WKT: {shown(text)}",
            where=str(beside),
            hint="gdalsrsinfo -o wkt EPSG:25832 > area.prj writes one.",
        ) from error
