"""Photos that show much more than a tile: their pieces vote for the tile in the middle."""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.geodesy import EARTH_RADIUS_M
from georet.locate.layout import Layout
from georet.types import Doubles, Floats, Ints

_SAME_SIZE: Final = 0.9
_NEAR: Final = 0.5
"""A tile within this share of its side shows a piece's ground."""
_KEPT: Final = 64


class Votes:
    """Adds up what pieces of a photo say of the tiles where they would lie."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._known: dict[tuple[float, float], Ints] = {}

    def __len__(self) -> int:
        return len(self._layout)

    def pooled(self, scores: Floats, offsets_m: Doubles) -> Floats:
        """Return the mean score float32[R] of the pieces, were each tile in the photo's middle.

        ``scores`` float32[V, R] are those of V pieces at offsets [V, 2] east and north of the
        middle, -inf where nothing is known; where the map has no tile a piece says what it says of
        tiles on average. -inf where nothing is known of any piece.
        """
        total, seen = np.zeros(scores.shape[1], np.float32), np.zeros(scores.shape[1], np.bool_)
        for own, offset in zip(scores, offsets_m, strict=True):
            known = np.isfinite(own)
            if not known.any():
                continue
            # Of an index only the best come back: what it leaves out is no better than the last.
            usual = float(own[known].mean() if known.all() else own[known].min())
            rows = self._rows(offset)
            there = (rows >= 0) & known[rows]
            total += np.where(there, own[rows], usual)
            seen |= there
        return np.where(seen, total / len(scores), -np.inf).astype(np.float32)

    def _rows(self, offset: Doubles) -> Ints:
        """Return the tile int64[R] that lies that far from each tile; -1 where there is none."""
        key = float(offset[0]), float(offset[1])
        if key not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            side_m = self._layout.side_m
            among = np.flatnonzero(side_m >= _SAME_SIZE * side_m.max())
            rows, away_m = self._layout.nearest(_moved(self._layout.points, offset), among)
            self._known[key] = np.where(away_m <= _NEAR * side_m[rows], rows, -1)
        return self._known[key]


def _moved(points: Doubles, offset_m: Doubles) -> Doubles:
    """Return points float64[R, 3] of the unit sphere, moved by metres east and north."""
    east = np.column_stack([-points[:, 1], points[:, 0], np.zeros(len(points))])
    east /= np.maximum(np.linalg.norm(east, axis=1, keepdims=True), 1e-12)
    north = np.cross(points, east)
    found = points + (east * offset_m[0] + north * offset_m[1]) / EARTH_RADIUS_M
    moved: Doubles = found / np.linalg.norm(found, axis=1, keepdims=True)
    return moved
