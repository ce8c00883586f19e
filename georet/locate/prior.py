"""What is known of a photo's place before looking at it: somewhere near a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.errors import UsageError
from georet.geodesy import check_latitude, check_longitude, checked_latlon, distance_m
from georet.ground.lengths import length_m
from georet.types import Doubles

_OUTSIDE: Final = 1e-3
"""Belief that is left far outside, so that a striking photo may still contradict the prior."""
_RADIUS_90: Final = float(np.sqrt(-2 * np.log(0.1)))
"""Radius, in standard deviations, that holds 90 % of a Gaussian in the plane."""


@dataclass(frozen=True)
class Prior:
    """The photo was taken within ``radius_m`` metres of ``latlon``, most likely (90 %)."""

    latlon: tuple[float, float]
    radius_m: float

    def __post_init__(self) -> None:
        checked_latlon(self.latlon, where="prior")
        if not 0 < self.radius_m < np.inf:
            raise UsageError(
                f"the radius of a prior is {self.radius_m} m",
                hint="Give metres, or say 50km: --near 48.2,16.4,50km",
            )

    def log(self, latlon: Doubles, side_m: Doubles | float = 0.0) -> Doubles:
        """Return the prior's logarithm float64[R] of tiles about float64[R, 2], at most 0.

        ``side_m`` float64[R] are the tiles' sides: a photo lies anywhere in its tile, which adds
        side^2 / 12 to the variance, so that a radius far below a side still prefers the right one.
        """
        variance_m2 = (self.radius_m / _RADIUS_90) ** 2 + np.square(side_m) / 12
        away = distance_m(np.asarray(self.latlon), latlon) / np.sqrt(variance_m2)
        logs: Doubles = np.log((1 - _OUTSIDE) * np.exp(-0.5 * away**2) + _OUTSIDE)
        return logs


def parse_near(text: str, *, where: str = "--near") -> Prior:
    """Return the prior in ``LAT,LON,RADIUS``; the radius in metres, or with ``m`` or ``km``."""
    try:
        latitude, longitude, radius = text.split(",")
        latlon = (float(latitude), float(longitude))
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not LAT,LON,RADIUS", where=where, hint="For example 48.2,16.4,50km"
        ) from error
    check_latitude(latlon[0], where, "It is LAT,LON,RADIUS.")
    check_longitude(latlon[1], where, "It is LAT,LON,RADIUS.")
    return Prior(latlon, length_m(radius, where=where))
