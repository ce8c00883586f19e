"""Flat maps of a few points or the whole world: equirectangular, true to scale in the middle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from georet.types import Doubles

_WORLD_LATLON = (180.0, 360.0)
_SMALLEST_LATLON = 1e-4
_PADDING = 0.06


@dataclass(frozen=True)
class MapFrame:
    """A window on the Earth, ``width`` x ``height`` units round ``centre_latlon``."""

    centre_latlon: tuple[float, float]
    scale: float
    """Units of the picture for one degree of latitude."""
    width: float
    height: float

    def xy(self, latlon: Doubles) -> Doubles:
        """Return float64[M, 2] in picture units, y downward, each longitude on its near side."""
        lat0, lon0 = self.centre_latlon
        east = (latlon[:, 1] - lon0 + 180) % 360 - 180
        x = self.width / 2 + east * _squeeze(lat0) * self.scale
        return np.stack([x, self.height / 2 - (latlon[:, 0] - lat0) * self.scale], axis=1)


def frame_of(latlon: Doubles, *, width: float, aspect: tuple[float, float]) -> MapFrame:
    """Return the window round positions float64[M, 2], its width to height within ``aspect``."""
    low, high = latlon[:, 0].min(), latlon[:, 0].max()
    lat0, (lon0, lon_span) = float(low + high) / 2, _longitudes(latlon[:, 1])
    tall = max(float(high - low), _SMALLEST_LATLON) * (1 + 2 * _PADDING)
    wide = max(lon_span, _SMALLEST_LATLON) * (1 + 2 * _PADDING) * _squeeze(lat0)
    wide, tall = max(wide, tall * aspect[0]), max(tall, wide / aspect[1])
    limit = _WORLD_LATLON[1] * _squeeze(lat0)
    if wide > limit:
        wide, tall = limit, min(tall, limit / aspect[0])
    scale = width / wide
    return MapFrame((lat0, lon0), scale, width, round(tall * scale, 1))


def dots(frame: MapFrame, latlon: Doubles, *, cell: float = 1.0) -> str:
    """Return a path of one dot for each cell of ``cell`` units that holds a position."""
    xy = _inside(frame, frame.xy(latlon))
    cells = np.unique(np.round(xy / cell).astype(np.int64), axis=0) * cell
    return "".join(f"M{x:g} {y:g}h0" for x, y in cells.tolist())


def crosses(frame: MapFrame, latlon: Doubles, *, size: float) -> str:
    """Return a path of one oblique cross for each position."""
    arm, both = size / 2, f"{size:g}"
    xy = _inside(frame, frame.xy(latlon)).round(1)
    return "".join(
        f"M{x - arm:.1f} {y - arm:.1f}l{both} {both}m0-{both}l-{both} {both}" for x, y in xy
    )


def _inside(frame: MapFrame, xy: Doubles) -> Doubles:
    keep = (xy >= 0).all(axis=1) & (xy <= (frame.width, frame.height)).all(axis=1)
    return xy[keep]


def _squeeze(latitude_latlon: float) -> float:
    return max(0.05, math.cos(math.radians(latitude_latlon)))


def _longitudes(lon_latlon: Doubles) -> tuple[float, float]:
    """Return middle and span of longitudes, on the side of the Earth where the span is shortest."""
    ring = np.unique((lon_latlon + 180) % 360 - 180)
    gaps = np.diff(np.append(ring, ring[0] + 360))
    widest = int(np.argmax(gaps))
    span = 360 - float(gaps[widest])
    if span > 300:
        return 0.0, 360.0
    start = float(ring[(widest + 1) % len(ring)])
    return (start + span / 2 + 180) % 360 - 180, span
