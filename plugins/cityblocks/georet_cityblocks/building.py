"""Cities from a seed: streets, what stands beside them, and the ground between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.types import Bools, Doubles
from georet_cityblocks.grounds import GROUND_M, Ground, draw_lots, draw_park, draw_roads
from georet_cityblocks.scene import (
    ASPHALT,
    FLAT,
    GABLE,
    HIP,
    IN_BOTH,
    IN_PHOTOS,
    IN_TILES,
    MATERIALS,
    PAINT,
    SIDEWALK,
    TAR,
    WATER,
    Scene,
    corners,
    make_scene,
)
from georet_cityblocks.streets import Places, Streets, draw_streets, place_points

_ROOFS: Final = np.array(
    [[.55, .27, .2], [.3, .3, .33], [.62, .6, .57], [.42, .36, .3], [.75, .73, .7], [.27, .38, .36]]
)  # fmt: skip
_CARS: Final = np.array(
    [[.85, .85, .85], [.1, .1, .12], [.6, .62, .65], [.6, .1, .1], [.12, .2, .45], [.75, .7, .5]]
)  # fmt: skip


@dataclass(frozen=True)
class City:
    """A road graph, its places, and the scene that both cameras look at."""

    streets: Streets
    places: Places
    scene: Scene


class _Lots:
    """Solids being put down where nothing else is."""

    def __init__(self, ground: Ground, rng: np.random.Generator) -> None:
        self.ground, self.rng = ground, rng
        is_road = np.zeros(len(MATERIALS), np.bool_)
        is_road[[ASPHALT, SIDEWALK, PAINT, WATER]] = True
        self.taken: Bools = is_road[ground.pixels]
        self.boxes: list[list[float]] = []
        self.looks: list[list[float]] = []
        self.trees: list[list[float]] = []

    def build(self, box: list[float], look: list[float]) -> bool:
        """Put a building down unless something is there."""
        ring = corners(np.array(box + [0.0] * 5))
        if self.ground.covers(ring, self.taken):
            return False
        plane = self.taken.view(np.uint8)
        self.ground.fill(ring, 1, onto=plane)
        self.add(box, look)
        return True

    def add(self, box: list[float], look: list[float]) -> None:
        self.boxes.append([*box, float(len(self.looks))])
        self.looks.append(look)

    def plant(self, xy_m: Doubles, on_sidewalk: bool = False) -> None:
        """Plant a tree unless it would stand on a road or in a building."""
        radius = self.rng.uniform(1.3, 3.4)
        material = self.ground.at(xy_m)
        allowed = material == SIDEWALK if on_sidewalk else material not in (ASPHALT, PAINT, WATER)
        around = xy_m + 0.7 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
        if not allowed or (not on_sidewalk and self.ground.covers(around, self.taken)):
            return
        tall = radius * self.rng.uniform(0.9, 1.5)
        middle = tall + self.rng.uniform(2.3, 4.0)
        self.trees.append([*xy_m, radius, tall, middle, self.rng.random()])


def make_city(num_side: int, seed: int, number: int) -> City:
    """Return city ``number`` of a seed, on ``num_side`` x ``num_side`` junctions before thinning.

    The same arguments give the same city. Cities differ in their angle, colours, heights, gaps
    between houses and number of trees.
    """
    streets, rng = draw_streets(num_side, seed, number), np.random.default_rng([11, seed, number])
    ground = Ground(streets)
    draw_lots(ground, streets, rng)
    middles = streets.junctions + rng.uniform(-60, 60, streets.junctions.shape)
    parks = middles[rng.random(len(middles)) < 0.1]
    for park in parks:
        draw_park(ground, park, rng)
    draw_roads(ground, streets, rng)
    lots = _Lots(ground, rng)
    for park in parks:  # nobody builds there
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        ring = park + 30 * np.stack([np.cos(angles), np.sin(angles)], 1)
        ground.fill(ring, 1, onto=lots.taken.view(np.uint8))
    _build_houses(lots, streets, rng)
    for park in parks:
        for _ in range(int(rng.integers(6, 16))):
            _plant_free(lots, park + rng.normal(0, 16, 2))
    _plant_streets(lots, streets, rng)
    _park_cars(lots, streets, rng)
    scene = make_scene(
        np.array(lots.boxes), np.array(lots.looks), np.array(lots.trees).reshape(-1, 6),
        ground.pixels, ground.low, GROUND_M,
    )  # fmt: skip
    return City(streets, place_points(streets), scene)


def _build_houses(lots: _Lots, streets: Streets, rng: np.random.Generator) -> None:
    walls, roofs = rng.uniform(0.25, 0.9, (9, 3)), _ROOFS[rng.permutation(len(_ROOFS))[:4]]
    walls = walls * 0.55 + walls.mean(axis=1, keepdims=True) * 0.45
    gap, tall = rng.uniform(0.1, 0.28), rng.uniform(3.0, 5.5)
    for edge in rng.permutation(len(streets.ends)):
        start, along, length = streets.segment(int(edge))
        left, wide = np.array([-along[1], along[0]]), float(streets.width_m[edge])
        floors = rng.uniform(0.6, 1.4) * tall
        for side in (-1.0, 1.0):
            at = rng.uniform(6, 12)
            while at < length - 8:
                front, deep = rng.uniform(8, 22), rng.uniform(8, 16)
                if rng.random() > gap:
                    back = wide / 2 + streets.sidewalk_m + rng.choice([0.4, 0.4, 2.5, 6.0])
                    middle = start + (at + front / 2) * along + side * (back + deep / 2) * left
                    for shrink in (1.0, 0.6):
                        size = (front * shrink / 2, deep * shrink / 2)
                        box, look = _house(middle, along, size, floors, walls, roofs, rng)
                        if lots.build(box, look):
                            break
                at += front + rng.choice([0.0, 0.0, 3.0])
        for _ in range(5):  # sheds and backyard buildings
            where = start + rng.uniform(0, length) * along + rng.uniform(-45, 45) * left
            size = (rng.uniform(2, 6), rng.uniform(2, 4))
            lots.build(*_house(where, along, size, 1.0, walls, roofs, rng))


def _house(
    middle: Doubles, along: Doubles, half: tuple[float, float], floors: float,
    walls: Doubles, roofs: Doubles, rng: np.random.Generator,
) -> tuple[list[float], list[float]]:  # fmt: skip
    length, width = half
    if width > length:
        along, length, width = np.array([-along[1], along[0]]), width, length
    storey = rng.uniform(2.8, 3.6)
    eaves = storey * max(1, round(floors * rng.uniform(0.7, 1.3)))
    roof = FLAT if eaves > 13 or rng.random() < 0.4 else int(rng.choice([GABLE, GABLE, HIP]))
    rise = 0.0 if roof == FLAT else width * rng.uniform(0.45, 0.85)
    wall = np.clip(walls[rng.integers(len(walls))] + rng.normal(0, 0.05, 3), 0.08, 0.97)
    colour = np.clip(roofs[rng.integers(len(roofs))] + rng.normal(0, 0.04, 3), 0.05, 0.95)
    glass = np.array([0.2, 0.25, 0.32]) * rng.uniform(0.5, 1.6)
    shop = np.clip(rng.uniform(0.1, 0.9, 3), 0, 1)
    bay, shares = rng.uniform(1.8, 4.5), rng.uniform([0.3, 0.35], [0.8, 0.75])
    look = [*wall, *colour, *glass, *shop, storey, bay, *shares, float(rng.integers(1, 9999)), 0.0]
    box = [*middle, *along, length, width, eaves, rise, float(roof), float(IN_BOTH)]
    return box, look


def _plant_free(lots: _Lots, xy_m: Doubles) -> None:
    if lots.ground.at(xy_m) not in (ASPHALT, PAINT, SIDEWALK, WATER, TAR):
        radius = lots.rng.uniform(1.6, 4.0)
        tall = radius * lots.rng.uniform(0.9, 1.5)
        lots.trees.append([*xy_m, radius, tall, tall + lots.rng.uniform(2, 4), lots.rng.random()])


def _plant_streets(lots: _Lots, streets: Streets, rng: np.random.Generator) -> None:
    leafy = rng.uniform(0.25, 0.6)
    for edge in range(len(streets.ends)):
        start, along, length = streets.segment(edge)
        left = np.array([-along[1], along[0]])
        for side in (-1.0, 1.0):
            if rng.random() < leafy:
                back = streets.width_m[edge] / 2 + 0.9
                for at in np.arange(rng.uniform(8, 14), length - 8, rng.uniform(7, 15)):
                    if rng.random() < 0.85:
                        where = start + (at + rng.normal(0, 0.6)) * along + side * back * left
                        lots.plant(where, on_sidewalk=True)
        for _ in range(int(rng.poisson(6))):
            where = start + rng.uniform(0, length) * along + rng.uniform(-40, 40) * left
            lots.plant(where)


def _park_cars(lots: _Lots, streets: Streets, rng: np.random.Generator) -> None:
    # Photos and tiles are of different days, so each has cars of its own.
    for edge in range(len(streets.ends)):
        start, along, length = streets.segment(edge)
        left, wide = np.array([-along[1], along[0]]), streets.width_m[edge]
        for seen in (IN_PHOTOS, IN_TILES):
            for _ in range(int(rng.poisson(length / 22))):
                side = rng.choice([-1.0, 1.0]) * (wide / 2 - 1.2)
                where = start + rng.uniform(9, max(length - 9, 10)) * along + side * left
                colour = _CARS[rng.integers(len(_CARS))]
                box = [*where, *along, 2.2, 0.9, rng.uniform(1.4, 1.8), 0.0, 0.0, float(seen)]
                look = [*colour, *colour, 0.1, 0.12, 0.15, *colour, 3.0, 3.0, 0.5, 0.5, 1.0, 1.0]
                lots.add(box, look)
