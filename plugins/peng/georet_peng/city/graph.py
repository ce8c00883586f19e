"""The graph of a city: nodes with tiles, edges between them, street images of known place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from georet.types import Doubles, ImageTable, Ints
from georet_peng.city.plane import Plane, along_segment, bearing_of

NODE: Final = "node"
"""The column of street images and photos: the row of their node."""
FOV: Final = "fov_deg"
_CHUNK: Final = 256


@dataclass(frozen=True)
class CityGraph:
    """N nodes, E edges ``ends`` int64[E, 2] between them, S street images, and Q photos.

    ``nodes`` are the nodes' tiles. ``streets`` were taken at a known place and heading, each at the
    node in its column NODE; ``photos`` too, but these are to be located. ``heading_deg`` of both is
    that of the image's middle, ``fov_deg`` what it shows (see ``georet_peng.posing.features``).
    """

    name: str
    nodes: ImageTable
    ends: Ints
    streets: ImageTable
    photos: ImageTable

    @cached_property
    def plane(self) -> Plane:
        """The plane in which this city is measured."""
        middle = self.nodes_latlon.mean(axis=0)
        return Plane(float(middle[0]), float(middle[1]))

    @property
    def nodes_latlon(self) -> Doubles:
        """Places of the nodes float64[N, 2]."""
        assert self.nodes.latlon is not None
        return self.nodes.latlon

    @cached_property
    def nodes_m(self) -> Doubles:
        """East and north of the nodes float64[N, 2]."""
        return self.plane.metres(self.nodes_latlon)

    @cached_property
    def streets_m(self) -> Doubles:
        """East and north of the street images float64[S, 2]."""
        latlon = self.streets.latlon
        return np.empty((0, 2)) if latlon is None else self.plane.metres(latlon)

    @cached_property
    def edge_ids(self) -> Sequence[str]:
        """Names of the edges, ``FROM--TO``."""
        return [edge_id(self.nodes.ids[one], self.nodes.ids[other]) for one, other in self.ends]

    @cached_property
    def neighbours(self) -> list[list[int]]:
        """The nodes at the other ends of each node's edges."""
        found: list[list[int]] = [[] for _ in self.nodes.ids]
        for one, other in self.ends.tolist():
            found[one].append(other)
            found[other].append(one)
        return found

    @cached_property
    def streets_at(self) -> list[list[int]]:
        """The street images at each node."""
        found: list[list[int]] = [[] for _ in self.nodes.ids]
        for row, node in enumerate(self.streets.column(NODE).tolist() if len(self.streets) else ()):
            found[node].append(row)
        return found

    def bearings_rad(self, node: int) -> Doubles:
        """Return the bearings float64[K] of the edges at a node."""
        away = self.nodes_m[self.neighbours[node]] - self.nodes_m[node]
        return bearing_of(away.reshape(-1, 2))

    def from_edges_m(self, points_m: Doubles, edges: Ints | None = None) -> Doubles:
        """Return the distances float64[Q, E] of points [Q, 2] from (some) edges."""
        ends = self.ends if edges is None else self.ends[edges]
        start, end = self.nodes_m[ends[:, 0]], self.nodes_m[ends[:, 1]]
        found = np.empty((len(points_m), len(ends)))
        for first in range(0, len(points_m), _CHUNK):
            part = slice(first, first + _CHUNK)
            found[part], _ = along_segment(points_m[part, None], start[None], end[None])
        return found

    def nearest_nodes(self, latlon: Doubles) -> Ints:
        """Return the rows int64[Q] of the nodes nearest to places float64[Q, 2]."""
        points = self.plane.metres(latlon)
        found = np.empty(len(points), np.int64)
        for first in range(0, len(points), _CHUNK):
            part = slice(first, first + _CHUNK)
            away = np.square(points[part, None] - self.nodes_m[None]).sum(axis=2)
            found[part] = away.argmin(axis=1)
        return found


def edge_id(one: str, other: str) -> str:
    """Return the name of the edge between two nodes."""
    return f"{one}--{other}"
