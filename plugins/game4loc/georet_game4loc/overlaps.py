"""The data set ``overlaps``: another one, whose pairs are all photos and tiles that overlap."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy.spatial import cKDTree

from georet.cameras.pose import Pose
from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.training import Dataset
from georet.errors import ConfigError, DataError
from georet.geodesy import EARTH_RADIUS_M, chord, unit_vectors
from georet.ground.images import corners_of
from georet.ground.tangent import Tangent
from georet.progress import say
from georet.types import Doubles, EvaluationSet, ImageTable, Ints, PairTable
from georet_game4loc.footprints import iou, seen

Share = Annotated[float, Field(ge=0, lt=1)]
Metres = Annotated[float, Field(gt=0)]
Fov = Annotated[float, Field(gt=0, lt=180)]


class Overlaps:
    """The data set ``inner``, trained with every photo and tile whose footprints overlap.

    A tile is positive for a photo where the intersection over union of their footprints is above
    ``positive``, semi-positive above ``semi``; the pairs are the positives (``mode: pos``) or both
    (``pos_semipos``), with the overlap as column ``iou`` and a photo's other tiles as its
    semi-positives. Columns of ``inner``'s pairs come along from a photo's first pair there.

    Tiles must tell their ground. What a photo shows is its table's footprint; or follows from pose
    and ``fov_deg`` (horizontal, vertical), ``altitude_m``, ``heading_deg`` and, where there is such
    a column, ``tilt_rad``; or is a square of ``query_side_m``. Evaluation sets are those of
    ``inner``. The bounds are Game4Loc's (arXiv 2409.16925).
    """

    def __init__(
        self,
        inner: ComponentSpec,
        context: BuildContext,
        *,
        positive: Share = 0.39,
        semi: Share = 0.14,
        mode: Literal["pos", "pos_semipos"] = "pos_semipos",
        fov_deg: tuple[Fov, Fov] | None = None,
        query_side_m: Metres | None = None,
    ) -> None:
        if semi > positive:
            raise ConfigError(
                f"semi is {semi}, positive {positive}",
                where="game4loc:overlaps.semi",
                hint="Semi-positives overlap less than positives.",
            )
        if fov_deg is not None and query_side_m is not None:
            raise ConfigError(
                "a photo's ground follows from fov_deg or from query_side_m",
                where="game4loc:overlaps",
                hint="Leave one out.",
            )
        self.inner: Dataset = context.create("datasets", inner, "inner")
        self.positive, self.semi, self.mode = positive, semi, mode
        self.fov_deg, self.query_side_m = fov_deg, query_side_m

    def train(self) -> PairTable:
        """Return the pairs int64[N, V], with the column ``iou``."""
        table = self.inner.train()
        _, first = np.unique(table.pairs[:, 0], return_index=True)
        overlaps = list(self._overlaps(table, first))
        least = self.positive if self.mode == "pos" else self.semi
        rows, tiles, shares, others = [], [], [], []
        for row, near, found in overlaps:
            for tile, share in zip(near, found, strict=True):
                if share > least:
                    rows.append(row)
                    tiles.append(tile)
                    shares.append(share)
                    others.append(near[near != tile])
        num_without = len(first) - len(set(rows))
        if not rows:
            raise DataError(
                f"no photo overlaps a tile by more than {least:g}",
                where="game4loc:overlaps",
                hint="Are footprints in the same scale? positive and semi are the bounds.",
            )
        if num_without:
            say(f"overlaps: {num_without:,} of {len(first):,} photos overlap no tile, left out")
        pairs = table.pairs[rows].copy()
        pairs[:, 1] = tiles
        columns = {name: values[rows] for name, values in table.columns.items()}
        return replace(
            table,
            pairs=pairs,
            semi_positives=_padded(others),
            columns={**columns, "iou": np.array(shares)},
            alternatives={},
        )

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the evaluation sets of ``inner``."""
        return self.inner.evaluations()

    def _overlaps(self, table: PairTable, first: Ints) -> Iterator[tuple[int, Ints, Doubles]]:
        """Yield a photo's first pair, and tiles int64[M] with their overlaps above ``semi``."""
        queries, tiles = table.queries, table.references
        corners = corners_of(tiles)
        known = np.flatnonzero(np.isfinite(corners).all(axis=(1, 2)))
        if not len(known) or queries.latlon is None:
            whose = queries if len(known) else tiles
            raise DataError(
                f"{whose.name} don't tell where they are or what ground they show",
                where="game4loc:overlaps",
                hint="Tiles need latlon and side_m or corners_latlon, photos latlon.",
            )
        centres = corners[known].mean(axis=1)
        tree = cKDTree(unit_vectors(centres))
        grounds = self._grounds(queries)
        tile_reach = _reach_m(corners[known])
        for pair in first.tolist():
            row = int(table.pairs[pair, 0])
            plane = Tangent(*queries.latlon[row].tolist())
            ground = grounds(row, plane)
            reach = float(np.linalg.norm(ground, axis=1).max()) + tile_reach
            at = tree.query_ball_point(unit_vectors(queries.latlon[row][None])[0], chord(reach))
            near = known[np.sort(np.asarray(at, np.int64))]
            rings = plane.metres(corners[near].reshape(-1, 2)).reshape(-1, 4, 2)
            shares = np.array([iou(ground, ring) for ring in rings])
            kept = shares > self.semi if len(shares) else np.zeros(0, np.bool_)
            yield pair, near[kept], shares[kept]

    def _grounds(self, queries: ImageTable) -> _Grounds:
        return _Grounds(queries, self.fov_deg, self.query_side_m)


