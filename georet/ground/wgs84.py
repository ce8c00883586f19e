"""Where pieces of ground lie and how large they are: the WGS84 ellipsoid, and Web Mercator on it.

Distances go through points in space, so that neither the antimeridian nor a pole is special.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from georet.geodesy import EARTH_RADIUS_M, arc_m
from georet.types import Doubles, Ints

SEMI_MAJOR_M: Final = 6_378_137.0
FLATTENING: Final = 1 / 298.257223563
_ECCENTRICITY_SQUARED: Final = FLATTENING * (2 - FLATTENING)

HALF_WORLD_M: Final = float(np.pi * SEMI_MAJOR_M)
"""Web Mercator (EPSG:3857) runs from minus to plus this many metres on both axes."""

MAX_LATITUDE_LATLON: Final = float(np.degrees(np.arctan(np.sinh(np.pi))))
"""The latitude, 85.05 degrees, at which Web Mercator's square ends."""
_NEAR_POLE_RAD: Final = float(np.pi / 2) - 4.5e-8


def surface_points(latlon: ArrayLike) -> Doubles:
    """Return the points float64[..., 3] in metres from the Earth's centre of positions [..., 2]."""
    angles = np.radians(np.asarray(latlon, dtype=np.float64))
    lat, lon = angles[..., 0], angles[..., 1]
    normal = SEMI_MAJOR_M / np.sqrt(1 - _ECCENTRICITY_SQUARED * np.sin(lat) ** 2)
    ring = normal * np.cos(lat)
    up = normal * (1 - _ECCENTRICITY_SQUARED) * np.sin(lat)
    return np.stack([ring * np.cos(lon), ring * np.sin(lon), up], axis=-1)


def latlon_under(points_m: Doubles) -> Doubles:
    """Return the positions float64[..., 2] under points [..., 3] near the Earth's surface.

    B. R. Bowring, Survey Review 23 (181), 1976: one step is good to far below a millimetre.
    """
    x, y, z = points_m[..., 0], points_m[..., 1], points_m[..., 2]
    ring, semi_minor = np.hypot(x, y), SEMI_MAJOR_M * (1 - FLATTENING)
    reduced = np.arctan2(z * SEMI_MAJOR_M, ring * semi_minor)
    second = _ECCENTRICITY_SQUARED / (1 - _ECCENTRICITY_SQUARED)
    lat = np.arctan2(
        z + second * semi_minor * np.sin(reduced) ** 3,
        ring - _ECCENTRICITY_SQUARED * SEMI_MAJOR_M * np.cos(reduced) ** 3,
    )
    return np.asarray(np.degrees(np.stack([lat, np.arctan2(y, x)], axis=-1)))


def span_m(a_latlon: ArrayLike, b_latlon: ArrayLike) -> Doubles:
    """Return the distances float64[...] in metres of positions [..., 2] that broadcast.

    The straight line between them, bent along a sphere: off the geodesic on the ellipsoid by
    some ten metres in 1000 km, by more only between places almost opposite on the globe.
    """
    chord = np.linalg.norm(surface_points(a_latlon) - surface_points(b_latlon), axis=-1)
    return arc_m(chord / EARTH_RADIUS_M)


def mean_side_m(rings_latlon: Doubles) -> Doubles:
    """Return a quarter of the ground length float64[R] of closed outlines float64[R, P, 2].

    ``rings_latlon`` are P points in order, of which the corners are some; the first is not
    repeated. More points follow bent sides more closely.
    """
    steps = span_m(rings_latlon, np.roll(rings_latlon, -1, axis=1))
    return np.asarray(steps.sum(axis=1) / 4)


