"""Positions in a UTM zone, to and from WGS84 latitude and longitude.

Krueger's series to third order in the third flattening, as in C. F. F. Karney, "Transverse Mercator
with an accuracy of a few nanometers", J. Geodesy 85 (2011), eq. 7-11 and 35-36: within a zone the
rest is below a millimetre.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.errors import ConfigError
from georet.types import Doubles

_SEMI_MAJOR_M: Final = 6_378_137.0
_FLATTENING: Final = 1 / 298.257223563
_SCALE: Final = 0.9996
_FALSE_EASTING_M: Final = 500_000.0
_FALSE_NORTHING_M: Final = {"N": 0.0, "S": 10_000_000.0}

_N: Final = _FLATTENING / (2 - _FLATTENING)
_RADIUS_M: Final = _SCALE * _SEMI_MAJOR_M / (1 + _N) * (1 + _N**2 / 4 + _N**4 / 64)
_ECCENTRICITY: Final = 2 * _N**0.5 / (1 + _N)
_TO_PLANE: Final = (
    _N / 2 - 2 * _N**2 / 3 + 5 * _N**3 / 16,
    13 * _N**2 / 48 - 3 * _N**3 / 5,
    61 * _N**3 / 240,
)
_FROM_PLANE: Final = (
    _N / 2 - 2 * _N**2 / 3 + 37 * _N**3 / 96,
    _N**2 / 48 + _N**3 / 15,
    17 * _N**3 / 480,
)
_FROM_CONFORMAL: Final = (
    2 * _N - 2 * _N**2 / 3 - 2 * _N**3,
    7 * _N**2 / 3 - 8 * _N**3 / 5,
    56 * _N**3 / 15,
)


@dataclass(frozen=True)
class Zone:
    """One of the 60 zones, on one hemisphere (``N`` or ``S``)."""

    number: int
    hemisphere: str

    def __str__(self) -> str:
        return f"{self.number}{self.hemisphere}"

    @property
    def centre_rad(self) -> float:
        """Longitude of the central meridian in radians."""
        return float(np.radians(6 * self.number - 183))

    def to_latlon(self, utm_m: Doubles) -> Doubles:
        """Return degrees float64[N, 2] of easting, northing float64[N, 2] in metres."""
        eta = (utm_m[:, 0] - _FALSE_EASTING_M) / _RADIUS_M
        xi = (utm_m[:, 1] - _FALSE_NORTHING_M[self.hemisphere]) / _RADIUS_M
        xi_sphere, eta_sphere = xi.copy(), eta.copy()
        for j, beta in enumerate(_FROM_PLANE, start=1):
            xi_sphere -= beta * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
            eta_sphere -= beta * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
        conformal = np.arcsin(np.sin(xi_sphere) / np.cosh(eta_sphere))
        latitude = conformal.copy()
        for j, delta in enumerate(_FROM_CONFORMAL, start=1):
            latitude += delta * np.sin(2 * j * conformal)
        longitude = self.centre_rad + np.arctan2(np.sinh(eta_sphere), np.cos(xi_sphere))
        latlon: Doubles = np.degrees(np.stack([latitude, longitude], axis=1))
        return latlon

    def from_latlon(self, latlon: Doubles) -> Doubles:
        """Return easting, northing float64[N, 2] in metres of degrees float64[N, 2]."""
        latitude, longitude = np.radians(latlon).T
        sine, turn = np.sin(latitude), longitude - self.centre_rad
        flattened = _ECCENTRICITY * np.arctanh(_ECCENTRICITY * sine)
        tangent = np.sinh(np.arctanh(sine) - flattened)
        xi_sphere = np.arctan2(tangent, np.cos(turn))
        eta_sphere = np.arctanh(np.sin(turn) / np.hypot(1, tangent))
        xi, eta = xi_sphere.copy(), eta_sphere.copy()
        for j, alpha in enumerate(_TO_PLANE, start=1):
            xi += alpha * np.sin(2 * j * xi_sphere) * np.cosh(2 * j * eta_sphere)
            eta += alpha * np.cos(2 * j * xi_sphere) * np.sinh(2 * j * eta_sphere)
        easting = _FALSE_EASTING_M + _RADIUS_M * eta
        return np.stack([easting, _FALSE_NORTHING_M[self.hemisphere] + _RADIUS_M * xi], axis=1)

    def holds(self, latlon: Doubles) -> bool:
        """Say whether all positions lie within the zone's meridians, and on its hemisphere."""
        turn = np.abs(latlon[:, 1] - np.degrees(self.centre_rad))
        is_south = latlon[:, 0] < 0
        return bool(((turn <= 3) & (is_south == (self.hemisphere == "S"))).all())


def zone_of(text: str) -> Zone:
    """Return the zone named like ``55S``: number, then hemisphere; ConfigError for all else."""
    match = re.fullmatch(r"(\d{1,2})([NS])", text)
    if match is None or not 1 <= int(match[1]) <= 60:
        raise ConfigError(
            f"{text!r} is no UTM zone",
            where="zone",
            hint="Number 1 to 60 and hemisphere N or S: 55S is Canberra's.",
        )
    return Zone(int(match[1]), match[2])
