"""The ground of a city as a map of materials: roads with their markings, yards, parks."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from georet.types import Bools, Doubles, Pixels
from georet_cityblocks.scene import (
    ASPHALT,
    GRASS,
    GRAVEL,
    PAINT,
    PLAZA,
    SIDEWALK,
    SOIL,
    TAR,
    WATER,
    YARD,
)
from georet_cityblocks.streets import Streets

GROUND_M: Final = 0.25
"""Metres a pixel of the map of materials."""
_MARGIN_M: Final = 110.0
_SHIFT: Final = 4


class Ground:
    """The map being drawn: ``pixels`` uint8[h, w], row 0 in the south, from ``low`` [2] on."""

    def __init__(self, streets: Streets) -> None:
        self.low: Doubles = streets.junctions.min(axis=0) - _MARGIN_M
        size = np.ceil((streets.junctions.max(axis=0) + _MARGIN_M - self.low) / GROUND_M)
        self.pixels: Pixels = np.full((int(size[1]), int(size[0])), GRASS, np.uint8)

    def fill(self, polygon: Doubles, material: int, onto: Pixels | None = None) -> None:
        """Fill a polygon float64[P, 2] in metres; the plane's pixels are whole, without blends."""
        target = self.pixels if onto is None else onto
        cv2.fillPoly(target, [self._points(polygon)], int(material), shift=_SHIFT)

    def strip(self, start: Doubles, end: Doubles, width_m: float, material: int) -> None:
        """Fill a rectangle around the line between two points."""
        along = (end - start) / max(np.hypot(*(end - start)), 1e-9)
        across = np.array([-along[1], along[0]]) * width_m / 2
        corners = np.array([start + across, end + across, end - across, start - across])
        self.fill(corners, material)

    def disc(self, centre: Doubles, radius_m: float, material: int) -> None:
        """Fill a circle."""
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        self.fill(centre + radius_m * np.stack([np.cos(angles), np.sin(angles)], 1), material)

    def covers(self, polygon: Doubles, taken: Bools) -> bool:
        """Say whether a polygon holds a pixel of ``taken`` bool[h, w], or leaves the map."""
        points = np.floor((polygon - self.low) / GROUND_M).astype(int)
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0) + 1
        if x0 < 0 or y0 < 0 or x1 >= taken.shape[1] or y1 >= taken.shape[0]:
            return True
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillConvexPoly(mask, (points - [x0, y0]).astype(np.int32), 1)
        return bool((taken[y0:y1, x0:x1] & (mask > 0)).any())

    def at(self, xy_m: Doubles) -> int:
        """Return the material at a point."""
        column, row = np.floor((xy_m - self.low) / GROUND_M).astype(int)
        height, width = self.pixels.shape
        inside = 0 <= row < height and 0 <= column < width
        return int(self.pixels[row, column]) if inside else GRASS

    def _points(self, polygon: Doubles) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        return np.round((polygon - self.low) / GROUND_M * (1 << _SHIFT)).astype(np.int32)


def draw_lots(ground: Ground, streets: Streets, rng: np.random.Generator) -> None:
    """Put yards, paving, lawns and soil beside the streets."""
    for edge in range(len(streets.ends)):
        start, along, length = streets.segment(edge)
        left = np.array([-along[1], along[0]])
        for side in (-1.0, 1.0):
            begin = 0.0
            while begin < length:
                end = min(begin + rng.uniform(9, 24), length)
                far = rng.uniform(24, 46)
                material = rng.choice(
                    [YARD, GRASS, PLAZA, SOIL, GRAVEL, TAR], p=[0.3, 0.3, 0.14, 0.1, 0.1, 0.06]
                )
                near = start + begin * along
                corners = [near, near + (end - begin) * along]
                corners += [corners[1] + side * far * left, near + side * far * left]
                ground.fill(np.array(corners), int(material))
                begin = end


