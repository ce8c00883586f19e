"""Polygons read from GeoJSON, with the antimeridian where people mean it to be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import UsageError
from georet.extras import need
from georet.files import read_json
from georet.geodesy import check_latitude, check_longitude
from georet.types import Bools, Doubles

TURNS: Final = (-360.0, 0.0, 360.0)
_WANTED: Final = (
    "A region is a Polygon or MultiPolygon, a Feature with one, or a FeatureCollection."
)
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
        content = read_json(Path(geojson)) if isinstance(geojson, str | Path) else geojson
        shapely = need("shapely", extra="gallery", what="a polygon")
        try:
            found = list(_polygons(content, where))
        except RecursionError as error:
            raise UsageError("is nested too deeply", where=where, hint=_WANTED) from error
        if not found:
            raise UsageError("holds no polygon", where=where, hint=_WANTED)
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

    def describe(self) -> dict[str, Any]:
        """Return the geometry as GeoJSON values."""
        geometry: dict[str, Any] = json.loads(self.geojson)
        return {"polygon": geometry}


def _polygons(content: object, where: str) -> Iterator[list[Any]]:
    """Yield the rings of each polygon in GeoJSON values."""
    if not isinstance(content, Mapping):
        raise UsageError("is no GeoJSON object", where=where, hint=_WANTED)
    kind = content.get("type")
    if kind == "FeatureCollection":
        for feature in _listed(content, "features", where):
            yield from _polygons(feature, where)
    elif kind == "GeometryCollection":
        for geometry in _listed(content, "geometries", where):
            yield from _polygons(geometry, where)
    elif kind == "Feature":
        yield from _polygons(content.get("geometry") or {}, where)
    elif kind == "Polygon":
        yield _listed(content, "coordinates", where)
    elif kind == "MultiPolygon":
        yield from _listed(content, "coordinates", where)
    else:
        raise UsageError(f"holds a {kind}, which has no area", where=where, hint=_WANTED)


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
    for longitude, latitude in ring.tolist():
        check_latitude(latitude, where, _ORDER)
        check_longitude(longitude, where, _ORDER)
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
