"""Which places train, which are held out, and which do neither because they touch the latter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from scipy.spatial import cKDTree

from georet.geodesy import EARTH_RADIUS_M, chord, unit_vectors
from georet.types import Bools, Doubles, Floats, Ints
from georet_orbitview.camera import TILE_SIDE_M

NUM_SAME_AREA: Final = {"full": 400, "mini": 16}
AMERICAS_EAST_LATLON: Final = -25.0
AFRICA_LATLON: Final[Floats] = np.array(
    [
        *[(36.2, -7.0), (35.6, -2.0), (37.8, 3.0), (38.0, 11.0), (35.0, 12.0), (34.0, 20.0)],
        *[(32.5, 32.4), (29.9, 32.5), (27.5, 34.2), (20.0, 38.7), (15.0, 41.0), (12.5, 43.4)],
        *[(12.0, 52.0), (0.0, 54.0), (-30.0, 54.0), (-40.0, 30.0), (-40.0, 8.0), (0.0, 0.0)],
        *[(5.0, -20.0), (25.0, -20.0)],
    ],
    dtype=np.float32,
)
"""Corners round Africa with Madagascar, through the seas, the Suez Canal and the Red Sea."""

MARGIN_M: Final = 2 * EARTH_RADIUS_M * float(np.arctan(TILE_SIDE_M / np.sqrt(2) / EARTH_RADIUS_M))
"""594 km, a tile's diagonal: two tiles whose centres stand further apart share no ground."""

_STREAM: Final = 3
"""Keeps this draw apart from those of the photos, which share the seed."""


@dataclass(frozen=True)
class Split:
    """Rows of the places, each int64[M], ascending; the four sets are disjoint and leave none out.

    ``margin`` are places outside the held-out region whose tiles may share ground with its tiles.
    """

    train: Ints
    same_area: Ints
    held_out: Ints
    margin: Ints


def split_places(latlon: Doubles, region: str, num_same_area: int, seed: int) -> Split:
    """Divide the places float64[R, 2]: hold out a region, drop a margin, draw same-area places."""
    held_out = in_region(latlon, region)
    nearest, _ = cKDTree(unit_vectors(latlon[held_out])).query(unit_vectors(latlon))
    margin = ~held_out & (np.asarray(nearest) < chord(MARGIN_M))
    rest = np.flatnonzero(~held_out & ~margin)
    drawn = np.random.default_rng([_STREAM, seed]).choice(rest, num_same_area, replace=False)
    return Split(
        train=np.setdiff1d(rest, drawn),
        same_area=np.sort(drawn),
        held_out=np.flatnonzero(held_out),
        margin=np.flatnonzero(margin),
    )


def in_region(latlon: Doubles, region: str) -> Bools:
    """Say of each of float64[M, 2] whether it lies in ``americas`` or ``africa``.

    The Americas are everything west of 25 W, which includes the tip of Chukotka and some islands.
    """
    if region == "americas":
        west: Bools = latlon[:, 1] < AMERICAS_EAST_LATLON
        return west
    inside = [
        cv2.pointPolygonTest(AFRICA_LATLON, (lat, lon), False) >= 0 for lat, lon in latlon.tolist()
    ]
    return np.array(inside, dtype=np.bool_)
