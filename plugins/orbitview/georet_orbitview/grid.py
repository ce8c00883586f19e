"""The places of OrbitView: an equal-spacing grid over land."""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.types import Doubles
from georet_orbitview.camera import tile_ground
from georet_orbitview.sources import land_mask

LAT_RANGE: Final = (-56.0, 68.0)
MIN_LAND: Final = 0.25
STEP_M: Final = {"full": 170_000.0, "mini": 900_000.0}
_M_PER_DEGREE: Final = 111_200.0
_PROBE: Final = 16


def places(size: str) -> Doubles:
    """Return the latlon float64[R, 2] of all places, from south to north, from west to east.

    Parallels stand ``STEP_M`` apart and so do the points on them; a point is a place where at
    least a quarter of its tile is land or lake.
    """
    step_m = STEP_M[size]
    rows = []
    for lat in np.arange(*LAT_RANGE, step_m / _M_PER_DEGREE):
        num = int(360 * np.cos(np.radians(lat)) * _M_PER_DEGREE / step_m)
        lon = -180 + (np.arange(num) + 0.5) * 360 / num
        lon = lon[_land_share(float(lat), lon) >= MIN_LAND]
        rows.append(np.stack([np.full(len(lon), lat), lon], axis=1))
    return np.concatenate(rows)


def _land_share(lat: float, lon: Doubles) -> Doubles:
    """Return the share of land float64[M] in the tiles centred on one parallel."""
    mask = land_mask()
    height, width = mask.shape
    ground = tile_ground(float(np.radians(lat)), _PROBE)
    y = ((0.5 - ground.lat_rad / np.pi) * height).astype(np.int64)
    x = (lon[:, None, None] + 180) / 360 + ground.lon_rad / (2 * np.pi)
    share: Doubles = mask[y, np.floor(x * width).astype(np.int64) % width].mean(axis=(1, 2))
    return share
