"""The area to search, as it stands in a request."""

from __future__ import annotations

import json

import numpy as np

from georet.errors import UsageError
from georet.ground.region import Region


def area_of(box: str | None, region: str | None) -> Region | None:
    """Return the region of ``box`` (west,south,east,north in degrees) or ``region`` (GeoJSON).

    None without either; UsageError for both at once and for what is no area.
    """
    if box is not None and region is not None:
        raise UsageError("box and region can't be given together", hint="Send one of them.")
    if box is not None:
        return Region.box(*_sides(box))
    return None if region is None else Region.polygon(_geojson(region))


def _sides(box: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(side) for side in box.split(","))
    except ValueError:
        raise UsageError("box is not west,south,east,north in degrees") from None
    if not np.isfinite([west, south, east, north]).all():
        raise UsageError("box is not west,south,east,north in degrees")
    return west, south, east, north


def _geojson(region: str) -> dict[str, object]:
    try:
        found = json.loads(region)
    except (ValueError, RecursionError):
        raise UsageError("region is no GeoJSON") from None
    if not isinstance(found, dict):
        raise UsageError("region is no GeoJSON object")
    return found
