"""Regions as filters of Qdrant, in the JSON of its interface; each holds a bit more than asked.

What is too much is left out afterwards, by the places that the gallery knows. So a filter may be
wider than its region by ``MARGIN`` and never narrower: edges of Qdrant's boxes and polygons don't
belong to them (georet's do), and a geo index loses what lies exactly at a pole or at 180 degrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from georet.extras import need
from georet.ground.polygon import TURNS, Polygon
from georet.ground.region import Area, Box, Circle, Region
from georet.types import Doubles, Ints

PLACE: Final = "place"
GALLERY: Final = "gallery"
MARGIN: Final = 1e-5
"""Degrees, about a metre."""
MARGIN_M: Final = 2.0
NORTHMOST, EASTMOST = 89.999999, 179.9999999
"""Where points are put that lie nearer to a pole or to 180 degrees."""
_NORTH, _EAST = 89.9999995, 179.99999995
"""Corners of filters, beyond those points and short of the exact edge."""
_WHOLE: Final = 20_037_000.0
"""Metres: nearly half the Earth's circumference, beyond which a circle is the whole Earth."""
MOST_CORNERS: Final = 1000
"""Corners of polygons in one filter; of more, a wider outline is asked for."""
_COARSEST: Final = 1e-3

Filter = dict[str, Any]
"""A filter in the JSON of Qdrant's interface."""


def places(latlon: Doubles) -> list[dict[str, float]]:
    """Return places float64[R, 2] in degrees as Qdrant's geo points, none at the exact edge."""
    lat = np.clip(latlon[:, 0], -NORTHMOST, NORTHMOST)
    lon = np.clip((latlon[:, 1] + 180) % 360 - 180, -EASTMOST, EASTMOST)
    return [{"lon": x, "lat": y} for x, y in zip(lon.tolist(), lat.tolist(), strict=True)]


def filter_of(region: Region) -> Filter:
    """Return the filter that holds all points of a region, and few others."""
    return {"must": [part for area in region.areas for part in _conditions(area)]}


def of_gallery(key: str) -> Filter:
    """Return the filter of the points that belong to one state of a gallery."""
    return {"must": [{"key": GALLERY, "match": {"value": key}}]}


def of_rows(rows: Ints) -> Filter:
    """Return the filter of the points of rows int64[M]."""
    return {"must": [{"has_id": rows.tolist()}]}


def _conditions(area: Area) -> list[dict[str, Any]]:
    """Return what must hold of a point in an area: one condition, or none for the whole Earth."""
    if isinstance(area, Box):
        return [_any(_boxes(area.west, area.south, area.east, area.north))]
    if isinstance(area, Circle):
        radius = area.radius_m * (1 + 1e-6) + MARGIN_M
        if radius >= _WHOLE:
            return []
        (centre,) = places(np.array([area.latlon]))
        return [{"key": PLACE, "geo_radius": {"center": centre, "radius": radius}}]
    if isinstance(area, Polygon):
        return [_any(_polygons(area.shape))]
    raise TypeError(f"a region of {type(area).__name__} has no filter")


def _any(conditions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return conditions[0] if len(conditions) == 1 else {"should": list(conditions)}


def _boxes(west: float, south: float, east: float, north: float) -> list[dict[str, Any]]:
    """Return one box, or two where it crosses 180 degrees."""
    width = 360.0 if east - west >= 360 else (east - west) % 360
    start = (west - MARGIN + 180) % 360 - 180
    end = start + width + 2 * MARGIN
    if end - start >= 360:
        spans = [(-180.0, 180.0)]
    elif end > 180:
        spans = [(start, 180.0), (-180.0, end - 360)]
    else:
        spans = [(start, end)]
    top, bottom = north + MARGIN, south - MARGIN
    corners = [(_corner(left, top), _corner(right, bottom)) for left, right in spans]
    return [
        {"key": PLACE, "geo_bounding_box": {"top_left": one, "bottom_right": other}}
        for one, other in corners
    ]


def _polygons(shape: Any) -> list[dict[str, Any]]:
    """Return polygons between -180 and 180 degrees that hold shapely's, whose lines run on."""
    shapely = need("shapely", extra="gallery", what="a polygon")
    wide = shapely.buffer(shape, MARGIN, join_style="mitre", mitre_limit=2.0)
    tolerance = _COARSEST
    while shapely.get_num_coordinates(wide) > MOST_CORNERS:
        # An outline within the tolerance of the old one, moved outwards by it, holds the old one.
        wide = shapely.buffer(shapely.simplify(shape, tolerance), tolerance + MARGIN, quad_segs=2)
        tolerance *= 2
    found: list[Any] = []
    for turn in TURNS:
        moved = shapely.transform(wide, lambda points, turn=turn: points - [turn, 0])
        found += _parts(shapely.intersection(moved, shapely.box(-_EAST, -_NORTH, _EAST, _NORTH)))
    return [
        {
            "key": PLACE,
            "geo_polygon": {
                "exterior": _ring(part.exterior),
                "interiors": [_ring(hole) for hole in part.interiors],
            },
        }
        for part in found
    ]


def _parts(shape: Any) -> Iterator[Any]:
    """Yield the polygons in a shape of shapely's; points and lines hold nothing."""
    for part in getattr(shape, "geoms", [shape]):
        if part.geom_type == "Polygon" and not part.is_empty:
            yield part


def _ring(ring: Any) -> dict[str, Any]:
    return {"points": [{"lon": x, "lat": y} for x, y in ring.coords]}


def _corner(lon: float, lat: float) -> dict[str, float]:
    return {"lon": min(max(lon, -_EAST), _EAST), "lat": min(max(lat, -_NORTH), _NORTH)}
