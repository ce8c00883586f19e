"""CityBlocks' cities as graphs: its places are nodes, what lies between neighbours is an edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from georet.errors import ConfigError
from georet.types import ImageTable, Ints
from georet_cityblocks.world import World
from georet_peng.city.graph import FOV, NODE, CityGraph


@dataclass(frozen=True)
class BlockCities:
    """The cities of one seed, with images below ``root``; ``held_out`` None is the last one."""

    root: Path
    size: str
    px: int
    street_px: int
    seed: int
    held_out: int | None = None

    def __post_init__(self) -> None:
        if self.judging >= self.world.num_cities:
            raise ConfigError(
                f"there is no city {self.held_out}; size {self.size} has {self.world.num_cities}",
                where="cityblocks.held_out",
                hint=f"give 0 to {self.world.num_cities - 1}",
            )

    @cached_property
    def world(self) -> World:
        """The cities with tiles and panoramas that train."""
        return World(self.root, self.size, self.px, "known", self.seed)

    @cached_property
    def streets(self) -> World:
        """The same cities with panoramas of the height of street images."""
        return World(self.root, self.size, self.street_px, "known", self.seed)

    @property
    def judging(self) -> int:
        """The number of the city that is held out."""
        return self.world.num_cities - 1 if self.held_out is None else self.held_out

    def training(self) -> Sequence[CityGraph]:
        """Return the graphs of all other cities, whose first panoramas are street images."""
        return [
            self._graph(city, _images(self.world, city, 0), None)
            for city in range(self.world.num_cities)
            if city != self.judging
        ]

    def held_out_city(self) -> CityGraph:
        """Return the held-out city: the first panoramas are photos, the second street images."""
        city = self.judging
        photos = _images(self.streets, city, 0)
        return self._graph(city, _images(self.streets, city, 1), photos)

    def _graph(self, city: int, streets: ImageTable, photos: ImageTable | None) -> CityGraph:
        nodes = self.world.tiles(city)
        none = ImageTable([], [], name="photos")
        edges = links(self.world, city)
        return CityGraph(f"city {city}", nodes, edges, streets, none if photos is None else photos)


def links(world: World, city: int) -> Ints:
    """Return the edges int64[E, 2] of a city: each pair of neighbouring places once."""
    neighbours = world.places(city).neighbours
    one, column = np.nonzero(neighbours >= 0)
    both = np.sort(np.stack([one, neighbours[one, column]], axis=1), axis=1)
    return np.unique(both, axis=0)


def _images(world: World, city: int, render: int) -> ImageTable:
    found = world.photos(city, render)
    num = len(found)
    return ImageTable(
        found.ids,
        found.paths,
        found.latlon,
        {NODE: np.arange(num), FOV: np.full(num, 360.0)},
        name=found.name,
        heading_deg=found.heading_deg,
    )
