"""The re-ranker ``bearings``: edges whose streets lead where the photo shows streets come first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.searching import RerankContext, Reranked
from georet.types import Doubles, Ints
from georet_peng.bearings.bits import agrees, bits_of, log_chance, predicted_bits
from georet_peng.bearings.predicting import Directions
from georet_peng.city.canvas import is_canvas
from georet_peng.city.graph import CityGraph
from georet_peng.city.plane import bearing_of
from georet_peng.posing.refiner import graph_of


class Bearings:
    """Re-orders edges by the directions in which the photo shows streets.

    ``weights`` is what ``georet peng learn`` wrote; the photo's bits are predicted by it. ``graph``
    or ``dataset`` are as for ``streets``. ``mode: weigh`` adds ``weight`` times the mean
    log-probability of what is seen to the cosine; ``filter`` puts edges whose bits agree before all
    others, as SpaGBOL does. ``north: known`` says that canvases have it in their middle. An edge
    counts by the best of its two nodes and the street between them.
    """

    def __init__(
        self,
        *,
        weights: Path,
        graph: Path | None = None,
        dataset: ComponentSpec | None = None,
        candidates: Annotated[int, Field(ge=1)] = 200,
        mode: Literal["weigh", "filter"] = "weigh",
        weight: Annotated[float, Field(ge=0)] = 0.2,
        north: Literal["known", "unknown"] = "known",
        context: BuildContext | None = None,
    ) -> None:
        self.max_candidates, self.mode, self.weight = candidates, mode, weight
        self.is_north_known = north == "known"
        self.directions = Directions.load(weights)
        self.graph = graph_of(graph, dataset, context)
        self._views: dict[int, list[Doubles]] = {}
        self._edge_of = {name: row for row, name in enumerate(self.graph.edge_ids)}

    def __call__(
        self, _query: Path, _candidates: Sequence[Path], /, context: RerankContext
    ) -> Reranked:
        """Return the order of the candidates; unchanged where the photo tells nothing."""
        edges = [self._edge_of.get(tile.id, -1) for tile in context.tiles]
        if min(edges, default=-1) < 0:
            return Reranked(None, reason="not all candidates are edges of the graph")
        if not is_canvas(context.pixels):
            return Reranked(None, reason="the photo is no panorama")
        chances = self.directions(context.pixels)
        if not np.isfinite(chances).any():
            return Reranked(None, reason="the photo is black")
        order, gains = self.order(chances, edges, context.scores.astype(np.float64))
        return Reranked(order, scores=gains.astype(np.float32))

    def order(
        self, chances: Doubles, edges: Sequence[int], scores: Doubles
    ) -> tuple[Ints, Doubles]:
        """Return the order int64[k] of edges with cosines ``scores`` [k], and what it goes by."""
        if self.mode == "filter":
            gains = np.array([self._agrees(chances, edge) for edge in edges], np.float64)
            return np.lexsort((np.arange(len(edges)), -gains)), gains
        gains = np.array([self._log_chance(chances, edge) for edge in edges])
        total = np.asarray(scores, np.float64) + self.weight * gains
        return np.argsort(-total, kind="stable"), total

    def _seen(self, edge: int) -> list[Doubles]:
        if edge not in self._views:
            self._views[edge] = views_of(self.graph, edge)
        return self._views[edge]

    def _agrees(self, chances: Doubles, edge: int) -> bool:
        bits, seen = predicted_bits(chances)
        return any(
            agrees(bits, seen, bits_of(each), is_north_known=self.is_north_known)
            for each in self._seen(edge)
        )

    def _log_chance(self, chances: Doubles, edge: int) -> float:
        return max(
            log_chance(chances, each, is_north_known=self.is_north_known)
            for each in self._seen(edge)
        )


def views_of(graph: CityGraph, edge: int) -> list[Doubles]:
    """Return the bearings of streets as seen from an edge's first node, its second, and between."""
    one, other = graph.ends[edge].tolist()
    along = float(bearing_of(graph.nodes_m[other] - graph.nodes_m[one]))
    between = np.array([along, along + np.pi])
    return [graph.bearings_rad(one), graph.bearings_rad(other), between]
