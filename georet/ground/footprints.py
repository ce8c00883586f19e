"""Footprints of tiles as well-known binary: polygons in one piece, split where longitude ends."""

from __future__ import annotations

import struct

import numpy as np

from georet.types import Bools, Doubles

_POLYGON, _MULTI_POLYGON = 3, 6
_FLAT = np.dtype(
    [("order", "u1"), ("kind", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("xy", "<f8", (5, 2))]
)


def footprints_wkb(corners_latlon: Doubles) -> list[bytes]:
    """Return the footprints of corners float64[R, 4, 2] as little-endian WKB, longitude first.

    Rings run counterclockwise (RFC 7946, section 3.1.6). A tile that crosses the antimeridian
    becomes a MultiPolygon of its two parts (section 3.1.9), one that holds a pole a polygon along
    that pole's edge of the map.
    """
    rings = np.ascontiguousarray(corners_latlon[:, :, ::-1])
    polar = holds_pole(corners_latlon)
    crossing = (np.abs(rings[:, :, 0]).max(axis=1, initial=0) > 180) & ~polar
    footprints = _plain(rings)
    for row in np.flatnonzero(crossing):
        footprints[row] = _wkb(_cut(_counterclockwise(rings[row])))
    for row in np.flatnonzero(polar):
        footprints[row] = _wkb([_counterclockwise(_with_pole(rings[row]))])
    return footprints


def footprint_rings(corners_latlon: Doubles) -> list[Doubles]:
    """Return one footprint of corners float64[4, 2] as rings float64[P, 2], longitude first.

    They are open and counterclockwise, one for each polygon, cut as ``footprints_wkb`` says.
    """
    ring = corners_latlon[:, ::-1]
    if holds_pole(corners_latlon[None])[0]:
        return [_counterclockwise(_with_pole(ring))]
    return _cut(_counterclockwise(ring))


def _plain(rings: Doubles) -> list[bytes]:
    records = np.zeros(len(rings), _FLAT)
    records["order"], records["kind"], records["rings"], records["points"] = 1, _POLYGON, 1, 5
    clockwise = _area(rings) < 0
    rings = np.where(clockwise[:, None, None], rings[:, ::-1], rings)
    records["xy"] = np.concatenate([rings, rings[:, :1]], axis=1)
    raw, size = records.tobytes(), _FLAT.itemsize
    return [raw[start : start + size] for start in range(0, len(raw), size)]


def holds_pole(corners_latlon: Doubles) -> Bools:
    """Say of corners float64[R, 4, 2] which run round a pole: longitude turns by 360 degrees."""
    longitude = corners_latlon[:, :, 1]
    steps = np.roll(longitude, -1, axis=1) - longitude
    turned: Bools = np.abs(((steps + 180) % 360 - 180).sum(axis=1)) > 180
    return turned


def _area(rings: Doubles) -> Doubles:
    """Return signed areas [...] of rings [..., P, 2], positive counterclockwise (the shoelace)."""
    x, y = rings[..., 0], rings[..., 1]
    doubled = x * np.roll(y, -1, axis=-1) - y * np.roll(x, -1, axis=-1)
    area: Doubles = doubled.sum(axis=-1) / 2
    return area


def _counterclockwise(ring: Doubles) -> Doubles:
    return ring if _area(ring) >= 0 else ring[::-1]


def _cut(ring: Doubles) -> list[Doubles]:
    """Return the parts of a convex ring between -180 and 180, those beyond moved by a turn."""
    parts = []
    for turns in (-1, 0, 1):
        moved = ring + np.array([360.0 * turns, 0.0])
        part = _clip(_clip(moved, 180.0, keep=-1), -180.0, keep=1)
        if len(part) >= 3 and abs(float(_area(part))) > 0:
            parts.append(part)
    return parts


def _clip(ring: Doubles, longitude: float, *, keep: int) -> Doubles:
    """Cut a ring at a meridian; ``keep`` is the side, -1 west or 1 east (Sutherland, Hodgman)."""
    kept: list[Doubles] = []
    for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        before, after = keep * (start[0] - longitude), keep * (end[0] - longitude)
        if before >= 0:
            kept.append(start)
        if before * after < 0:
            share = before / (before - after)
            kept.append(np.array([longitude, start[1] + share * (end[1] - start[1])]))
    return np.array(kept).reshape(-1, 2)


def _with_pole(ring: Doubles) -> Doubles:
    """Return a ring round a pole as one along the map's edge: -180 to 180, and to the pole."""
    longitude = (ring[:, 0] + 180) % 360 - 180
    order = np.argsort(longitude)
    pole = 90.0 if ring[:, 1].mean() > 0 else -90.0
    edge = float(np.interp(180.0, longitude[order], ring[order, 1], period=360))
    inner = np.stack([longitude[order], ring[order, 1]], axis=1)
    return np.concatenate([[[-180.0, edge]], inner, [[180.0, edge], [180.0, pole], [-180.0, pole]]])


def _wkb(rings: list[Doubles]) -> bytes:
    polygons = [
        struct.pack("<BIII", 1, _POLYGON, 1, len(ring) + 1)
        + np.concatenate([ring, ring[:1]]).astype("<f8").tobytes()
        for ring in rings
    ]
    if len(polygons) == 1:
        return polygons[0]
    return struct.pack("<BII", 1, _MULTI_POLYGON, len(polygons)) + b"".join(polygons)


def bounds_latlon(corners_latlon: Doubles) -> list[float]:
    """Return west, south, east, north of corners float64[R, 4, 2], the narrowest such box."""
    latitude, longitude = corners_latlon[..., 0], corners_latlon[..., 1]
    # The narrowest box leaves out the widest gap. Tiles are taken as arcs, so that a gap is where
    # there is no tile, not where there is no corner.
    west, east = longitude.min(axis=1), longitude.max(axis=1)
    order = np.argsort(west % 360)
    starts, widths = (west % 360)[order], (east - west)[order]
    # How far east the tiles up to each one reach: a wide one may cover several starts after it.
    reach = np.maximum.accumulate(starts + widths)
    # The gap before a start begins where the tiles before it end. Before the first start those are
    # the last ones, a turn earlier; what reaches round the circle covers further starts too.
    wrapped = np.maximum(np.concatenate([[reach[-1] - 360], reach[:-1]]), reach[-1] - 360)
    gap = starts - wrapped
    first = int(np.argmax(gap))
    south, north = float(latitude.min()), float(latitude.max())
    # A tile that holds a pole reaches further than its corners: to the pole, at all longitudes.
    polar = latitude[holds_pole(corners_latlon)].mean(axis=1)
    south, north = (-90.0 if (polar < 0).any() else south), (90.0 if (polar > 0).any() else north)
    if gap[first] <= 0 or len(polar):
        return [-180.0, south, 180.0, north]
    return [_turned(starts[first]), south, _turned(wrapped[first]), north]


def _turned(longitude: float) -> float:
    return float((longitude + 180) % 360 - 180)
