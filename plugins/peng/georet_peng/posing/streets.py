"""The street images of a city graph as a map: which show what a photo shows, and what is where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from georet.data.images import read_image
from georet.types import Doubles, Ints
from georet_peng.city.canvas import check_canvas
from georet_peng.city.graph import NODE, CityGraph
from georet_peng.city.plane import wrapped
from georet_peng.posing.features import Rays, matched_between, rays_of
from georet_peng.posing.likeness import likenesses
from georet_peng.posing.pose import Sights, landmarks_of

GUIDED_RATIO: Final = 0.82
TURN_RAD: Final = np.radians(15)
"""By how much what a photo and a street image share may lie elsewhere in each, turned alike."""
NUM_TURNS: Final = 24
"""Headings that are tried where a photo's isn't known."""


class Shared(NamedTuple):
    """What a photo and street image ``row`` both show, turned by one angle: M features.

    ``photo`` int64[M] and ``street`` int64[M] are rows of their features. ``turn_rad`` is how much
    further to the right things lie for the street image's bearings: the photo's heading, nearly.
    """

    row: int
    photo: Ints
    street: Ints
    turn_rad: float

    def __len__(self) -> int:
        return len(self.photo)


class Likely(NamedTuple):
    """Street image ``row``, the photo's heading if it shows the same, and how much it does so."""

    row: int
    turn_rad: float
    likeness: float


@dataclass
class StreetMap:
    """Features and landmarks of a graph's street images; each is made when it is first asked for.

    ``most`` bounds the features of an image.
    """

    graph: CityGraph
    most: int = 800
    _rays: dict[int, Rays] = field(default_factory=dict)
    _landmarks: dict[tuple[int, int], tuple[Ints, Doubles]] = field(default_factory=dict)

    @cached_property
    def headings_rad(self) -> Doubles:
        """Bearings of the street images' middles float64[S]."""
        assert self.graph.streets.heading_deg is not None
        return np.radians(self.graph.streets.heading_deg)

    def rays(self, row: int) -> Rays:
        """Return the features of street image ``row``; azimuths are bearings from north."""
        if row not in self._rays:
            path = self.graph.streets.paths[row]
            found = rays_of(check_canvas(read_image(path), path), most=self.most)
            bearing = wrapped(found.azimuth_rad + self.headings_rad[row])
            self._rays[row] = Rays(bearing, found.elevation_rad, found.descriptors)
        return self._rays[row]

    def likely(
        self, photo: Rays, rows: Sequence[int], heading_rad: float | None = None
    ) -> list[Likely]:
        """Return the street images ``rows``, first those that show most of a photo.

        Without a heading NUM_TURNS are tried, and an image counts by the best one.
        """
        if heading_rad is None:
            turns: Doubles = np.arange(NUM_TURNS, dtype=np.float64) * (2 * np.pi / NUM_TURNS)
        else:
            turns = np.array([heading_rad], np.float64)
        found = likenesses(photo, [self.rays(row) for row in rows], turns)
        best = wrapped(turns[found.argmax(axis=1)])
        order = np.lexsort((np.array(rows), -found.max(axis=1)))
        return [Likely(rows[at], float(best[at]), float(found[at].max())) for at in order.tolist()]

    def turned_to(self, photo: Rays, row: int, turn_rad: float) -> float:
        """Return the turn by which a photo shows what street image ``row`` does, nearly known."""
        part = self.shared_at(photo, row, turn_rad)
        street = self.rays(row).azimuth_rad[part.street]
        off = wrapped(street - photo.azimuth_rad[part.photo] - turn_rad)
        return float(wrapped(turn_rad + (np.median(off) if len(off) else 0.0)))

    def shared_at(self, photo: Rays, row: int, turn_rad: float) -> Shared:
        """Return what a photo and a street image share, the photo's heading being nearly known.

        Features are compared with those alone that lie within TURN_RAD of where they should, so
        that more of them are clearly each other's nearest.
        """
        street = self.rays(row)
        turn = wrapped(street.azimuth_rad[None] - photo.azimuth_rad[:, None] - turn_rad)
        rise = street.elevation_rad[None] - photo.elevation_rad[:, None]
        near = (np.abs(turn) < TURN_RAD) & (np.abs(rise) < TURN_RAD)
        one, other = matched_between(photo, street, near, ratio=GUIDED_RATIO)
        return Shared(row, one, other, turn_rad)

    def around(self, row: int) -> list[int]:
        """Return the street images at the same node as ``row`` and at its neighbours."""
        node = int(self.graph.streets.column(NODE)[row])
        nodes = [node, *self.graph.neighbours[node]]
        return [other for near in nodes for other in self.graph.streets_at[near]]

    def sights(self, photo: Rays, shared: Iterable[Shared]) -> Sights:
        """Return the landmarks and pairs that a photo shares with street images."""
        at_m, parts = self.graph.streets_m, list(shared)
        known, seen, sources, here, there = [], [], [], [], []
        images, rows = [np.empty((0, 2), np.int64)], [np.empty(0, np.int64)]
        seen_there = {part.row for part in parts}
        looks = _directions(photo)
        for part in parts:
            rows.append(np.full(len(part), part.row))
            sources.append(np.repeat(at_m[part.row : part.row + 1], len(part), axis=0))
            here.append(looks[part.photo])
            there.append(_directions(self.rays(part.row))[part.street])
            for other in sorted({*seen_there, *self.around(part.row)} - {part.row}):
                features, points = self.landmarks(part.row, other)
                _, mine, theirs = np.intersect1d(part.street, features, return_indices=True)
                known.append(points[theirs])
                seen.append(looks[part.photo[mine]])
                images.append(np.tile((part.row, other), (len(mine), 1)))
        points, flat = np.concatenate([np.empty((0, 3)), *known]), np.empty((0, 2))
        seen_at, source_m, looks_here, looks_there = (
            np.concatenate([flat, *each]) for each in (seen, sources, here, there)
        )
        by, at = np.concatenate(images), np.concatenate(rows)
        return Sights(points, seen_at, source_m, looks_here, looks_there, by, at)

    def landmarks(self, row: int, other: int) -> tuple[Ints, Doubles]:
        """Return features int64[L] of image ``row`` and where they are, float64[L, 3] in metres.

        They are found again in image ``other``, where the geometry of both allows it.
        """
        first, second = min(row, other), max(row, other)
        if (first, second) not in self._landmarks:
            one, two, points = self._met(first, second)
            self._landmarks[first, second] = one, points
            self._landmarks[second, first] = two, points
        return self._landmarks[row, other]

    def _met(self, one: int, other: int) -> tuple[Ints, Ints, Doubles]:
        left, right = self.rays(one), self.rays(other)
        at_m = self.graph.streets_m
        points, can_be = landmarks_of(
            at_m[one], _directions(left)[:, None], at_m[other], _directions(right)[None]
        )
        first, second = matched_between(left, right, can_be)
        return first, second, points[first, second]


def _directions(rays: Rays) -> Doubles:
    return np.stack([rays.azimuth_rad, rays.elevation_rad], axis=1)
