"""Polygons read from GeoJSON, with the antimeridian where people mean it to be."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.csvfile import read_text
from georet.errors import DataError, UsageError
from georet.extras import need
from georet.geodesy import check_latitude
from georet.progress import say
from georet.types import Bools, Doubles

TURNS: Final = (-360.0, 0.0, 360.0)
_WANTED: Final = (
    "A region is a Polygon or MultiPolygon, a Feature with one, or a FeatureCollection."
)
_WITHOUT_AREA: Final = ("Point", "MultiPoint", "LineString", "MultiLineString")
_WGS84: Final = re.compile(
    r"(CRS:?84h?|EPSG:+([\d.]*:)?(4326|4979)|EPSG/[\d.]+/(4326|4979)|^(4326|4979)|WGS ?(19)?84)$",
    re.IGNORECASE,
)
"""How files name longitude and latitude in degrees, with or without a height."""
_ORDER: Final = "GeoJSON writes longitude first, then latitude."


@dataclass(frozen=True)
class Polygon:
    """The union of polygons; ``shape`` is shapely's, longitudes run on beyond 180 degrees."""

    shape: Any = field(compare=False, repr=False)
    geojson: str
    """The geometry as it was given, as JSON."""

    @classmethod
    def read(cls, geojson: Mapping[str, Any] | Path | str) -> Polygon:
        """Return the polygons in GeoJSON values, or in a file."""
        is_path = isinstance(geojson, str | Path)
        where = str(geojson) if is_path else "GeoJSON"
        shapely = need("shapely", extra="gallery", what="a polygon")
        others: Counter[str] = Counter()
        try:
            content = _from_file(Path(geojson)) if isinstance(geojson, str | Path) else geojson
            found = list(_polygons(content, where, others))
        except RecursionError as error:
            raise UsageError("is nested too deeply", where=where, hint=_WANTED) from error
        listed = ", ".join(f"{num:,} {kind}" for kind, num in others.items())
        if not found:
            what = f"holds no polygon, but {listed}" if others else "holds no polygon"
            raise UsageError(what, where=where, hint=_WANTED)
        if others:
            say(f"note: {where}: what has no area is left out: {listed}")
        shapes = [_shape(shapely, rings, where) for rings in found]
        shape = shapely.union_all(shapes)
        shapely.prepare(shape)
        return cls(shape, json.dumps({"type": "MultiPolygon", "coordinates": found}))

    def mask(self, latlon: Doubles) -> Bools:
        """Return bool[R]: which of the positions float64[R, 2] lie in it, edges included."""
        shapely = need("shapely", extra="gallery", what="a polygon")
        inside = np.zeros(len(latlon), np.bool_)
        for turn in TURNS:
            inside |= shapely.intersects_xy(self.shape, latlon[:, 1] + turn, latlon[:, 0])
        return inside

    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north in degrees; longitudes run on beyond 180."""
        west, south, east, north = (float(value) for value in self.shape.bounds)
        return west, south, east, north

    def describe(self) -> dict[str, Any]:
        """Return the geometry as GeoJSON values."""
        geometry: dict[str, Any] = json.loads(self.geojson)
        return {"polygon": geometry}


def _from_file(path: Path) -> object:
    try:
        content: object = json.loads(read_text(path))
    except ValueError as error:
        raise DataError(f"can't be read as JSON: {error}", where=str(path)) from error
    return content


def _polygons(content: object, where: str, others: Counter[str]) -> Iterator[list[Any]]:
    """Yield the rings of each polygon in GeoJSON values; what has no area is counted."""
    if not isinstance(content, Mapping):
        raise UsageError("is no GeoJSON object", where=where, hint=_WANTED)
    _check_crs(content.get("crs"), where)
    kind = content.get("type")
    if kind == "FeatureCollection":
        for feature in _listed(content, "features", where):
            yield from _polygons(feature, where, others)
    elif kind == "GeometryCollection":
        for geometry in _listed(content, "geometries", where):
            yield from _polygons(geometry, where, others)
    elif kind == "Feature":
        if content.get("geometry") is None:
            others["Feature without a geometry"] += 1
        else:
            yield from _polygons(content["geometry"], where, others)
    elif kind in ("Polygon", "MultiPolygon"):
        found = _listed(content, "coordinates", where)
        if not found:
            # RFC 7946, section 3.1: such a geometry may be taken for none.
            others[f"empty {kind}"] += 1
        yield from [found] if found and kind == "Polygon" else found
    elif kind in _WITHOUT_AREA:
        others[kind] += 1
    else:
        raise UsageError(f"holds a {kind}, which is no GeoJSON", where=where, hint=_WANTED)


def _check_crs(crs: object, where: str) -> None:
    """Raise UsageError for the old member that names another system than longitude, latitude."""
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    given = properties if isinstance(properties, Mapping) else {}
    name = str(given.get("name", given.get("code", given.get("href", crs))))
    if not _WGS84.search(name):
        raise UsageError(
            f"its member `crs` says that coordinates are in {name}",
            where=where,
            hint="GeoJSON is read as longitude, latitude in degrees of WGS84. Convert it: "
            "ogr2ogr -t_srs EPSG:4326 NEW.geojson OLD.geojson",
        )


def _listed(content: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = content.get(key)
    if not isinstance(value, list):
        raise UsageError(f"has no list {key!r}", where=where, hint=_WANTED)
    return value


def _shape(shapely: Any, rings: object, where: str) -> Any:
    """Return shapely's polygon of a shell and its holes."""
    if not isinstance(rings, list) or not rings:
        raise UsageError("holds an empty polygon", where=where, hint=_WANTED)
    shell, *holes = [_ring(ring, where) for ring in rings]
    middle = (shell[:, 0].min() + shell[:, 0].max()) / 2
    for hole in holes:
        hole[:, 0] += 360 * np.round((middle - hole[:, 0].mean()) / 360)
    shape = shapely.Polygon(shell, holes)
    if not shape.is_valid or shape.area == 0:
        reason = shapely.is_valid_reason(shape)
        raise UsageError(f"holds a polygon without sense: {reason}", where=where, hint=_WANTED)
    return shape


