"""Road graphs: junctions on a jittered grid, streets between them, places at regular steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.types import Doubles, Ints

SPACING_M: Final = 105.0
"""Mean distance of neighbouring junctions."""
_JITTER_M, _STEP_M = 19.0, 27.0
_AVENUE_M, _STREETS_M = 15.0, (7.0, 8.5, 10.0, 12.0)
MOST_NEIGHBOURS: Final = 8


@dataclass(frozen=True)
class Streets:
    """A road graph: J junctions and E straight streets between two of them, metres on a plane.

    ``junctions`` float64[J, 2] are eastings and northings; ``ends`` int64[E, 2] are rows of them,
    ``width_m`` float64[E] the roadway's, ``sidewalk_m`` what lies beside it on each side.
    """

    junctions: Doubles
    ends: Ints
    width_m: Doubles
    sidewalk_m: float

    def segment(self, edge: int) -> tuple[Doubles, Doubles, float]:
        """Return a street's start [2], its unit direction [2] and its length in metres."""
        start, end = self.junctions[self.ends[edge]]
        length = float(np.hypot(*(end - start)))
        return start, (end - start) / length, length


@dataclass(frozen=True)
class Places:
    """N places of a road graph: its junctions, then points at regular steps along its streets.

    ``xy_m`` float64[N, 2]. ``junction`` int64[N] and ``edge`` int64[N] name what a place stands on,
    the other one is -1; ``along_m`` is how far from the street's start. ``bearings_deg``
    float64[N, 8], clockwise from north, lead to the neighbours in the graph, NaN pads.
    ``neighbours`` int64[N, 8] are those, -1 pads.
    """

    xy_m: Doubles
    junction: Ints
    edge: Ints
    along_m: Doubles
    neighbours: Ints
    bearings_deg: Doubles

    def __len__(self) -> int:
        return len(self.xy_m)


def draw_streets(num_side: int, seed: int, number: int) -> Streets:
    """Return the road graph of city ``number`` of a seed: a jittered grid, turned by any angle.

    Of the streets between ``num_side`` x ``num_side`` points some are left out, none that keeps the
    graph connected; some blocks are cut by a diagonal.
    """
    rng = np.random.default_rng([10, seed, number])
    index = np.arange(num_side * num_side).reshape(num_side, num_side)
    steps = (np.arange(num_side) - (num_side - 1) / 2) * SPACING_M
    points = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    points = points + rng.uniform(-_JITTER_M, _JITTER_M, points.shape)
    angle = rng.uniform(0, np.pi / 2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    avenues = set(rng.choice(num_side, max(1, num_side // 4), replace=False).tolist())
    edges: list[tuple[int, int, float]] = []
    for row in range(num_side):
        for column in range(num_side):
            here = int(index[row, column])
            for lane, down, right in ((row, 0, 1), (column, 1, 0)):
                if row + down < num_side and column + right < num_side:
                    wide = _AVENUE_M if lane in avenues else float(rng.choice(_STREETS_M))
                    edges.append((here, int(index[row + down, column + right]), wide))
            if row + 1 < num_side and column + 1 < num_side and rng.random() < 0.08:
                edges.append((here, int(index[row + 1, column + 1]), 8.5))
    kept = _thinned(edges, len(points), rng)
    ends = np.array([(a, b) for a, b, _ in kept], np.int64)
    width_m = np.array([wide for *_, wide in kept])
    return Streets(points @ turn, ends, width_m, float(rng.uniform(2.0, 3.6)))


def place_points(streets: Streets) -> Places:
    """Return all places of a road graph and how they hang together."""
    num_junctions = len(streets.junctions)
    xy_m = list(streets.junctions)
    junction, edge = list(range(num_junctions)), [-1] * num_junctions
    along_m = [0.0] * num_junctions
    links: list[tuple[int, int]] = []
    for number, (first, last) in enumerate(streets.ends.tolist()):
        start, direction, length = streets.segment(number)
        num = max(1, round(length / _STEP_M) - 1)
        before = first
        for step in range(1, num + 1):
            along = length * step / (num + 1)
            links.append((before, len(xy_m)))
            before = len(xy_m)
            xy_m.append(start + along * direction)
            junction.append(-1)
            edge.append(number)
            along_m.append(along)
        links.append((before, last))
    points = np.array(xy_m)
    neighbours = _neighbours(links, len(points))
    offset = points[neighbours] - points[:, None]
    bearings = np.degrees(np.arctan2(offset[..., 0], offset[..., 1])) % 360
    bearings[neighbours < 0] = np.nan
    return Places(
        points, np.array(junction), np.array(edge), np.array(along_m), neighbours, bearings
    )


def _neighbours(links: list[tuple[int, int]], num: int) -> Ints:
    found: list[list[int]] = [[] for _ in range(num)]
    for one, other in links:
        found[one].append(other)
        found[other].append(one)
    table = np.full((num, MOST_NEIGHBOURS), -1, np.int64)
    for row, others in enumerate(found):
        table[row, : len(others)] = others
    return table


def _thinned(
    edges: list[tuple[int, int, float]], num: int, rng: np.random.Generator
) -> list[tuple[int, int, float]]:
    """Leave out streets by chance, but none that keeps the graph in one piece."""
    parent = list(range(num))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    kept = []
    for position in rng.permutation(len(edges)):
        one, other, _ = edges[position]
        is_needed = root(one) != root(other)
        parent[root(one)] = root(other)
        if is_needed or rng.random() < 0.68:
            kept.append(int(position))
    return [edges[position] for position in sorted(kept)]
