"""Photos to places on the edges of a city graph: retrieval, then poses; and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.data.images import preprocess, read_image
from georet.embeddings import embed
from georet.geodesy import distance_m
from georet.plugins import UNSAID, Selection
from georet.sessions import SessionSpec
from georet.types import QUERY, REFERENCE, Doubles, Floats, Pixels
from georet_peng.city.canvas import turned
from georet_peng.city.graph import CityGraph
from georet_peng.city.plane import along_segment
from georet_peng.posing.placing import Gates, Placed, place
from georet_peng.posing.streets import StreetMap

NUM_TURNS: Final = 16
"""Headings that are tried where a photo's isn't known."""
_BATCH: Final = 64


@dataclass(frozen=True)
class Truth:
    """Where a photo was taken; its canvas's middle looked to ``heading_deg``."""

    latlon: tuple[float, float]
    heading_deg: float


@dataclass(frozen=True)
class Answer:
    """The edges of a photo, best first, and where it was placed among them."""

    photo: str
    canvas: Pixels
    ranked: Sequence[int]
    placed: Placed
    truth: Truth | None


@dataclass(frozen=True)
class Locator:
    """The encoder of a run, and the graph of a city in which photos are looked for."""

    run: Path
    graph: CityGraph
    candidates: int = 400
    gates: Gates = field(default_factory=Gates)
    checkpoint: str = "last"
    selection: Selection = UNSAID

    def __call__(
        self, name: str, canvas: Pixels, heading_deg: float | None, truth: Truth | None = None
    ) -> Answer:
        """Return where a canvas uint8[H, 2H, 3] was taken; ``heading_deg`` is its middle's."""
        ranked = np.argsort(-self.scores(canvas, heading_deg), kind="stable")
        placed = place(
            self.streets,
            canvas,
            ranked[: self.candidates],
            self.gates,
            heading_rad=None if heading_deg is None else float(np.radians(heading_deg)),
        )
        return Answer(name, canvas, ranked.tolist(), placed, truth)

    def scores(self, canvas: Pixels, heading_deg: float | None) -> Doubles:
        """Return the edges' scores float64[E], each the mean of the cosines of both its ends.

        Without a heading NUM_TURNS are tried, and each edge counts by its best one.
        """
        if heading_deg is None:
            turns = np.arange(NUM_TURNS) * 360 / NUM_TURNS
        else:
            turns = np.array([-heading_deg])
        embedded = self._embedded(QUERY, [turned(canvas, float(turn)) for turn in turns])
        cosines = embedded @ self.nodes_embedded.T
        found: Doubles = cosines[:, self.graph.ends].mean(axis=2).max(axis=0).astype(np.float64)
        return found

    @cached_property
    def streets(self) -> StreetMap:
        """The street images of the city."""
        return StreetMap(self.graph)

    @cached_property
    def nodes_embedded(self) -> Floats:
        """Embeddings of the nodes' tiles float32[N, D]."""
        paths = self.graph.nodes.paths
        return np.concatenate(
            [
                self._embedded(REFERENCE, [read_image(path) for path in paths[at : at + _BATCH]])
                for at in range(0, len(paths), _BATCH)
            ]
        )

    def _embedded(self, view: str, images: Sequence[Pixels]) -> Floats:
        session = self._sessions[view]
        size, rule = session.identity.size, session.identity.resize_rule
        return embed(session, np.stack([preprocess(image, size, rule) for image in images]))

    @cached_property
    def _sessions(self) -> dict[str, Any]:
        return {
            view: SessionSpec(
                self.run, view, checkpoint=self.checkpoint, selection=self.selection
            ).open()
            for view in (QUERY, REFERENCE)
        }


def record(answer: Answer, graph: CityGraph) -> dict[str, Any]:
    """Return an answer as JSON values; distances in metres, angles in degrees."""
    placed, best = answer.placed, int(answer.ranked[0])
    found: dict[str, Any] = {
        "photo": answer.photo,
        "is_placed": not placed.reason,
        "reason": placed.reason,
        "retrieved_edge": graph.edge_ids[best],
    }
    middle = graph.plane.latlon(graph.nodes_m[graph.ends[best]].mean(axis=0))
    place_of = middle
    if placed.xy_m is not None and not placed.reason:
        place_of = graph.plane.latlon(placed.xy_m)
        assert placed.covariance_m2 is not None
        found |= {
            "edge": graph.edge_ids[placed.edge],
            "rank": answer.ranked.index(placed.edge) + 1,
            "along_m": _along_m(graph, placed.edge, placed.xy_m),
            "from_edge_m": round(placed.from_edge_m, 2),
            "latitude": round(float(place_of[0]), 7),
            "longitude": round(float(place_of[1]), 7),
            "sigma_m": round(float(np.sqrt(np.linalg.eigvalsh(placed.covariance_m2)[-1])), 2),
            "heading_deg": round(float(np.degrees(placed.heading_rad) % 360), 2),
            "by": placed.by,
            "inliers": placed.inliers,
            "street_images": placed.num_images,
        }
    if answer.truth is not None:
        true = np.array(answer.truth.latlon)
        found["retrieval_error_m"] = round(float(distance_m(true, middle)), 2)
        found["error_m"] = round(float(distance_m(true, place_of)), 2)
        if "heading_deg" in found:
            off = (found["heading_deg"] - answer.truth.heading_deg + 180) % 360 - 180
            found["heading_error_deg"] = round(abs(off), 2)
    return found


def in_words(found: dict[str, Any], num_edges: int) -> list[str]:
    """Return the lines that are printed of a record."""
    if not found["is_placed"]:
        lines = [f"{found['photo']}: not placed: {found['reason']}"]
        lines += [f"  best edge by retrieval {found['retrieved_edge']}"]
    else:
        along = f"{found['along_m']:.1f} m along it (rank {found['rank']:,} of {num_edges:,})"
        at = f"{found['latitude']:.7f}, {found['longitude']:.7f} (+- {found['sigma_m']:.1f} m)"
        lines = [
            f"{found['photo']}: edge {found['edge']}, {along}",
            f"  position {at}, heading {found['heading_deg']:.1f} degrees",
        ]
        what = "landmarks and pairs" if found["by"] == "pose" else "its street image's own place"
        lines += [
            f"  by {what}: {found['inliers']} features, {found['street_images']} street images"
        ]
    if "error_m" in found:
        told = f"  error {found['error_m']:.1f} m, {found['retrieval_error_m']:.1f} m by retrieval"
        if "heading_error_deg" in found:
            told += f"; heading off by {found['heading_error_deg']:.1f} degrees"
        lines.append(told)
    return lines


def _along_m(graph: CityGraph, edge: int, xy_m: Doubles) -> float:
    start, end = graph.nodes_m[graph.ends[edge]]
    _, share = along_segment(xy_m, start, end)
    return round(float(share * np.hypot(*(end - start))), 2)
