"""Great-circle geometry on a sphere: radians inside, degrees only in what is called ``latlon``."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from georet.errors import DataError, UsageError
from georet.types import Doubles

EARTH_RADIUS_M: Final = 6_371_008.8
"""Mean radius (2a + b) / 3 of the WGS84 ellipsoid, in metres."""
_FARTHEST_IN_PLANE_M: Final = 200_000.0


def checked_latlon(latlon: ArrayLike, *, where: str = "latlon") -> Doubles:
    """Return positions as float64[..., 2]; DataError, with the row, where one is not on Earth."""
    points = np.asarray(latlon, dtype=np.float64)
    if points.ndim < 1 or points.shape[-1] != 2:
        raise DataError(f"positions have shape {points.shape}, wanted [..., 2]", where=where)
    rows = points.reshape(-1, 2)
    on_earth = np.isfinite(rows).all(axis=1)
    on_earth &= (np.abs(rows[:, 0]) <= 90) & (np.abs(rows[:, 1]) <= 360)
    if not on_earth.all():
        row = int(np.flatnonzero(~on_earth)[0])
        raise DataError(
            f"latitude, longitude of row {row} are {tuple(rows[row].tolist())}",
            where=where,
            hint="latitude must lie in -90..90, longitude in -180..180; are they swapped?",
        )
    return points


def distance_m(a_latlon: ArrayLike, b_latlon: ArrayLike) -> Doubles:
    """Return great-circle distances float64[...] in metres of positions [..., 2] that broadcast.

    The haversine formula (R. W. Sinnott, Sky and Telescope 68 (2), 1984) keeps its precision down
    to millimetres; beside the ellipsoid a sphere is wrong by at most 0.6 %.
    """
    a_rad = np.radians(np.asarray(a_latlon, dtype=np.float64))
    b_rad = np.radians(np.asarray(b_latlon, dtype=np.float64))
    half = np.sin((b_rad - a_rad) / 2) ** 2
    cosines = np.cos(a_rad[..., 0]) * np.cos(b_rad[..., 0])
    haversine = half[..., 0] + cosines * half[..., 1]
    distance: Doubles = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(haversine, 0, 1)))
    return distance


def unit_vectors(latlon: ArrayLike) -> Doubles:
    """Return points float64[N, 3] on the unit sphere for positions [N, 2] in degrees.

    Their straight-line distance grows with the great-circle distance, so nearest is nearest.
    """
    return vectors_of_angles(np.radians(np.asarray(latlon, dtype=np.float64)))


def vectors_of_angles(angles_rad: Doubles) -> Doubles:
    """Return points float64[N, 3] on the unit sphere for latitude, longitude [N, 2] in radians."""
    latitude_rad, longitude_rad = angles_rad[..., 0], angles_rad[..., 1]
    ring = np.cos(latitude_rad)
    return np.stack(
        [ring * np.cos(longitude_rad), ring * np.sin(longitude_rad), np.sin(latitude_rad)], axis=-1
    )


def chord(distance_m: float) -> float:
    """Return the straight line through the unit sphere under a great-circle distance in metres."""
    half_angle_rad = min(distance_m / (2 * EARTH_RADIUS_M), np.pi / 2)
    return float(2 * np.sin(half_angle_rad))


def arc_m(chords: Doubles) -> Doubles:
    """Return the great-circle distances float64[...] in metres over straight lines [...].

    The inverse of ``chord``: ``chords`` run through the unit sphere, 0 to 2.
    """
    arcs: Doubles = 2 * EARTH_RADIUS_M * np.arcsin(np.clip(chords / 2, 0, 1))
    return arcs


def destination(latlon: ArrayLike, bearing_rad: ArrayLike, distance_m: ArrayLike) -> Doubles:
    """Return where one arrives, float64[..., 2] in degrees, from positions [..., 2].

    ``bearing_rad`` runs clockwise from north, ``distance_m`` along the great circle; all three
    broadcast. Longitudes come back in -180..180.
    """
    start_rad = np.radians(np.asarray(latlon, dtype=np.float64))
    bearing, angle_rad = np.asarray(bearing_rad), np.asarray(distance_m) / EARTH_RADIUS_M
    sine, cosine = np.sin(start_rad[..., 0]), np.cos(start_rad[..., 0])
    end_sine = sine * np.cos(angle_rad) + cosine * np.sin(angle_rad) * np.cos(bearing)
    end_rad = np.arcsin(np.clip(end_sine, -1, 1))
    east = np.sin(bearing) * np.sin(angle_rad) * cosine
    turn_rad = np.arctan2(east, np.cos(angle_rad) - sine * end_sine)
    longitude = np.degrees(start_rad[..., 1] + turn_rad)
    return np.stack([np.degrees(end_rad), (longitude + 180) % 360 - 180], axis=-1)


def latlon_of_plane(plane_m: ArrayLike) -> Doubles:
    """Return stand-in positions float64[..., 2] in degrees for eastings, northings [..., 2].

    For the metres of a game or a local grid that lies nowhere on the Earth: the plane is put on the
    equator around longitude 0, where distances of up to 10 km from its origin are right to 2 parts
    in a million. DataError beyond 200 km, where they are wrong by 0.05 % and more: give projected
    coordinates with their origin taken away, or convert them by their projection.
    """
    points = np.asarray(plane_m, np.float64)
    if points.ndim < 1 or points.shape[-1] != 2:
        raise DataError(f"positions have shape {points.shape}, wanted [..., 2]", where="plane_m")
    far = ~(np.abs(points) <= _FARTHEST_IN_PLANE_M)
    if far.any():
        raise DataError(
            f"{points[far][0]:g} m lie too far from the plane's origin",
            where="plane_m",
            hint="Take the same origin from all tables, somewhere in their middle.",
        )
    return np.degrees(points[..., ::-1] / EARTH_RADIUS_M)


def check_latitude(latitude: float, where: str, hint: str) -> None:
    """Raise UsageError unless it is a latitude in degrees."""
    if not -90 <= latitude <= 90:
        raise UsageError(
            f"the latitude {latitude:g} is not in -90..90",
            where=where,
            hint=f"{hint} Are latitude and longitude swapped?",
        )


def check_longitude(longitude: float, where: str, hint: str) -> None:
    """Raise UsageError unless it is a longitude in degrees; up to a turn beyond 180 is one too."""
    if not -360 <= longitude <= 360:
        raise UsageError(f"the longitude {longitude:g} is not in -180..180", where=where, hint=hint)
