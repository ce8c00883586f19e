"""Locations as the JSON that the page draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from georet.tiles.table import TileTable
from georet.types import Doubles

if TYPE_CHECKING:
    from georet.locate.results import Location

MAX_HEAT = 4000
_LEAST_HEAT = 0.01


def located(location: Location, tiles: TileTable) -> dict[str, Any]:
    """Return a location as JSON values; ``heat`` rows are [longitude, latitude, weight]."""
    # The tiles with the most belief; what is faint would not be seen.
    rows = np.flatnonzero(location.heat >= _LEAST_HEAT)
    if len(rows) > MAX_HEAT:
        rows = rows[np.argpartition(location.heat[rows], -MAX_HEAT)[-MAX_HEAT:]]
    columns = (
        tiles.latlon[rows, 1].round(6),
        tiles.latlon[rows, 0].round(6),
        location.heat[rows].round(4),
    )
    return {
        "latlon": list(location.latlon),
        "radius_50_m": location.radius_50_m,
        "radius_90_m": location.radius_90_m,
        "confidence": location.confidence,
        "abstained": location.abstained,
        "candidates": [
            {
                "row": candidate.row,
                "id": candidate.id,
                "latlon": list(candidate.latlon),
                "corners_latlon": [list(corner) for corner in candidate.corners_latlon],
                "score": candidate.score,
                "side_m": candidate.side_m,
            }
            for candidate in location.candidates
        ],
        "heat": np.stack(columns, axis=1).astype(np.float64).tolist() if len(rows) else [],
    }


def extent(latlon: Doubles) -> list[float]:
    """Return west, south, east, north of points [R, 2] in degrees; east may exceed 180.

    The longitudes leave out the widest gap, so that a gallery at the antimeridian is narrow.
    """
    if not len(latlon):
        return [-180.0, -60.0, 180.0, 75.0]
    longitude = np.sort((latlon[:, 1] + 180) % 360 - 180)
    gaps = np.diff(longitude, append=longitude[0] + 360)
    widest = int(gaps.argmax())
    west = float(longitude[(widest + 1) % len(longitude)])
    south, north = float(latlon[:, 0].min()), float(latlon[:, 0].max())
    return [west, south, west + 360 - float(gaps[widest]), north]
