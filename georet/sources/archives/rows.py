"""From which side rows of tiles count: what was asked for, what metadata says, and contradictions.

By their standards MBTiles and TMS count from the south, XYZ folders and PMTiles from the north.
Many writers do otherwise, which mirrors an area to the other side of the equator.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from georet.errors import DataError, UsageError
from georet.ground.wgs84 import latlon_of_mercator, tile_bounds_m
from georet.sources.untrusted import shown
from georet.types import Ints

SCHEMES: Final = ("xyz", "tms")
_ENOUGH: Final = 0.5
"""Latitudes agree where so large a share of the smaller range lies in the larger."""


def checked_scheme(text: Any, where: str) -> str | None:
    """Return ``xyz``, ``tms`` or None; UsageError for anything else."""
    if text is None:
        return None
    scheme = text.strip().lower() if isinstance(text, str) else text
    if scheme in SCHEMES:
        return str(scheme)
    raise UsageError(f"scheme is {shown(text)}", where=where, hint="It is xyz or tms.")


def bounds_of(text: object) -> tuple[float, float] | None:
    """Return south and north of metadata's ``west,south,east,north``; None where it has none."""
    parts = text.split(",") if isinstance(text, str) else text
    if not isinstance(parts, list | tuple) or len(parts) != 4:
        return None
    try:
        south, north = float(parts[1]), float(parts[3])
    except (TypeError, ValueError):
        return None
    is_range = -90 <= south < north <= 90
    return (south, north) if is_range else None


def centre_of(text: object) -> tuple[float, float] | None:
    """Return south and north around metadata's ``center``, ``lon,lat,zoom``; None without one.

    Half a degree on both sides: it tells one side of the equator from the other, no more.
    """
    parts = text.split(",") if isinstance(text, str) else text
    if not isinstance(parts, list | tuple) or len(parts) not in (2, 3):
        return None
    try:
        latitude = float(parts[1])
    except (TypeError, ValueError):
        return None
    return (latitude - 0.5, latitude + 0.5) if 1 <= abs(latitude) <= 85 else None


def check_latitudes(
    listing: tuple[int, Ints], bounds: tuple[float, float] | None, scheme: str, where: str
) -> str | None:
    """Compare the latitudes of a level's tiles, zoom and x, y [R, 2], with metadata's bounds.

    Return a remark where these fit neither the tiles nor their mirror image, and raise DataError
    where they fit the mirror image alone: then rows were counted from the wrong side.
    """
    if bounds is None or not len(listing[1]):
        return None
    zoom, xy = listing
    south, north = _latitudes(zoom, xy)
    if _agreement((south, north), bounds) >= _ENOUGH:
        is_told = _agreement((-north, -south), bounds) < _ENOUGH
        is_even = _agreement((-north, -south), (south, north)) >= _ENOUGH
        return None if is_told or is_even else assumed(listing, scheme, where)
    said = f"its metadata says {_degrees(*bounds)}"
    if _agreement((-north, -south), bounds) < _ENOUGH:
        return f"warning: {where}: its tiles lie at {_degrees(south, north)}, but {said}"
    other = "tms" if scheme == "xyz" else "xyz"
    side = "north" if scheme == "xyz" else "south"
    raise DataError(
        f"with rows counted from the {side} its tiles lie at {_degrees(south, north)}, but {said}",
        where=where,
        hint=f"If the bounds are right, type {where}?scheme={other} (in quotes); "
        f"if the rows are, {where}?scheme={scheme}.",
    )


def fits(listing: tuple[int, Ints], bounds: tuple[float, float]) -> bool:
    """Say whether bounds fit the latitudes of a level's tiles, or those of their mirror image."""
    south, north = _latitudes(*listing)
    ranges = (south, north), (-north, -south)
    return any(_agreement(one, bounds) >= _ENOUGH for one in ranges)


def assumed(listing: tuple[int, Ints], scheme: str, where: str) -> str:
    """Return the remark that nothing tells from which side a level's rows are counted."""
    side, other = ("north", "tms") if scheme == "xyz" else ("south", "xyz")
    return (
        f"warning: {where}: nothing confirms from which side rows are counted: taken from the "
        f"{side} ({scheme.upper()}), the tiles lie at {latitudes(*listing)}. If that is the wrong "
        f"side of the equator, type {where}?scheme={other} (in quotes); if it is right, "
        f"?scheme={scheme}."
    )


def latitudes(zoom: int, xy: Ints) -> str:
    """Return in words at which latitudes the tiles x, y [R, 2] of a level lie."""
    return _degrees(*_latitudes(zoom, xy))


def _latitudes(zoom: int, xy: Ints) -> tuple[float, float]:
    ends = np.array([(0, int(xy[:, 1].max())), (0, int(xy[:, 1].min()))])
    bounds = tile_bounds_m(zoom, ends)
    metres = np.array([(0.0, bounds[0, 1]), (0.0, bounds[1, 3])])
    south, north = latlon_of_mercator(metres)[:, 0].tolist()
    return south, north


def _agreement(one: tuple[float, float], other: tuple[float, float]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared / min(one[1] - one[0], other[1] - other[0])


def _degrees(south: float, north: float) -> str:
    return f"latitude {south:.4g} to {north:.4g}"
