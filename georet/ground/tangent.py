"""Metres east and north in the plane that touches the Earth at a place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from georet.ground.wgs84 import continued, latlon_under, surface_points
from georet.types import Doubles


@dataclass(frozen=True)
class Tangent:
    """The plane that touches the ellipsoid at (``latitude_latlon``, ``longitude_latlon``).

    A place belongs to the point of the plane that is above it along its own vertical.
    """

    latitude_latlon: float
    longitude_latlon: float

    @cached_property
    def _axes(self) -> Doubles:
        """Rows east, north, up float64[3, 3] in space."""
        lat, lon = np.radians([self.latitude_latlon, self.longitude_latlon])
        east = [-np.sin(lon), np.cos(lon), 0.0]
        north = [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)]
        up = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
        return np.array([east, north, up])

    @cached_property
    def _origin(self) -> Doubles:
        return surface_points([self.latitude_latlon, self.longitude_latlon])

    def metres(self, latlon: Doubles) -> Doubles:
        """Return metres east and north float64[N, 2] of places [N, 2] less than a quarter away."""
        angles = np.radians(np.asarray(latlon, np.float64))
        lat, lon = angles[:, 0], angles[:, 1]
        vertical = np.column_stack(
            [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
        )
        off, up = surface_points(latlon) - self._origin, self._axes[2]
        lift = -(off @ up) / (vertical @ up)
        found: Doubles = (off + lift[:, None] * vertical) @ self._axes[:2].T
        return found

    def latlon(self, metres: Doubles) -> Doubles:
        """Return the places float64[N, 2] of metres [N, 2]; longitudes run on from the origin's."""
        points = self._origin + np.asarray(metres, np.float64) @ self._axes[:2]
        origin = np.array([self.latitude_latlon, self.longitude_latlon])
        return continued(origin, latlon_under(points))
