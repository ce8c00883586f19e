"""How an area is cut into tiles, and how the pixels of a raster are to be read."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from georet.errors import UsageError

MAX_ZOOM = 30
READING: Final = ("nodata", "bands", "origin_latlon", "resolution_m", "corners_latlon")
"""The fields that say how a raster's or a picture's pixels are read, and where they lie."""


@dataclass(frozen=True)
class Tiling:
    """How an area is cut.

    ``side_m`` are the tiles' ground sizes, one or several; none: the source's own tiles.
    ``overlap`` is the share of a side that neighbours have in common, 0 or more and less than 1.
    ``zoom`` is the level of a tile archive to use (None: its deepest); for a raster it means Web
    Mercator tiles of that level instead of ``side_m``. Tiles of which more than ``max_nodata``
    is without data are left out.

    Of rasters: pixels with the value ``nodata`` in all bands are without data. ``bands``, counted
    from 1, become red, green and blue (or one of them grey); one more says where it is 0 which
    pixels are without data. Of pictures that don't say where they lie: ``origin_latlon`` is the
    top left corner of one with north up, ``resolution_m`` the side of its pixels; or
    ``corners_latlon`` are latitude and longitude of its top left and bottom right corner (north
    up, in Web Mercator), or of all four: top left, top right, bottom right, bottom left.

    ``area`` is the part of the Earth outside of which tiles are left out, and nothing is fetched:
    ``LAT,LON,RADIUS``, ``box:W,S,E,N`` or a .geojson file, by the tiles' centres.

    Raises UsageError for values that make no sense.
    """

    side_m: tuple[float, ...] = ()
    overlap: float = 0.0
    zoom: int | None = None
    max_nodata: float = 0.5
    nodata: float | None = None
    bands: tuple[int, ...] = ()
    origin_latlon: tuple[float, float] | None = None
    resolution_m: float | None = None
    corners_latlon: tuple[float, ...] = ()
    area: str | None = None

    def __post_init__(self) -> None:
        sides = [float(side) for side in self.side_m]
        wrong = [side for side in sides if not (side > 0 and np.isfinite(side))]
        if wrong:
            raise UsageError(f"tiles of {wrong[0]:g} m: their side must be above 0")
        if len(set(sides)) < len(sides):
            raise UsageError("the same size of tiles is asked for twice")
        if not 0 <= self.overlap < 1:
            raise UsageError(
                f"overlap is {self.overlap:g}",
                hint="It is a share of a tile's side: 0 or more, and less than 1.",
            )
        if self.zoom is not None and not 0 <= self.zoom <= MAX_ZOOM:
            raise UsageError(f"zoom is {self.zoom}", hint=f"Levels run from 0 to {MAX_ZOOM}.")
        if not 0 <= self.max_nodata <= 1:
            raise UsageError(f"max_nodata is {self.max_nodata:g}", hint="It is a share, 0 to 1.")
        _check_bands(self.bands)
        _check_place(self.origin_latlon, self.resolution_m, self.corners_latlon)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; of those on reading only what was asked for."""
        plain = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        unset = {name for name in (*READING, "area") if plain[name] is None or plain[name] == []}
        sides = {"side_m": [float(side) for side in self.side_m]}
        return {name: v for name, v in {**plain, **sides}.items() if name not in unset}


def _plain(value: Any) -> Any:
    """Return a field as a JSON value; NaN, which is without data anyhow, as none."""
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def _check_bands(bands: tuple[int, ...]) -> None:
    if len(bands) > 4 or any(band < 1 for band in bands) or len(set(bands)) < len(bands):
        raise UsageError(
            f"bands are {', '.join(map(str, bands))}",
            hint="Three bands for red, green and blue, or one; and one more that says which pixels "
            "hold data. They count from 1: --bands 3,2,1.",
        )


def _check_place(
    origin: tuple[float, float] | None, resolution_m: float | None, corners: tuple[float, ...]
) -> None:
    told = [*(origin or ()), *corners]
    wrong = [v for i, v in enumerate(told) if not abs(v) <= (90 if i % 2 == 0 else 360)]
    if wrong:
        raise UsageError(
            f"a corner at {wrong[0]:g} degrees",
            hint="First the latitude, -90 to 90, then the longitude: --origin 47.37,8.54.",
        )
    if (origin is None) != (resolution_m is None) or (origin is not None and corners):
        raise UsageError(
            "a picture's place is told by --origin and --resolution together, or by --corners",
            hint="For instance --origin 47.37,8.54 --resolution 0.5.",
        )
    if resolution_m is not None and not (resolution_m > 0 and math.isfinite(resolution_m)):
        raise UsageError(f"pixels of {resolution_m:g} m: their side must be above 0")
    if len(corners) not in (0, 4, 8):
        raise UsageError(
            f"corners are told by {len(corners)} numbers",
            hint="LAT,LON of top left and bottom right, or of top left, top right, bottom right "
            "and bottom left.",
        )
