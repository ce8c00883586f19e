"""What an encoder is worth on photos of known places, by what is told of their cameras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from torch import Tensor

from georet.ground.wgs84 import span_m
from georet.tiles.table import TileTable
from georet.types import Bools, Doubles

TELEMETRY: Final = "telemetry"
NO_HEADING: Final = "no heading"
ALONE: Final = "photo alone"
"""Height, tilt and heading told; the heading not told, so that twelve are tried; nothing told, and
twelve tried."""
_DEPTH: Final = 5


@dataclass(frozen=True)
class Score:
    """How Q photos were found: shares of them in percent, metres from the best tile's centre."""

    number: int
    recall_1: float
    recall_5: float
    median_m: float
    hits: Bools
    top: Any

    def as_json(self) -> dict[str, float]:
        """Return the figures."""
        return {
            "photos": self.number,
            "recall@1": round(self.recall_1, 2),
            "recall@5": round(self.recall_5, 2),
            "median_m": float(f"{self.median_m:.4g}"),
        }


def score_of(scores: Tensor, latlon: Doubles, tiles: TileTable) -> Score:
    """Return how photos taken at latlon [Q, 2] fare with cosines float32[Q, R].

    Right is a tile on whose ground the photo's middle lies.
    """
    depth = min(_DEPTH, len(tiles))
    top = scores.topk(depth, dim=1).indices.numpy()
    right = np.stack(
        [lies_in(latlon, tiles.corners_latlon[top[:, place]]) for place in range(depth)], axis=1
    )
    away = span_m(latlon, tiles.latlon[top[:, 0]])
    return Score(
        number=len(latlon),
        recall_1=100 * int(right[:, 0].sum()) / len(right),
        recall_5=100 * int(right.any(axis=1).sum()) / len(right),
        median_m=float(np.median(away)),
        hits=right[:, 0],
        top=top,
    )


def cosines(queries: Tensor, tiles: Tensor, turns: int = 1) -> Tensor:
    """Return cosines [Q, R]; of ``turns`` queries a photo, one after the other, the greatest."""
    found = queries @ tiles.T
    return found.view(-1, turns, len(tiles)).amax(dim=1)


def is_better(after: Bools, before: Bools) -> bool:
    """Say whether one encoder finds more of the same photos than another, beyond chance.

    The mean of the paired differences is more than 1.96 of its standard errors above 0.
    """
    gains = after.astype(np.float64) - before.astype(np.float64)
    if len(gains) < 2 or not gains.any():
        return False
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return bool(gains.mean() > 1.96 * error)


def lies_in(latlon: Doubles, corners: Doubles) -> Bools:
    """Return bool[Q]: whether places [Q, 2] lie in convex outlines [Q, 4, 2]."""
    place = latlon[:, None].copy()
    place[..., 1] += np.round((corners[..., :1, 1] - place[..., 1]) / 360) * 360
    edge = np.roll(corners, -1, axis=1) - corners
    off = place - corners
    side = edge[..., 0] * off[..., 1] - edge[..., 1] * off[..., 0]
    return np.asarray((side >= 0).all(axis=1) | (side <= 0).all(axis=1))
