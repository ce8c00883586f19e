"""What re-rankers and refiners see of an evaluation set: tiles, cameras, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from georet.contracts.refining import Camera, Patch, Tile
from georet.contracts.searching import RerankContext
from georet.data.images import MAX_PIXELS, read_image
from georet.ground.images import corners_of, sides_of
from georet.types import EvaluationSet, Floats, Ranking

CAMERA: Final = {name: name for name in ("heading_deg", "tilt_deg", "roll_deg", "fov_deg")} | {
    "altitude_m": "height_m"
}
"""The columns of queries that say something of a ``Camera``, and what they are called there."""


@dataclass(frozen=True)
class Scene:
    """A ranked set of Q queries and R references, with both sides' embeddings float32[., D]."""

    which: EvaluationSet
    query: Floats
    reference: Floats
    max_pixels: int = MAX_PIXELS

    def tiles(self, ranking: Ranking, query: int, num: int) -> list[Tile]:
        """Return the ``num`` best references of a query, less where the gallery has fewer."""
        gallery, rows = self.which.gallery, ranking.top[query, :num]
        rows = rows[rows >= 0]
        unknown = np.full((len(rows), 2), np.nan)
        latlon = unknown if gallery.latlon is None else gallery.latlon[rows]
        shown = gallery.take(rows)
        corners, side_m = corners_of(shown), sides_of(shown)
        return [
            Tile(
                id=gallery.ids[row],
                row=row,
                latlon=(float(latlon[at, 0]), float(latlon[at, 1])),
                corners_latlon=corners[at],
                side_m=float(side_m[at]),
                score=float(ranking.top_score[query, at]),
                belief=float("nan"),
                read=partial(self._patch, row, corners[at]),
            )
            for at, row in enumerate(rows.tolist())
        ]

    def camera(self, query: int, known: Sequence[str]) -> Camera:
        """Return what of a query's camera is taken as known: columns of its table, NaN is not."""
        table = self.which.queries
        values = {name: float(table.column(name)[query]) for name in known}
        return Camera(**{CAMERA[name]: v for name, v in values.items() if np.isfinite(v)})

    def context(self, query: int, tiles: Sequence[Tile]) -> RerankContext:
        """Return what a re-ranker may look at."""
        path = self.which.queries.paths[query]
        return RerankContext(
            photo=path,
            tiles=tiles,
            embedding=_unit(self.query[query]),
            embeddings=_unit(self.reference[[tile.row for tile in tiles]]),
            read_photo=partial(read_image, path, max_pixels=self.max_pixels),
        )

    def _patch(self, row: int, corners: Any) -> Patch:
        path = self.which.gallery.paths[row]
        return Patch(read_image(path, max_pixels=self.max_pixels), corners)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)
