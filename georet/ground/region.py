"""Parts of the Earth in which to search: boxes, polygons, circles, and what several share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from georet.errors import UsageError
from georet.geodesy import EARTH_RADIUS_M, check_latitude, check_longitude, distance_m
from georet.ground.lengths import length_m
from georet.types import Bools, Doubles

FORMS: Final = (
    "Write box:WEST,SOUTH,EAST,NORTH or near:LATITUDE,LONGITUDE,RADIUS (500m, 20km), "
    "or name a .geojson file."
)
_OWN = TypeVar("_OWN", bound="Region")


class Area(Protocol):
    """One part of the Earth."""

    def mask(self, latlon: Doubles) -> Bools:
        """Return bool[R]: which of the positions float64[R, 2] lie in it, its edge included."""

    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north in degrees; east runs on where it is across 180."""

    def describe(self) -> dict[str, Any]:
        """Return it as JSON values."""


@dataclass(frozen=True)
class Region:
    """What lies in all of the ``areas``; made by ``box``, ``polygon``, ``radius`` or ``parse``.

    Tiles belong to it by their centres. Several regions are intersected with ``&``.
    """

    areas: tuple[Area, ...]

    @classmethod
    def box(cls: type[_OWN], west: float, south: float, east: float, north: float) -> _OWN:
        """Return the region between two meridians and two parallels, in degrees, edges included.

        With ``west`` greater than ``east`` it goes across the antimeridian. UsageError for what is
        no longitude or latitude.
        """
        return cls((Box(west, south, east, north),))

    @classmethod
    def radius(cls: type[_OWN], latlon: tuple[float, float], radius_m: float) -> _OWN:
        """Return what lies within ``radius_m`` metres (great circle) of a position in degrees."""
        return cls((Circle((float(latlon[0]), float(latlon[1])), radius_m),))

    @classmethod
    def polygon(cls: type[_OWN], geojson: Mapping[str, Any] | Path | str) -> _OWN:
        """Return the region in GeoJSON (RFC 7946): a geometry, feature or collection, or a file.

        Several polygons are joined. An edge of more than 180 degrees of longitude is taken to go
        the short way, across the antimeridian. UsageError for what holds no valid polygon.
        """
        from georet.ground.polygon import Polygon

        return cls((Polygon.read(geojson),))

    @classmethod
    def parse(cls: type[_OWN], text: str) -> _OWN:
        """Return the region that a user typed: ``box:``, ``near:`` or a .geojson file."""
        kind, colon, rest = text.partition(":")
        if colon and kind == "box":
            return cls.box(*_numbers(rest, 4, text))
        if colon and kind == "near":
            place, _, radius = rest.rpartition(",")
            latitude, longitude = _numbers(place, 2, text)
            return cls.radius((latitude, longitude), length_m(radius, where=text))
        if text.lower().endswith((".geojson", ".json")):
            return cls.polygon(Path(text))
        raise UsageError(f"{text!r} is no region", hint=FORMS)

    @classmethod
    def parse_area(cls: type[_OWN], text: str) -> _OWN:
        """Return the region as ``parse``, or that of ``LATITUDE,LONGITUDE,RADIUS`` alone."""
        is_place = ":" not in text and not text.lower().endswith((".geojson", ".json"))
        return cls.parse(f"near:{text}" if is_place and "," in text else text)

    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north in degrees; east runs on where it is across 180.

        Of several areas those of the first, which all the others only narrow.
        """
        return self.areas[0].bounds()

    def __and__(self: _OWN, other: Region) -> _OWN:
        """Return what lies in both."""
        return type(self)((*self.areas, *other.areas))

    def mask(self, latlon: Doubles) -> Bools:
        """Return bool[R]: which of the positions float64[R, 2] in degrees lie in the region."""
        inside = np.ones(len(latlon), np.bool_)
        for area in self.areas:
            inside &= area.mask(latlon)
        return inside

    def describe(self) -> dict[str, Any]:
        """Return JSON values that say which region it is."""
        return {"all_of": [area.describe() for area in self.areas]}


@dataclass(frozen=True)
class Box:
    """Between two meridians, eastwards from ``west``, and two parallels; degrees."""

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        where = f"box:{self.west:g},{self.south:g},{self.east:g},{self.north:g}"
        for latitude in (self.south, self.north):
            check_latitude(latitude, where, "A box is WEST,SOUTH,EAST,NORTH.")
        for longitude in (self.west, self.east):
            check_longitude(longitude, where, "A box is WEST,SOUTH,EAST,NORTH.")
        if self.south > self.north:
            raise UsageError(
                f"south, {self.south:g}, lies north of {self.north:g}",
                where=where,
                hint="A box is WEST,SOUTH,EAST,NORTH.",
            )

    def mask(self, latlon: Doubles) -> Bools:
        """Return which of the positions [R, 2] in degrees lie in the box, bool[R]."""
        is_whole_turn = self.east - self.west >= 360
        width = 360.0 if is_whole_turn else (self.east - self.west) % 360
        latitude, longitude = latlon[:, 0], latlon[:, 1]
        inside: Bools = (latitude >= self.south) & (latitude <= self.north)
        return inside & ((longitude - self.west) % 360 <= width)

    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north; east runs on beyond 180."""
        east = self.east if self.east >= self.west else self.east + 360
        return self.west, self.south, east, self.north

    def describe(self) -> dict[str, Any]:
        """Return the four numbers."""
        return {"box": [self.west, self.south, self.east, self.north]}


@dataclass(frozen=True)
class Circle:
    """Within a distance in metres of a position in degrees."""

    latlon: tuple[float, float]
    radius_m: float

    def __post_init__(self) -> None:
        where = f"near:{self.latlon[0]:g},{self.latlon[1]:g},{self.radius_m:g}m"
        check_latitude(self.latlon[0], where, "It is near:LATITUDE,LONGITUDE,RADIUS.")
        check_longitude(self.latlon[1], where, "It is near:LATITUDE,LONGITUDE,RADIUS.")
        if not 0 < self.radius_m <= np.pi * EARTH_RADIUS_M:
            raise UsageError(
                f"the radius is {self.radius_m:g} m",
                where=where,
                hint="Give more than 0, and no more than half the Earth's circumference.",
            )

    def mask(self, latlon: Doubles) -> Bools:
        """Return which of the positions [R, 2] in degrees lie in the circle, bool[R]."""
        inside: Bools = distance_m(latlon, np.array(self.latlon)) <= self.radius_m
        return inside

    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north; all longitudes where it holds a pole."""
        latitude, longitude = self.latlon
        angle = self.radius_m / EARTH_RADIUS_M
        reach = float(np.degrees(angle))
        south, north = max(latitude - reach, -90.0), min(latitude + reach, 90.0)
        if south <= -90 or north >= 90:
            return -180.0, south, 180.0, north
        # The meridians that touch the circle: sin of half the width is sin(angle) / cos(latitude).
        half = float(np.degrees(np.arcsin(np.sin(angle) / np.cos(np.radians(latitude)))))
        return longitude - half, south, longitude + half, north

    def describe(self) -> dict[str, Any]:
        """Return centre and radius."""
        return {"near_latlon": list(self.latlon), "radius_m": self.radius_m}


def _numbers(text: str, num: int, where: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != num or not np.isfinite(numbers).all():
        raise UsageError(f"wanted {num} numbers, found {text!r}", where=where, hint=FORMS)
    return numbers
