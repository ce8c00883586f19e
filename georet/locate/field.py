"""The score field of a photo: what every tile of a gallery says, and the tiles worth weighing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.search.rows import Stored
from georet.types import Bools, Doubles, Floats, Ints

CONTENDERS: Final = 2048
"""So many of the best tiles are weighed against each other; the others hardly matter."""
_BLOCK: Final = 16_000_000
"""Scores that are held at a time."""


@dataclass(frozen=True)
class Field:
    """The M best tiles of a photo: rows int64[M], merits float32[M], best first.

    A tile's merit is its cosine, plus what a prior adds to it on the same scale.
    """

    rows: Ints
    merits: Floats

    def belief(self, sharpness: float, stray: float = 0.0) -> Doubles:
        """Return shares float64[M] that sum to 1: softmax of the merits times ``sharpness``.

        The share ``stray`` of the belief is spread evenly, for photos that look like nothing.
        """
        if not len(self.rows):
            return np.empty(0)
        # Beside the best merit, which comes first: nothing overflows, and shares stay the same.
        weights = np.exp(sharpness * (self.merits.astype(np.float64) - float(self.merits[0])))
        shares: Doubles = (1 - stray) * weights / weights.sum() + stray / len(weights)
        return shares


def score_blocks(
    queries: Floats, embeddings: Stored, allowed: Bools | None = None
) -> Iterator[tuple[int, Floats]]:
    """Yield (first query, cosines float32[B, R]) for all queries float32[Q, D], in bounded blocks.

    ``embeddings`` are [R, D], in memory or on disk, where they are read once a block of queries;
    all are of unit length. What is not ``allowed`` bool[R] may be left out: -inf.
    """
    num_tiles = embeddings.shape[0]
    step = max(1, _BLOCK // max(1, num_tiles))
    for start in range(0, len(queries), step):
        some = queries[start : start + step]
        scores = np.full((len(some), num_tiles), -np.inf, np.float32)
        for first, rows in embeddings.blocks(allowed):
            np.matmul(some, rows.T, out=scores[:, first : first + len(rows)])
        yield start, scores


def best_of(merits: Floats, allowed: Bools | None, num: int = CONTENDERS) -> Field:
    """Return the ``num`` best tiles of merits float32[R], of those ``allowed`` bool[R]."""
    rows = np.arange(len(merits)) if allowed is None else np.flatnonzero(allowed)
    if len(rows) > num:
        # A partition comes in no order; ascending, the stable sort below breaks ties by row.
        part = np.argpartition(-merits[rows], num - 1)[:num]
        rows = np.sort(rows[part])
    # Equal merits stand in the order of their rows, so that the answer never wavers.
    rows = rows[np.argsort(-merits[rows], kind="stable")]
    return Field(rows.astype(np.int64), merits[rows])


def heat_of(merits: Floats, allowed: Bools | None, sharpness: float) -> Floats:
    """Return each tile's belief relative to the best one's, float32[R], 0 where not allowed."""
    inside = np.ones(len(merits), np.bool_) if allowed is None else allowed
    heat = np.zeros(len(merits), np.float32)
    if inside.any():
        heat[inside] = np.exp(np.float32(sharpness) * (merits[inside] - merits[inside].max()))
    return heat