def draw_park(ground: Ground, centre: Doubles, rng: np.random.Generator) -> None:
    """Draw a park about a point: lawn, paths of gravel, sometimes a pond."""
    ground.disc(centre, 40.0, GRASS)
    for _ in range(int(rng.integers(1, 4))):
        angle = rng.uniform(0, np.pi)
        reach = 45 * np.array([np.cos(angle), np.sin(angle)])
        offset = rng.uniform(-12, 12, 2)
        ground.strip(centre + offset - reach, centre + offset + reach, 2.4, GRAVEL)
    if rng.random() < 0.4:
        ground.disc(centre + rng.uniform(-12, 12, 2), rng.uniform(6, 12), WATER)


def draw_roads(ground: Ground, streets: Streets, rng: np.random.Generator) -> None:
    """Draw sidewalks, roadways, patches of tar and markings, over all that lies there."""
    ends = [(streets.junctions[a], streets.junctions[b]) for a, b in streets.ends.tolist()]
    for (start, end), wide in zip(ends, streets.width_m, strict=True):
        ground.strip(start, end, wide + 2 * streets.sidewalk_m, SIDEWALK)
    broad = np.zeros(len(streets.junctions))
    np.maximum.at(broad, streets.ends.ravel(), np.repeat(streets.width_m, 2))
    for node, wide in zip(streets.junctions, broad, strict=True):
        ground.disc(node, wide / 2 + streets.sidewalk_m, SIDEWALK)
    for (start, end), wide in zip(ends, streets.width_m, strict=True):
        ground.strip(start, end, wide, ASPHALT)
    for node, wide in zip(streets.junctions, broad, strict=True):
        ground.disc(node, wide / 2 + 1.0, ASPHALT)
    for edge in range(len(streets.ends)):
        _draw_markings(ground, streets, edge, broad, rng)


def _draw_markings(
    ground: Ground, streets: Streets, edge: int, broad: Doubles, rng: np.random.Generator
) -> None:
    start, along, length = streets.segment(edge)
    left, wide = np.array([-along[1], along[0]]), float(streets.width_m[edge])
    for _ in range(int(rng.poisson(length / 40))):
        at = start + rng.uniform(8, length - 8) * along + rng.uniform(-0.35, 0.35) * wide * left
        reach = rng.uniform(1, 5) * along
        ground.strip(at - reach, at + reach, rng.uniform(0.8, 2.2), TAR)
    first, last = (broad[node] / 2 + 2.0 for node in streets.ends[edge])

    def line(offset: float, begin: float, end: float, dash: float | None, thick: float) -> None:
        step = dash or end - begin
        while begin < end - 0.5:
            a = start + begin * along + offset * left
            ground.strip(a, a + min(step, end - begin) * along, thick, PAINT)
            begin += 2 * step

    crossings = [rng.random() < 0.55, rng.random() < 0.55]
    begin, end = first + 5.5 * crossings[0], length - last - 5.5 * crossings[1]
    for has, place in zip(crossings, (first + 0.5, length - last - 3.5), strict=True):
        for stripe in np.arange(-wide / 2 + 0.7, wide / 2 - 0.3, 1.2) if has else ():
            line(float(stripe), place, place + 3.0, None, 0.6)
    if wide > 14:
        for offset in (-0.18, 0.18):
            line(offset, begin, end, None, 0.2)
        for offset in (-wide / 4, wide / 4):
            line(offset, begin, end, 3.0, 0.2)
    elif wide > 8 and rng.random() < 0.8:
        line(0.0, begin, end, float(rng.choice([2.0, 4.0])), 0.2)
    if wide > 9 and rng.random() < 0.5:  # parking bays
        side = float(rng.choice([-1.0, 1.0]))
        line(side * (wide / 2 - 2.3), begin + 4, end - 4, None, 0.15)
        for at in np.arange(begin + 4, end - 4, 5.5):
            a = start + at * along + side * wide / 2 * left
            ground.strip(a, a - side * 2.3 * left, 0.15, PAINT)
