"""What locating a photo gives: a place, how sure it is, and the tiles that speak for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from georet.contracts.refining import Camera, LatLon, Refinement
from georet.page.cards import card, place_map
from georet.page.drawn import axes_for, draw_place
from georet.page.readable import metres, position
from georet.search.reranking import Reordering
from georet.tiles.table import TileTable
from georet.types import Doubles, Floats, Ints

__all__ = ["Candidate", "LatLon", "Location", "candidates_of"]


@dataclass(frozen=True)
class Candidate:
    """A tile that looks like the photo; corners run top left, top right, bottom right, bottom left.

    ``score`` is the cosine of photo and tile. Corners run on beyond 180 degrees where the tile
    crosses the antimeridian. ``belief`` is the share of belief in this tile among all,
    ``rerank_score`` what a re-ranker gave it, if it saw the tile and gives scores.
    """

    row: int
    id: str
    latlon: LatLon
    corners_latlon: tuple[LatLon, ...]
    score: float
    side_m: float
    belief: float = 0.0
    rerank_score: float | None = None


def candidates_of(
    rows: Ints, tiles: TileTable, scores: Floats, belief: Doubles, reordering: Reordering | None
) -> tuple[Candidate, ...]:
    """Return the tiles of rows int64[k], with their cosines [k] and beliefs [k], best first."""
    return tuple(
        Candidate(
            row=int(row),
            id=tiles.ids[at],
            latlon=(float(tiles.latlon[at, 0]), float(tiles.latlon[at, 1])),
            corners_latlon=tuple((lat, lon) for lat, lon in tiles.corners_latlon[at].tolist()),
            score=float(scores[at]),
            side_m=float(tiles.side_m[at]),
            belief=float(belief[at]),
            rerank_score=None if reordering is None else reordering.score_at(at),
        )
        for at, row in enumerate(rows.tolist())
    )


@dataclass(frozen=True)
class Location:
    """Where one photo was taken, as far as the gallery tells.

    ``latlon`` is the estimate in degrees. The truth lies within ``radius_50_m`` of it in half of
    the cases, within ``radius_90_m`` in nine of ten; ``confidence`` is the chance that it lies
    within ``reach_m`` (half a tile's diagonal). All three are None without a calibration.
    ``abstained`` says that the confidence is below the calibrated threshold. ``heat`` float32[R]
    is each tile's belief relative to the best one's, 0 outside a region; float32[0] if not asked.
    ``refinement`` is a refiner's answer where one was asked: accepted, it is the ``latlon``, and
    radii and confidence, which were calibrated for retrieval, are None; ``refined_tile`` is the id
    of the tile it rests on. ``note`` says what the refiner was not given, such as imagery that is
    gone. ``reordering`` is what a re-ranker did, where one was asked, and ``rerank_note`` what it
    was not given. ``view`` says how the photo was turned and scaled; empty: it was not.
    ``camera`` is what was known of the camera beforehand, ``footprint_latlon`` the ground in the
    photo's corners (top left, then clockwise as seen in the photo), None where that isn't known.
    ``retrieved_latlon`` is where retrieval alone would put a photo that was refined.
    """

    photo: str
    latlon: LatLon
    radius_50_m: float | None
    radius_90_m: float | None
    confidence: float | None
    abstained: bool
    candidates: tuple[Candidate, ...]
    heat: Floats
    reach_m: float = 0.0
    refinement: Refinement | None = None
    refined_tile: str = ""
    note: str = ""
    view: str = ""
    reordering: Reordering | None = None
    rerank_note: str = ""
    camera: Camera | None = None
    footprint_latlon: tuple[LatLon, ...] | None = None
    retrieved_latlon: LatLon | None = None

    def plot(self, axes: Any = None) -> Any:
        """Draw the place, its radii and the best tiles on matplotlib axes, and return those.

        MissingExtraError without matplotlib (extra ``plot``).
        """
        radii = {"50 %": self.radius_50_m, "90 %": self.radius_90_m}
        tiles = [(c.id, np.array(c.corners_latlon)) for c in self.candidates]
        return draw_place(axes_for(axes), self.latlon, radii, tiles)

    def _repr_html_(self) -> str:
        known = [r for r in (self.radius_50_m, self.radius_90_m) if r is not None]
        facts = {
            "place": position(self.latlon, self.radius_50_m),
            "radius, 50 %": metres(self.radius_50_m),
            "radius, 90 %": metres(self.radius_90_m),
            "confidence": "not calibrated" if self.confidence is None else f"{self.confidence:.0%}",
            "answer": "abstained" if self.abstained else self._method(),
            **{f"tile {n}": f"{c.id}, cosine {c.score:.3f}" for n, c in self._best()},
        }
        outlines = [np.array(c.corners_latlon) for _, c in self._best()]
        return card(self.photo, facts, place_map(self.latlon, known, outlines))

    def _best(self) -> list[tuple[int, Candidate]]:
        return list(enumerate(self.candidates[:3], start=1))

    def _method(self) -> str:
        is_refined = self.refinement is not None and self.refinement.is_accepted
        return "refined" if is_refined else "retrieved"
