"""PMTiles' numbers of tiles (version 3): levels one by one, each along Hilbert's curve.

As ``pmtiles.tile.tileid_to_zxy``, for millions of numbers at once.
"""

from __future__ import annotations

import numpy as np

from georet.types import Ints


def first_number(zoom: int) -> int:
    """Return the number of the first tile of a level: that many lie on the levels above."""
    return int((4**zoom - 1) // 3)


def columns_and_rows(zoom: int, numbers: Ints) -> Ints:
    """Return x, y int64[R, 2] of tiles of one level by their numbers int64[R].

    Each two bits, from the last on, tell the quarter of a square of twice the side, and how the
    square so far is turned in it.
    """
    position = numbers - first_number(zoom)
    x, y = np.zeros_like(position), np.zeros_like(position)
    for level in range(zoom):
        side = 1 << level
        right = (position >> 1) & 1
        down = (position ^ right) & 1
        flipped = (down == 0) & (right == 1)
        x, y = np.where(flipped, side - 1 - x, x), np.where(flipped, side - 1 - y, y)
        x, y = np.where(down == 0, y, x), np.where(down == 0, x, y)
        x, y = x + side * right, y + side * down
        position = position >> 2
    return np.stack([x, y], axis=-1)
