"""Tables of Web Mercator tiles."""

from __future__ import annotations

import numpy as np

from georet.ground.wgs84 import latlon_of_mercator, mean_side_m, tile_bounds_m
from georet.tiles.table import TileTable
from georet.types import Ints

_STEPS = 8


def mercator_table(zoom: int, xy: Ints) -> TileTable:
    """Return the table of Web Mercator tiles x, y int64[R, 2]; footprints are their bounds."""
    west, south, east, north = tile_bounds_m(zoom, xy).T
    centre = latlon_of_mercator(np.stack([(west + east) / 2, (south + north) / 2], axis=-1))
    share = np.arange(_STEPS) / _STEPS
    zero, one = np.zeros(_STEPS), np.ones(_STEPS)
    right = np.concatenate([share, one, 1 - share, zero])
    down = np.concatenate([zero, share, one, 1 - share])
    x = west[:, None] + right * (east - west)[:, None]
    y = north[:, None] - down * (north - south)[:, None]
    ring = latlon_of_mercator(np.stack([x, y], axis=-1))
    ids = [f"{zoom}/{column}/{row}" for column, row in xy.tolist()]
    return TileTable(ids, centre, ring[:, ::_STEPS], mean_side_m(ring))


def column_range(x: Ints, num: int) -> tuple[int, int]:
    """Return the first column of x int64[R], and how many, so that the widest gap is left out.

    Columns go round: 0 follows ``num - 1``.
    """
    used = np.unique(x)
    gaps = np.diff(np.append(used, used[0] + num))
    widest = int(np.argmax(gaps))
    first = int(used[(widest + 1) % len(used)])
    return first, int(num - gaps[widest] + 1)