class _Grounds:
    """(row, plane) -> the ground float64[4, 2] that a photo shows, in metres of that plane."""

    def __init__(
        self,
        queries: ImageTable,
        fov_deg: tuple[float, float] | None,
        side_m: float | None,
    ) -> None:
        if fov_deg is None and side_m is not None:
            queries = replace(queries, side_m=np.full(len(queries), side_m), corners_latlon=None)
        self.queries, self.fov_deg = queries, fov_deg
        self.corners = corners_of(queries)

    def __call__(self, row: int, plane: Tangent) -> Doubles:
        if self.fov_deg is not None:
            return self._by_pose(row, self.fov_deg)
        if not np.isfinite(self.corners[row]).all():
            raise DataError(
                f"what {self.queries.in_words(row)} shows isn't known",
                where="game4loc:overlaps",
                hint="Give fov_deg, where the photos have altitude_m, or query_side_m.",
            )
        return plane.metres(self.corners[row])

    def _by_pose(self, row: int, fov_deg: tuple[float, float]) -> Doubles:
        queries = self.queries
        height = np.nan if queries.altitude_m is None else queries.altitude_m[row]
        heading = (
            0.0 if queries.heading_deg is None else float(np.nan_to_num(queries.heading_deg[row]))
        )
        tilt = float(queries.columns["tilt_rad"][row]) if "tilt_rad" in queries.columns else 0.0
        if not height > 0:
            raise DataError(
                f"how high {queries.in_words(row)} was taken isn't known",
                where="game4loc:overlaps.fov_deg",
                hint="A pose needs altitude_m in metres above the ground.",
            )
        return seen(Pose(0.0, 0.0, float(height), math.radians(heading), tilt), fov_deg)


def _reach_m(corners: Doubles) -> float:
    """Return the greatest distance from a tile's middle to its corners, in metres."""
    middles = corners.mean(axis=1, keepdims=True)
    apart = unit_vectors(corners.reshape(-1, 2)).reshape(-1, 4, 3)
    apart = apart - unit_vectors(middles.reshape(-1, 2))[:, None]
    return float(np.linalg.norm(apart, axis=2).max()) * EARTH_RADIUS_M


def _padded(rows: list[Ints]) -> Ints:
    """Return lists of rows as int64[N, S], -1 pads."""
    table = np.full((len(rows), max(1, max(map(len, rows)))), -1, np.int64)
    for at, found in enumerate(rows):
        table[at, : len(found)] = found
    return table
