"""Locations as the JSON that the page draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from georet.ground.tangent import Tangent
from georet.photos.camera.facts import CameraFacts
from georet.tiles.table import TileTable
from georet.types import Doubles

if TYPE_CHECKING:
    from georet.locate.results import Location

MAX_HEAT = 4000
_LEAST_HEAT = 0.01
_SHARE_90 = 4.605


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
        "view": location.view,
        "footprint": places(location.footprint_latlon),
        "retrieved_latlon": places(location.retrieved_latlon),
        "refinement": refinement(location),
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


def refinement(location: Location) -> dict[str, Any] | None:
    """Return what a refiner found as JSON values; None where none was asked.

    ``ellipse`` are places around it that hold it in nine of ten cases; ``matches`` rows of column
    and row in the photo, latitude and longitude; ``row`` is the tile they rest on.
    """
    found = location.refinement
    if found is None:
        return None
    if not found.is_accepted or found.latlon is None or found.covariance_m2 is None:
        return {"accepted": False, "reason": found.reason, "inliers": found.inliers}
    values, axes = np.linalg.eigh(found.covariance_m2)
    bearing = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(bearing), np.sin(bearing)])
    ring = (np.sqrt(_SHARE_90 * values) * axes @ circle).T
    matches = None if found.matches is None else found.matches.round(7).tolist()
    rows = [one.row for one in location.candidates if one.id == location.refined_tile]
    return {
        "accepted": True,
        "inliers": found.inliers,
        "radius_90_m": float(np.sqrt(_SHARE_90 * values[-1])),
        "ellipse": Tangent(*found.latlon).latlon(ring).tolist(),
        "heading_deg": found.heading_deg,
        "height_m": found.height_m,
        "camera_latlon": places(found.camera_latlon),
        "matches": matches,
        "tile": location.refined_tile,
        "row": rows[0] if rows else None,
    }


def told(facts: CameraFacts) -> dict[str, Any]:
    """Return what is known of a photo's camera, each value with its source; never its position."""
    names = ("heading_deg", "tilt_deg", "roll_deg", "height_m", "fov_deg")
    readings = {name: one.as_json() for name, one in facts.readings() if name in names}
    return {**readings, "refused": list(facts.refused)}


def places(latlon: Iterable[Any] | None) -> list[Any] | None:
    """Return a place, or places, as lists; None for None."""
    return None if latlon is None else np.asarray(list(latlon), np.float64).tolist()


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