def _check_degrees(ring: Doubles, where: str) -> None:
    """Raise UsageError for the first position of a ring [M, 2] that is none on Earth."""
    outside = np.abs(ring) > (360, 90)
    if not outside.any():
        return
    longitude, latitude = ring[outside.any(axis=1).argmax()].tolist()
    if np.abs(ring).max() > 360:
        raise UsageError(
            f"{longitude:g}, {latitude:g} are no degrees; they look like metres",
            where=where,
            hint="Convert it: ogr2ogr -t_srs EPSG:4326 NEW.geojson OLD.geojson",
        )
    check_latitude(latitude, where, _ORDER)


def _ring(points: object, where: str) -> Doubles:
    """Return a ring float64[M, 2] of longitude, latitude, in one piece across the antimeridian."""
    try:
        ring = np.array([point[:2] for point in points], np.float64)  # type: ignore[attr-defined]
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        ring = np.empty((0, 0))
    if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 4 or not np.isfinite(ring).all():
        raise UsageError(
            "a ring needs four positions [longitude, latitude], the last one equal to the first",
            where=where,
            hint=_WANTED,
        )
    _check_degrees(ring, where)
    if (ring[0, 1], ring[0, 0] % 360) != (ring[-1, 1], ring[-1, 0] % 360):
        raise UsageError("holds a ring whose last position is not its first", where=where)
    step = np.diff(ring[:, 0])
    # A whole turn is an edge along the map's frame, not a crossing.
    turns = np.where((np.abs(step) > 180) & (np.abs(step) < 360), np.sign(step), 0)
    ring[1:, 0] -= 360 * np.cumsum(turns)
    if ring[0, 0] != ring[-1, 0]:
        raise UsageError(
            "holds a polygon around a pole",
            where=where,
            hint="Draw it along longitudes -180 and 180 up to the pole's latitude, 90 or -90.",
        )
    return ring