def square_corners(latlon: Doubles, side_m: Doubles, heading_deg: Doubles | None = None) -> Doubles:
    """Return the corners float64[R, 4, 2] of squares around centres [R, 2].

    The square of ``side_m`` [R] lies in the plane that touches the Earth at its centre, and is
    seen from above. ``heading_deg`` [R] is where its top points, clockwise from north; None: north.
    Corners: top left, top right, bottom right, bottom left; longitudes run on from the centre's.
    """
    centre = surface_points(latlon)
    angles = np.radians(latlon)
    sin_lat, cos_lat = np.sin(angles[:, 0]), np.cos(angles[:, 0])
    sin_lon, cos_lon = np.sin(angles[:, 1]), np.cos(angles[:, 1])
    east = np.stack([-sin_lon, cos_lon, np.zeros_like(sin_lon)], axis=-1)
    north = np.stack([-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat], axis=-1)
    half = np.asarray(side_m, np.float64)[:, None] / 2
    turn = np.radians(np.zeros(len(centre)) if heading_deg is None else heading_deg)[:, None]
    up = np.cos(turn) * north + np.sin(turn) * east
    right = np.cos(turn) * east - np.sin(turn) * north
    signs = ((-1, 1), (1, 1), (1, -1), (-1, -1))
    corners = [centre + half * (x * right + y * up) for x, y in signs]
    return continued(latlon[:, None], latlon_under(np.stack(corners, axis=1)))


def wrapped(longitude: ArrayLike) -> Doubles:
    """Return longitudes float64[...] in degrees brought to -180..180; those there stay the same."""
    degrees = np.asarray(longitude, np.float64)
    return np.where(np.abs(degrees) <= 180, degrees, (degrees + 180) % 360 - 180)


def continued(origin_latlon: Doubles, latlon: Doubles) -> Doubles:
    """Return positions [..., 2] whose longitudes are within 180 degrees of the origin's."""
    origin = origin_latlon[..., 1]
    longitude = origin + wrapped(latlon[..., 1] - origin)
    return np.stack([np.broadcast_to(latlon[..., 0], longitude.shape), longitude], axis=-1)


def mercator_m(latlon: ArrayLike) -> Doubles:
    """Return Web Mercator x, y float64[..., 2] in metres of positions [..., 2].

    Latitudes beyond 85.05 degrees are taken to the edge of the map.
    """
    points = np.asarray(latlon, np.float64)
    latitude = np.clip(points[..., 0], -MAX_LATITUDE_LATLON, MAX_LATITUDE_LATLON)
    y = mercator_y(np.radians(latitude))
    return np.stack([np.radians(points[..., 1]), y], axis=-1) * SEMI_MAJOR_M


def latlon_of_mercator(xy_m: ArrayLike) -> Doubles:
    """Return the positions float64[..., 2] of Web Mercator x, y [..., 2] in metres.

    Longitudes run on beyond 180 as x does beyond the map's edge.
    """
    points = np.asarray(xy_m, np.float64)
    latitude = np.degrees(np.arctan(np.sinh(points[..., 1] / SEMI_MAJOR_M)))
    # So that the edge of the map is 180 to the last bit.
    return np.asarray(np.stack([latitude, points[..., 0] / HALF_WORLD_M * 180], axis=-1))


def tile_bounds_m(zoom: int, xy: Ints) -> Doubles:
    """Return west, south, east, north float64[R, 4] in metres of tiles x, y int64[R, 2].

    y runs from north to south, as in XYZ folders; x may lie beyond the map's edge.
    """
    side = 2 * HALF_WORLD_M / 2**zoom
    west, north = xy[:, 0] * side - HALF_WORLD_M, HALF_WORLD_M - xy[:, 1] * side
    return np.stack([west, north - side, west + side, north], axis=-1)


def metres_a_pixel(latitude_latlon: ArrayLike, zoom: int, tile_px: int = 256) -> Doubles:
    """Return the ground size float64[...] in metres of a pixel of Web Mercator tiles there."""
    cosine = np.cos(np.radians(np.asarray(latitude_latlon, np.float64)))
    return np.asarray(2 * HALF_WORLD_M / (tile_px * 2**zoom) * cosine)


def mercator_y(latitude_rad: Doubles) -> Doubles:
    """Return the northward Mercator coordinate float64[...] on the unit sphere.

    Towards a pole it grows without end; there it is cut off at 17.6, some 0.3 m away from the pole.
    """
    latitude = np.clip(latitude_rad, -_NEAR_POLE_RAD, _NEAR_POLE_RAD)
    y: Doubles = np.arcsinh(np.tan(latitude))
    return y
