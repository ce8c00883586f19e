"""Where the camera itself was, and how sure that is: a photo's middle shows another place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from georet.contracts.refining import LatLon
from georet.ground.tangent import Tangent

_RADIUS_90: Final = math.sqrt(4.605)
"""In deviations of a normal distribution in the plane."""
_CAMERA_SHARE: Final = 0.15
"""A refiner tells the camera's place where it is surer than this share of its height."""
_TILT_SIGMA_DEG: Final = 2.0
_LEVEL_SIGMA_DEG: Final = 3.0
"""How far from straight down a camera that is said to look down may look."""


@dataclass(frozen=True)
class OwnPlace:
    """The camera's place in degrees, and its standard deviation in metres along the worse way."""

    latlon: LatLon
    sigma_m: float


def own_place(record: Mapping[str, Any], *, looks_down: bool = False) -> OwnPlace | str:
    """Return where the camera was, or the reason why nobody can say.

    The place that a refiner tells; else the looked-at point moved back by the known tilt, heading
    and height, with their deviations. ``looks_down``: the user vouches that the camera looks
    straight down; the height must be known all the same, or what it is off counts as nothing.
    """
    if record.get("abstained"):
        return "the answer is too unclear to be trusted"
    sigma_m = _look_sigma_m(record)
    if sigma_m is None:
        return "nothing is known of the accuracy: calibrate the gallery or use --refine"
    known = record.get("known") or {}
    height = record.get("height_m")
    height_m = known.get("height_m") if height is None else height
    tilt_deg = 0.0 if looks_down else known.get("tilt_deg")
    tilt_sigma = _LEVEL_SIGMA_DEG if looks_down else known.get("tilt_sigma_deg", _TILT_SIGMA_DEG)
    if record.get("camera") is not None:
        lat, lon = record["camera"]
        found_m = float(height_m) if height_m is not None else 0.0
        if tilt_deg is None:
            return OwnPlace((lat, lon), math.hypot(sigma_m, _CAMERA_SHARE * found_m))
        return OwnPlace((lat, lon), math.hypot(sigma_m, _swing_m(found_m, tilt_deg, tilt_sigma)))
    if looks_down and height_m is None:
        return OwnPlace((record["latitude"], record["longitude"]), sigma_m)
    if height_m is None or tilt_deg is None or tilt_deg >= 80:
        return "the camera's own place is unknown: its tilt or height is"
    away_m = height_m * math.tan(math.radians(tilt_deg))
    swing_m = _swing_m(height_m, tilt_deg, tilt_sigma)
    found = record.get("heading_deg")
    heading_deg = known.get("heading_deg") if found is None else found
    if heading_deg is None:
        # It lies somewhere on a circle around what it looks at.
        place = (record["latitude"], record["longitude"])
        return OwnPlace(place, math.hypot(sigma_m, away_m, swing_m))
    heading = math.radians(heading_deg)
    turn_m = away_m * math.radians(known.get("heading_sigma_deg", 5.0))
    back = -away_m * np.array([[math.sin(heading), math.cos(heading)]])
    (own,) = Tangent(record["latitude"], record["longitude"]).latlon(back)
    longitude = (float(own[1]) + 180.0) % 360.0 - 180.0
    return OwnPlace((float(own[0]), longitude), math.hypot(sigma_m, swing_m, turn_m))


def _swing_m(height_m: float, tilt_deg: float, sigma_deg: float) -> float:
    """Return how far the looked-at point moves for a deviation of the tilt."""
    tilt = math.radians(min(tilt_deg, 80.0))
    return height_m / math.cos(tilt) ** 2 * math.radians(sigma_deg)


def _look_sigma_m(record: Mapping[str, Any]) -> float | None:
    covariance = record.get("covariance_m2")
    if covariance is not None:
        return float(np.sqrt(np.linalg.eigvalsh(np.asarray(covariance, np.float64))[-1]))
    radius_m = record.get("radius_90_m")
    return None if radius_m is None else float(radius_m) / _RADIUS_90
