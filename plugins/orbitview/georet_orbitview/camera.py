"""Where photos are taken from, and which ground each pixel of a photo or a tile shows.

Everything is computed on a sphere of radius 1 with the point of interest turned to longitude 0,
so that neither the date line nor a high latitude is special: longitudes come back relative to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from georet.geodesy import EARTH_RADIUS_M, destination
from georet.types import Doubles, Floats

TILE_SIDE_M: Final = 420_000.0
JITTER_M: Final = 63_000.0
ALTITUDE_M: Final = (350_000.0, 450_000.0)
TILT_RAD: Final = (float(np.radians(5)), float(np.radians(45)))
HEADING_RAD: Final = {"normal": float(np.radians(45)), "hard": float(np.pi)}
SWATH: Final = (0.75, 1.05)
"""Ground that a photo covers across its centre, as a share of a tile's side."""


@dataclass(frozen=True)
class Views:
    """How M photos were taken: arrays [M], angles in radians.

    ``tilt_rad`` is measured at the target, between the vertical and the line of sight;
    ``heading_rad`` is the azimuth of the line of sight there, clockwise from north.
    """

    target_latlon: Doubles
    altitude_m: Doubles
    tilt_rad: Doubles
    heading_rad: Doubles
    swath_m: Doubles


@dataclass(frozen=True)
class Ground:
    """What the pixels of an image show, each float32[px, px] (good to some metres).

    Latitude and longitude (relative to the image's reference point) in radians, and the cosine of
    the angle between the line of sight and the vertical on the ground.
    """

    lat_rad: Floats
    lon_rad: Floats
    cos_incidence: Floats


def draw_views(latlon: Doubles, heading: str, rng: np.random.Generator) -> Views:
    """Draw one photo of each of the places float64[M, 2]."""
    num = len(latlon)
    distance_m = JITTER_M * np.sqrt(rng.random(num))
    bearing_rad = rng.uniform(-np.pi, np.pi, num)
    limit = HEADING_RAD[heading]
    return Views(
        target_latlon=destination(latlon, bearing_rad, distance_m),
        altitude_m=rng.uniform(*ALTITUDE_M, num),
        tilt_rad=rng.uniform(*TILT_RAD, num),
        heading_rad=rng.uniform(-limit, limit, num),
        swath_m=TILE_SIDE_M * rng.uniform(*SWATH, num),
    )


@lru_cache(maxsize=8)
def tile_ground(lat_rad: float, px: int, side_m: float = TILE_SIDE_M) -> Ground:
    """Return the ground of a north-up tile of px x px pixels centred at this latitude.

    The tile is a square in the plane that touches the sphere at its centre (gnomonic projection).
    All tiles of a parallel share it.
    """
    half = side_m / EARTH_RADIUS_M / 2
    east = half * _pixel_centres(px)[None, :]
    north = -half * _pixel_centres(px)[:, None]
    cos, sin = float(np.cos(lat_rad)), float(np.sin(lat_rad))
    x, z = cos - north * sin, sin + north * cos
    lat, lon = np.arctan2(z, np.hypot(x, east)), np.arctan2(east, x)
    return Ground(lat, lon, np.ones_like(lat))


def photo_ground(views: Views, row: int, px: int) -> Ground:
    """Return the ground that photo ``row`` shows, by intersecting its px x px rays with the sphere.

    Longitudes are relative to the target. A pinhole camera looks at the target, its image's
    upward direction along the heading.
    """
    forward, right, upward, distance = _camera(views, row)
    lat = float(np.radians(views.target_latlon[row, 0]))
    camera = np.array([np.cos(lat), 0, np.sin(lat)]) - distance * forward
    half = float(views.swath_m[row]) / EARTH_RADIUS_M / 2 / distance
    x, y = half * _pixel_centres(px)[None, :], -half * _pixel_centres(px)[:, None]
    squared = 1 + x * x + y * y
    towards = float(forward @ camera) + y * float(upward @ camera)
    # Rays that miss the Earth would show its rim; the ranges of tilt and swath allow none.
    root = np.sqrt(np.maximum(towards**2 - squared * float(camera @ camera - 1), 0))
    reach = (-towards - root) / squared
    axes = zip(camera.tolist(), forward.tolist(), right.tolist(), upward.tolist(), strict=True)
    east_0, east_90, north = (c + reach * (f + x * r + y * u) for c, f, r, u in axes)
    return Ground(
        np.arcsin(np.clip(north, -1, 1)), np.arctan2(east_90, east_0), root / np.sqrt(squared)
    )


def _camera(views: Views, row: int) -> tuple[Doubles, Doubles, Doubles, float]:
    """Return the camera's axes forward, right and up, float64[3] each, and how far the target is.

    The axes of the sphere go through (0, 0), (0, 90 E) and the north pole; the target is at
    longitude 0.
    """
    lat, heading = np.radians(views.target_latlon[row, 0]), views.heading_rad[row]
    tilt, height = views.tilt_rad[row], views.altitude_m[row] / EARTH_RADIUS_M
    vertical = np.array([np.cos(lat), 0, np.sin(lat)])
    north = np.array([-np.sin(lat), 0, np.cos(lat)])
    ahead = np.cos(heading) * north + np.sin(heading) * np.array([0, 1, 0])
    forward = np.sin(tilt) * ahead - np.cos(tilt) * vertical
    right = np.cross(ahead, vertical)
    distance = np.sqrt(np.cos(tilt) ** 2 + height * (2 + height)) - np.cos(tilt)
    return forward, right, np.cross(right, forward), float(distance)


def _pixel_centres(px: int) -> Floats:
    """Return float32[px] from just above -1 to just below 1."""
    return ((2 * np.arange(px) + 1) / px - 1).astype(np.float32)
